; INT 10h: saves the caller's registers where functions can change them, and calls the function for AH.
; A function finds AX to DI as the caller had them but for SI, ES too, DS = the BIOS data area, CLD done, and may change all.

int10:
  cld
  push ds
  push es
  pusha
  mov bp, sp
  sub sp, LOCALS
  push BDA_SEG
  pop ds
  cmp ah, 0x1c
  ja .vbe
  movzx si, ah
  add si, si
  call [cs:si + functions]
.done:
  mov sp, bp
  popa
  pop es
  pop ds
  iret
.vbe:
  cmp ah, 0x4f
  jne .done
  cmp al, 0x15
  ja .unknown
  movzx si, al
  add si, si
  pushad                                ; these use the upper halves
  call [cs:si + vbe_functions]          ; gives the status in AX
  mov [bp + cAX], ax
  popad
  jmp .done
.unknown:
  mov byte [bp + cAH], 1
  jmp .done

  align 2, db 0
functions:
  dw set_mode, set_cursor_shape, set_cursor, get_cursor
  dw no_light_pen, set_page, scroll_up, scroll_down
  dw read_character, write_cells, write_characters, set_cga_colours
  dw write_pixel, read_pixel, teletype, get_mode
  dw palette_function, font_function, configuration_function, write_string
  dw nothing, nothing, nothing, nothing
  dw nothing, nothing, combination_function, state_information
  dw state_function

no_light_pen:
  mov byte [bp + cAH], 0
nothing:
  ret

; Class of the current mode: CLASS_* in SI. A VBE mode has CLASS_NONE.
mode_class:
  movzx si, byte [MODE]
  cmp si, 0x13
  ja .none
  movzx si, byte [cs:si + classes]
  ret
.none:
  mov si, CLASS_NONE
  ret
classes:
  db CLASS_TEXT, CLASS_TEXT, CLASS_TEXT, CLASS_TEXT, CLASS_CGA4, CLASS_CGA4, CLASS_CGA2, CLASS_TEXT
  db CLASS_NONE, CLASS_NONE, CLASS_NONE, CLASS_NONE, CLASS_NONE
  db CLASS_PLANAR, CLASS_PLANAR, CLASS_PLANAR, CLASS_PLANAR, CLASS_PLANAR, CLASS_PLANAR, CLASS_BYTES

; Segment of text memory in AX.
text_segment:
  mov ax, 0xb800
  cmp byte [MODE], 7
  jne .colour
  mov ah, 0xb0
.colour:
  ret

; dispi register AL: read into AX, or write CX. Other registers stay.
dispi_read:
  push dx
  mov dx, DISPI_INDEX
  xor ah, ah
  out dx, ax
  inc dx
  in ax, dx
  pop dx
  ret
dispi_write:
  push dx
  push ax
  mov dx, DISPI_INDEX
  xor ah, ah
  out dx, ax
  inc dx
  mov ax, cx
  out dx, ax
  pop ax
  pop dx
  ret
