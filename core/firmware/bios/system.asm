; Small services: equipment and memory size (INT 11h, 12h), serial and parallel ports (14h, 17h), and what answers interrupts that
; nobody else does.

dummy_iret:
        iret

spurious_slave:
        push    ax
        mov     al, 0x0B                ; in service? A spurious interrupt is not
        out     0xA0, al
        in      al, 0xA0
        or      al, al
        jz      spurious_master.eoi
        mov     al, 0x20
        out     0xA0, al
        jmp     spurious_master.eoi
spurious_master:
        push    ax
.eoi:
        mov     al, 0x20
        out     0x20, al
        pop     ax
        iret

int10_none:
        iret

int02:
        push    si
        mov     si, text_nmi
        call    put_text
        pop     si
        cli
.halt:  hlt
        jmp     .halt
text_nmi:
        db 13, 10, "NMI: stopped.", 13, 10, 0

; IRQ 9 is the AT's IRQ 2: handlers for that are at INT 0Ah.
int71:
        push    ax
        mov     al, 0x20
        out     0xA0, al
        pop     ax
        int     0x0A
        iret

int75:                                  ; FPU error: to the NMI handler, as the PC had it
        push    ax
        xor     al, al
        out     0xF0, al
        mov     al, 0x20
        out     0xA0, al
        out     0x20, al
        pop     ax
        int     0x02
        iret

int76:                                  ; IDE
        push    ax
        push    ds
        mov     ax, BDA
        mov     ds, ax
        mov     byte [B_HD_DONE], 0xFF
        mov     al, 0x20
        out     0xA0, al
        out     0x20, al
        pop     ds
        pop     ax
        iret

int11:
        push    ds
        mov     ax, BDA
        mov     ds, ax
        mov     ax, [B_EQUIPMENT]
        pop     ds
        iret

int12:
        push    ds
        mov     ax, BDA
        mov     ds, ax
        mov     ax, [B_MEMORY]
        pop     ds
        iret

; Print screen: text page to the printer. Status in 50:0.
int05:
        ENTER_SERVICE
        sti
        mov     ax, 0x50
        mov     ds, ax
        cmp     byte [0], 1
        je      .out
        mov     byte [0], 1
        mov     ah, 0x0F
        int     0x10
        mov     cl, ah                  ; columns
        mov     ah, 3
        int     0x10
        push    dx
        xor     dx, dx
.row:
        mov     dl, 0
.column:
        mov     ah, 2
        int     0x10
        mov     ah, 8
        int     0x10
        or      al, al
        jnz     .print
        mov     al, ' '
.print:
        call    .send
        jnz     .failed
        inc     dl
        cmp     dl, cl
        jb      .column
        mov     al, 13
        call    .send
        jnz     .failed
        mov     al, 10
        call    .send
        jnz     .failed
        inc     dh
        cmp     dh, 25
        jb      .row
        mov     al, 0
        jmp     .restore
.failed:
        mov     al, 0xFF
.restore:
        mov     [0], al
        pop     dx
        mov     ah, 2
        int     0x10
.out:
        LEAVE_SERVICE
.send:
        push    dx
        xor     dx, dx
        mov     ah, 0
        int     0x17
        pop     dx
        test    ah, 0x29
        ret

; Serial ports.
int14:
        ENTER_SERVICE
        mov     ax, BDA
        mov     ds, ax
        mov     bx, [bp + R_DX]
        cmp     bx, 4
        jae     .out
        mov     cl, [B_COM_TIME + bx]
        add     bx, bx
        mov     dx, [B_COM + bx]
        or      dx, dx
        jz      .out
        mov     ah, [bp + R_AH]
        mov     al, [bp + R_AL]
        cmp     ah, 0
        je      .init
        cmp     ah, 1
        je      .send
        cmp     ah, 2
        je      .receive
        cmp     ah, 3
        je      .status
        cmp     ah, 4
        je      .extended
        cmp     ah, 5
        je      .modem
.out:
        LEAVE_SERVICE
.init:
        movzx   bx, al
        shr     bx, 5
        add     bx, bx
        mov     cl, al
        add     dx, 3
        mov     al, 0x80
        out     dx, al
        sub     dx, 3
        mov     ax, [cs:.divisors + bx]
        out     dx, al
        inc     dx
        mov     al, ah
        out     dx, al
        add     dx, 2
        mov     al, cl
        and     al, 0x1F
        out     dx, al
        sub     dx, 2
        xor     al, al
        out     dx, al
        dec     dx
        jmp     .status
.send:
        mov     bl, al
        add     dx, 4                   ; DTR and RTS on
        mov     al, 0x03
        out     dx, al
        inc     dx
        call    .await
        jc      .out
        sub     dx, 5
        mov     al, bl
        out     dx, al
        add     dx, 5
        in      al, dx
        and     al, 0x7F
        mov     [bp + R_AH], al
        jmp     .out
.receive:
        add     dx, 4
        mov     al, 0x01
        out     dx, al
        inc     dx
        call    .await
        jc      .out
        and     al, 0x1E
        mov     [bp + R_AH], al
        sub     dx, 5
        in      al, dx
        mov     [bp + R_AL], al
        jmp     .out
.status:
        add     dx, 5
        in      al, dx
        mov     [bp + R_AH], al
        inc     dx
        in      al, dx
        mov     [bp + R_AL], al
        jmp     .out
.extended:                              ; BH parity, BL stop, CH length, CL speed
        mov     bl, [bp + R_CL]
        cmp     bl, 8
        ja      .out
        movzx   bx, bl
        add     bx, bx
        add     dx, 3
        mov     al, 0x80
        out     dx, al
        sub     dx, 3
        mov     ax, [cs:.divisors2 + bx]
        out     dx, al
        inc     dx
        mov     al, ah
        out     dx, al
        add     dx, 2
        mov     al, [bp + R_CH]
        and     al, 3
        mov     ah, [bp + R_BL]
        and     ah, 1
        shl     ah, 2
        or      al, ah
        movzx   bx, byte [bp + R_BH]
        cmp     bl, 4
        ja      .no_parity
        or      al, [cs:.parity + bx]
.no_parity:
        mov     ah, [bp + R_AL]
        and     ah, 1
        shl     ah, 6
        or      al, ah
        out     dx, al
        sub     dx, 3
        jmp     .status
.modem:
        add     dx, 4
        cmp     byte [bp + R_AL], 1
        je      .set_modem
        in      al, dx
        mov     [bp + R_BL], al
        sub     dx, 4
        jmp     .status
.set_modem:
        mov     al, [bp + R_BL]
        out     dx, al
        sub     dx, 4
        jmp     .status

; Waits for room to send (AH = 1) or a byte (AH = 2) in the line status (port DX); CF and the caller's AH = status with bit 7 if they do not come.
.await:
        sti
        movzx   ax, cl
        imul    ax, 18
        call    timer_set
.poll:
        in      al, dx
        mov     ah, 0x20
        cmp     byte [bp + R_AH], 1
        je      .bit
        mov     ah, 0x01
.bit:
        test    al, ah
        jnz     .there
        call    timer_check
        jnc     .poll
        or      al, 0x80
        mov     [bp + R_AH], al
        stc
        ret
.there:
        clc
        ret
.divisors:
        dw 1047, 768, 384, 192, 96, 48, 24, 12
.divisors2:
        dw 1047, 768, 384, 192, 96, 48, 24, 12, 6
.parity:
        db 0x00, 0x08, 0x18, 0x28, 0x38

; Printers.
int17:
        ENTER_SERVICE
        sti
        mov     ax, BDA
        mov     ds, ax
        mov     bx, [bp + R_DX]
        cmp     bx, 3
        jae     .out
        mov     cl, [B_LPT_TIME + bx]
        add     bx, bx
        mov     dx, [B_LPT + bx]
        or      dx, dx
        jz      .out
        mov     ah, [bp + R_AH]
        cmp     ah, 0
        je      .print
        cmp     ah, 1
        je      .init
        cmp     ah, 2
        je      .status
.out:
        LEAVE_SERVICE
.print:
        mov     al, [bp + R_AL]
        out     dx, al
        inc     dx
        movzx   ax, cl
        imul    ax, 18
        call    timer_set
.poll:
        in      al, dx
        test    al, 0x80                ; not busy
        jnz     .strobe
        call    timer_check
        jnc     .poll
        dec     dx
        mov     cl, 1
        jmp     .report
.strobe:
        inc     dx
        in      al, dx
        or      al, 1
        out     dx, al
        and     al, 0xFE
        out     dx, al
        sub     dx, 2
        jmp     .status
.init:
        add     dx, 2
        mov     al, 0x08
        out     dx, al
        mov     al, 0x0C
        out     dx, al
        sub     dx, 2
.status:
        mov     cl, 0
.report:
        inc     dx
        in      al, dx
        xor     al, 0x48                ; acknowledge and error are active low
        and     al, 0xF8
        or      al, cl
        mov     [bp + R_AH], al
        jmp     .out
