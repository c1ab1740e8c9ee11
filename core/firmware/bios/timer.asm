; Time: INT 08h (ticks, floppy motor), INT 1Ah (ticks, RTC time, date, alarm; B1h: PCI BIOS), INT 70h (RTC alarm and waits).

TICKS_PER_DAY   equ 0x1800B0

int08:
        push    ax
        push    dx
        push    ds
        mov     ax, BDA
        mov     ds, ax
        add     word [B_TICKS], 1
        adc     word [B_TICKS + 2], 0
        cmp     word [B_TICKS + 2], TICKS_PER_DAY >> 16
        jb      .same_day
        cmp     word [B_TICKS], TICKS_PER_DAY & 0xFFFF
        jb      .same_day
        mov     word [B_TICKS], 0
        mov     word [B_TICKS + 2], 0
        mov     byte [B_MIDNIGHT], 1
.same_day:
        cmp     byte [B_FD_COUNT], 0
        je      .motor_done
        dec     byte [B_FD_COUNT]
        jnz     .motor_done
        and     byte [B_FD_MOTOR], 0xF0
        mov     dx, 0x3F2
        mov     al, 0x0C
        out     dx, al
.motor_done:
        int     0x1C
        cli
        mov     al, 0x20
        out     0x20, al
        pop     ds
        pop     dx
        pop     ax
        iret

; A timer of AX ticks (55 ms each), for polling loops; TIMER_CHECK gives CF when it is over. Where interrupts are off, many polls end it.
timer_set:
        push    ds
        push    es
        push    eax
        push    bx
        mov     bx, DSEG
        mov     ds, bx
        mov     bx, BDA
        mov     es, bx
        movzx   eax, ax
        mov     [timer_ticks], eax
        mov     eax, [es:B_TICKS]
        mov     [timer_start], eax
        mov     dword [timer_polls], 0
        pop     bx
        pop     eax
        pop     es
        pop     ds
        ret

timer_check:
        push    ds
        push    es
        push    eax
        mov     ax, DSEG
        mov     ds, ax
        mov     ax, BDA
        mov     es, ax
        inc     dword [timer_polls]
        cmp     dword [timer_polls], 0x4000000
        jae     .over
        mov     eax, [es:B_TICKS]
        sub     eax, [timer_start]
        jae     .elapsed
        add     eax, TICKS_PER_DAY
.elapsed:
        cmp     eax, [timer_ticks]
        ja      .over
        clc
        jmp     .out
.over:
        stc
.out:
        pop     eax
        pop     es
        pop     ds
        ret

; The RTC's time as INT 1Ah gives it, BCD: CH hours, CL minutes, DH seconds. CF: it does not run.
rtc_read_time:
        push    bx
        call    rtc_wait
        jc      .out
        mov     al, 0x0B
        call    cmos_read
        mov     bl, al                  ; bit 2: binary, bit 1: 24 hours
        mov     al, 0x00
        call    rtc_bcd
        mov     dh, al
        mov     al, 0x02
        call    rtc_bcd
        mov     cl, al
        mov     al, 0x04
        call    rtc_bcd
        mov     ch, al
        test    bl, 0x02
        jnz     .good
        mov     bh, ch                  ; 12 hours, bit 7: afternoon
        and     ch, 0x7F
        cmp     ch, 0x12
        jne     .not_twelve
        mov     ch, 0
.not_twelve:
        test    bh, 0x80
        jz      .good
        mov     al, ch
        add     al, 0x12
        daa
        mov     ch, al
.good:
        clc
.out:
        pop     bx
        ret

; Register AL in BCD, whatever mode (BL = register B).
rtc_bcd:
        call    cmos_read
        test    bl, 0x04
        jz      .out
        call    to_bcd
.out:
        ret

; Waits until no update is under way.
rtc_wait:
        push    cx
        xor     cx, cx
.wait:
        mov     al, 0x0A
        call    cmos_read
        test    al, 0x80
        jz      .ready
        loop    .wait
        pop     cx
        stc
        ret
.ready:
        pop     cx
        clc
        ret

cmos_write:                             ; AL = index, AH = value
        out     0x70, al
        mov     al, ah
        out     0x71, al
        ret

int1A:
        ENTER_SERVICE
        mov     ax, BDA
        mov     ds, ax
        mov     ah, [bp + R_AH]
        cmp     ah, 0xB1
        je      .pci
        cmp     ah, 0x08
        jae     .unknown
        movzx   bx, ah
        add     bx, bx
        and     byte [bp + R_FLAGS], ~CF
        jmp     [cs:.functions + bx]
.functions:
        dw .get_ticks, .set_ticks, .get_time, .set_time, .get_date, .set_date, .set_alarm, .reset_alarm

.get_ticks:
        cli
        mov     ax, [B_TICKS]
        mov     [bp + R_DX], ax
        mov     ax, [B_TICKS + 2]
        mov     [bp + R_CX], ax
        mov     al, [B_MIDNIGHT]
        mov     byte [B_MIDNIGHT], 0
        mov     [bp + R_AL], al
        mov     byte [bp + R_AH], 0
        jmp     .out
.set_ticks:
        cli
        mov     ax, [bp + R_DX]
        mov     [B_TICKS], ax
        mov     ax, [bp + R_CX]
        mov     [B_TICKS + 2], ax
        mov     byte [B_MIDNIGHT], 0
        mov     byte [bp + R_AH], 0
        jmp     .out
.get_time:
        call    rtc_read_time
        jc      .unknown
        mov     [bp + R_CX], cx
        mov     [bp + R_DH], dh
        mov     al, 0x0B
        call    cmos_read
        and     al, 1
        mov     [bp + R_DL], al
        mov     [bp + R_AL], ch
        mov     byte [bp + R_AH], 0
        jmp     .out
.set_time:
        call    rtc_wait
        mov     al, 0x0B                ; stop; BCD, 24 hours
        call    cmos_read
        and     al, 0x70
        or      al, 0x82
        mov     bl, [bp + R_DL]
        and     bl, 1
        or      al, bl
        mov     bl, al
        mov     ah, al
        mov     al, 0x0B
        call    cmos_write
        mov     ah, [bp + R_DH]
        mov     al, 0x00
        call    cmos_write
        mov     ah, [bp + R_CL]
        mov     al, 0x02
        call    cmos_write
        mov     ah, [bp + R_CH]
        mov     al, 0x04
        call    cmos_write
        jmp     .run
.get_date:
        call    rtc_wait
        jc      .unknown
        mov     al, 0x0B
        call    cmos_read
        mov     bl, al
        mov     al, 0x32                ; century
        call    cmos_read
        mov     [bp + R_CH], al
        mov     al, 0x09
        call    rtc_bcd
        mov     [bp + R_CL], al
        mov     al, 0x08
        call    rtc_bcd
        mov     [bp + R_DH], al
        mov     al, 0x07
        call    rtc_bcd
        mov     [bp + R_DL], al
        mov     al, [bp + R_CH]
        mov     [bp + R_AL], al
        mov     byte [bp + R_AH], 0
        jmp     .out
.set_date:
        call    rtc_wait
        mov     al, 0x0B
        call    cmos_read
        and     al, 0x71
        or      al, 0x82
        mov     bl, al
        mov     ah, al
        mov     al, 0x0B
        call    cmos_write
        mov     ah, [bp + R_DL]
        mov     al, 0x07
        call    cmos_write
        mov     ah, [bp + R_DH]
        mov     al, 0x08
        call    cmos_write
        mov     ah, [bp + R_CL]
        mov     al, 0x09
        call    cmos_write
        mov     ah, [bp + R_CH]
        mov     al, 0x32
        call    cmos_write
.run:
        mov     ah, bl
        and     ah, 0x7F
        mov     al, 0x0B
        call    cmos_write
        mov     byte [bp + R_AH], 0
        jmp     .out
.set_alarm:
        mov     al, 0x0B
        call    cmos_read
        test    al, 0x20
        jnz     .unknown                ; one is set already
        mov     bl, al
        mov     ah, [bp + R_DH]
        mov     al, 0x01
        call    cmos_write
        mov     ah, [bp + R_CL]
        mov     al, 0x03
        call    cmos_write
        mov     ah, [bp + R_CH]
        mov     al, 0x05
        call    cmos_write
        in      al, 0xA1
        and     al, 0xFE
        out     0xA1, al
        mov     ah, bl
        or      ah, 0x20
        and     ah, 0x7F
        mov     al, 0x0B
        call    cmos_write
        mov     byte [bp + R_AH], 0
        jmp     .out
.reset_alarm:
        mov     al, 0x0B
        call    cmos_read
        and     al, 0x5F
        mov     ah, al
        mov     al, 0x0B
        call    cmos_write
        mov     byte [bp + R_AH], 0
        jmp     .out

.pci:
        cmp     byte [bp + R_AL], 0x0E
        je      .routing
        mov     eax, [bp + R_AX]
        mov     ebx, [bp + R_BX]
        mov     ecx, [bp + R_CX]
        mov     edx, [bp + R_DX]
        movzx   esi, word [bp + R_SI]
        movzx   edi, word [bp + R_DI]
        call    pci_service16
        mov     [bp + R_AX], eax
        mov     [bp + R_BX], ebx
        mov     [bp + R_CX], ecx
        mov     [bp + R_DX], edx
        mov     [bp + R_DI], di         ; only B101h changes EDI: to the 32-bit entry, which is left out in real mode
        or      ah, ah
        jz      .success
        or      byte [bp + R_FLAGS], CF
        jmp     .out
.success:
        and     byte [bp + R_FLAGS], ~CF
        jmp     .out

; B10Eh: interrupt routing options, into the caller's buffer (ES:DI: size, far pointer).
.routing:
        mov     ds, [bp + R_ES]
        mov     bx, [bp + R_DI]
        mov     cx, pir_slots_end - pir_slots
        cmp     [bx], cx
        mov     [bx], cx
        mov     byte [bp + R_AH], 0x89
        jb      .too_small
        les     di, [bx + 2]
        push    cs
        pop     ds
        mov     si, pir_slots
        rep movsb
        mov     byte [bp + R_AH], 0
        mov     word [bp + R_BX], 0x0C00        ; IRQ 10 and 11 are PCI's own
        and     byte [bp + R_FLAGS], ~CF
        jmp     .out

.unknown:
        mov     byte [bp + R_AH], 0
.too_small:
        or      byte [bp + R_FLAGS], CF
.out:
        LEAVE_SERVICE

; RTC: periodic ticks drive the waits of INT 15h 83h and 86h, alarms go to INT 4Ah.
int70:
        push    ax
        push    ds
        mov     ax, BDA
        mov     ds, ax
        mov     al, 0x0C
        call    cmos_read
        mov     ah, al
        test    ah, 0x40
        jz      .no_tick
        cmp     byte [B_WAIT_ACTIVE], 0
        je      .no_tick
        sub     dword [B_WAIT_COUNT], 976       ; microseconds of a tick at 1024 Hz
        jnc     .no_tick
        push    es
        push    bx
        les     bx, [B_WAIT_FLAG]
        or      byte [es:bx], 0x80
        pop     bx
        pop     es
        mov     byte [B_WAIT_ACTIVE], 0
        push    ax
        mov     al, 0x0B
        call    cmos_read
        and     al, 0x3F
        mov     ah, al
        mov     al, 0x0B
        call    cmos_write
        pop     ax
.no_tick:
        test    ah, 0x20
        jz      .no_alarm
        sti
        int     0x4A
        cli
.no_alarm:
        mov     al, 0x20
        out     0xA0, al
        out     0x20, al
        pop     ds
        pop     ax
        iret

; Sets B_WAIT_FLAG's byte (ES:BX) after CX:DX microseconds. CF: another wait is under way. DS = BDA.
wait_start:
        pushf
        cli
        cmp     byte [B_WAIT_ACTIVE], 0
        jne     .busy
        mov     byte [B_WAIT_ACTIVE], 1
        mov     [B_WAIT_FLAG], bx
        mov     [B_WAIT_FLAG + 2], es
        mov     [B_WAIT_COUNT], dx
        mov     [B_WAIT_COUNT + 2], cx
        in      al, 0xA1
        and     al, 0xFE
        out     0xA1, al
        in      al, 0x21
        and     al, 0xFB
        out     0x21, al
        mov     al, 0x0A
        call    cmos_read
        and     al, 0x70
        or      al, 0x06
        mov     ah, al
        mov     al, 0x0A
        call    cmos_write
        mov     al, 0x0B
        call    cmos_read
        or      al, 0x40
        and     al, 0x7F
        mov     ah, al
        mov     al, 0x0B
        call    cmos_write
        mov     al, 0x0C
        call    cmos_read
        popf
        clc
        ret
.busy:
        popf
        stc
        ret
