; Functions 08h, 09h, 0Ah, 0Eh, 13h: characters at the cursor, teletype, strings. Graphics modes draw them (glyph.asm).

read_character:
  call mode_class
  cmp si, CLASS_TEXT
  jne read_glyph
  call cursor_place
  call cell_offset
  call text_segment
  mov es, ax
  mov ax, [es:di]
  mov [bp + cAX], ax
  ret

write_cells:                            ; AL, CX times, with attribute BL on page BH
  mov byte [bp + vFLAGS], 1
  jmp write_repeated
write_characters:                       ; attributes as they are
  mov byte [bp + vFLAGS], 0
write_repeated:
  jcxz .done
  call mode_class
  call cursor_place
  cmp si, CLASS_TEXT
  jne .graphics
  push ax
  call cell_offset
  call text_segment
  mov es, ax
  pop ax
  test byte [bp + vFLAGS], 1
  jz .characters
  mov ah, bl
  rep stosw
  ret
.characters:
  stosb
  inc di
  loop .characters
.done:
  ret
.graphics:
  mov [bp + vPAGE], bh
  mov byte [bp + vPAGE + 1], 0
  cmp si, CLASS_BYTES                   ; BH is the background there, and the page is 0
  jne .draw
  mov dx, [CURSORS]
.draw:
  call draw_glyph
  inc dl
  cmp dl, [COLUMNS]
  jae .done
  loop .draw
  ret

teletype:                               ; AL to the page shown, whatever BH says: many callers leave it undefined
  mov bh, [ACTIVE_PAGE]
  mov byte [bp + vFLAGS], 0
  call cursor_place
  call put_teletype
  jmp move_cursor

; AL at DX of page BH, with attribute BL if vFLAGS bit 0, BL being the colour in graphics. DX goes on; the page scrolls if it must.
put_teletype:
  cmp al, 0x0d
  je .return
  cmp al, 0x0a
  je .line_feed
  cmp al, 0x08
  je .back
  cmp al, 0x07
  je .done
  call put_character
  inc dl
  cmp dl, [COLUMNS]
  jb .done
  xor dl, dl
.line_feed:
  inc dh
  cmp dh, [LAST_ROW]
  jbe .done
  mov dh, [LAST_ROW]
  pusha
  push es
  mov [bp + vPAGE], bh
  mov byte [bp + vPAGE + 1], 0
  call mode_class
  mov bl, 0
  cmp si, CLASS_TEXT
  jne .scroll
  call cell_offset                      ; new lines look like where the cursor was
  call text_segment
  mov es, ax
  mov bl, [es:di + 1]
.scroll:
  mov bh, bl
  mov ax, 0x0601
  xor cx, cx
  mov dl, [COLUMNS]
  dec dl
  mov dh, [LAST_ROW]
  call scroll
  pop es
  popa
.done:
  ret
.return:
  xor dl, dl
  ret
.back:
  sub dl, 1
  adc dl, 0
  ret

; AL at DX of page BH; nothing changes but the screen.
put_character:
  pusha
  push es
  call mode_class
  cmp si, CLASS_TEXT
  jne .graphics
  push ax
  call cell_offset
  call text_segment
  mov es, ax
  pop ax
  mov [es:di], al
  test byte [bp + vFLAGS], 1
  jz .done
  mov [es:di + 1], bl
.done:
  pop es
  popa
  ret
.graphics:
  mov [bp + vPAGE], bh
  mov byte [bp + vPAGE + 1], 0
  mov bh, 0                             ; the background, where a mode has one
  call draw_glyph
  jmp .done

; AL bit 0: the cursor goes along, bit 1: attributes are in the string; BH page, BL attribute, CX characters at ES:BP, DX place.
write_string:
  mov ah, al
  or al, 1
  mov [bp + vFLAGS], al
  mov [bp + vSCRATCH], ah
  mov si, [bp + cBP]
  jcxz .done
.next:
  mov al, [es:si]
  inc si
  test byte [bp + vFLAGS], 2
  jz .put
  mov bl, [es:si]
  inc si
.put:
  push si
  call put_teletype
  pop si
  loop .next
  test byte [bp + vSCRATCH], 1
  jnz move_cursor
.done:
  ret
