; Functions 01h, 02h, 03h, 05h: cursor shape and place, display page.

set_cursor_shape:
put_cursor_shape:                       ; CH, CL = first, last line
  mov [CURSOR_SHAPE], cx
  call mode_class
  cmp si, CLASS_TEXT
  jne .write
  test byte [VIDEO_CONTROL], 1
  jnz .write
  test ch, 0x20                         ; off
  jnz .write
  mov bl, [CHAR_HEIGHT]
  cmp bl, 8
  jbe .write
  cmp ch, 8
  jae .write
  cmp cl, 8
  jae .write
  cmp ch, cl
  ja .write
  ; Lines of an 8-line cell: those at the bottom keep their distance from it (one line less than an underline takes), others scale.
  cmp ch, 5
  jb .scale
  sub bl, 9
  add ch, bl
  add cl, bl
  jmp .write
.scale:
  mov al, ch
  mul bl
  shr ax, 3
  mov ch, al
  mov al, cl
  inc al
  mul bl
  shr ax, 3
  dec ax
  mov cl, al
.write:
  mov dx, [CRTC_PORT]
  mov al, 0x0a
  mov ah, ch
  out dx, ax
  mov al, 0x0b
  mov ah, cl
  out dx, ax
  ret

set_cursor:
; Cursor of page BH to DX.
move_cursor:
  movzx bx, bh
  cmp bl, 8
  jae .done
  mov di, bx
  add di, di
  mov [di + CURSORS], dx
  cmp bl, [ACTIVE_PAGE]
  jne .done
  mov bh, bl
show_cursor:                            ; DX = place, BH = page
  call cell_offset
  mov cx, di
  shr cx, 1
  mov dx, [CRTC_PORT]
  mov al, 0x0e
  mov ah, ch
  out dx, ax
  mov al, 0x0f
  mov ah, cl
  out dx, ax
move_cursor.done:
  ret

; DI = offset in text memory of place DX of page BH. Changes AX.
cell_offset:
  movzx ax, bh
  push dx
  mul word [PAGE_BYTES]
  pop dx
  mov di, ax
  mov al, [COLUMNS]
  mul dh
  add al, dl
  adc ah, 0
  add ax, ax
  add di, ax
  ret

; DX = place of the cursor of page BH.
cursor_place:
  push bx
  mov bl, bh
  and bx, 7
  add bx, bx
  mov dx, [bx + CURSORS]
  pop bx
  ret

get_cursor:
  call cursor_place
  mov [bp + cDX], dx
  mov ax, [CURSOR_SHAPE]
  mov [bp + cCX], ax
  ret

set_page:                               ; AL
  cmp al, 8
  jae .done
  mov [ACTIVE_PAGE], al
  mov bh, al
  xor ah, ah
  mul word [PAGE_BYTES]
  mov [PAGE_START], ax
  mov cx, ax
  cmp byte [MODE], 7                    ; the CRT controller counts words where memory is seen through pairs of planes
  ja .bytes
  shr cx, 1
.bytes:
  mov dx, [CRTC_PORT]
  mov al, 0x0c
  mov ah, ch
  out dx, ax
  mov al, 0x0d
  mov ah, cl
  out dx, ax
  call cursor_place
  jmp show_cursor
.done:
  ret
