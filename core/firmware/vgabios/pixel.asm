; Functions 0Ch and 0Dh: pixel at column CX, row DX, of page BH.

; ES:DI = the byte, CL = bits to shift it right by so that the pixel is lowest; class in SI. CF if the mode has no pixels.
pixel_place:
  call mode_class
  push dx
  push ax
  mov ax, [COLUMNS]
  cmp si, CLASS_PLANAR
  je .planar
  jb .cga
  cmp si, CLASS_BYTES
  jne .none
  shl ax, 3
  mul dx
  add ax, cx
  mov di, ax
  mov dx, 0xa000
  jmp .done
.planar:
  mul dx
  mov di, ax
  movzx ax, bh
  mul word [PAGE_BYTES]
  add di, ax
  mov ax, cx
  shr ax, 3
  add di, ax
  not cl
  and cl, 7
  mov dx, 0xa000
  jmp .done
.cga:
  cmp si, CLASS_TEXT
  je .none
  mov di, dx
  shr di, 1
  imul di, di, 80
  test dl, 1
  jz .even
  add di, 0x2000
.even:
  mov dx, cx
  not cl
  cmp si, CLASS_CGA4
  je .four
  shr dx, 3
  and cl, 7
  jmp .column
.four:
  shr dx, 2
  and cl, 3
  add cl, cl
.column:
  add di, dx
  mov dx, 0xb800
.done:
  mov es, dx
  pop ax
  pop dx
  clc
  ret
.none:
  pop ax
  pop dx
  stc
  ret

write_pixel:                            ; AL; bit 7: exclusive or (not with 256 colours)
  call pixel_place
  jc .done
  cmp si, CLASS_BYTES
  jne .bits
  mov [es:di], al
.done:
  ret
.bits:
  cmp si, CLASS_PLANAR
  je .planar
  mov ah, 1                             ; mask of a pixel
  cmp si, CLASS_CGA4
  jne .mask
  mov ah, 3
.mask:
  mov bl, al
  and al, ah
  shl al, cl
  shl ah, cl
  test bl, bl
  js .xor
  not ah
  and ah, [es:di]
  or al, ah
  mov [es:di], al
  ret
.xor:
  xor [es:di], al
  ret
.planar:
  mov bl, al
  outw SEQUENCER, 2, 0x0f
  outw GRAPHICS, 5, 0
  outw GRAPHICS, 1, 0x0f
  mov al, 8
  mov ah, 1
  shl ah, cl
  out dx, ax
  mov al, 0
  mov ah, bl
  and ah, 0x0f
  out dx, ax
  mov ax, 3
  test bl, bl
  jns .replace
  mov ah, 0x18
.replace:
  out dx, ax
  mov al, [es:di]
  mov [es:di], al                       ; the value does not matter, set/reset does
  outw GRAPHICS, 0, 0
  outw GRAPHICS, 1, 0
  outw GRAPHICS, 3, 0
  outw GRAPHICS, 8, 0xff
  ret

read_pixel:
  call pixel_place
  jc .done
  mov al, [es:di]
  cmp si, CLASS_BYTES
  je .set
  cmp si, CLASS_PLANAR
  je .planar
  shr al, cl
  and al, 3
  cmp si, CLASS_CGA4
  je .set
  and al, 1
.set:
  mov [bp + cAL], al
.done:
  ret
.planar:
  xor bl, bl
  mov bh, 3
  outw GRAPHICS, 5, 0
.plane:
  mov al, 4
  mov ah, bh
  out dx, ax
  mov al, [es:di]
  shr al, cl
  and al, 1
  add bl, bl
  or bl, al
  dec bh
  jns .plane
  mov ax, 4
  out dx, ax
  mov al, bl
  jmp .set
