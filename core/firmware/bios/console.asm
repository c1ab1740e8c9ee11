; Messages of the firmware: teletype through INT 10h, and QEMU's debug console (port 402h) where there is one.

DEBUG_PORT      equ 0x402

put_char:                               ; AL
        pusha
        push    ax
        mov     dx, DEBUG_PORT
        out     dx, al
        pop     ax
        cmp     al, 10
        jne     .plain
        mov     ax, 0x0E0D
        mov     bx, 7
        int     0x10
        mov     al, 10
.plain:
        mov     ah, 0x0E
        mov     bx, 7
        int     0x10
        popa
        ret

put_text:                               ; CS:SI, ended by 0
        push    ax
.next:
        cs lodsb
        or      al, al
        jz      .out
        call    put_char
        jmp     .next
.out:
        pop     ax
        ret

put_text_ds:                            ; DS:SI, ended by 0
        push    ax
.next:
        lodsb
        or      al, al
        jz      .out
        call    put_char
        jmp     .next
.out:
        pop     ax
        ret

put_number:                             ; EAX, decimal
        pushad
        mov     ebx, 10
        xor     cx, cx
.digit:
        xor     edx, edx
        div     ebx
        push    dx
        inc     cx
        or      eax, eax
        jnz     .digit
.print:
        pop     ax
        add     al, '0'
        call    put_char
        loop    .print
        popad
        ret

put_hex:                                ; EAX: eight digits
        push    cx
        push    eax
        mov     cx, 8
.digit:
        rol     eax, 4
        push    eax
        and     al, 0x0F
        cmp     al, 10
        sbb     al, 0x69
        das
        call    put_char
        pop     eax
        loop    .digit
        pop     eax
        pop     cx
        ret

%ifdef TRACE
; The caller's AX, BX, CX, DX, ES to the debug console.
trace:
        pushad
        mov     si, bp
        mov     dx, DEBUG_PORT
        mov     al, 10
        out     dx, al
        mov     bx, .which
.register:
        movzx   di, byte [cs:bx]
        cmp     di, 0xFF
        je      .out
        inc     bx
        mov     cx, 4
        mov     ax, [bp + di]
.digit:
        rol     ax, 4
        push    ax
        and     al, 0x0F
        cmp     al, 10
        sbb     al, 0x69
        das
        out     dx, al
        pop     ax
        loop    .digit
        mov     al, ' '
        out     dx, al
        jmp     .register
.out:
        popad
        ret
.which: db R_AX, R_BX, R_CX, R_DX, R_ES, R_DS, R_SI, R_CS, R_IP, 0xFF
%endif
