; An expansion ROM with a Plug and Play header that tests put on network cards: it tells port 402h what it is called with, what the POST
; Memory Manager gives it, and shrinks to 512 bytes. Its bootstrap entry says so and gives up. Assembled into core/testkit/boot-rom.ts
; by hand: nasm -f bin boot-rom.asm && base64 -w 0 boot-rom
        bits 16
        org 0
        db 0x55, 0xAA, 4                ; 2 KiB
        jmp     near initialize
        times 0x18 - ($ - $$) db 0
        dw pcir, pnp
pcir:   db "PCIR"
        dw 0x1AF4, 0x1000, 0, 0x18
        db 0, 0, 0, 2                   ; revision, class
        dw 4, 0                         ; length in 512 bytes
        db 0, 0x80                      ; PC-AT, the last image
        dw 0
pnp:    db "$PnP", 1, 2
        dw 0
        db 0, 0
        dd 0
        dw 0, product
        db 2, 0, 0, 0x14
        dw 0, 0, bootstrap, 0, 0
product: db "Test ROM", 0

put:    push    dx
        mov     dx, 0x402
        out     dx, al
        pop     dx
        ret
put_hex:                                ; AX
        push    cx
        mov     cx, 4
.digit: rol     ax, 4
        push    ax
        and     al, 0x0F
        cmp     al, 10
        sbb     al, 0x69
        das
        call    put
        pop     ax
        loop    .digit
        pop     cx
        ret

bootstrap:
        push    ax
        mov     al, '['
        call    put
        pop     ax
        call    put_hex
        mov     al, ']'
        call    put
        retf

initialize:
        pushad
        push    es
        push    ds
        push    cs
        pop     ds
        push    ax
        mov     al, '<'
        call    put
        pop     ax
        call    put_hex
        cmp     dword [es:di], "$PnP"
        jne     .out
        mov     al, 'P'
        call    put
        push    word 0xF000             ; the memory manager
        pop     es
        xor     di, di
.look:  cmp     dword [es:di], "$PMM"
        je      .found
        add     di, 16
        jnz     .look
        jmp     .out
.found: mov     bx, di
        mov     cx, 16
        xor     al, al
.sum:   add     al, [es:bx]
        inc     bx
        loop    .sum
        or      al, al
        jnz     .out
        mov     eax, [es:di + 7]
        mov     [manager], eax
        mov     ebx, 0x600D0000         ; a handle of its own for each card
        mov     bx, cs
        mov     cx, 0x100               ; 4 KiB of extended memory, aligned
        mov     si, 6
        call    allocate
        push    dx
        push    ax
        call    report
        push    ebx                     ; found again
        push    word 1
        call    far [manager]
        add     sp, 6
        call    report
        call    allocate                ; not twice
        call    report
        pop     dword [block]
        push    dword [block]           ; given back
        push    word 2
        call    far [manager]
        add     sp, 6
        call    report
        push    ebx
        push    word 1
        call    far [manager]
        add     sp, 6
        call    report
        mov     cx, 0x40                ; 1 KiB of conventional memory
        mov     si, 1
        call    allocate
        call    report
        shr     ax, 4
        shl     dx, 12
        or      ax, dx
        mov     es, ax
        mov     dword [es:0], "used"
        mov     cx, 0x7FFF              ; more than there is
        call    allocate
        call    report
        push    word 7                  ; no such function
        call    far [manager]
        add     sp, 2
        call    report
        mov     byte [2], 1
.out:   mov     al, '>'
        call    put
        pop     ds
        pop     es
        popad
        mov     ax, 0x20                ; an initial program load device
        retf

allocate:                               ; CX paragraphs, SI flags, EBX handle: DX:AX
        push    si
        push    ebx
        push    word 0
        push    cx
        push    word 0
        call    far [manager]
        add     sp, 12
        ret
report: push    ax
        mov     al, ' '
        call    put
        mov     ax, dx
        call    put_hex
        pop     ax
        push    ax
        call    put_hex
        pop     ax
        ret
manager: dd 0
block:   dd 0
