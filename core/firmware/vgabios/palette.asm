; Functions 0Bh and 10h: attribute controller and DAC.

; BL = attribute register, BH = value.
attribute_write:
  call attribute_reset
  mov al, bl
  out dx, al
  mov al, bh
  out dx, al
  jmp attribute_done
; AL = attribute register BL.
attribute_read:
  call attribute_reset
  mov al, bl
  out dx, al
  inc dx
  in al, dx
  push ax
  call attribute_reset
  pop ax
attribute_done:
  push ax
  mov al, 0x20                          ; the palette drives the screen again
  mov dx, ATTRIBUTE
  out dx, al
  call attribute_reset
  pop ax
  ret
attribute_reset:
  mov dx, [CRTC_PORT]
  add dl, 6
  in al, dx
  mov dx, ATTRIBUTE
  ret

; 0Bh: BH = 0: border and, in graphics, background BL; BH = 1: the CGA's palette BL.
set_cga_colours:
  cmp bh, 1
  ja .done
  je .palette
  mov al, [CGA_PALETTE]
  and al, 0xe0
  and bl, 0x1f
  or al, bl
  mov [CGA_PALETTE], al
  mov bh, bl                            ; intensity is bit 4 in the attribute controller
  and bx, 0x0807
  shl bh, 1
  or bh, bl
  mov cl, bh
  mov bl, 0x11
  call attribute_write
  call mode_class
  cmp si, CLASS_TEXT
  je .done
  mov bl, 0
  mov bh, cl
  call attribute_write
  call mode_class
  cmp si, CLASS_CGA4
  je .entries
.done:
  ret
.palette:
  and byte [CGA_PALETTE], ~0x20
  test bl, 1
  jz .chosen
  or byte [CGA_PALETTE], 0x20
.chosen:
  call mode_class
  cmp si, CLASS_CGA4
  jne .done
.entries:                               ; 1 to 3: 2, 4, 6, plus 1 in palette 1, plus intensity
  mov ah, [CGA_PALETTE]
  mov cl, ah
  and cl, 0x10
  or cl, 2
  test ah, 0x20
  jz .first
  inc cx
.first:
  mov bl, 1
.next:
  mov bh, cl
  call attribute_write
  add cl, 2
  inc bl
  cmp bl, 4
  jb .next
  ret

palette_function:
  cmp al, 0x1b
  ja .done
  movzx si, al
  add si, si
  jmp [cs:si + palette_functions]
.done:
  ret

  align 2, db 0
palette_functions:
  dw attribute_write_entry, set_overscan, set_all_attributes, set_blinking
  dw nothing, nothing, nothing, get_attribute
  dw get_overscan, get_all_attributes, nothing, nothing
  dw nothing, nothing, nothing, nothing
  dw set_dac, nothing, set_dac_block, select_dac_page
  dw nothing, get_dac, nothing, get_dac_block
  dw set_dac_mask, get_dac_mask, get_dac_page, sum_greys

attribute_write_entry:
  cmp bl, 0x14
  ja .done
  jmp attribute_write
.done:
  ret
set_overscan:
  mov bl, 0x11
  jmp attribute_write

set_all_attributes:
  mov di, dx
  xor bl, bl
.next:
  mov bh, [es:di]
  call attribute_write
  inc di
  inc bl
  cmp bl, 16
  jb .next
  mov bh, [es:di]
  jmp set_overscan

set_blinking:
  mov cl, bl
  mov bl, 0x10
  call attribute_read
  mov bh, al
  and bh, ~8
  and byte [MODE_SELECT], ~0x20
  test cl, 1
  jz .write
  or bh, 8
  or byte [MODE_SELECT], 0x20
.write:
  jmp attribute_write

get_attribute:
  cmp bl, 0x14
  ja get_overscan.done
  call attribute_read
  mov [bp + cBH], al
  ret
get_overscan:
  mov bl, 0x11
  call attribute_read
  mov [bp + cBH], al
.done:
  ret

get_all_attributes:
  mov di, dx
  xor bl, bl
.next:
  call attribute_read
  stosb
  inc bl
  cmp bl, 16
  jb .next
  inc bl
  call attribute_read
  stosb
  ret

set_dac:
  mov ah, dh
  call grey_if_asked
  mov dx, DAC_WRITE
  mov al, bl
  out dx, al
  inc dx
; R, G, B = AH, CH, CL to the DAC; DX = DAC_DATA.
put_colour:
  mov al, ah
  out dx, al
  mov al, ch
  out dx, al
  mov al, cl
  out dx, al
  ret

set_dac_block:                          ; CX entries from BX on, from ES:DX
  mov di, dx
  mov si, cx
  mov dx, DAC_WRITE
  mov al, bl
  out dx, al
  inc dx
  test si, si
  jz .done
.next:
  mov ah, [es:di]
  mov ch, [es:di + 1]
  mov cl, [es:di + 2]
  add di, 3
  call grey_if_asked
  call put_colour
  dec si
  jnz .next
.done:
  ret

get_dac:
  call read_colour
  mov [bp + cDH], ah
  mov [bp + cCX], cx
  ret
; AH, CH, CL = entry BL.
read_colour:
  mov dx, DAC_READ
  mov al, bl
  out dx, al
  mov dl, DAC_DATA & 0xff
  in al, dx
  mov ah, al
  in al, dx
  mov ch, al
  in al, dx
  mov cl, al
  ret

get_dac_block:
  mov di, dx
  mov dx, DAC_READ
  mov al, bl
  out dx, al
  mov dl, DAC_DATA & 0xff
  mov ax, cx
  add cx, ax
  add cx, ax
  jcxz .done
.next:
  in al, dx
  stosb
  loop .next
.done:
  ret

select_dac_page:
  mov cx, bx
  mov bl, 0x10
  call attribute_read
  test cl, cl
  jnz .page
  and al, 0x7f
  shl ch, 7
  or al, ch
  mov bh, al
  jmp attribute_write
.page:
  cmp cl, 1
  jne .done
  mov bh, ch
  test al, 0x80
  jnz .of16
  shl bh, 2
.of16:
  mov bl, 0x14
  jmp attribute_write
.done:
  ret

get_dac_page:
  mov bl, 0x10
  call attribute_read
  mov cl, al
  rol cl, 1
  and cl, 1
  mov bl, 0x14
  call attribute_read
  test cl, cl
  jnz .of16
  shr al, 2
.of16:
  mov [bp + cBL], cl
  mov [bp + cBH], al
  ret

set_dac_mask:
  mov dx, DAC_MASK
  mov al, bl
  out dx, al
  ret
get_dac_mask:
  mov dx, DAC_MASK
  in al, dx
  mov [bp + cBL], al
  ret

; CX entries from BX on become the greys of the same brightness.
sum_greys:
  mov di, cx
  test di, di
  jz .done
.next:
  call read_colour
  call grey
  mov dx, DAC_WRITE
  mov al, bl
  out dx, al
  inc dx
  call put_colour
  inc bl
  dec di
  jnz .next
.done:
  ret

grey_if_asked:
  test byte [MODE_OPTIONS], 2
  jz grey.done
; AH = CH = CL = 30% of AH, 59% of CH, 11% of CL.
grey:
  push bx
  mov al, 77
  mul ah
  mov bx, ax
  mov al, 151
  mul ch
  add bx, ax
  mov al, 28
  mul cl
  lea ax, [bx + 128]
  pop bx
  mov ch, ah
  mov cl, ah
.done:
  ret
