; Function 1Bh, state information.

state_information:                      ; 64 bytes to ES:DI
  test bx, bx
  jnz .done
  mov ax, static_functionality
  stosw
  mov ax, cs
  stosw
  mov si, MODE                          ; 49h to 66h
  mov cx, 30
  rep movsb
  mov al, [LAST_ROW]
  inc ax
  stosb
  mov ax, [CHAR_HEIGHT]
  stosw
  call combination
  mov ax, bx
  stosw
  movzx bx, byte [MODE]
  cmp bl, 0x13
  jbe .known
  mov bl, 0x13
.known:
  movzx ax, byte [cs:bx + mode_colours]
  shl ax, 1                             ; 256 does not fit a byte
  stosw
  mov al, 1                             ; pages: what fits 32 KiB of text, or 64 KiB a plane in pages that divide it
  mov cx, [PAGE_BYTES]
  jcxz .pages
  mov al, [cs:bx + mode_pages]
.pages:
  stosb
  mov al, 2                             ; scan lines: 200, 350, 400, 480
  cmp bl, 0x11
  je .lines480
  cmp bl, 0x12
  je .lines480
  cmp bl, 0x0f
  je .lines350
  cmp bl, 0x10
  je .lines350
  cmp bl, 7
  je .text
  cmp bl, 3
  ja .lines200
.text:
  test byte [MODE_OPTIONS], 0x80
  jnz .lines200
  test byte [MODE_OPTIONS], 0x10
  jnz .lines
.lines350:
  mov al, 1
  jmp .lines
.lines200:
  mov al, 0
  jmp .lines
.lines480:
  mov al, 3
.lines:
  stosb
  mov dx, SEQUENCER                     ; font blocks of characters without and with attribute bit 3
  mov al, 3
  out dx, al
  inc dx
  in al, dx
  mov ah, al
  and al, 0x13
  test al, 0x10
  jz .block_b
  xor al, 0x14
.block_b:
  stosb
  mov al, ah
  shr al, 2
  and al, 3
  test ah, 0x20
  jz .block_a
  or al, 4
.block_a:
  stosb
  mov al, [MODE_OPTIONS]
  and al, 0x0e                          ; grey summing, monochrome, palette kept: bits 1, 2, 3 here too
  or al, 1
  test byte [VIDEO_CONTROL], 1
  jnz .no_emulation
  or al, 0x10
.no_emulation:
  test byte [MODE_SELECT], 0x20
  jz .no_blinking
  or al, 0x20
.no_blinking:
  stosb
  xor ax, ax
  stosb
  stosw
  mov al, 3                             ; 256 KiB
  stosb
  mov al, 0x20                          ; display combination extension
  stosb
  mov cx, 13
  xor al, al
  rep stosb
  mov byte [bp + cAL], 0x1b
.done:
  ret

mode_colours:                           ; halved
  db 8, 8, 8, 8, 2, 2, 1, 0, 0, 0, 0, 0, 0, 8, 8, 0, 8, 1, 8, 128
mode_pages:
  db 8, 8, 8, 8, 1, 1, 1, 8, 1, 1, 1, 1, 1, 8, 4, 2, 2, 1, 1, 1
static_functionality:
  db 0xff, 0xe0, 0x0f, 0, 0, 0, 0       ; modes 0-7, 0Dh-13h
  db 0x07                               ; 200, 350, 400 lines of text
  db 2, 8                               ; two fonts at once, of eight
  db 0xff, 0x0e                         ; all of palette, fonts, cursor; save, blinking, combination
  dw 0
  db 0x20, 0
