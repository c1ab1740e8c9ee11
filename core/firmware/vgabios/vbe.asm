; VESA VBE 3.0: the functions, controller and mode information.
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
