; Function 1Ch, save and restore state, and what it has in common with VBE 4F04h: that has the dispi registers too.

; 1Ch: AL = 0 size of states CX in BX, 1 save to, 2 restore from ES:BX.
HARDWARE_BLOCKS equ 2
BDA_BLOCKS equ 1
DAC_BLOCKS equ 13
DISPI_BLOCKS equ 1

state_function:
  and cx, 7
  mov dl, al
  call state_transfer
  jc .done
  mov byte [bp + cAL], 0x1c
.done:
  ret

; As 1Ch with the function in DL, and bit 3 of CX for the dispi registers. CF for another function.
state_transfer:
  cmp dl, 2
  ja .unknown
  cmp dl, 1
  mov di, bx
  jb .size
  je .save
  jmp state_restore
.unknown:
  stc
  ret
.size:
  xor bx, bx
  test cl, 1
  jz .no_hardware
  add bl, HARDWARE_BLOCKS
.no_hardware:
  test cl, 2
  jz .no_bda
  add bl, BDA_BLOCKS
.no_bda:
  test cl, 4
  jz .no_dac
  add bl, DAC_BLOCKS
.no_dac:
  test cl, 8
  jz .no_dispi
  add bl, DISPI_BLOCKS
.no_dispi:
  mov [bp + cBX], bx
  clc
  ret

.save:
  test cl, 1
  jz .bda
  push cx
  push di
  call save_hardware
  pop di
  add di, HARDWARE_BLOCKS * 64
  pop cx
.bda:
  test cl, 2
  jz .dac
  push cx
  push di
  mov si, MODE
  mov cx, 30
  rep movsb
  mov si, LAST_ROW
  mov cx, 7
  rep movsb
  mov si, SAVE_POINTER
  movsw
  movsw
  push ds
  xor ax, ax
  mov ds, ax
  mov si, VECTOR_1F
  movsw
  movsw
  mov si, VECTOR_43
  movsw
  movsw
  pop ds
  pop di
  add di, BDA_BLOCKS * 64
  pop cx
.dac:
  test cl, 4
  jz .dispi
  push cx
  push di
  mov dx, DAC_MASK
  in al, dx
  stosb
  mov dl, DAC_WRITE & 0xff
  in al, dx
  push ax
  dec dx
  xor al, al
  out dx, al
  mov dl, DAC_DATA & 0xff
  mov cx, 768
.colour:
  in al, dx
  stosb
  loop .colour
  pop ax
  stosb
  dec dx
  out dx, al
  pop di
  add di, DAC_BLOCKS * 64
  pop cx
.dispi:
  test cl, 8
  jz .saved
  mov bx, dispi_saved
.register:
  mov al, [cs:bx]
  call dispi_read
  stosw
  inc bx
  cmp bx, dispi_saved + 8
  jb .register
.saved:
  clc
  ret

dispi_saved:                            ; the mode, on, and what on sets anew
  db DISPI_XRES, DISPI_YRES, DISPI_BPP, DISPI_ENABLE, DISPI_BANK, DISPI_VIRT_WIDTH, DISPI_X_OFFSET, DISPI_Y_OFFSET

; Indexed registers 0 to CX - 1 of index port DX to ES:DI; and back.
save_indexed:
  xor ah, ah
.next:
  mov al, ah
  out dx, al
  inc dx
  in al, dx
  dec dx
  stosb
  inc ah
  loop .next
  ret
restore_indexed:
  xor bl, bl
.next:
  mov al, bl
  mov ah, [es:di]
  inc di
  out dx, ax
  inc bl
  loop .next
  ret

save_hardware:
  mov ax, [CRTC_PORT]
  stosw
  mov dx, MISC_READ
  in al, dx
  stosb
  mov dl, 0xca                          ; feature control
  in al, dx
  stosb
  mov dl, SEQUENCER & 0xff
  in al, dx
  stosb
  mov dl, GRAPHICS & 0xff
  in al, dx
  stosb
  mov dx, [CRTC_PORT]
  in al, dx
  stosb
  mov dx, ATTRIBUTE
  in al, dx
  stosb
  push ax
  mov dx, SEQUENCER
  mov cx, 5
  call save_indexed
  mov dx, [CRTC_PORT]
  mov cx, 25
  call save_indexed
  mov dx, GRAPHICS
  mov cx, 9
  call save_indexed
  mov cx, 21
  xor ah, ah
.attribute:
  call attribute_reset
  mov al, ah
  out dx, al
  inc dx
  in al, dx
  stosb
  inc ah
  loop .attribute
  call attribute_reset
  pop ax
  out dx, al
  mov dl, SEQUENCER & 0xff              ; indexes as they were
  mov al, [es:di - 60 - 8 + 4]
  out dx, al
  mov dl, GRAPHICS & 0xff
  mov al, [es:di - 60 - 8 + 5]
  out dx, al
  mov al, [es:di - 60 - 8 + 6]
  mov dx, [CRTC_PORT]
  out dx, al
  add dl, 6
  in al, dx
  ret

state_restore:
  test cl, 8
  jz .hardware
  push cx
  mov ax, DISPI_ENABLE                  ; off, or else it holds on to VGA registers
  xor cx, cx
  call dispi_write
  pop cx
.hardware:
  test cl, 1
  jz .bda
  push cx
  push di
  call restore_hardware
  pop di
  add di, HARDWARE_BLOCKS * 64
  pop cx
.bda:
  test cl, 2
  jz .dac
  push cx
  push di
  push ds
  push es
  push ds
  push es
  pop ds
  pop es
  mov si, di
  mov di, MODE
  mov cx, 30
  rep movsb
  mov di, LAST_ROW
  mov cx, 7
  rep movsb
  mov di, SAVE_POINTER
  movsw
  movsw
  xor ax, ax
  mov es, ax
  mov di, VECTOR_1F
  movsw
  movsw
  mov di, VECTOR_43
  movsw
  movsw
  pop es
  pop ds
  pop di
  add di, BDA_BLOCKS * 64
  pop cx
.dac:
  test cl, 4
  jz .dispi
  push cx
  push di
  mov dx, DAC_MASK
  mov al, [es:di]
  inc di
  out dx, al
  mov dl, DAC_WRITE & 0xff
  xor al, al
  out dx, al
  inc dx
  mov cx, 768
.colour:
  mov al, [es:di]
  inc di
  out dx, al
  loop .colour
  mov al, [es:di]
  dec dx
  out dx, al
  pop di
  add di, DAC_BLOCKS * 64
  pop cx
.dispi:
  test cl, 8
  jz .restored
  mov bx, dispi_saved
.register:
  mov al, [cs:bx]
  mov cx, [es:di]
  add di, 2
  cmp al, DISPI_ENABLE
  jne .write
  or cx, DISPI_KEEP
.write:
  call dispi_write
  inc bx
  cmp bx, dispi_saved + 8
  jb .register
.restored:
  clc
  ret

restore_hardware:
  mov si, di
  mov al, [es:si + 2]
  mov dx, MISC_WRITE
  out dx, al
  mov dx, 0x3d4
  test al, 1
  jnz .colour
  mov dl, 0xb4
.colour:
  push dx
  add dl, 6
  mov al, [es:si + 3]
  out dx, al
  add di, 8
  mov dx, SEQUENCER
  mov cx, 5
  call restore_indexed
  pop dx
  push dx
  mov ax, 0x0011
  out dx, ax
  mov cx, 25
  call restore_indexed
  mov dx, GRAPHICS
  mov cx, 9
  call restore_indexed
  pop dx
  push dx
  add dl, 6
  in al, dx
  mov dx, ATTRIBUTE
  mov cx, 21
  xor bl, bl
.attribute:
  mov al, bl
  out dx, al
  mov al, [es:di]
  inc di
  out dx, al
  inc bl
  loop .attribute
  mov al, [es:si + 7]
  out dx, al
  mov dx, SEQUENCER
  mov al, [es:si + 4]
  out dx, al
  mov dx, GRAPHICS
  mov al, [es:si + 5]
  out dx, al
  pop dx
  mov al, [es:si + 6]
  out dx, al
  add dl, 6
  in al, dx
  ret
