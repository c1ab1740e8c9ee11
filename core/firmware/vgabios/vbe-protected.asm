; VBE 4F0Ah: three functions as 32-bit code, which a program copies and calls near, with a flat or like-based code segment.

vbe_protected_interface:                ; the table in ES:DI, CX bytes
  test bl, bl
  jnz vbe_failed
  mov [bp + cES], cs
  mov word [bp + cDI], protected_table
  mov word [bp + cCX], protected_end - protected_table
  jmp vbe_done

  align 4, db 0
protected_table:
  dw protected_window - protected_table
  dw protected_start - protected_table
  dw protected_palette - protected_table
  dw protected_ports - protected_table
protected_ports:
  dw 0x1ce, 0x1cf, 0x3c8, 0x3c9, 0x3da, 0xffff
  dw 0xffff                             ; no memory-mapped registers

bits 32
; As 4F05h: BX window, DX bank.
protected_window:
  test bx, bx
  jnz .failed
  push ecx
  mov ecx, edx
  mov al, DISPI_BANK
  call protected_write
  pop ecx
  mov ax, 0x004f
  ret
.failed:
  mov ax, 0x014f
  ret

; dispi register AL: write CX, or read into EAX.
protected_write:
  push edx
  mov dx, DISPI_INDEX
  movzx eax, al
  out dx, ax
  inc edx
  mov eax, ecx
  out dx, ax
  pop edx
  ret
protected_read:
  push edx
  mov dx, DISPI_INDEX
  movzx eax, al
  out dx, ax
  inc edx
  xor eax, eax
  in ax, dx
  pop edx
  ret

; As 4F07h, but DX:CX is the start's offset in double words.
protected_start:
  pushad
  shl edx, 16
  mov dx, cx
  lea esi, [edx * 4]
  mov al, DISPI_BPP
  call protected_read
  add eax, 7
  shr eax, 3
  mov edi, eax                          ; bytes of a pixel
  mov al, DISPI_VIRT_WIDTH
  call protected_read
  mul edi
  mov ecx, eax
  jecxz .done
  mov eax, esi
  xor edx, edx
  div ecx
  mov ecx, eax
  mov eax, edx
  xor edx, edx
  div edi
  push eax
  mov al, DISPI_Y_OFFSET
  call protected_write
  pop ecx
  mov al, DISPI_X_OFFSET
  call protected_write
  test bl, 0x80
  jz .done
  call protected_retrace
.done:
  popad
  mov ax, 0x004f
  ret

protected_retrace:
  mov dx, 0x3da
  mov ecx, 0x10000
.in_it:
  in al, dx
  test al, 8
  loopnz .in_it
  mov ecx, 0x10000
.before:
  in al, dx
  test al, 8
  loopz .before
  ret

; As 4F09h, function 0 and 80h: CX entries from DX on at ES:EDI.
protected_palette:
  pushad
  test bl, 0x80
  jz .now
  push ecx
  push edx
  call protected_retrace
  pop edx
  pop ecx
.now:
  mov al, dl
  mov dx, DAC_WRITE
  out dx, al
  inc edx
  movzx ecx, cx
  jecxz .done
.entry:
  mov al, [es:edi + 2]
  out dx, al
  mov al, [es:edi + 1]
  out dx, al
  mov al, [es:edi]
  out dx, al
  add edi, 4
  loop .entry
.done:
  popad
  mov ax, 0x004f
  ret
protected_end:
bits 16
