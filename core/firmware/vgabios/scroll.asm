; Functions 06h and 07h: scroll a window, in text and graphics modes alike. What differs is described by `geometry`.

; Sets vSEGMENT to vBASE for the current mode and page vPAGE. CF if nothing can be drawn.
geometry:
  call mode_class
  cmp si, CLASS_NONE
  je .none
  mov ax, [bp + vPAGE]
  mul word [PAGE_BYTES]
  mov [bp + vBASE], ax
  mov word [bp + vBANKS], 1
  mov ax, [COLUMNS]
  cmp si, CLASS_TEXT
  jne .graphics
  add ax, ax
  mov [bp + vSTRIDE], ax
  mov word [bp + vCELL], 2
  mov word [bp + vLINES], 1
  call text_segment
  mov [bp + vSEGMENT], ax
  clc
  ret
.graphics:
  mov bx, [CHAR_HEIGHT]
  mov word [bp + vSEGMENT], 0xa000
  mov word [bp + vCELL], 1
  cmp si, CLASS_PLANAR
  je .set
  ja .bytes
  shr bx, 1
  mov word [bp + vBANKS], 2
  mov word [bp + vSEGMENT], 0xb800
  mov word [bp + vBASE], 0
  cmp si, CLASS_CGA2
  je .set
  mov word [bp + vCELL], 2
  add ax, ax
  jmp .set
.bytes:
  mov word [bp + vCELL], 8
  mov word [bp + vBASE], 0
  shl ax, 3
.set:
  mov [bp + vSTRIDE], ax
  mov [bp + vLINES], bx
  clc
  ret
.none:
  stc
  ret

scroll_up:
scroll_down:
  push ax
  movzx ax, byte [ACTIVE_PAGE]
  mov [bp + vPAGE], ax
  pop ax
; AH = 6 up, 7 down; AL lines (0: all), BH fill, CX to DX, page vPAGE.
scroll:
  mov [bp + vCOUNT], ax
  mov [bp + vFILL + 1], bh
  push cx
  push dx
  call geometry
  pop dx
  pop cx
  jc .done
  mov al, [COLUMNS]
  dec al
  cmp dl, al
  jbe .right
  mov dl, al
.right:
  mov al, [LAST_ROW]
  cmp dh, al
  jbe .bottom
  mov dh, al
.bottom:
  mov bl, dh
  sub bl, ch
  jc .done
  inc bl                                ; rows
  mov al, dl
  sub al, cl
  jc .done
  inc ax
  xor ah, ah
  push dx
  mul word [bp + vCELL]
  mov [bp + vWIDTH], ax
  pop dx
  mov al, [bp + vCOUNT]
  test al, al
  jz .all
  cmp al, bl
  jbe .some
.all:
  mov al, bl
.some:
  sub bl, al
  xor ah, ah
  xor bh, bh
  push dx
  mul word [bp + vLINES]
  mov [bp + vCLEAR], ax
  mul word [bp + vSTRIDE]
  mov [bp + vDELTA], ax
  mov ax, bx
  mul word [bp + vLINES]
  mov [bp + vMOVE], ax
  pop dx
  mov bx, [bp + vSTRIDE]
  mov al, ch                            ; first line written: of the top row going up, the last of the bottom row going down
  mov ah, 0
  cmp byte [bp + vCOUNT + 1], 7
  jne .from_top
  mov al, dh
  inc ax
.from_top:
  mul word [bp + vLINES]
  cmp byte [bp + vCOUNT + 1], 7
  jne .line
  dec ax
  neg bx
  neg word [bp + vDELTA]
.line:
  mov [bp + vSTEP], bx
  mul word [bp + vSTRIDE]
  mov di, ax
  mov al, cl
  xor ah, ah
  mul word [bp + vCELL]
  add di, ax
  add di, [bp + vBASE]
  mov al, ' '
  mov ah, [bp + vFILL + 1]
  call mode_class
  cmp si, CLASS_TEXT
  je .filler
  mov al, ah
.filler:
  mov [bp + vFILL], ax
  mov bx, si
  cmp bx, CLASS_PLANAR
  jne .begin
  outw SEQUENCER, 2, 0x0f
  outw GRAPHICS, 3, 0
  outw GRAPHICS, 8, 0xff
.begin:
  mov ax, [bp + vSEGMENT]
  mov es, ax
  mov ds, ax
.bank:
  push di
  call .move_lines
  call .clear_lines
  pop di
  add di, 0x2000
  dec word [bp + vBANKS]
  jnz .bank
.done:
  push BDA_SEG
  pop ds
  ret

.move_lines:
  cmp bx, CLASS_PLANAR
  jne .move
  outw GRAPHICS, 5, 1                   ; write mode 1: through the latches
.move:
  mov dx, [bp + vMOVE]
  test dx, dx
  jz .moved
.move_line:
  mov si, di
  add si, [bp + vDELTA]
  push di
  mov cx, [bp + vWIDTH]
  cmp bx, CLASS_PLANAR
  je .move_bytes
  shr cx, 1
  rep movsw
  adc cx, cx
.move_bytes:
  rep movsb
  pop di
  add di, [bp + vSTEP]
  dec dx
  jnz .move_line
.moved:
  ret

.clear_lines:
  cmp bx, CLASS_PLANAR
  jne .clear
  outw GRAPHICS, 5, 0
  mov al, 0
  mov ah, [bp + vFILL]
  and ah, 0x0f
  out dx, ax                            ; set/reset: the colour in all planes
  outw GRAPHICS, 1, 0x0f
.clear:
  mov dx, [bp + vCLEAR]
  mov ax, [bp + vFILL]
.clear_line:
  push di
  mov cx, [bp + vWIDTH]
  shr cx, 1
  rep stosw
  adc cx, cx
  rep stosb
  pop di
  add di, [bp + vSTEP]
  dec dx
  jnz .clear_line
  cmp bx, CLASS_PLANAR
  jne .cleared
  outw GRAPHICS, 0, 0
  outw GRAPHICS, 1, 0
.cleared:
  ret
