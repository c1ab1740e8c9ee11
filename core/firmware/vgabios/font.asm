; Function 11h: fonts, in plane 2 for text and behind INT 43h and INT 1Fh for graphics.

font_function:
  cmp al, 0x30
  je font_information
  mov ah, al
  and al, 0x0f
  cmp ah, 0x20
  jae .graphics
  cmp al, 4
  ja .done
  call mode_class
  cmp si, CLASS_TEXT
  jne .done
  cmp al, 3
  je .select
  push ax
  cmp al, 0
  je .user
  cmp al, 1
  mov al, 14
  je .rom
  cmp byte [bp + cAL], 0x02
  je .rom8
  cmp byte [bp + cAL], 0x12
  mov al, 16
  jne .rom
.rom8:
  mov al, 8
.rom:
  push ax
  call load_rom_font
  pop bx
  mov bh, bl
  jmp .loaded
.user:
  mov si, [bp + cBP]
  call load_font
.loaded:
  pop ax
  cmp ah, 0x10
  jae fit_rows
.done:
  ret
.select:
  mov dx, SEQUENCER
  mov al, 3
  mov ah, bl
  out dx, ax
  ret

.graphics:
  cmp ah, 0x24
  ja .done
  cmp al, 1
  jb .upper
  je .user_graphics
  mov ah, 14
  cmp al, 3
  jb .rom_graphics
  mov ah, 8
  je .rom_graphics
  mov ah, 16
.rom_graphics:
  mov al, ah
  xor ah, ah
  mov cx, ax
  call rom_font
  push cs
  pop es
  jmp .vector
.user_graphics:
  mov si, [bp + cBP]
.vector:
  mov [CHAR_HEIGHT], cx
  cmp bl, 3
  ja .rows_known
  mov al, dl
  test bl, bl
  jz .rows
  mov al, 14
  cmp bl, 2
  jb .rows
  mov al, 25
  je .rows
  mov al, 43
.rows:
  dec al
  mov [LAST_ROW], al
.rows_known:
  xor ax, ax
  mov ds, ax
  mov [VECTOR_43], si
  mov [VECTOR_43 + 2], es
  ret
.upper:
  mov si, [bp + cBP]
  xor ax, ax
  mov ds, ax
  mov [VECTOR_1F], si
  mov [VECTOR_1F + 2], es
  ret

; SI = the ROM's font with AL lines.
rom_font:
  mov si, font_8x8
  cmp al, 8
  je .done
  mov si, font_8x14
  cmp al, 14
  je .done
  mov si, font_8x16
.done:
  ret

; The ROM's font with AL lines into block BL.
load_rom_font:
  call rom_font
  mov bh, al
  push cs
  pop es
  mov cx, 256
  xor dx, dx
; CX glyphs of BH bytes at ES:SI, from number DX on, into block BL.
load_font:
  cmp bh, 32
  ja .done
  test cx, cx
  jz .done
  mov al, bl
  and ax, 3                             ; blocks 0 to 3 lie 4000h apart, 4 to 7 between them
  shl ax, 14
  test bl, 4
  jz .even
  add ax, 0x2000
.even:
  mov di, dx
  and di, 0xff
  shl di, 5
  add di, ax
  outw SEQUENCER, 2, 4                  ; plane 2
  outw SEQUENCER, 4, 7                  ; addresses go on from byte to byte
  outw GRAPHICS, 1, 0
  outw GRAPHICS, 3, 0
  outw GRAPHICS, 4, 2
  outw GRAPHICS, 5, 0
  outw GRAPHICS, 6, 4                   ; at A0000h
  outw GRAPHICS, 8, 0xff
  push ds
  push es
  pop ds
  mov ax, 0xa000
  mov es, ax
  mov ax, cx
.glyph:
  movzx cx, bh
  push di
  rep movsb
  pop di
  add di, 32
  dec ax
  jnz .glyph
  pop ds
  outw SEQUENCER, 2, 3
  outw SEQUENCER, 4, 2
  outw GRAPHICS, 4, 0
  outw GRAPHICS, 5, 0x10
  mov ah, 0x0e
  test byte [CRTC_PORT], 0x40
  jnz .colour
  mov ah, 0x0a
.colour:
  mov al, 6
  out dx, ax
.done:
  ret

; The screen gets as many rows of BH lines as it has room for.
fit_rows:
  cmp bh, 32
  ja .done
  cmp bh, 2                             ; more than 255 rows have no place in the data area
  jb .done
  movzx cx, bh
  mov [CHAR_HEIGHT], cx
  mov dx, [CRTC_PORT]
  mov al, 9                             ; maximum scan line
  out dx, al
  inc dx
  in al, dx
  mov bl, al
  and al, 0xe0
  or al, cl
  dec ax
  out dx, al
  dec dx
  mov al, 7                             ; lines of the mode: by where vertical retrace starts, which rows do not change
  out dx, al
  inc dx
  in al, dx
  mov ah, al
  dec dx
  mov al, 0x10
  out dx, al
  inc dx
  in al, dx
  mov cl, al
  mov al, ah
  shr al, 2
  and al, 1
  shr ah, 6
  and ah, 2
  or ah, al
  mov al, cl
  mov cx, 480
  cmp ax, cx
  jae .lines
  mov cx, 400
  cmp ax, cx
  jae .lines
  mov cx, 350
.lines:
  test bl, 0x80                         ; every line twice
  jz .single
  shr cx, 1
.single:
  mov ax, cx
  mov cl, bh
  div cl                                ; rows
  dec al
  mov [LAST_ROW], al
  inc ax
  xor ah, ah
  push ax
  mul cl                                ; lines shown
  test bl, 0x80
  jz .end
  add ax, ax
.end:
  dec ax
  mov ah, al
  mov al, 0x12
  dec dx
  out dx, ax
  mov al, 0x14                          ; underline in the last line
  mov ah, bh
  dec ah
  cmp byte [MODE], 7
  je .underline
  mov ah, 0x1f
.underline:
  out dx, ax
  pop ax
  mul word [COLUMNS]
  add ax, ax
  add ax, 0xff
  xor al, al
  mov [PAGE_BYTES], ax
  mov cx, 0x0607
  jmp put_cursor_shape
.done:
  ret

; ES:BP = font BH, CX = lines of the current one, DL = last row.
font_information:
  cmp bh, 7
  ja .done
  mov ax, [CHAR_HEIGHT]
  mov [bp + cCX], ax
  mov al, [LAST_ROW]
  mov [bp + cDL], al
  cmp bh, 2
  jb .vector
  movzx bx, bh
  add bx, bx
  mov ax, [cs:bx + fonts - 4]
  mov [bp + cBP], ax
  mov [bp + cES], cs
.done:
  ret
.vector:
  xor ax, ax
  mov ds, ax
  mov si, VECTOR_1F
  cmp bh, 1
  jne .take
  mov si, VECTOR_43
.take:
  mov ax, [si]
  mov [bp + cBP], ax
  mov ax, [si + 2]
  mov [bp + cES], ax
  ret

  align 2, db 0
fonts: dw font_8x14, font_8x8, font_8x8 + 128 * 8, no_alternates, font_8x16, no_alternates
