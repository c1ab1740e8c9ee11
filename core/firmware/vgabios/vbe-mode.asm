; VBE 4F02h and 4F03h: set and get mode.

vbe_set_mode:                           ; BX: bit 15 memory kept, 14 linear
  mov cx, bx
  and cx, 0x1ff
  cmp cx, 0x100
  jae .vbe
  mov al, cl
  cmp al, 0x13
  ja vbe_failed
  cmp al, 8
  jb .vga
  cmp al, 0x0d
  jb vbe_failed
.vga:
  mov ah, bh
  and ah, 0x80
  call enter_mode
  jmp vbe_done
.vbe:
  call dispi_present
  jc vbe_unsupported
  call find_mode
  jc vbe_failed
  push bx
  push si
  mov ax, DISPI_ENABLE
  xor cx, cx
  call dispi_write
  mov byte [MODE], 0x13                 ; VGA registers and palette of its 256-colour mode
  or byte [VIDEO_CONTROL], 0x80
  call find_parameters
  push si
  call load_registers
  pop si
  push si
  call init_bda
  pop si
  test byte [MODE_OPTIONS], 8
  jnz .palette_kept
  call load_mode_palette
.palette_kept:
  call screen_on
  pop si
  pop bx
  mov al, DISPI_XRES
  mov cx, [cs:si + mWIDTH]
  call dispi_write
  mov al, DISPI_YRES
  mov cx, [cs:si + mHEIGHT]
  call dispi_write
  mov al, DISPI_BPP
  mov cl, [cs:si + mBITS]
  xor ch, ch
  call dispi_write
  mov cx, DISPI_ON
  test bh, 0x40
  jz .banked
  or cl, DISPI_LFB
.banked:
  and byte [VIDEO_CONTROL], 0x7f
  test bh, 0x80
  jz .cleared
  or cl, DISPI_KEEP
  or byte [VIDEO_CONTROL], 0x80
.cleared:
  mov al, DISPI_ENABLE
  call dispi_write
  mov al, DISPI_BANK
  xor cx, cx
  call dispi_write
  mov byte [MODE], MODE_VBE
  mov ax, [cs:si + mWIDTH]
  shr ax, 3
  mov [COLUMNS], ax
  mov ax, [cs:si + mHEIGHT]
  shr ax, 4
  dec ax
  mov [LAST_ROW], al
  mov word [CHAR_HEIGHT], 16
  mov bx, font_8x16
  call set_font_vector
  jmp vbe_done

MODE_VBE equ 0x7f                       ; in the BIOS data area: none of the standard modes

vbe_get_mode:
  call dispi_present
  jc vbe_unsupported
  mov al, DISPI_ENABLE
  call dispi_read
  mov dx, ax
  test al, DISPI_ON
  jnz .vbe
  mov bl, [MODE]
  mov bh, [VIDEO_CONTROL]
  and bh, 0x80
  mov [bp + cBX], bx
  jmp vbe_done
.vbe:
  mov al, DISPI_XRES
  call dispi_read
  mov bx, ax
  mov al, DISPI_YRES
  call dispi_read
  mov cx, ax
  mov al, DISPI_BPP
  call dispi_read
  mov si, modes
.next:
  cmp word [cs:si], 0xffff
  je .unknown
  cmp bx, [cs:si + mWIDTH]
  jne .other
  cmp cx, [cs:si + mHEIGHT]
  jne .other
  cmp al, [cs:si + mBITS]
  je .found
.other:
  add si, MODE_BYTES
  jmp .next
.unknown:                               ; a driver has set it up itself
  mov bx, 0x1ff
  jmp .flags
.found:
  mov bx, [cs:si]
.flags:
  test dl, DISPI_LFB
  jz .banked
  or bh, 0x40
.banked:
  test dl, DISPI_KEEP
  jz .cleared
  or bh, 0x80
.cleared:
  mov [bp + cBX], bx
  jmp vbe_done
