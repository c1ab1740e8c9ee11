; Option ROMs (PCI Firmware 3.0, chapter 5; Plug and Play BIOS 1.0A): the video BIOS first, then all others, copied to shadow RAM from
; C0000h on and called at offset 3. They come from the bus (a ROM that answers there from the start), from PCI expansion ROM base
; addresses and from fw_cfg ("vgaroms/", "genroms/").

ROM_FIRST       equ 0xC000
ROM_END         equ 0xE000

; Makes C0000h to DFFFFh RAM. What a ROM on the bus shows there is kept.
option_rom_room:
        mov     word [rom_next], ROM_FIRST
        mov     word [bev_count], 0
        call    enter_flat
        mov     esi, 0xC0000            ; the bus's own ROM, by way of free memory
        mov     ebx, 0
        cmp     word [fs:esi], 0xAA55
        jne     .no_rom
        movzx   ebx, byte [fs:esi + 2]
        shl     ebx, 9
        mov     edi, SCRIPT_AT
        mov     ecx, ebx
        call    copy_flat
.no_rom:
        push    ebx
        mov     bx, 0
        mov     di, 0x5A
.pam:
        mov     al, PAM_RW
        call    pci_write8
        inc     di
        cmp     di, 0x5E
        jb      .pam
        pop     ecx
        mov     edi, 0xC0000
        mov     esi, SCRIPT_AT
        jecxz   .clear
        call    copy_flat
        ret
.clear:
        mov     dword [fs:edi], 0
        ret

copy_flat:                              ; ECX bytes from FS:ESI to ES:EDI, both flat
        push    eax
.byte:
        jecxz   .out
        mov     al, [fs:esi]
        mov     [es:edi], al
        inc     esi
        inc     edi
        dec     ecx
        jmp     .byte
.out:
        pop     eax
        ret

video_rom:
        call    enter_flat
        mov     esi, 0xC0000
        cmp     word [fs:esi], 0xAA55
        jne     .not_there
        mov     si, 0
        mov     eax, 0x030000
        call    pci_find_class
        jnc     .call
        xor     bx, bx
.call:
        call    rom_place
        jmp     rom_call
.not_there:
        mov     si, 0
        mov     eax, 0x030000
        call    pci_find_class
        jc      .no_pci
        call    rom_from_pci
        jnc     rom_call
.no_pci:
        mov     si, name_vgaroms
roms_from_files:
        xor     cx, cx
.file:
        mov     al, 1
        mov     ah, cl
        call    fw_find_next
        jc      .out
        push    cx
        push    si
        movzx   edi, word [rom_next]
        shl     edi, 4
        mov     ecx, [fw_size]
        mov     eax, edi
        add     eax, ecx
        cmp     eax, ROM_END * 16
        ja      .next
        call    fw_open
        call    fw_read_high
        movzx   esi, word [rom_next]
        shl     esi, 4
        cmp     word [fs:esi], 0xAA55
        jne     .next
        xor     bx, bx
        call    rom_place
        call    rom_call
.next:
        pop     si
        pop     cx
        inc     cx
        cmp     cl, 16
        jb      .file
.out:
        ret

; Every PCI function but the display, then fw_cfg's.
other_roms:
        mov     cx, .function
        call    pci_each
        mov     si, name_genroms
        jmp     roms_from_files
.function:
        mov     di, 0x0A
        call    pci_read16
        cmp     ax, 0x0300
        je      .skip
        mov     di, 0x30
        call    pci_read32
        and     eax, 0xFFFFF800
        jz      .skip
        call    rom_from_pci
        jc      .skip
        push    bx
        call    rom_call
        pop     bx
.skip:
        ret

; Copies the PC image in function BX's expansion ROM to the next free place: AX = its segment, or CF.
rom_from_pci:
        call    enter_flat
        mov     di, 0x30
        call    pci_read32
        and     eax, 0xFFFFF800
        jz      .none
        push    eax
        or      al, 1
        call    pci_write32
        pop     esi
        mov     cx, 8                   ; images: PC, EFI, Open Firmware
.image:
        cmp     word [fs:esi], 0xAA55
        jne     .off
        movzx   edx, word [fs:esi + 0x18]
        or      dx, dx
        jz      .plain
        cmp     dword [fs:esi + edx], "PCIR"
        jne     .plain
        cmp     byte [fs:esi + edx + 0x14], 0
        je      .plain
        test    byte [fs:esi + edx + 0x15], 0x80
        jnz     .off
        movzx   eax, word [fs:esi + edx + 0x10]
        shl     eax, 9
        jz      .off
        add     esi, eax
        loop    .image
.off:
        mov     di, 0x30
        call    pci_read32
        and     al, 0xFE
        call    pci_write32
.none:
        stc
        ret
.plain:
        movzx   ecx, byte [fs:esi + 2]
        shl     ecx, 9
        jz      .off
        movzx   edi, word [rom_next]
        shl     edi, 4
        mov     eax, edi
        add     eax, ecx
        cmp     eax, ROM_END * 16
        ja      .off
        shr     ecx, 2
.copy:
        mov     eax, [fs:esi]
        mov     [es:edi], eax
        add     esi, 4
        add     edi, 4
        dec     ecx
        jnz     .copy
        movzx   esi, word [rom_next]    ; all bytes of a ROM add up to 0
        shl     esi, 4
        xor     al, al
.sum:
        dec     edi
        add     al, [fs:edi]
        cmp     edi, esi
        ja      .sum
        or      al, al
        jnz     .off
        mov     di, 0x30
        call    pci_read32
        and     al, 0xFE
        call    pci_write32
        ; falls through

; Takes the room of the ROM at rom_next: AX = its segment.
rom_place:
        push    dx
        push    esi
        call    enter_flat
        movzx   esi, word [rom_next]
        shl     esi, 4
        movzx   dx, byte [fs:esi + 2]
        shl     dx, 5                   ; 512 bytes in paragraphs
        mov     ax, [rom_next]
        add     dx, ax
        add     dx, 0x7F
        and     dx, 0xFF80
        mov     [rom_next], dx
        pop     esi
        pop     dx
        clc
        ret

; Calls the initialization of the ROM at segment AX, for function BX. It may shrink itself, and register a bootstrap entry.
rom_call:
        push    ax
        push    bx
        push    ds
        pushad
        push    cs
        push    word .back
        push    ax
        push    word 3
        mov     ax, bx
        push    ROM_SEG
        pop     es
        mov     di, pnp_header
        mov     bx, 0xFFFF
        mov     dx, 0xFFFF
        mov     cx, 0xFFFF
        retf
.back:
        cld
        popad
        pop     ds
        pop     bx
        pop     ax
        sti
        ; What is left of it after initialization.
        push    es
        mov     es, ax
        cmp     word [es:0], 0xAA55
        jne     .gone
        movzx   dx, byte [es:2]
        shl     dx, 5
        add     dx, ax
        add     dx, 0x7F
        and     dx, 0xFF80
        mov     [rom_next], dx
        mov     di, [es:0x1A]           ; PnP expansion header: bootstrap entry vector
        or      di, di
        jz      .no_pnp
        cmp     dword [es:di], "$PnP"
        jne     .no_pnp
        cmp     word [es:di + 0x1A], 0
        je      .no_pnp
        mov     si, [bev_count]
        cmp     si, MAX_BEVS
        jae     .no_pnp
        inc     word [bev_count]
        shl     si, 3
        add     si, bev_list
        mov     dx, [es:di + 0x1A]
        mov     [si + bev.entry], dx
        mov     [si + bev.entry + 2], ax
        mov     [si + bev.bdf], bx
        mov     dx, [es:di + 0x10]
        mov     [si + bev.name], dx
.no_pnp:
        pop     es
        ret
.gone:
        mov     [rom_next], ax
        pop     es
        ret

        align 16
pnp_header:
        db "$PnP", 0x10, 0x21
        dw 0                            ; no event notification
        db 0
        dd 0
        dw pnp_entry, ROM_SEG
        dw pnp_entry
        dd 0xF0000
        dd 0
        dw 0
        dd 0

; No device nodes, no services: "function not supported".
pnp_entry:
        mov     ax, 0x82
        retf
