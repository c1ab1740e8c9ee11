; A boot sector that lets a test call the BIOS: commands come on COM1, answers go to port 402h. Assembled into
; core/testkit/system-bios-bench.ts by hand: nasm -f bin bios-monitor.asm && base64 -w 0 bios-monitor
; 'C': an interrupt with the registers of a block (below), which comes back as they are after. 'R' segment, offset, count: bytes from
; memory. 'W' segment, offset, count, bytes: bytes into memory. 'B': answers DL as the BIOS gave it.
        bits 16
        org 0x7C00
BLOCK   equ 0x600               ; interrupt number, 0, EAX, EBX, ECX, EDX, ESI, EDI, EBP, DS, ES, flags
BYTES   equ 36
        cli
        cld
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7C00
        sti
        mov     [BLOCK - 2], dl
        mov     dx, 0x3FB
        mov     al, 0x83
        out     dx, al
        mov     dx, 0x3F8
        mov     al, 1
        out     dx, al
        inc     dx
        mov     al, 0
        out     dx, al
        mov     dx, 0x3FB
        mov     al, 3
        out     dx, al
        mov     dl, 0xFA        ; FIFO on: time may jump
        mov     al, 1
        out     dx, al
        mov     al, '!'
        call    put
command:
        call    get
        cmp     al, 'C'
        je      call_bios
        cmp     al, 'B'
        je      boot_drive
        push    ax
        call    get16           ; segment
        mov     es, ax
        call    get16           ; offset
        mov     di, ax
        call    get16           ; count
        xchg    cx, ax
        pop     ax
        jcxz    command
        cmp     al, 'W'
        je      write
read:
        mov     al, [es:di]
        inc     di
        call    put
        loop    read
        jmp     command
write:
        call    get
        stosb
        loop    write
        jmp     command
boot_drive:
        mov     al, [BLOCK - 2]
        call    put
        jmp     command

call_bios:
        push    ds
        pop     es
        mov     di, BLOCK
        mov     cx, BYTES
receive:
        call    get
        stosb
        loop    receive
        mov     al, [BLOCK]
        mov     [number], al
        push    word [BLOCK + 34]
        mov     eax, [BLOCK + 2]
        mov     ebx, [BLOCK + 6]
        mov     ecx, [BLOCK + 10]
        mov     edx, [BLOCK + 14]
        mov     esi, [BLOCK + 18]
        mov     edi, [BLOCK + 22]
        mov     ebp, [BLOCK + 26]
        mov     es, [BLOCK + 32]
        mov     ds, [BLOCK + 30]
        popf
        db 0xCD
number: db 0
        pushf
        push    ds
        push    ax
        xor     ax, ax
        mov     ds, ax
        pop     ax
        mov     [BLOCK + 2], eax
        mov     [BLOCK + 6], ebx
        mov     [BLOCK + 10], ecx
        mov     [BLOCK + 14], edx
        mov     [BLOCK + 18], esi
        mov     [BLOCK + 22], edi
        mov     [BLOCK + 26], ebp
        pop     word [BLOCK + 30]
        mov     [BLOCK + 32], es
        pop     word [BLOCK + 34]
        sti
        cld
        mov     si, BLOCK
        mov     cx, BYTES
send:
        lodsb
        call    put
        loop    send
        jmp     command

get16:
        call    get
        mov     ah, al
        call    get
        xchg    al, ah
        ret
get:
        push    dx
.wait:
        mov     dx, 0x3FD
        in      al, dx
        test    al, 1
        jz      .wait
        mov     dl, 0xF8
        in      al, dx
        pop     dx
        ret
put:
        push    dx
        mov     dx, 0x402
        out     dx, al
        pop     dx
        ret
        times 510 - ($ - $$) db 0
        dw 0xAA55
