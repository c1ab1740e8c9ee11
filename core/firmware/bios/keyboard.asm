; The keyboard: controller set-up, INT 09h (scan code set 1 to BIOS keystrokes, flags, Ctrl+Alt+Del) and INT 16h.

KF_RSHIFT       equ 0x01
KF_LSHIFT       equ 0x02
KF_CTRL         equ 0x04
KF_ALT          equ 0x08
KF_SCROLL       equ 0x10
KF_NUM          equ 0x20
KF_CAPS         equ 0x40
KF_INSERT       equ 0x80
KF3_E1          equ 0x01
KF3_E0          equ 0x02
KF3_RCTRL       equ 0x04
KF3_RALT        equ 0x08

kbc_ready:                              ; waits until the controller takes a byte
        push    ax
        push    cx
        xor     cx, cx
.wait:  in      al, 0x64
        test    al, 2
        loopnz  .wait
        pop     cx
        pop     ax
        ret

kbc_command:                            ; AL
        call    kbc_ready
        out     0x64, al
        ret

kbc_data:                               ; AL
        call    kbc_ready
        out     0x60, al
        ret

kbc_reply:                              ; AL = a byte of the controller or a device, or CF
        push    ecx
        mov     ecx, 0x30000
.wait:  in      al, 0x64
        test    al, 1
        jnz     .there
        dec     ecx
        jnz     .wait
        pop     ecx
        stc
        ret
.there: in      al, 0x60
        pop     ecx
        clc
        ret

keyboard_init:
        pushf
        cli
        mov     cx, 32
.drain: in      al, 0x64
        test    al, 1
        jz      .empty
        in      al, 0x60
        loop    .drain
.empty:
        mov     al, 0xAA                ; self-test
        call    kbc_command
        call    kbc_reply
        jc      .out
        mov     al, 0x60                ; both interrupts off, both ports on, no translation: talk to the keyboard
        call    kbc_command
        mov     al, 0x24
        call    kbc_data
        mov     al, 0xF4
        call    kbc_data
        call    kbc_reply
        mov     al, 0x60                ; interrupts, translation, mouse off
        call    kbc_command
        mov     al, 0x65
        call    kbc_data
.out:
        popf
        ret

int09:
        ENTER_SERVICE
        mov     ax, BDA
        mov     ds, ax
        in      al, 0x64
        and     al, 0x21
        cmp     al, 0x01
        jne     .done
        in      al, 0x60
        mov     ah, 0x4F                ; a program may swallow or change the key
        stc
        int     0x15
        jnc     .done
        call    key_event
.done:
        cli
        mov     al, 0x20
        out     0x20, al
        LEAVE_SERVICE

; AL = scan code; DS = BDA.
key_event:
        mov     ah, [B_KB_FLAGS3]
        cmp     al, 0xE0
        je      .e0
        cmp     al, 0xE1
        je      .e1
        cmp     al, 0xFA
        je      .drop
        cmp     al, 0xFE
        je      .drop
        test    ah, KF3_E1
        jnz     .pause
        mov     bl, al
        and     bl, 0x7F                ; BL = key, AL bit 7: released
        cmp     bl, 0x2A
        je      .lshift
        cmp     bl, 0x36
        je      .rshift
        cmp     bl, 0x1D
        je      .ctrl
        cmp     bl, 0x38
        je      .alt
        cmp     bl, 0x3A
        je      .caps
        cmp     bl, 0x45
        je      .num
        cmp     bl, 0x46
        je      .scroll
        cmp     bl, 0x52
        je      .insert
        jmp     .key
.e0:
        or      byte [B_KB_FLAGS3], KF3_E0
        ret
.e1:
        or      byte [B_KB_FLAGS3], KF3_E1
.drop:
        ret

.pause:                                 ; E1 1D 45: waits for another key
        and     al, 0x7F
        cmp     al, 0x1D
        je      .drop
        and     byte [B_KB_FLAGS3], ~KF3_E1
        test    byte [B_KB_FLAGS2], 0x08
        jnz     .drop
        or      byte [B_KB_FLAGS2], 0x08
        mov     al, 0x20
        out     0x20, al
        sti
.paused:
        hlt
        test    byte [B_KB_FLAGS2], 0x08
        jnz     .paused
        cli
        ret

.lshift:
        mov     cl, KF_LSHIFT
        jmp     .shift
.rshift:
        mov     cl, KF_RSHIFT
.shift:
        test    ah, KF3_E0              ; E0 2A and E0 36 are made up around grey keys
        jnz     .clear_e0
.modifier:
        test    al, 0x80
        jnz     .release
        or      [B_KB_FLAGS], cl
        jmp     .clear_e0
.release:
        not     cl
        and     [B_KB_FLAGS], cl
        jmp     .clear_e0
.ctrl:
        mov     cx, KF3_RCTRL << 8 | 0x01
        mov     dl, KF_CTRL
        jmp     .sided
.alt:
        mov     cx, KF3_RALT << 8 | 0x02
        mov     dl, KF_ALT
.sided:                                 ; left ones are in FLAGS2, right ones in FLAGS3
        test    ah, KF3_E0
        jnz     .right
        mov     bh, [B_KB_FLAGS2]
        call    .side
        mov     [B_KB_FLAGS2], bh
        jmp     .either
.right:
        mov     cl, ch
        mov     bh, ah
        call    .side
        mov     [B_KB_FLAGS3], bh
.either:
        and     byte [B_KB_FLAGS], ~(KF_CTRL | KF_ALT)
        mov     bh, [B_KB_FLAGS2]
        mov     ah, [B_KB_FLAGS3]
        test    bh, 0x01
        jnz     .is_ctrl
        test    ah, KF3_RCTRL
        jz      .no_ctrl
.is_ctrl:
        or      byte [B_KB_FLAGS], KF_CTRL
.no_ctrl:
        test    bh, 0x02
        jnz     .is_alt
        test    ah, KF3_RALT
        jz      .no_alt
.is_alt:
        or      byte [B_KB_FLAGS], KF_ALT
        jmp     .clear_e0
.no_alt:
        test    dl, KF_ALT
        jz      .clear_e0
        test    al, 0x80
        jz      .clear_e0
        mov     al, [B_KB_ALT]          ; Alt and a number on the keypad
        mov     byte [B_KB_ALT], 0
        or      al, al
        jz      .clear_e0
        xor     ah, ah
        call    key_store
        jmp     .clear_e0
.side:
        test    al, 0x80
        jnz     .side_up
        or      bh, cl
        ret
.side_up:
        not     cl
        and     bh, cl
        not     cl
        ret

.caps:
        mov     cx, 0x40 << 8 | KF_CAPS
        jmp     .lock
.num:
        test    byte [B_KB_FLAGS], KF_CTRL
        jnz     .clear_e0               ; Ctrl+NumLock is Pause on old keyboards: not done
        mov     cx, 0x20 << 8 | KF_NUM
        jmp     .lock
.scroll:
        test    ah, KF3_E0
        jnz     .break
        mov     cx, 0x10 << 8 | KF_SCROLL
.lock:
        test    al, 0x80
        jnz     .lock_up
        test    [B_KB_FLAGS2], ch       ; held down: repeats
        jnz     .clear_e0
        or      [B_KB_FLAGS2], ch
        xor     [B_KB_FLAGS], cl
        call    update_leds
        jmp     .clear_e0
.lock_up:
        not     ch
        and     [B_KB_FLAGS2], ch
        jmp     .clear_e0
.break:                                 ; Ctrl+Break
        test    al, 0x80
        jnz     .clear_e0
        mov     byte [B_BREAK], 0x80
        mov     ax, [B_KB_START]
        mov     [B_KB_HEAD], ax
        mov     [B_KB_TAIL], ax
        int     0x1B
        xor     ax, ax
        call    key_store
        jmp     .clear_e0

.insert:
        test    al, 0x80
        jnz     .insert_up
        test    byte [B_KB_FLAGS2], 0x80
        jnz     .key
        test    byte [B_KB_FLAGS], KF_CTRL | KF_ALT
        jnz     .key
        test    ah, KF3_E0
        jnz     .toggle
        mov     cl, [B_KB_FLAGS]        ; on the keypad it is a digit when NumLock or Shift says so
        test    cl, KF_LSHIFT | KF_RSHIFT
        setnz   ch
        test    cl, KF_NUM
        setnz   cl
        xor     cl, ch
        jnz     .key
.toggle:
        or      byte [B_KB_FLAGS2], 0x80
        xor     byte [B_KB_FLAGS], KF_INSERT
        jmp     .key
.insert_up:
        and     byte [B_KB_FLAGS2], 0x7F
        jmp     .clear_e0

.key:
        test    al, 0x80
        jz      .pressed
        cmp     bl, 0x54
        jne     .clear_e0
        mov     ax, 0x8501              ; SysReq released
        int     0x15
        jmp     .clear_e0
.pressed:
        test    byte [B_KB_FLAGS2], 0x08
        jz      .not_paused
        and     byte [B_KB_FLAGS2], ~0x08
        jmp     .clear_e0
.not_paused:
        mov     cl, [B_KB_FLAGS]
        cmp     bl, 0x53
        jne     .not_reset
        mov     ch, cl
        and     ch, KF_CTRL | KF_ALT
        cmp     ch, KF_CTRL | KF_ALT
        jne     .not_reset
        mov     word [B_RESET], 0x1234
        jmp     soft_reset
.not_reset:
        test    ah, KF3_E0
        jnz     .grey
        cmp     bl, 0x54
        je      .sysreq
        cmp     bl, 0x58
        ja      .clear_e0
        movzx   si, bl
        shl     si, 3
        add     si, key_table
        test    cl, KF_ALT
        jnz     .with_alt
        test    cl, KF_CTRL
        jnz     .with_ctrl
        test    cl, KF_LSHIFT | KF_RSHIFT
        setnz   dl
        mov     dh, KF_NUM              ; the keypad is turned by NumLock, letters by CapsLock
        cmp     bl, 0x47
        jb      .letter
        cmp     bl, 0x53
        jbe     .locked
.letter:
        mov     dh, 0
        mov     ah, [cs:si]
        cmp     ah, 'a'
        jb      .locked
        cmp     ah, 'z'
        ja      .locked
        mov     dh, KF_CAPS
.locked:
        test    cl, dh
        jz      .chosen
        cmp     bl, 0x4A                ; keypad minus and plus have one meaning
        je      .chosen
        cmp     bl, 0x4E
        je      .chosen
        xor     dl, 1
.chosen:
        movzx   dx, dl
        shl     dx, 1
        add     si, dx
        jmp     .store
.with_ctrl:
        add     si, 4
        jmp     .store
.with_alt:
        cmp     bl, 0x47
        jb      .alt_key
        cmp     bl, 0x53
        ja      .alt_key
        movzx   di, bl
        mov     al, [cs:keypad_digits + di - 0x47]
        cmp     al, 0xFF
        je      .alt_key
        mov     ah, [B_KB_ALT]
        mov     ch, al
        mov     al, 10
        mul     ah
        add     al, ch
        mov     [B_KB_ALT], al
        jmp     .clear_e0
.alt_key:
        add     si, 6
.store:
        mov     ax, [cs:si]
        or      ax, ax
        jz      .clear_e0
        call    key_store
        jmp     .clear_e0

.sysreq:
        mov     ax, 0x8500
        int     0x15
        jmp     .clear_e0

.grey:
        cmp     bl, 0x37                ; PrintScreen
        je      .print_screen
        cmp     bl, 0x46
        je      .break
        mov     si, grey_table
.search:
        cs lodsb
        or      al, al
        jz      .clear_e0
        cmp     al, bl
        je      .grey_found
        add     si, 8
        jmp     .search
.grey_found:
        test    cl, KF_ALT
        jnz     .grey_alt
        test    cl, KF_CTRL
        jnz     .grey_ctrl
        test    cl, KF_LSHIFT | KF_RSHIFT
        jz      .store
        add     si, 2
        jmp     .store
.grey_ctrl:
        add     si, 4
        jmp     .store
.grey_alt:
        add     si, 6
        jmp     .store
.print_screen:
        test    cl, KF_CTRL
        jnz     .print_ctrl
        test    cl, KF_ALT
        jnz     .sysreq
        int     0x05
        jmp     .clear_e0
.print_ctrl:
        mov     ax, 0x7200
        call    key_store

.clear_e0:
        and     byte [B_KB_FLAGS3], ~(KF3_E0 | KF3_E1)
        ret

; AX into the ring; full: lost. DS = BDA. CF if lost.
key_store:
        push    bx
        push    si
        mov     si, [B_KB_TAIL]
        mov     bx, si
        add     bx, 2
        cmp     bx, [B_KB_END]
        jb      .inside
        mov     bx, [B_KB_START]
.inside:
        cmp     bx, [B_KB_HEAD]
        je      .full
        mov     [si], ax
        mov     [B_KB_TAIL], bx
        clc
        jmp     .out
.full:
        stc
.out:
        pop     si
        pop     bx
        ret

; The keyboard's lights from the flags. DS = BDA; with the keyboard's interrupt held off.
update_leds:
        pusha
        mov     ah, [B_KB_FLAGS]
        shr     ah, 4
        and     ah, 7
        mov     al, [B_KB_LEDS]
        and     al, 7
        cmp     al, ah
        je      .out
        and     byte [B_KB_LEDS], 0xF8
        or      [B_KB_LEDS], ah
        pushf
        cli
        push    es
        mov     bx, DSEG
        mov     es, bx
        mov     byte [es:late_count], 0
        mov     al, 0xED
        call    kbc_data
        call    .acknowledged
        jc      .give_up
        mov     al, ah
        call    kbc_data
        call    .acknowledged
.give_up:
        xor     bx, bx
.late:
        cmp     bl, [es:late_count]
        jae     .done
        mov     al, [es:late_keys + bx]
        pusha
        call    key_event
        popa
        inc     bx
        jmp     .late
.done:
        pop     es
        popf
.out:
        popa
        ret

; Waits for the keyboard's acknowledgement: CF if it does not come. Keys that come before it are kept in late_keys; ES = DSEG.
.acknowledged:
        mov     cx, 0x4000
.wait:  in      al, 0x64
        and     al, 0x21
        cmp     al, 0x01
        je      .there
        loop    .wait
        stc
        ret
.there: in      al, 0x60
        cmp     al, 0xFA
        je      .good
        cmp     al, 0xFE
        stc
        je      .bad
        movzx   bx, byte [es:late_count]
        cmp     bl, 8
        jae     .acknowledged
        mov     [es:late_keys + bx], al
        inc     byte [es:late_count]
        jmp     .acknowledged
.good:
        clc
.bad:
        ret

int16:
        ENTER_SERVICE
        mov     bx, BDA
        mov     ds, bx
        mov     ah, [bp + R_AH]
        cmp     ah, 0x00
        je      .read
        cmp     ah, 0x01
        je      .peek
        cmp     ah, 0x02
        je      .flags
        cmp     ah, 0x03
        je      .rate
        cmp     ah, 0x05
        je      .store
        cmp     ah, 0x09
        je      .abilities
        cmp     ah, 0x0A
        je      .id
        cmp     ah, 0x10
        je      .read
        cmp     ah, 0x11
        je      .peek
        cmp     ah, 0x12
        je      .all_flags
        cmp     ah, 0x92
        je      .probe
        cmp     ah, 0xA2
        jne     .out
        mov     byte [bp + R_AH], 0
        jmp     .out
.probe:
        mov     byte [bp + R_AH], 0x80
.out:
        LEAVE_SERVICE

.flags:
        mov     al, [B_KB_FLAGS]
        mov     [bp + R_AL], al
        jmp     .out
.all_flags:
        mov     al, [B_KB_FLAGS]
        mov     [bp + R_AL], al
        mov     ah, [B_KB_FLAGS2]
        and     ah, 0x73
        test    byte [B_KB_FLAGS2], 0x04
        jz      .no_sysreq
        or      ah, 0x80
.no_sysreq:
        mov     al, [B_KB_FLAGS3]
        and     al, KF3_RCTRL | KF3_RALT
        or      ah, al
        mov     [bp + R_AH], ah
        jmp     .out

.read:
        cli
        mov     si, [B_KB_HEAD]
        cmp     si, [B_KB_TAIL]
        jne     .take
        sti
        hlt
        jmp     .read
.take:
        mov     ax, [si]
        add     si, 2
        cmp     si, [B_KB_END]
        jb      .inside
        mov     si, [B_KB_START]
.inside:
        mov     [B_KB_HEAD], si
        sti
        call    .convert
        jc      .read
        mov     [bp + R_AX], ax
        push    ax
        call    update_leds
        pop     ax
        jmp     .out

.peek:
        cli
        mov     si, [B_KB_HEAD]
        cmp     si, [B_KB_TAIL]
        je      .empty
        mov     ax, [si]
        call    .convert
        jnc     .there
        add     si, 2                   ; a key that the old services do not know: gone
        cmp     si, [B_KB_END]
        jb      .drop
        mov     si, [B_KB_START]
.drop:
        mov     [B_KB_HEAD], si
        jmp     .peek
.there:
        mov     [bp + R_AX], ax
        and     byte [bp + R_FLAGS], ~ZF
        sti
        jmp     .out
.empty:
        or      byte [bp + R_FLAGS], ZF
        sti
        or      byte [bp + R_FLAGS + 1], 0x02
        LEAVE_SERVICE

; Keys of the 101-key keyboard as the services of before know them; CF: they do not.
.convert:
        cmp     byte [bp + R_AH], 0x10
        jae     .same
        cmp     ah, 0xE0
        jne     .not_e0
        mov     ah, 0x1C
        cmp     al, '/'
        jne     .same
        mov     ah, 0x35
.same:
        clc
        ret
.not_e0:
        cmp     al, 0xE0
        je      .grey
        cmp     al, 0xF0
        je      .maybe_unknown
        cmp     ah, 0x84
        ja      .unknown
        clc
        ret
.grey:
        or      ah, ah
        jz      .same
        xor     al, al
        clc
        ret
.maybe_unknown:
        or      ah, ah
        jz      .same
.unknown:
        stc
        ret

.store:
        cli
        mov     ax, [bp + R_CX]
        call    key_store
        setc    al
        sti
        mov     [bp + R_AL], al
        jmp     .out
.rate:
        cmp     byte [bp + R_AL], 5
        jne     .out
        mov     bh, [bp + R_BH]
        mov     bl, [bp + R_BL]
        and     bx, 0x031F
        shl     bh, 5
        or      bh, bl
        pushf
        cli
        mov     ax, DSEG
        mov     es, ax
        mov     byte [es:late_count], 8         ; keys that come now are lost
        mov     al, 0xF3
        call    kbc_data
        call    update_leds.acknowledged
        jc      .rate_done
        mov     al, bh
        call    kbc_data
        call    update_leds.acknowledged
.rate_done:
        popf
        jmp     .out
.abilities:
        mov     byte [bp + R_AL], 0x24
        jmp     .out
.id:
        mov     word [bp + R_BX], 0x41AB
        jmp     .out

; Keystrokes by scan code: alone, with Shift, with Ctrl, with Alt; scan code and character. 0: none.
key_table:
        dw 0, 0, 0, 0
        dw 0x011B, 0x011B, 0x011B, 0x0100       ; Esc
        dw 0x0231, 0x0221, 0, 0x7800            ; 1
        dw 0x0332, 0x0340, 0x0300, 0x7900
        dw 0x0433, 0x0423, 0, 0x7A00
        dw 0x0534, 0x0524, 0, 0x7B00
        dw 0x0635, 0x0625, 0, 0x7C00
        dw 0x0736, 0x075E, 0x071E, 0x7D00
        dw 0x0837, 0x0826, 0, 0x7E00
        dw 0x0938, 0x092A, 0, 0x7F00
        dw 0x0A39, 0x0A28, 0, 0x8000
        dw 0x0B30, 0x0B29, 0, 0x8100            ; 0
        dw 0x0C2D, 0x0C5F, 0x0C1F, 0x8200       ; -
        dw 0x0D3D, 0x0D2B, 0, 0x8300            ; =
        dw 0x0E08, 0x0E08, 0x0E7F, 0x0E00       ; Backspace
        dw 0x0F09, 0x0F00, 0x9400, 0xA500       ; Tab
%macro letter 2
        dw %1 << 8 | %2, %1 << 8 | (%2 - 0x20), %1 << 8 | (%2 - 0x60), %1 << 8
%endmacro
        letter 0x10, 'q'
        letter 0x11, 'w'
        letter 0x12, 'e'
        letter 0x13, 'r'
        letter 0x14, 't'
        letter 0x15, 'y'
        letter 0x16, 'u'
        letter 0x17, 'i'
        letter 0x18, 'o'
        letter 0x19, 'p'
        dw 0x1A5B, 0x1A7B, 0x1A1B, 0x1A00       ; [
        dw 0x1B5D, 0x1B7D, 0x1B1D, 0x1B00       ; ]
        dw 0x1C0D, 0x1C0D, 0x1C0A, 0x1C00       ; Enter
        dw 0, 0, 0, 0                           ; Ctrl
        letter 0x1E, 'a'
        letter 0x1F, 's'
        letter 0x20, 'd'
        letter 0x21, 'f'
        letter 0x22, 'g'
        letter 0x23, 'h'
        letter 0x24, 'j'
        letter 0x25, 'k'
        letter 0x26, 'l'
        dw 0x273B, 0x273A, 0, 0x2700            ; ;
        dw 0x2827, 0x2822, 0, 0x2800            ; '
        dw 0x2960, 0x297E, 0, 0x2900            ; `
        dw 0, 0, 0, 0                           ; Shift
        dw 0x2B5C, 0x2B7C, 0x2B1C, 0x2B00       ; backslash
        letter 0x2C, 'z'
        letter 0x2D, 'x'
        letter 0x2E, 'c'
        letter 0x2F, 'v'
        letter 0x30, 'b'
        letter 0x31, 'n'
        letter 0x32, 'm'
        dw 0x332C, 0x333C, 0, 0x3300            ; ,
        dw 0x342E, 0x343E, 0, 0x3400            ; .
        dw 0x352F, 0x353F, 0, 0x3500            ; /
        dw 0, 0, 0, 0                           ; Shift
        dw 0x372A, 0x372A, 0x9600, 0x3700       ; keypad *
        dw 0, 0, 0, 0                           ; Alt
        dw 0x3920, 0x3920, 0x3920, 0x3920       ; space
        dw 0, 0, 0, 0                           ; CapsLock
%assign key 0
%rep 10
        dw (0x3B + key) << 8, (0x54 + key) << 8, (0x5E + key) << 8, (0x68 + key) << 8
%assign key key + 1
%endrep
        dw 0, 0, 0, 0                           ; NumLock
        dw 0, 0, 0, 0                           ; ScrollLock
        dw 0x4700, 0x4737, 0x7700, 0            ; keypad 7
        dw 0x4800, 0x4838, 0x8D00, 0
        dw 0x4900, 0x4939, 0x8400, 0
        dw 0x4A2D, 0x4A2D, 0x8E00, 0x4A00       ; -
        dw 0x4B00, 0x4B34, 0x7300, 0
        dw 0x4CF0, 0x4C35, 0x8F00, 0
        dw 0x4D00, 0x4D36, 0x7400, 0
        dw 0x4E2B, 0x4E2B, 0x9000, 0x4E00       ; +
        dw 0x4F00, 0x4F31, 0x7500, 0
        dw 0x5000, 0x5032, 0x9100, 0
        dw 0x5100, 0x5133, 0x7600, 0
        dw 0x5200, 0x5230, 0x9200, 0
        dw 0x5300, 0x532E, 0x9300, 0
        dw 0, 0, 0, 0                           ; SysReq
        dw 0, 0, 0, 0
        dw 0x565C, 0x567C, 0, 0                 ; key between Shift and Z
        dw 0x8500, 0x8700, 0x8900, 0x8B00       ; F11
        dw 0x8600, 0x8800, 0x8A00, 0x8C00       ; F12

; Keys with the prefix E0: scan code, then as above.
grey_table:
        db 0x1C
        dw 0xE00D, 0xE00D, 0xE00A, 0xA600
        db 0x35
        dw 0xE02F, 0xE02F, 0x9500, 0xA400
        db 0x47
        dw 0x47E0, 0x47E0, 0x77E0, 0x9700
        db 0x48
        dw 0x48E0, 0x48E0, 0x8DE0, 0x9800
        db 0x49
        dw 0x49E0, 0x49E0, 0x84E0, 0x9900
        db 0x4B
        dw 0x4BE0, 0x4BE0, 0x73E0, 0x9B00
        db 0x4D
        dw 0x4DE0, 0x4DE0, 0x74E0, 0x9D00
        db 0x4F
        dw 0x4FE0, 0x4FE0, 0x75E0, 0x9F00
        db 0x50
        dw 0x50E0, 0x50E0, 0x91E0, 0xA000
        db 0x51
        dw 0x51E0, 0x51E0, 0x76E0, 0xA100
        db 0x52
        dw 0x52E0, 0x52E0, 0x92E0, 0xA200
        db 0x53
        dw 0x53E0, 0x53E0, 0x93E0, 0xA300
        db 0

keypad_digits:
        db 7, 8, 9, 0xFF, 4, 5, 6, 0xFF, 1, 2, 3, 0, 0xFF
