; Called by the system BIOS once, as an option ROM: takes INT 10h and starts in 80 by 25 text.

post:
  pushf
  pushad
  push ds
  push es
  cld
  xor ax, ax
  mov ds, ax
  mov word [VECTOR_10], int10
  mov [VECTOR_10 + 2], cs
  mov word [VECTOR_6D], int10
  mov [VECTOR_6D + 2], cs
  mov word [VECTOR_1F], font_8x8 + 128 * 8
  mov [VECTOR_1F + 2], cs
  mov word [VECTOR_43], font_8x8
  mov [VECTOR_43 + 2], cs
  mov ax, BDA_SEG
  mov ds, ax
  and byte [EQUIPMENT], ~0x30
  or byte [EQUIPMENT], 0x20
  mov byte [VIDEO_CONTROL], 0x60        ; 256 KiB, cursor emulation on
  mov byte [SWITCHES], 0xf9             ; a colour display
  mov byte [MODE_OPTIONS], 0x11
  mov byte [DISPLAY_COMBINATION], COMBINATION_VGA
  mov word [SAVE_POINTER], save_pointers
  mov [SAVE_POINTER + 2], cs
  mov ax, DISPI_ID
  mov cx, 0xb0c5
  call dispi_write
  call find_framebuffer
  shr eax, 16
  mov [FRAMEBUFFER_HIGH], ax
  mov ax, 0x0003
  pushf                                 ; the vector belongs to us by now, but a far call needs no vectors
  push cs
  call int10
  pop es
  pop ds
  popad
  popf
  mov ax, 0x0020                        ; PnP BIOS: an initialized display device, and nothing to boot from
  retf

; EAX = BAR 0 of 1234:1111 on PCI bus 0, or where Bochs has the framebuffer on a machine without PCI.
find_framebuffer:
  mov dx, 0xcf8
  in eax, dx
  push eax
  mov ecx, 0x80000000
.device:
  mov eax, ecx
  call .read
  cmp eax, 0x11111234
  je .found
  add ecx, 0x800
  cmp ecx, 0x80010000
  jb .device
  mov ebx, 0xe0000000
  jmp .restore
.found:
  mov eax, ecx
  mov al, 0x10
  call .read
  mov ebx, eax
.restore:
  pop eax
  mov dx, 0xcf8
  out dx, eax
  mov eax, ebx
  ret
.read:
  mov dx, 0xcf8
  out dx, eax
  mov dl, 0xfc
  in eax, dx
  ret

  align 4, db 0
save_pointers:
  dw mode_parameters, ROM_SEG
  dw 0, 0, 0, 0, 0, 0
  dw secondary_pointers, ROM_SEG
  dw 0, 0, 0, 0
secondary_pointers:
  dw 26
  dw display_combinations, ROM_SEG
  times 5 dw 0, 0
