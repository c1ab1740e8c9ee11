; How much memory there is, from fw_cfg or CMOS, and the map of it that INT 15h E820h gives (ACPI 6.4, chapter 15).

E820_RAM        equ 1
E820_RESERVED   equ 2

cmos_read:                              ; AL = index; AL = value
        out     0x70, al
        in      al, 0x71
        ret

cmos_read16:                            ; AL = index of the low byte; AX = value
        push    bx
        mov     bh, al
        call    cmos_read
        mov     bl, al
        mov     al, bh
        inc     al
        call    cmos_read
        mov     ah, al
        mov     al, bl
        pop     bx
        ret

; ram_below and ram_above.
memory_size:
        mov     al, 0x34                ; 64 KiB blocks above 16 MiB
        call    cmos_read16
        movzx   eax, ax
        or      eax, eax
        jz      .small
        shl     eax, 16
        add     eax, 0x1000000
        jmp     .below
.small:
        mov     al, 0x30                ; KiB above 1 MiB
        call    cmos_read16
        movzx   eax, ax
        shl     eax, 10
        add     eax, 0x100000
.below:
        mov     [ram_below], eax
        mov     al, 0x5B                ; 64 KiB blocks above 4 GiB
        call    cmos_read16
        movzx   ecx, ax
        mov     al, 0x5D
        call    cmos_read
        movzx   eax, al
        shl     eax, 16
        or      eax, ecx
        mov     edx, eax
        shl     eax, 16
        shr     edx, 16
        mov     [ram_above], eax
        mov     [ram_above + 4], edx
        mov     si, name_e820
        call    fw_find
        jc      .done
        mov     word [e820_count], 0
        mov     ecx, [fw_size]
        cmp     ecx, 20
        jb      .done
        call    fw_open
.range:
        push    ecx
        mov     di, name_buffer
        mov     cx, 20
        call    fw_read
        pop     ecx
        cmp     dword [name_buffer + 16], E820_RAM
        jne     .next
        mov     eax, [name_buffer + 8]
        mov     edx, [name_buffer + 12]
        cmp     dword [name_buffer + 4], 0
        jne     .above
        or      edx, edx
        jnz     .next
        add     eax, [name_buffer]
        jc      .next
        mov     [ram_below], eax
        jmp     .next
.above:
        mov     [ram_above], eax
        mov     [ram_above + 4], edx
.next:
        sub     ecx, 20
        cmp     ecx, 20
        jae     .range
.done:
        mov     eax, [ram_below]
        and     eax, 0xFFFFF000
        mov     [ram_below], eax
        mov     [high_top], eax
        ret

; Takes ECX bytes from the end of RAM, aligned to EAX (a power of two); EAX = where.
high_alloc:
        push    edx
        mov     edx, eax
        neg     edx
        mov     eax, [high_top]
        sub     eax, ecx
        and     eax, edx
        mov     [high_top], eax
        pop     edx
        ret

; Takes CX bytes of segment F000h, aligned to 16; AX = offset, CF if there is no room.
fseg_alloc:
        push    dx
        mov     ax, [fseg_next]
        add     ax, 15
        and     ax, 0xFFF0
        mov     dx, ax
        add     dx, cx
        jc      .full
        cmp     dx, FIXED_START
        ja      .full
        mov     [fseg_next], dx
        clc
        pop     dx
        ret
.full:
        stc
        pop     dx
        ret

; EAX = base, ECX = length, EDX = type; below 4 GiB.
e820_add:
        or      ecx, ecx
        jz      .out
        push    di
        mov     di, [e820_count]
        inc     word [e820_count]
        imul    di, di, 20
        mov     [e820_list + di], eax
        mov     dword [e820_list + di + 4], 0
        mov     [e820_list + di + 8], ecx
        mov     dword [e820_list + di + 12], 0
        mov     [e820_list + di + 16], edx
        pop     di
.out:
        ret

; After all tables are in place.
build_e820:
        mov     word [e820_count], 0
        xor     eax, eax
        mov     ecx, EBDA_SEG * 16
        mov     edx, E820_RAM
        call    e820_add
        mov     eax, EBDA_SEG * 16
        mov     ecx, 0xA0000 - EBDA_SEG * 16
        mov     edx, E820_RESERVED
        call    e820_add
        mov     eax, 0xE0000
        mov     ecx, 0x20000
        call    e820_add
        and     dword [high_top], 0xFFFFF000
        mov     eax, 0x100000
        mov     ecx, [high_top]
        sub     ecx, eax
        mov     edx, E820_RAM
        call    e820_add
        mov     eax, [high_top]
        mov     ecx, [ram_below]
        sub     ecx, eax
        mov     edx, E820_RESERVED
        call    e820_add
        mov     eax, 0xFFFC0000
        mov     ecx, 0x40000
        call    e820_add
        mov     eax, [ram_above]
        mov     ecx, [ram_above + 4]
        mov     edx, eax
        or      edx, ecx
        jz      .out
        mov     di, [e820_count]
        inc     word [e820_count]
        imul    di, di, 20
        mov     dword [e820_list + di], 0
        mov     dword [e820_list + di + 4], 1
        mov     [e820_list + di + 8], eax
        mov     [e820_list + di + 12], ecx
        mov     dword [e820_list + di + 16], E820_RAM
.out:
        ret
