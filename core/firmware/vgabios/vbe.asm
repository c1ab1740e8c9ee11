; VESA VBE 3.0: controller and mode information, set and get mode, state, DAC width, palette, power.
; Functions find BP as the rest do, and give the status in AX.

  align 2, db 0
vbe_functions:
  dw vbe_controller, vbe_mode_information, vbe_set_mode, vbe_get_mode
  dw vbe_state, vbe_window, vbe_scan_line, vbe_display_start
  dw vbe_dac_width, vbe_palette, vbe_protected_interface, vbe_unsupported
  dw vbe_unsupported, vbe_unsupported, vbe_unsupported, vbe_unsupported
  dw vbe_power, vbe_unsupported, vbe_unsupported, vbe_unsupported
  dw vbe_unsupported, vbe_ddc

vbe_done:
  mov ax, 0x004f
  ret
vbe_failed:
  mov ax, 0x014f
  ret
vbe_unavailable:                        ; not in this mode, or not on this adapter
  mov ax, 0x024f
  ret
vbe_unsupported:
  mov ax, 0x0100
  ret

; CF if the adapter has no dispi registers.
dispi_present:
  push ax
  mov al, DISPI_ID
  call dispi_read
  and al, 0xf0
  cmp ax, 0xb0c0
  pop ax
  je .done
  stc
.done:
  ret

; EAX = bytes of display memory.
memory_bytes:
  xor eax, eax
  mov al, DISPI_MEMORY
  call dispi_read
  shl eax, 16
  ret

; EAX = bytes of a line of the mode at CS:SI, BX = bytes of a pixel.
line_bytes:
  movzx bx, byte [cs:si + mBITS]
  add bx, 7
  shr bx, 3
  movzx eax, word [cs:si + mWIDTH]
  push dx
  mul bx
  pop dx
  ret

; CF if the mode at CS:SI does not fit display memory. Changes EAX, EBX, EDX.
mode_fits:
  call line_bytes
  movzx ebx, word [cs:si + mHEIGHT]
  mul ebx
  mov ebx, eax
  call memory_bytes
  cmp eax, ebx
  ret

; SI = the entry of mode CX, or CF.
find_mode:
  mov si, modes
.next:
  cmp word [cs:si], 0xffff
  je .unknown
  cmp [cs:si], cx
  je .found
  add si, MODE_BYTES
  jmp .next
.found:
  push eax
  push ebx
  push edx
  call mode_fits
  pop edx
  pop ebx
  pop eax
  ret
.unknown:
  stc
  ret

vbe_controller:                         ; to ES:DI
  call dispi_present
  jc vbe_unsupported
  mov ecx, [es:di]
  mov dword [es:di], "VESA"
  mov word [es:di + 0x04], 0x0300
  mov word [es:di + 0x06], oem_string
  mov [es:di + 0x08], cs
  mov dword [es:di + 0x0a], 1           ; the DAC can have 8 bits
  lea ax, [di + 0x22]
  mov [es:di + 0x0e], ax
  mov [es:di + 0x10], es
  mov al, DISPI_MEMORY
  call dispi_read
  mov [es:di + 0x12], ax
  cmp ecx, "VBE2"
  jne .list
  mov word [es:di + 0x14], 0x0100
  mov word [es:di + 0x16], oem_vendor
  mov [es:di + 0x18], cs
  mov word [es:di + 0x1a], oem_string
  mov [es:di + 0x1c], cs
  mov word [es:di + 0x1e], oem_revision
  mov [es:di + 0x20], cs
.list:
  add di, 0x22
  mov si, modes
.next:
  mov cx, [cs:si]
  cmp cx, 0xffff
  je .end
  call mode_fits
  jc .skip
  mov [es:di], cx
  add di, 2
.skip:
  add si, MODE_BYTES
  jmp .next
.end:
  mov [es:di], cx
  jmp vbe_done

oem_vendor: db "Ringfence", 0
oem_string: db "Ringfence VBE", 0
oem_revision: db "1.0", 0

vbe_mode_information:                   ; of mode CX, 256 bytes to ES:DI
  call dispi_present
  jc vbe_unsupported
  and ch, 0x3f
  call find_mode
  jc vbe_failed
  push di
  mov cx, 128
  xor ax, ax
  rep stosw
  pop di
  mov word [es:di], 0x009b              ; supported, colour, graphics, linear framebuffer
  mov word [es:di + 0x02], 0x0007       ; window A can be read and written, there is no window B
  mov word [es:di + 0x04], 64
  mov word [es:di + 0x06], 64
  mov word [es:di + 0x08], 0xa000
  mov word [es:di + 0x0c], window_far
  mov [es:di + 0x0e], cs
  call line_bytes
  mov [es:di + 0x10], ax
  mov [es:di + 0x32], ax
  mov ax, [cs:si + mWIDTH]
  mov [es:di + 0x12], ax
  mov ax, [cs:si + mHEIGHT]
  mov [es:di + 0x14], ax
  mov word [es:di + 0x16], 0x1008       ; cell of 8 by 16
  mov byte [es:di + 0x18], 1
  mov al, [cs:si + mBITS]
  mov [es:di + 0x19], al
  mov byte [es:di + 0x1a], 1
  mov byte [es:di + 0x1b], 6            ; direct colour
  mov byte [es:di + 0x1e], 1
  cmp al, 8
  jne .direct
  mov byte [es:di + 0x1b], 4            ; packed pixels
  jmp .pages
.direct:
  mov bx, masks_15
  cmp al, 16
  jb .masks
  mov bx, masks_16
  je .masks
  mov bx, masks_24
  cmp al, 24
  je .masks
  mov bx, masks_32
.masks:
  push di
  push si
  mov si, bx
  add di, 0x1f
  mov cx, 8
  cs rep movsb
  mov al, 2                             ; the unused bits are the program's
  stosb
  mov si, bx
  add di, 0x36 - 0x28
  mov cx, 8
  cs rep movsb
  pop si
  pop di
.pages:
  call line_bytes
  movzx ebx, word [cs:si + mHEIGHT]
  mul ebx
  mov ebx, eax
  call memory_bytes
  xor edx, edx
  div ebx
  dec ax
  cmp ax, 0xff
  jbe .count
  mov ax, 0xff
.count:
  mov [es:di + 0x1d], al
  mov [es:di + 0x34], al
  mov [es:di + 0x35], al
  mov ax, [FRAMEBUFFER_HIGH]            ; as at POST: a guest that runs this code itself need not let it at PCI
  mov [es:di + 0x2a], ax
  mov dword [es:di + 0x3e], 230000000   ; dot clock
  jmp vbe_done

masks_15: db 5, 10, 5, 5, 5, 0, 1, 15
masks_16: db 5, 11, 6, 5, 5, 0, 0, 0
masks_24: db 8, 16, 8, 8, 8, 0, 0, 0
masks_32: db 8, 16, 8, 8, 8, 0, 8, 24

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

vbe_state:                              ; DL = 0 size, 1 save, 2 restore of states CX at ES:BX
  and cx, 0x0f
  call dispi_present
  jnc .known
  and cl, 7
.known:
  call state_transfer
  jc vbe_failed
  jmp vbe_done

vbe_dac_width:                          ; BL = 0: set to BH bits, 1: get
  cmp bl, 1
  ja vbe_failed
  mov al, DISPI_ENABLE
  call dispi_read
  test al, DISPI_ON
  jz .six
  cmp bl, 1
  je .get
  mov cx, ax
  or cl, DISPI_KEEP
  and cl, ~DISPI_DAC8
  cmp bh, 8
  jb .set
  or cl, DISPI_DAC8
.set:
  mov al, DISPI_ENABLE
  call dispi_write
  mov ax, cx
.get:
  test al, DISPI_DAC8
  jz .six
  mov byte [bp + cBH], 8
  jmp vbe_done
.six:
  mov byte [bp + cBH], 6
  jmp vbe_done

vbe_palette:                            ; BL = 0 set, 80h set in retrace, 1 get: CX entries from DX on, blue, green, red, 0 at ES:DI
  cmp dx, 0xff
  ja vbe_failed
  cmp cx, 256
  ja vbe_failed
  jcxz .done
  cmp bl, 1
  je .get
  cmp bl, 0x80
  je .wait
  test bl, bl
  jnz vbe_unavailable
  jmp .set
.wait:
  call wait_for_retrace
.set:
  mov al, dl
  mov dx, DAC_WRITE
  out dx, al
  inc dx
.entry:
  mov al, [es:di + 2]
  out dx, al
  mov al, [es:di + 1]
  out dx, al
  mov al, [es:di]
  out dx, al
  add di, 4
  loop .entry
.done:
  jmp vbe_done
.get:
  mov al, dl
  mov dx, DAC_READ
  out dx, al
  mov dl, DAC_DATA & 0xff
.next:
  in al, dx
  mov [es:di + 2], al
  in al, dx
  mov [es:di + 1], al
  in al, dx
  xor ah, ah
  mov [es:di], al
  mov [es:di + 3], ah
  add di, 4
  loop .next
  jmp vbe_done

; Until vertical retrace begins, or for as long as one can be waited for. Keeps all registers.
wait_for_retrace:
  push ax
  push cx
  push dx
  mov dx, [CRTC_PORT]
  add dl, 6
  xor cx, cx
.in_it:
  in al, dx
  test al, 8
  loopnz .in_it
  xor cx, cx
.before:
  in al, dx
  test al, 8
  loopz .before
  pop dx
  pop cx
  pop ax
  ret

vbe_power:                              ; BL = 0: what there is, 1: set state BH, 2: get it (VBE/PM 1.0)
  cmp bl, 1
  jb .report
  mov dx, SEQUENCER
  mov al, 1
  out dx, al
  inc dx
  in al, dx
  cmp bl, 2
  jb .set
  ja vbe_failed
  shr al, 5
  and al, 1
  mov [bp + cBH], al                    ; standby, or on
  jmp vbe_done
.set:
  and al, ~0x20
  test bh, bh
  jz .write
  or al, 0x20
.write:
  out dx, al
  jmp vbe_done
.report:
  mov word [bp + cBX], 0x0710           ; standby, suspend, off; version 1.0
  jmp vbe_done
