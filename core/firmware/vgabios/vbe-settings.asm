; VBE 4F04h and 4F08h to 4F10h: state, DAC width, palette, power.

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
