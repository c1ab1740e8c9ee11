; Functions 12h, alternate select, and 1Ah, display combination.

configuration_function:
  cmp bl, 0x10
  je .information
  sub bl, 0x30
  jb .unknown
  cmp bl, 6
  ja .unknown
  movzx si, bl
  add si, si
  cmp al, 1
  ja .more
  jmp [cs:si + .functions]
.more:                                  ; only 30h knows AL above 1
  cmp bl, 0
  je .scan_lines
.unknown:
  ret

  align 2, db 0
.functions: dw .scan_lines, .palette, .addressing, .greys, .cursor, .unknown, .screen

.information:
  mov bx, 0x0003                        ; colour, 256 KiB
  test byte [CRTC_PORT], 0x40
  jnz .colour
  inc bh
.colour:
  mov [bp + cBX], bx
  mov al, [SWITCHES]
  mov ah, al
  and al, 0x0f
  shr ah, 4
  mov [bp + cCX], ax
  ret

.scan_lines:                            ; 0, 1, 2: 200, 350, 400, at the next mode set
  cmp al, 2
  ja .unknown
  mov ah, [MODE_OPTIONS]
  and ah, ~0x90
  cmp al, 1
  je .set_lines
  mov bl, 0x80
  jb .other_lines
  mov bl, 0x10
.other_lines:
  or ah, bl
.set_lines:
  mov [MODE_OPTIONS], ah
.supported:
  mov byte [bp + cAL], 0x12
  ret

.palette:                               ; 0: modes load their palette
  mov cl, 3
  jmp .option
.greys:                                 ; 0: summing on
  mov cl, 1
  xor al, 1
.option:
  mov ah, 1
  shl ah, cl
  shl al, cl
  not ah
  and [MODE_OPTIONS], ah
  or [MODE_OPTIONS], al
  jmp .supported

.addressing:                            ; 0: the processor sees display memory
  mov dx, MISC_READ
  mov cl, al
  in al, dx
  or al, 2
  shl cl, 1
  xor al, cl
  mov dl, MISC_WRITE & 0xff
  out dx, al
  jmp .supported

.cursor:                                ; 0: emulation on
  and byte [VIDEO_CONTROL], ~1
  or [VIDEO_CONTROL], al
  jmp .supported

.screen:                                ; 0: on
  mov cl, al
  shl cl, 5
  mov dx, SEQUENCER
  mov al, 1
  out dx, al
  inc dx
  in al, dx
  and al, ~0x20
  or al, cl
  out dx, al
  jmp .supported

; Display combination codes: 0 none, 1 MDA, 2 CGA, 4 EGA, 5 EGA mono, 6 PGC, 7 VGA mono, 8 VGA.
display_combinations:
  db (display_combinations.end - .codes) / 2, 1, 8, 0
.codes:
  db 0, 0, 0, 1, 0, 2, 2, 1, 0, 4, 4, 1, 0, 5, 2, 5, 0, 6, 1, 6, 5, 6, 0, 8, 1, 8, 0, 7, 2, 7, 6, 7
display_combinations.end:
COMBINATION_VGA equ 11                  ; 0, 8

combination_function:
  cmp al, 1
  ja .done
  je .set
  call combination
  mov [bp + cBX], bx
.supported:
  mov byte [bp + cAL], 0x1a
.done:
  ret
.set:
  xchg bl, bh
  xor si, si
.next:
  cmp [cs:si + display_combinations.codes], bx
  je .found
  xchg bl, bh
  cmp [cs:si + display_combinations.codes], bx
  je .found
  xchg bl, bh
  add si, 2
  cmp si, 32
  jb .next
  jmp .supported
.found:
  mov ax, si
  shr al, 1
  mov [DISPLAY_COMBINATION], al
  jmp .supported

; BL = active display's code, BH = the other's.
combination:
  movzx si, byte [DISPLAY_COMBINATION]
  mov bx, 0xffff
  cmp si, 16
  jae .done
  add si, si
  mov bx, [cs:si + display_combinations.codes]
  xchg bl, bh                           ; the VGA's half is the second in all entries that it is in
.done:
  ret
