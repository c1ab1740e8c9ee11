; The colours that modes start with: six bits of an EGA, the 16 of a CGA, the greys of monochrome, or 256.

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
