; INT 15h: memory map, moving blocks, A20, waits, configuration, PS/2 mouse (IBM PS/2 BIOS Interface Technical Reference; ACPI 6.4,
; chapter 15, for E820h). APM answers that it is not there.

int15:
        cmp     ah, 0x4F                ; keyboard intercept: CF as it came
        je      .at_once
        ENTER_SERVICE
        movzx   ax, byte [bp + R_AH]
        mov     si, .table
.search:
        cmp     byte [cs:si], al
        je      .found
        add     si, 3
        cmp     si, .table_end
        jb      .search
        jmp     .unknown
.found:
        and     byte [bp + R_FLAGS], ~CF
        jmp     [cs:si + 1]
.at_once:
        iret

.table:
        db 0x24
        dw .a20
        db 0x53
        dw .unknown
        db 0x80
        dw .ok
        db 0x81
        dw .ok
        db 0x82
        dw .ok
        db 0x83
        dw .event
        db 0x84
        dw .joystick
        db 0x85
        dw .ok
        db 0x86
        dw .wait
        db 0x87
        dw .move
        db 0x88
        dw .extended
        db 0x89
        dw .protected
        db 0x90
        dw .ok
        db 0x91
        dw .ok
        db 0xC0
        dw .configuration
        db 0xC1
        dw .ebda
        db 0xC2
        dw int15_mouse
        db 0xE8
        dw .map
.table_end:

.unknown:
        mov     byte [bp + R_AH], 0x86
.fail:
        or      byte [bp + R_FLAGS], CF
        jmp     .out
.ok:
        mov     byte [bp + R_AH], 0
.out:
        LEAVE_SERVICE

; A20: 2400h off, 2401h on, 2402h status, 2403h what is supported.
.a20:
        mov     al, [bp + R_AL]
        cmp     al, 3
        ja      .unknown
        je      .a20_support
        cmp     al, 2
        je      .a20_status
        mov     ah, al
        shl     ah, 1
        in      al, 0x92
        and     al, 0xFC
        or      al, ah
        out     0x92, al
        jmp     .ok
.a20_status:
        in      al, 0x92
        shr     al, 1
        and     al, 1
        mov     [bp + R_AL], al
        jmp     .ok
.a20_support:
        mov     word [bp + R_BX], 0x0003
        jmp     .ok

.event:
        mov     ax, BDA
        mov     ds, ax
        cmp     byte [bp + R_AL], 1
        je      .cancel
        mov     cx, [bp + R_CX]
        mov     dx, [bp + R_DX]
        mov     bx, [bp + R_BX]
        mov     es, [bp + R_ES]
        call    wait_start
        mov     byte [bp + R_AH], 0x80
        jc      .fail
        jmp     .ok
.cancel:
        mov     byte [B_WAIT_ACTIVE], 0
        mov     al, 0x0B
        call    cmos_read
        and     al, 0xBF
        mov     ah, al
        mov     al, 0x0B
        call    cmos_write
        jmp     .ok

; The wait sleeps between the RTC's ticks.
.wait:
        mov     ax, BDA
        mov     ds, ax
        mov     es, ax
        mov     bx, B_WAIT_ACTIVE + 1
        mov     byte [bx], 0
        mov     cx, [bp + R_CX]
        mov     dx, [bp + R_DX]
        call    wait_start
        mov     byte [bp + R_AH], 0x83
        jc      .fail
.sleep:
        cli
        test    byte [B_WAIT_ACTIVE + 1], 0x80
        jnz     .awake
        sti
        hlt
        jmp     .sleep
.awake:
        sti
        jmp     .ok

.joystick:
        mov     dx, 0x201
        cmp     word [bp + R_DX], 1
        ja      .unknown
        in      al, dx
        cmp     al, 0xFF
        je      .unknown                ; no game port
        mov     [bp + R_AL], al
        jmp     .ok

; Moves CX words from and to descriptors in a table at ES:SI: GDT, itself, source, target, then our code and stack.
.move:
        cli
        mov     es, [bp + R_ES]
        mov     si, [bp + R_SI]
        mov     cx, [bp + R_CX]
        or      cx, cx
        jz      .ok
        in      al, 0x92
        push    ax
        or      al, 2
        and     al, 0xFE
        out     0x92, al
        smsw    ax
        test    al, 1                   ; in virtual-8086 mode a monitor answers this itself
        jnz     .move_refused
        xor     eax, eax
        mov     ax, es
        shl     eax, 4
        movzx   edx, si
        add     eax, edx
        mov     word [es:si + 8], 0x2F
        mov     [es:si + 10], eax
        mov     byte [es:si + 13], 0x93
        mov     dword [es:si + 0x20], 0x0000FFFF
        mov     dword [es:si + 0x24], 0x00009B0F
        mov     dword [es:si + 0x28], 0x0000FFFF
        mov     dword [es:si + 0x2C], 0x00009300
        lgdt    [es:si + 8]             ; 24 bits of base: the access byte is behind them
        o32 lidt [cs:.real_idt]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     0x20:.in_protected
.in_protected:
        mov     ax, 0x10
        mov     ds, ax
        mov     ax, 0x18
        mov     es, ax
        xor     esi, esi
        xor     edi, edi
        movzx   ecx, cx
        test    cl, 1
        jz      .dwords
        movsw
        dec     cx
.dwords:
        shr     ecx, 1
        a32 rep movsd
        mov     ax, 0x28                ; limits of real mode again
        mov     ds, ax
        mov     es, ax
        mov     eax, cr0
        and     al, 0xFE
        mov     cr0, eax
        jmp     ROM_SEG:.in_real
.in_real:
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        pop     ax
        out     0x92, al
        mov     byte [bp + R_AH], 0
        and     byte [bp + R_FLAGS], ~CF
        or      byte [bp + R_FLAGS], ZF
        jmp     .out
.move_refused:
        pop     ax
        out     0x92, al
        mov     byte [bp + R_AH], 3
        jmp     .fail
.real_idt:
        dw 0x3FF
        dd 0

; KiB above 1 MiB, at most 64 MiB less one.
.extended:
        mov     ax, DSEG
        mov     ds, ax
        mov     eax, [high_top]
        sub     eax, 0x100000
        shr     eax, 10
        cmp     eax, 0xFC00
        jb      .extended_fits
        mov     eax, 0xFC00
.extended_fits:
        mov     [bp + R_AX], ax
        jmp     .out

; Into protected mode with the caller's descriptors (ES:SI): 08h GDT, 10h IDT, 18h DS, 20h ES, 28h SS, 30h CS, 38h our code.
.protected:
        cli
        mov     es, [bp + R_ES]
        mov     si, [bp + R_SI]
        mov     al, 0x11
        out     0x20, al
        out     0xA0, al
        mov     al, [bp + R_BH]
        out     0x21, al
        mov     al, [bp + R_BL]
        out     0xA1, al
        mov     al, 0x04
        out     0x21, al
        mov     al, 0x02
        out     0xA1, al
        mov     al, 0x01
        out     0x21, al
        out     0xA1, al
        mov     al, 0xFF
        out     0x21, al
        out     0xA1, al
        in      al, 0x92
        or      al, 2
        and     al, 0xFE
        out     0x92, al
        mov     dword [es:si + 0x38], 0x0000FFFF
        mov     dword [es:si + 0x3C], 0x00009B0F
        lgdt    [es:si + 8]
        lidt    [es:si + 0x10]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     0x38:.switched
.switched:
        mov     ax, 0x28
        mov     ss, ax
        mov     ax, 0x18
        mov     ds, ax
        mov     ax, 0x20
        mov     es, ax
        xor     ax, ax
        mov     fs, ax
        mov     gs, ax
        mov     sp, bp
        add     sp, R_DI
        popad
        pop     cx                      ; return offset; the segment goes, CS is descriptor 30h
        add     sp, 2
        popf
        push    word 0x30
        push    cx
        xor     ah, ah
        retf

.configuration:
        mov     word [bp + R_ES], ROM_SEG
        mov     word [bp + R_BX], configuration_table
        jmp     .ok
.ebda:
        mov     word [bp + R_ES], EBDA_SEG
        jmp     .out

.map:
        mov     ax, DSEG
        mov     ds, ax
        mov     al, [bp + R_AL]
        cmp     al, 0x20
        je      .e820
        cmp     al, 0x01
        je      .e801
        cmp     al, 0x81
        je      .e881
        jmp     .unknown

.e801:                                  ; KiB from 1 to 16 MiB, 64 KiB blocks above
        call    .two_sizes
        mov     [bp + R_AX], ax
        mov     [bp + R_CX], ax
        mov     [bp + R_BX], dx
        mov     [bp + R_DX], dx
        jmp     .out
.e881:
        call    .two_sizes
        movzx   eax, ax
        movzx   edx, dx
        mov     [bp + R_AX], eax
        mov     [bp + R_CX], eax
        mov     [bp + R_BX], edx
        mov     [bp + R_DX], edx
        jmp     .out
.two_sizes:
        mov     eax, [high_top]
        xor     edx, edx
        cmp     eax, 0x1000000
        jb      .no_more
        mov     edx, eax
        sub     edx, 0x1000000
        shr     edx, 16
        mov     eax, 0x1000000
.no_more:
        sub     eax, 0x100000
        shr     eax, 10
        ret

.e820:
        cmp     dword [bp + R_DX], "PAMS"
        jne     .unknown
        cmp     dword [bp + R_CX], 20
        jb      .unknown
        mov     eax, [bp + R_BX]
        movzx   ecx, word [e820_count]
        cmp     eax, ecx
        jae     .unknown
        inc     eax
        cmp     eax, ecx
        jb      .more
        xor     eax, eax
.more:
        mov     si, [bp + R_BX]
        mov     [bp + R_BX], eax
        imul    si, si, 20
        add     si, e820_list
        mov     es, [bp + R_ES]
        mov     di, [bp + R_DI]
        mov     cx, 10
        rep movsw
        mov     dword [bp + R_AX], "PAMS"
        mov     dword [bp + R_CX], 20
        jmp     .out

configuration_table:
        dw 8
        db 0xFC, 0x00, 0x01             ; model, submodel, revision
        db 0x74                         ; second 8259, RTC, keyboard intercept, extended BIOS data area
        db 0x40                         ; INT 16h function 09h
        db 0, 0, 0
