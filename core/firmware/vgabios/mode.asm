; Function 00h, set mode, and 0Fh, get mode. A mode is a 64-byte entry of the parameter table, a palette and a font.

; Fields of an entry
pCOLUMNS equ 0
pLAST_ROW equ 1
pHEIGHT equ 2
pPAGE_BYTES equ 3
pSEQUENCER equ 5
pMISC equ 9
pCRTC equ 10
pATTRIBUTE equ 35
pGRAPHICS equ 55
PARAMETER_BYTES equ 64

get_mode:
  mov al, [VIDEO_CONTROL]
  and al, 0x80
  or al, [MODE]
  mov [bp + cAL], al
  mov al, [COLUMNS]
  mov [bp + cAH], al
  mov al, [ACTIVE_PAGE]
  mov [bp + cBH], al
  ret

set_mode:
  mov dl, al
  and al, 0x7f
  cmp al, 0x13
  ja .unknown
  cmp al, 8
  jb .known
  cmp al, 0x0d
  jb .unknown
.known:
  mov ah, dl
  and ah, 0x80
  call enter_mode
  mov al, [MODE]                        ; some callers look at AL: 30h from text modes, 3Fh from mode 6, 20h from later ones
  mov byte [bp + cAL], 0x30
  cmp al, 6
  jb .unknown
  mov byte [bp + cAL], 0x3f
  je .unknown
  mov byte [bp + cAL], 0x30
  cmp al, 7
  je .unknown
  mov byte [bp + cAL], 0x20
.unknown:
  ret

; Enters mode AL (a known one); AH bit 7: memory is kept.
enter_mode:
  mov [MODE], al
  and byte [VIDEO_CONTROL], 0x7f
  or [VIDEO_CONTROL], ah
  push ax
  mov ax, DISPI_ENABLE
  xor cx, cx
  call dispi_write
  pop ax
  call find_parameters                  ; SI
  push si
  call load_registers
  pop si
  test byte [MODE_OPTIONS], 8
  jnz .palette_kept
  push si
  call load_mode_palette
  pop si
.palette_kept:
  push si
  call clear_memory
  pop si
  call init_bda
  push si
  call load_mode_font
  pop si
  push si
  call mode_class
  cmp si, CLASS_TEXT
  pop si
  jne .cursor_done
  mov ch, [cs:si + pCRTC + 0x0a]
  mov cl, [cs:si + pCRTC + 0x0b]
  call put_cursor_shape
.cursor_done:
  call screen_on
  ret

; SI = parameters of mode [MODE], for as many scan lines as text modes shall have.
find_parameters:
  movzx si, byte [MODE]
  mov al, [cs:si + parameter_numbers]
  cmp si, 7
  ja .found
  je .mono
  cmp si, 3
  ja .found
  test byte [MODE_OPTIONS], 0x80        ; 200 lines
  jnz .found
  test byte [MODE_OPTIONS], 0x10
  jnz .lines400
  add al, 0x13                          ; 350 lines
  jmp .found
.lines400:
  shr al, 1                             ; one entry for both of 0, 1 and of 2, 3
  add al, 0x17
  jmp .found
.mono:
  test byte [MODE_OPTIONS], 0x10
  jz .found
  mov al, 0x19
.found:
  mov ah, PARAMETER_BYTES
  mul ah
  add ax, mode_parameters
  mov si, ax
  ret

parameter_numbers:
  db 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x0d, 0x0e, 0x11, 0x12, 0x1a, 0x1b, 0x1c

; Writes all registers of entry SI, with the screen dark. Sets [CRTC_PORT]. The palette source stays off.
load_registers:
  mov dx, 0x3da
  in al, dx
  mov dl, 0xba
  in al, dx
  mov dx, ATTRIBUTE
  xor al, al
  out dx, al                            ; screen off
  outw SEQUENCER, 0, 1                  ; reset
  lea di, [si + pSEQUENCER]
  mov ah, 1
  mov al, [cs:di]
  or al, 0x20
  xchg al, ah
  out dx, ax
  mov cx, 3
  mov bx, 2
  mov dx, SEQUENCER
.sequencer:
  mov al, bl
  mov ah, [cs:di + bx - 1]
  out dx, ax
  inc bx
  loop .sequencer
  mov dx, MISC_WRITE
  mov al, [cs:si + pMISC]
  out dx, al
  outw SEQUENCER, 0, 3
  mov dx, 0x3d4
  test byte [cs:si + pMISC], 1
  jnz .colour
  mov dl, 0xb4
.colour:
  mov [CRTC_PORT], dx
  mov ax, 0x0011                        ; registers 0 to 7 are protected
  out dx, ax
  xor bx, bx
.crtc:
  mov al, bl
  mov ah, [cs:si + bx + pCRTC]
  out dx, ax
  inc bx
  cmp bx, 25
  jb .crtc
  mov dx, GRAPHICS
  xor bx, bx
.graphics:
  mov al, bl
  mov ah, [cs:si + bx + pGRAPHICS]
  out dx, ax
  inc bx
  cmp bx, 9
  jb .graphics
  mov dx, [CRTC_PORT]
  add dl, 6
  in al, dx
  mov dx, ATTRIBUTE
  mov cx, 16
  xor bx, bx
  test byte [MODE_OPTIONS], 8
  jz .attribute
  mov bx, 16                            ; the palette is kept
.attribute:
  mov al, bl
  out dx, al
  mov al, [cs:si + bx + pATTRIBUTE]
  out dx, al
  inc bx
  cmp bx, 20
  jb .attribute
  mov al, 0x14
  out dx, al
  xor al, al
  out dx, al
  mov dx, DAC_MASK
  mov al, 0xff
  out dx, al
  ret

screen_on:
  mov dx, [CRTC_PORT]
  add dl, 6
  in al, dx
  mov dx, ATTRIBUTE
  mov al, 0x20
  out dx, al
  call attribute_reset
  mov dx, SEQUENCER
  mov al, 1
  out dx, al
  inc dx
  in al, dx
  and al, ~0x20
  out dx, al
  ret

; Fills display memory with what is blank in the mode, unless it shall be kept.
clear_memory:
  test byte [VIDEO_CONTROL], 0x80
  jnz .kept
  call mode_class
  mov bx, 0xa000
  mov cx, 0x4000                        ; dwords
  push eax
  xor eax, eax
  cmp si, CLASS_PLANAR
  jae .fill
  mov bh, 0xb8
  mov cx, 0x1000
  cmp si, CLASS_TEXT
  jne .fill
  mov eax, 0x07200720
  cmp byte [MODE], 7
  jne .colour
  mov bh, 0xb0
.colour:
  mov cx, 0x2000
.fill:
  mov es, bx
  xor di, di
  rep stosd
  pop eax
.kept:
  ret

; The BIOS data area for entry SI.
init_bda:
  movzx ax, byte [cs:si + pCOLUMNS]
  mov [COLUMNS], ax
  mov al, [cs:si + pLAST_ROW]
  mov [LAST_ROW], al
  mov al, [cs:si + pHEIGHT]
  mov [CHAR_HEIGHT], ax
  mov ax, [cs:si + pPAGE_BYTES]
  mov [PAGE_BYTES], ax
  xor ax, ax
  mov [PAGE_START], ax
  mov [ACTIVE_PAGE], al
  push ds
  pop es
  mov di, CURSORS
  mov cx, 8
  rep stosw
  movzx bx, byte [MODE]
  mov ax, 0x3020
  cmp bl, 7
  ja .later
  mov al, [cs:bx + mode_selects]
  cmp bl, 6
  jne .later
  mov ah, 0x3f
.later:
  mov [MODE_SELECT], ax
  mov al, [EQUIPMENT]
  and al, ~0x30
  or al, 0x20
  test byte [CRTC_PORT], 0x40
  jnz .colour
  or al, 0x10
.colour:
  mov [EQUIPMENT], al
  ret

mode_selects:
  db 0x2c, 0x28, 0x2d, 0x29, 0x2a, 0x2e, 0x1e, 0x29

; The mode's font: into block 0 of display memory for text, behind INT 43h for graphics. INT 1Fh is the upper half of 8x8.
load_mode_font:
  call mode_class
  mov al, [CHAR_HEIGHT]
  cmp si, CLASS_TEXT
  jne .graphics
  xor bl, bl
  call load_rom_font
  outw SEQUENCER, 3, 0                  ; both of the character's fonts are block 0
  mov bx, font_8x8
  jmp set_font_vector
.graphics:
  call rom_font
  mov bx, si

; INT 43h = CS:BX, and INT 1Fh.
set_font_vector:
  push ds
  xor ax, ax
  mov ds, ax
  mov [VECTOR_43], bx
  mov [VECTOR_43 + 2], cs
  mov word [VECTOR_1F], font_8x8 + 128 * 8
  mov [VECTOR_1F + 2], cs
  pop ds
  ret
