; Characters in graphics modes: drawn from the font behind INT 43h, and recognized again.

; AL at DX, colour BL, background BH (256 colours only), on page vPAGE. Bit 7 of the colour: exclusive or (not with 256 colours).
; Changes nothing but SI, DI and ES.
draw_glyph:
  push ax
  push bx
  push cx
  push dx
  mov [bp + vATTRIBUTE], bx
  call glyph_place
  jc .done
  call glyph_address                    ; DS:SI, CX rows
  mov bx, [bp + vSCRATCH]
  call [cs:bx + glyph_drawers - CLASS_CGA4]
.done:
  push BDA_SEG
  pop ds
  pop dx
  pop cx
  pop bx
  pop ax
  ret

  align 2, db 0
glyph_drawers: dw draw_cga4, draw_cga2, draw_planar, draw_bytes
row_readers: dw read_cga4, read_cga2, read_planar, read_bytes

; ES:DI = first byte of the cell at DX, vSCRATCH = the mode's class. Keeps AL. CF if nothing can be drawn.
glyph_place:
  push ax
  push dx
  call geometry
  pop dx
  jc .done
  mov [bp + vSCRATCH], si
  mov al, dh
  xor ah, ah
  push dx
  mul word [bp + vLINES]
  mul word [bp + vSTRIDE]
  mov di, ax
  pop dx
  mov al, dl
  xor ah, ah
  mul word [bp + vCELL]
  add di, ax
  add di, [bp + vBASE]
  mov ax, [bp + vSEGMENT]
  mov es, ax
  clc
.done:
  pop ax
  ret

; DS:SI = the glyph of AL, CX = its rows. Needs DS = the BIOS data area. CGA modes have characters from 80h behind INT 1Fh.
glyph_address:
  mov cx, [CHAR_HEIGHT]
  mov bx, VECTOR_43
  xor ah, ah
  cmp word [bp + vSCRATCH], CLASS_PLANAR
  jae .found
  mov cx, 8
  test al, al
  jns .found
  and al, 0x7f
  mov bx, VECTOR_1F
.found:
  mul cx
  xor si, si
  mov ds, si
  lds si, [bx]
  add si, ax
  ret

; DI to the next line of a cell.
next_line:
  cmp word [bp + vBANKS], 2
  jne .plain
  xor di, 0x2000
  test di, 0x2000
  jnz .done
.plain:
  add di, [bp + vSTRIDE]
.done:
  ret

draw_cga2:
  mov ah, [bp + vATTRIBUTE]
.row:
  lodsb
  test ah, 1
  jnz .ink
  xor al, al
.ink:
  test ah, ah
  jns .store
  xor al, [es:di]
.store:
  mov [es:di], al
  call next_line
  loop .row
  ret

draw_cga4:
  mov al, [bp + vATTRIBUTE]
  and al, 3
  mov ah, 0x55
  mul ah
  mov ah, al
  mov bx, ax                            ; the colour in all pixels
.row:
  lodsb
  push cx
  mov cx, 8
.dot:
  shl dx, 2
  shl al, 1
  jnc .paper
  or dl, 3
.paper:
  loop .dot
  pop cx
  and dx, bx
  xchg dl, dh
  test byte [bp + vATTRIBUTE], 0x80
  jz .store
  xor dx, [es:di]
.store:
  mov [es:di], dx
  call next_line
  loop .row
  ret

; The glyph into the planes of the colour, then nothing into the others.
draw_planar:
  mov bl, [bp + vATTRIBUTE]
  outw GRAPHICS, 5, 0
  outw GRAPHICS, 1, 0
  outw GRAPHICS, 8, 0xff
  mov ax, 3
  test bl, bl
  jns .replace
  mov ah, 0x18
.replace:
  out dx, ax
  mov dx, SEQUENCER
  mov al, 2
  mov ah, bl
  and ah, 0x0f
  out dx, ax
  push cx
  push di
.row:
  lodsb
  mov ah, [es:di]                       ; fills the latches
  mov [es:di], al
  add di, [bp + vSTRIDE]
  loop .row
  pop di
  pop cx
  test bl, bl
  js .done
  mov al, 2
  mov ah, bl
  not ah
  and ah, 0x0f
  out dx, ax
.blank:
  mov byte [es:di], 0
  add di, [bp + vSTRIDE]
  loop .blank
.done:
  mov ax, 0x0f02
  out dx, ax
  outw GRAPHICS, 3, 0
  ret

draw_bytes:
  mov bx, [bp + vATTRIBUTE]
.row:
  lodsb
  mov ah, al
  push cx
  push di
  mov cx, 8
.dot:
  mov al, bh
  shl ah, 1
  jnc .paper
  mov al, bl
.paper:
  stosb
  loop .dot
  pop di
  pop cx
  add di, [bp + vSTRIDE]
  loop .row
  ret

; 08h in graphics: the character whose glyph stands at the cursor, 0 if none does. Any colour but 0 is ink.
read_glyph:
  mov [bp + vPAGE], bh
  mov byte [bp + vPAGE + 1], 0
  call cursor_place
  mov word [bp + cAX], 0
  call glyph_place
  jc .done
  mov cx, [CHAR_HEIGHT]
  cmp cx, 32
  ja .done
  mov bx, [bp + vSCRATCH]
  xor si, si                            ; rows go below the locals
  sub sp, 32
.row:
  push cx
  call [cs:bx + row_readers - CLASS_CGA4]
  pop cx
  mov [bp + si - LOCALS - 34], al       ; 32 bytes and the return address below the locals
  inc si
  call next_line
  cmp si, cx
  jb .row
  push ss
  pop es
  mov dl, 0x20                          ; a blank first: glyph 0 looks the same
.candidate:
  mov al, dl
  push dx
  push BDA_SEG
  pop ds
  call glyph_address
  pop dx
  lea di, [bp - LOCALS - 34]
  repe cmpsb
  je .found
  inc dl
  cmp dl, 0x20
  jne .candidate
  jmp .restore
.found:
  mov [bp + cAL], dl
.restore:
  add sp, 32
.done:
  push BDA_SEG
  pop ds
  ret

; AL = ink of the 8 dots at ES:DI.
read_cga2:
  mov al, [es:di]
  ret
read_cga4:
  mov dx, [es:di]
  xchg dl, dh
  mov cx, 8
.dot:
  rol dx, 2
  shl al, 1
  test dl, 3
  jz .paper
  or al, 1
.paper:
  loop .dot
  ret
read_planar:
  outw GRAPHICS, 2, 0
  outw GRAPHICS, 7, 0x0f
  outw GRAPHICS, 5, 8                   ; read mode 1: which dots have colour 0
  mov cl, [es:di]
  outw GRAPHICS, 5, 0
  mov al, cl
  not al
  ret
read_bytes:
  push di
  mov cx, 8
.dot:
  shl al, 1
  cmp byte [es:di], 0
  je .paper
  or al, 1
.paper:
  inc di
  loop .dot
  pop di
  ret
