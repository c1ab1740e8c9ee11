; VBE 4F05h to 4F07h: the banked window, line length, display start.

vbe_window:                             ; BH = 0 set window BL to bank DX, 1 get
  test bl, bl
  jnz vbe_failed
  cmp bh, 1
  ja vbe_failed
  je .get
  mov al, DISPI_MEMORY
  call dispi_read
  cmp dx, ax
  jae vbe_failed
  mov cx, dx
  mov al, DISPI_BANK
  call dispi_write
  jmp vbe_done
.get:
  mov al, DISPI_BANK
  call dispi_read
  mov [bp + cDX], ax
  jmp vbe_done

; The same by a far call, without AX: what mode information points to. Only AX and DX change, as VBE allows.
window_far:
  push cx
  test bl, bl
  jnz .failed
  cmp bh, 1
  ja .failed
  je .get
  mov cx, dx
  mov al, DISPI_BANK
  call dispi_write
  jmp .done
.get:
  mov al, DISPI_BANK
  call dispi_read
  mov dx, ax
.done:
  pop cx
  mov ax, 0x004f
  retf
.failed:
  pop cx
  mov ax, 0x014f
  retf

; CF if no VBE mode is on. BX = bytes of a pixel.
vbe_mode_on:
  call dispi_present
  jc .done
  mov al, DISPI_ENABLE
  call dispi_read
  test al, DISPI_ON
  stc
  jz .done
  mov al, DISPI_BPP
  call dispi_read
  add ax, 7
  shr ax, 3
  mov bx, ax
  clc
.done:
  ret

vbe_scan_line:                          ; BL = 0 set to CX pixels, 1 get, 2 set to CX bytes, 3 get the longest
  mov dl, bl
  call vbe_mode_on
  jc vbe_unavailable
  cmp dl, 3
  ja vbe_failed
  je .longest
  cmp dl, 1
  je .get
  movzx eax, cx
  jb .pixels
  push dx
  xor dx, dx
  div bx
  test dx, dx
  pop dx
  jz .pixels
  inc ax
.pixels:
  add ax, 7
  and ax, ~7
  mov cx, ax
  call longest_line
  cmp cx, ax
  ja vbe_unavailable
  mov al, DISPI_XRES
  call dispi_read
  cmp cx, ax
  jb vbe_unavailable
  mov al, DISPI_VIRT_WIDTH
  call dispi_write
.get:
  mov al, DISPI_VIRT_WIDTH
  call dispi_read
  jmp .report
.longest:
  call longest_line
.report:
  mov [bp + cCX], ax
  mul bx
  mov [bp + cBX], ax
  movzx ebx, ax
  call memory_bytes
  xor edx, edx
  div ebx
  cmp eax, 0xffff
  jbe .lines
  mov ax, 0xffff
.lines:
  mov [bp + cDX], ax
  jmp vbe_done

; AX = most pixels a line can have so that the screen's lines fit memory, bytes of a pixel being BX. Changes EAX only.
longest_line:
  push ebx
  push ecx
  push edx
  movzx ebx, bx
  mov al, DISPI_YRES
  call dispi_read
  movzx eax, ax
  mul ebx
  mov ecx, eax
  call memory_bytes
  div ecx                               ; EDX is 0 from the product
  mov ecx, eax
  xor edx, edx                          ; and a line's bytes must fit a word
  mov eax, 0xfff8
  div ebx
  cmp eax, ecx
  jbe .done
  mov eax, ecx
.done:
  and al, ~7
  pop edx
  pop ecx
  pop ebx
  ret

vbe_display_start:                      ; BL = 0 set, 80h in retrace, 1 get: pixel CX, line DX
  push bx
  call vbe_mode_on
  pop bx
  jc vbe_unavailable
  cmp bl, 1
  je .get
  cmp bl, 0x80
  je .set
  test bl, bl
  jnz vbe_failed
.set:
  mov di, cx
  mov al, DISPI_X_OFFSET
  call dispi_write
  mov cx, dx
  mov al, DISPI_Y_OFFSET
  call dispi_write
  call dispi_read                       ; an adapter brings impossible values into bounds
  cmp ax, dx
  jne vbe_failed
  mov al, DISPI_X_OFFSET
  call dispi_read
  cmp ax, di
  jne vbe_failed
  cmp bl, 0x80
  jne vbe_done
  call wait_for_retrace
  jmp vbe_done
.get:
  mov byte [bp + cBH], 0
  mov al, DISPI_X_OFFSET
  call dispi_read
  mov [bp + cCX], ax
  mov al, DISPI_Y_OFFSET
  call dispi_read
  mov [bp + cDX], ax
  jmp vbe_done
