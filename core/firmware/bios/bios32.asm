; The BIOS32 service directory (Standard BIOS 32-bit Service Directory Proposal 0.4), the PCI BIOS behind it, and the PCI interrupt
; routing table $PIR. Checksums are made at power-on.

        PCI_SERVICE pci_service16

        bits 32
        PCI_SERVICE pci_service32

; Called far: AH = B1h, AL = function; CF and AH as INT 1Ah gives them.
pci_entry32:
        pushfd
        cmp     al, 0x01
        je      .present
        cmp     al, 0x0E
        je      .routing
        call    pci_service32
.status:
        or      ah, ah
        jz      .good
        popfd
        stc
        retf
.good:
        popfd
        clc
        retf
.present:
        call    pci_service32
        mov     edi, 0xF0000 + pci_entry32
        jmp     .good
.routing:
        push    ecx
        push    esi
        push    edi
        mov     ecx, pir_slots_end - pir_slots
        cmp     [edi], cx
        mov     [edi], cx
        mov     ah, 0x89
        jb      .routed
        mov     edi, [edi + 2]
        call    .here
.here:  pop     esi                     ; an address of ours, wherever the caller's segments put it
        add     esi, pir_slots - .here
        rep movsb
        mov     bx, 0x0C00
        mov     ah, 0
.routed:
        pop     edi
        pop     esi
        pop     ecx
        jmp     .status

; EAX = service, BL = 0. AL = 0 and EBX base, ECX length, EDX entry; or 80h: no such service.
bios32_entry:
        pushfd
        or      bl, bl
        jnz     .bad_function
        cmp     eax, "$PCI"
        jne     .unknown
        mov     ebx, 0xF0000
        mov     ecx, 0x10000
        mov     edx, pci_entry32
        xor     al, al
        popfd
        retf
.unknown:
        mov     al, 0x80
        popfd
        retf
.bad_function:
        mov     al, 0x81
        popfd
        retf
        bits 16

bios32_init:
        mov     si, bios32_header
        mov     cx, 16
        mov     di, 10
        call    .checksum
        mov     si, pnp_header
        mov     cx, 0x21
        mov     di, 8
        call    .checksum
        mov     si, pmm_header
        mov     cx, 16
        mov     di, 6
        call    .checksum
        mov     si, pir_table
        mov     cx, pir_slots_end - pir_table
        mov     di, 31
.checksum:
        mov     bx, si
        add     bx, di
        mov     byte [cs:bx], 0
        add     di, si
        xor     al, al
.byte:
        sub     al, [cs:si]
        inc     si
        loop    .byte
        mov     [cs:di], al
        ret

        align 16
bios32_header:
        db "_32_"
        dd 0xF0000 + bios32_entry
        db 0, 1, 0                      ; revision, length in paragraphs, checksum
        times 5 db 0

        align 16
pir_table:
        db "$PIR"
        dw 0x0100
        dw pir_slots_end - pir_table
        db 0, 0x08                      ; the interrupt router: bus 0, device 1, function 0
        dw 0x0C00                       ; IRQs of PCI's own: 10 and 11
        dw 0x8086, 0x7000               ; works like the PIIX3
        dd 0
        times 11 db 0
        db 0
pir_slots:
PIR_BITMAP      equ 0x0C20              ; IRQ 5, 10, 11
%assign slot 1
%rep 8
        db 0, slot << 3
%assign pin 1
%rep 4
        db 0x60 + ((slot + pin + 2) & 3)
        dw PIR_BITMAP
%assign pin pin + 1
%endrep
        db 0, 0                         ; on the board; reserved
%assign slot slot + 1
%endrep
pir_slots_end:
