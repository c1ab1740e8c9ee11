; Functions 0Bh and 10h: attribute controller and DAC; and the colours that modes start with.

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

; The colours of the mode with parameters SI.
load_mode_palette:
  mov dx, DAC_WRITE
  xor al, al
  out dx, al
  inc dx
  mov al, [MODE]
  mov di, mono_colour
  cmp al, 7
  je .of64
  cmp al, 0x0f
  je .of64
  cmp al, 0x13
  je .of256
  mov di, digital_colour
  mov al, [cs:si + pATTRIBUTE + 6]      ; brown, where six bits are a colour (or white in mode 11h)
  cmp al, 0x14
  je .six
  cmp al, 0x3f
  jne .of64
.six:
  mov di, six_bit_colour
.of64:
  xor bl, bl
.next:
  call di
  call put_colour
  inc bl
  cmp bl, 64
  jb .next
.grey:
  test byte [MODE_OPTIONS], 2
  jz .done
  mov bx, 0
  mov cx, 256
  call sum_greys
.done:
  ret
.of256:
  xor bl, bl
.bright:                                ; the 16 colours, bit 3 being intensity
  push bx
  mov al, bl
  and bl, 7
  shl al, 1
  and al, 0x10
  or bl, al
  call digital_colour
  pop bx
  call put_colour
  inc bl
  cmp bl, 16
  jb .bright
  xor bx, bx
.greys:
  mov ah, [cs:bx + grey_levels]
  mov ch, ah
  mov cl, ah
  call put_colour
  inc bx
  cmp bx, 16
  jb .greys
  mov si, hue_levels                    ; nine rounds of 24 hues
.round:
  xor bx, bx
.phase:
  xor cl, cl                            ; step within the phase
.step:
  mov ch, 3
  mov di, bx
.component:
  mov al, [cs:di + hue_phases]
  add di, 6
  call hue_level
  out dx, al
  dec ch
  jnz .component
  inc cl
  cmp cl, 4
  jb .step
  inc bx
  cmp bx, 6
  jb .phase
  add si, 5
  cmp si, hue_levels + 45
  jb .round
  mov cx, 24
  xor al, al
.rest:
  out dx, al
  loop .rest
  jmp .grey

; AL = what a component that does AL (none, full, rises, falls) has at step CL; levels at SI.
hue_level:
  push bx
  xor bx, bx
  cmp al, 1
  jb .take
  mov bl, 4
  je .take
  cmp al, 2
  jne .falls
  mov bl, cl
  jmp .take
.falls:
  sub bl, cl
.take:
  mov al, [cs:bx + si]
  pop bx
  ret

hue_phases:                             ; red, green, blue in the six phases from blue over red and green
  db 2, 1, 1, 3, 0, 0
  db 0, 0, 2, 1, 1, 3
  db 1, 3, 0, 0, 2, 1
hue_levels:                             ; three brightnesses of three saturations
  db 0x00, 0x10, 0x1f, 0x2f, 0x3f
  db 0x1f, 0x27, 0x2f, 0x37, 0x3f
  db 0x2d, 0x31, 0x36, 0x3a, 0x3f
  db 0x00, 0x07, 0x0e, 0x15, 0x1c
  db 0x0e, 0x11, 0x15, 0x18, 0x1c
  db 0x14, 0x16, 0x18, 0x1a, 0x1c
  db 0x00, 0x04, 0x08, 0x0c, 0x10
  db 0x08, 0x0a, 0x0c, 0x0e, 0x10
  db 0x0b, 0x0c, 0x0d, 0x0f, 0x10
grey_levels:
  db 0x00, 0x05, 0x08, 0x0b, 0x0e, 0x11, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2d, 0x32, 0x38, 0x3f

; AH, CH, CL = colour BL of the modes' kinds.
six_bit_colour:                         ; bits 2-0 two thirds of red, green, blue, bits 5-3 one third
  mov ah, bl
  call .component
  mov al, ah
  push ax
  mov ah, bl
  shl ah, 1
  call .component
  mov ch, ah
  mov ah, bl
  shl ah, 2
  call .component
  mov cl, ah
  pop ax
  mov ah, al
  ret
.component:
  push bx
  xor bl, bl
  test ah, 4
  jz .weak
  mov bl, 0x2a
.weak:
  test ah, 0x20
  jz .sum
  add bl, 0x15
.sum:
  mov ah, bl
  pop bx
  ret
digital_colour:                         ; as six bits, bit 4 being a third of all; dark yellow is brown
  push bx
  mov al, bl
  and bx, 7
  test al, 0x10
  jz .dark
  or bl, 0x38
  jmp .known
.dark:
  cmp bl, 6
  jne .known
  mov bl, 0x14
.known:
  call six_bit_colour
  pop bx
  ret
mono_colour:
  xor ah, ah
  test bl, 8
  jz .set
  mov ah, 0x2a
  test bl, 0x10
  jz .set
  mov ah, 0x3f
.set:
  mov ch, ah
  mov cl, ah
  ret
