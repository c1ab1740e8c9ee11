; The PS/2 mouse: INT 15h C2xxh and its interrupt, INT 74h (IBM PS/2 BIOS Interface Technical Reference). The driver's routine and the
; packet so far are in the extended BIOS data area.

MF2_HANDLER     equ 0x80

mouse_init:
        push    es
        mov     ax, EBDA_SEG
        mov     es, ax
        mov     word [es:E_MOUSE_FLAGS1], 0
        mov     byte [es:E_MOUSE_FLAGS2], 0x02
        in      al, 0x21
        and     al, 0xFB
        out     0x21, al
        in      al, 0xA1
        and     al, 0xEF
        out     0xA1, al
        pop     es
        ret

; Both devices quiet while we talk to the mouse: their bytes are for us.
mouse_begin:
        cli
        mov     al, 0x20
        call    kbc_command
        call    kbc_reply
        mov     [bp + R_GS - 2], al
        and     al, 0xDC                ; no interrupts; the mouse's port on
        or      al, 0x10
        push    ax
        mov     al, 0x60
        call    kbc_command
        pop     ax
        call    kbc_data
        ret

; ... and as they were, with the mouse's interrupt (AH = 2) or without (AH = 0).
mouse_end:
        mov     al, 0x60
        call    kbc_command
        mov     al, [bp + R_GS - 2]
        and     al, 0xCD
        or      al, ah
        call    kbc_data
        ret

; Sends AL to the mouse; AL = its answer, or CF.
mouse_send:
        push    ax
        mov     al, 0xD4
        call    kbc_command
        pop     ax
        call    kbc_data
mouse_receive:
        push    ecx
        mov     ecx, 0x10000
.wait:  in      al, 0x64
        test    al, 1
        jz      .again
        test    al, 0x20
        jnz     .there
        in      al, 0x60                ; a key that came before: lost
.again:
        dec     ecx
        jnz     .wait
        pop     ecx
        stc
        ret
.there: in      al, 0x60
        pop     ecx
        clc
        ret

; Sends AL and wants an acknowledgement. CF if it does not come.
mouse_ask:
        call    mouse_send
        jc      .out
        cmp     al, 0xFA
        je      .out
        stc
.out:
        ret

int15_mouse:
        push    ax                      ; room for the command byte, at [bp + R_GS - 2]
        mov     ax, EBDA_SEG
        mov     ds, ax
        mov     al, [bp + R_AL]
        cmp     al, 9
        ja      .bad
        movzx   bx, al
        add     bx, bx
        jmp     [cs:.functions + bx]
.functions:
        dw .enable, .reset, .rate, .resolution, .type, .initialize, .extended, .handler, .bad, .bad

.enable:
        mov     bh, [bp + R_BH]
        cmp     bh, 1
        ja      .bad_value
        je      .on
        call    mouse_begin
        mov     al, 0xF5
        call    mouse_ask
        mov     ah, 0
        jmp     .end
.on:
        test    byte [E_MOUSE_FLAGS2], MF2_HANDLER
        jz      .no_handler
        and     byte [E_MOUSE_FLAGS1], 0xF8
        call    mouse_begin
        mov     al, 0xF4
        call    mouse_ask
        mov     ah, 2
.end:
        pushf
        call    mouse_end
        popf
        jc      .interface
.ok:
        mov     byte [bp + R_AH], 0
.out:
        mov     sp, bp
        LEAVE_SERVICE

.initialize:
        mov     bh, [bp + R_BH]
        cmp     bh, 1
        jb      .bad_value
        cmp     bh, 8
        ja      .bad_value
        dec     bh
        mov     bl, [E_MOUSE_FLAGS2]
        and     bl, 0xF8
        or      bl, bh
        mov     [E_MOUSE_FLAGS2], bl
        and     byte [E_MOUSE_FLAGS1], 0xF8
.reset:
        call    mouse_begin
        mov     al, 0xFF
        call    mouse_ask
        jc      .none
        call    mouse_receive
        jc      .none
        mov     bl, al
        call    mouse_receive
        jc      .none
        mov     bh, al
        mov     ah, 0
        call    mouse_end
        mov     [bp + R_BX], bx
        jmp     .ok
.none:
        mov     ah, 0
        call    mouse_end
        jmp     .interface

.rate:
        movzx   bx, byte [bp + R_BH]
        cmp     bl, 6
        ja      .bad_value
        mov     bl, [cs:.rates + bx]
        mov     bh, 0xF3
        jmp     .set
.rates: db 10, 20, 40, 60, 80, 100, 200
.resolution:
        mov     bl, [bp + R_BH]
        cmp     bl, 3
        ja      .bad_value
        mov     bh, 0xE8
.set:
        call    .was_on
        call    mouse_begin
        mov     al, bh
        call    mouse_ask
        jc      .set_done
        mov     al, bl
        call    mouse_ask
.set_done:
        call    .restore
        jc      .interface
        jmp     .ok

.type:
        call    .was_on
        call    mouse_begin
        mov     al, 0xF2
        call    mouse_ask
        jc      .set_done
        call    mouse_receive
        jc      .set_done
        mov     [bp + R_BH], al
        jmp     .set_done

.extended:
        mov     bl, [bp + R_BH]
        cmp     bl, 2
        ja      .bad_value
        je      .scale2
        cmp     bl, 1
        je      .scale1
        call    .was_on
        call    mouse_begin
        mov     al, 0xE9
        call    mouse_ask
        jc      .set_done
        call    mouse_receive
        jc      .set_done
        mov     [bp + R_BL], al
        call    mouse_receive
        jc      .set_done
        mov     [bp + R_CL], al
        call    mouse_receive
        jc      .set_done
        mov     [bp + R_DL], al
        jmp     .set_done
.scale1:
        mov     bx, 0xE6E6
        jmp     .scale
.scale2:
        mov     bx, 0xE7E7
.scale:
        call    .was_on
        call    mouse_begin
        mov     al, bh
        call    mouse_ask
        jmp     .set_done

.handler:
        mov     ax, [bp + R_BX]
        mov     [E_MOUSE_CALL], ax
        mov     bx, [bp + R_ES]
        mov     [E_MOUSE_CALL + 2], bx
        or      ax, bx
        jz      .take_away
        or      byte [E_MOUSE_FLAGS2], MF2_HANDLER
        jmp     .ok
.take_away:
        and     byte [E_MOUSE_FLAGS2], ~MF2_HANDLER
        jmp     .ok

.bad:
        mov     al, 1
        jmp     .fail
.bad_value:
        mov     al, 2
        jmp     .fail
.interface:
        mov     al, 3
        jmp     .fail
.no_handler:
        mov     al, 5
.fail:
        mov     [bp + R_AH], al
        or      byte [bp + R_FLAGS], CF
        jmp     .out

; CH = the interrupt bit of the command byte now, for .restore, which keeps CF.
.was_on:
        pushf
        cli
        mov     al, 0x20
        call    kbc_command
        call    kbc_reply
        and     al, 2
        mov     ch, al
        popf
        ret
.restore:
        pushf
        mov     ah, ch
        call    mouse_end
        popf
        ret

; A byte of the mouse; a packet of them goes to the driver as four words: status, x, y, 0.
int74:
        ENTER_SERVICE
        mov     ax, EBDA_SEG
        mov     ds, ax
        in      al, 0x64
        and     al, 0x21
        cmp     al, 0x21
        jne     .done
        in      al, 0x60
        test    byte [E_MOUSE_FLAGS2], MF2_HANDLER
        jz      .done
        movzx   bx, byte [E_MOUSE_FLAGS1]
        and     bx, 7
        mov     [E_MOUSE_DATA + bx], al
        inc     byte [E_MOUSE_FLAGS1]
        mov     al, [E_MOUSE_FLAGS2]
        and     al, 7
        cmp     bl, al
        jb      .done
        and     byte [E_MOUSE_FLAGS1], 0xF8
        movzx   ax, byte [E_MOUSE_DATA]
        push    ax
        mov     al, [E_MOUSE_DATA + 1]
        push    ax
        mov     al, [E_MOUSE_DATA + 2]
        push    ax
        mov     al, 0
        cmp     byte [E_MOUSE_FLAGS2], MF2_HANDLER | 3
        jb      .three
        mov     al, [E_MOUSE_DATA + 3]
.three:
        push    ax
        mov     al, 0x20                ; drivers take their time, and may enable interrupts
        out     0xA0, al
        out     0x20, al
        call    far [E_MOUSE_CALL]
        cli
        mov     sp, bp
        LEAVE_SERVICE
.done:
        cli
        mov     al, 0x20
        out     0xA0, al
        out     0x20, al
        LEAVE_SERVICE
