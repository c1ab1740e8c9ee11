; PCI at power-on: finds the functions of bus 0, gives their base addresses places and their interrupt pins lines, and sets up the
; chipset's own functions (PCI Local Bus 2.3, chapter 6; 82371SB and 82371AB datasheets). Bridges to further buses are not entered.
; All helpers: BX = bus/device/function, DI = register.

PM_BASE         equ 0x600
SMB_BASE        equ 0x700
IO_FIRST        equ 0xC000
MEM_FIRST       equ 0xE0000000
MEM_END         equ 0xFEC00000

pci_select:
        push    eax
        movzx   eax, bx
        shl     eax, 8
        push    di
        and     di, 0xFC
        or      ax, di
        pop     di
        or      eax, 0x80000000
        mov     dx, 0xCF8
        out     dx, eax
        pop     eax
        mov     dx, di
        and     dx, 3
        add     dx, 0xCFC
        ret

pci_read8:
        push    dx
        call    pci_select
        in      al, dx
        pop     dx
        ret
pci_read16:
        push    dx
        call    pci_select
        in      ax, dx
        pop     dx
        ret
pci_read32:
        push    dx
        call    pci_select
        in      eax, dx
        pop     dx
        ret
pci_write8:
        push    dx
        call    pci_select
        out     dx, al
        pop     dx
        ret
pci_write16:
        push    dx
        call    pci_select
        out     dx, ax
        pop     dx
        ret
pci_write32:
        push    dx
        call    pci_select
        out     dx, eax
        pop     dx
        ret

; Calls CX for every function there is, with BX set. CX may change AX, DX, DI, SI, EAX.
pci_each:
        xor     bx, bx
.next:
        xor     di, di
        call    pci_read32
        cmp     ax, 0xFFFF
        je      .absent
        push    cx
        push    bx
        call    cx
        pop     bx
        pop     cx
        test    bx, 7
        jnz     .step
        mov     di, 0x0E
        call    pci_read8
        test    al, 0x80
        jz      .device
.step:
        inc     bx
        jmp     .more
.absent:
        test    bx, 7
        jnz     .step
.device:
        add     bx, 8
.more:
        cmp     bx, 0x100
        jb      .next
        ret

; Is a function of class EAX (24 bits) there? From SI on (index); CF clear and BX if so.
pci_find_class:
        push    ecx
        push    edx
        push    di
        mov     ecx, eax
        xor     bx, bx
.next:
        xor     di, di
        call    pci_read32
        cmp     ax, 0xFFFF
        je      .absent
        mov     di, 8
        call    pci_read32
        shr     eax, 8
        cmp     eax, ecx
        jne     .other
        dec     si
        js      .found
.other:
        test    bx, 7
        jnz     .step
        mov     di, 0x0E
        call    pci_read8
        test    al, 0x80
        jz      .device
.step:
        inc     bx
        jmp     .more
.absent:
        test    bx, 7
        jnz     .step
.device:
        add     bx, 8
        and     bl, 0xF8
.more:
        cmp     bx, 0x100
        jb      .next
        stc
        jmp     .out
.found:
        clc
.out:
        pop     di
        pop     edx
        pop     ecx
        ret

pci_init:
        mov     word [bar_count], 0
        mov     cx, collect_bars
        call    pci_each
        call    place_bars
        mov     cx, enable_function
        call    pci_each
        mov     al, 0x00                ; PIRQ lines: level triggered in ELCR
        mov     dx, 0x4D0
        out     dx, al
        mov     al, 0x0E
        inc     dx
        out     dx, al
        ret

; Adds a function's base addresses to bar_list: BDF, register (bit 15: I/O), size.
collect_bars:
        mov     di, 4                   ; no decoding while addresses change
        call    pci_read16
        and     ax, 0xFFFC
        call    pci_write16
        mov     di, 0x0E
        call    pci_read8
        and     al, 0x7F
        jnz     .out
        mov     di, 0x10
.bar:
        mov     eax, 0xFFFFFFFF
        call    pci_write32
        call    pci_read32
        or      eax, eax
        jz      .next
        test    al, 1
        jnz     .io
        mov     ecx, eax
        and     eax, 0xFFFFFFF0
        neg     eax
        mov     si, di
        call    .add
        and     cl, 6                   ; 64 bits wide: the upper half is 0
        cmp     cl, 4
        jne     .next
        add     di, 4
        xor     eax, eax
        call    pci_write32
        jmp     .next
.io:
        and     eax, 0xFFFC
        neg     ax
        mov     si, di
        or      si, 0x8000
        call    .add
.next:
        add     di, 4
        cmp     di, 0x28
        jb      .bar
        mov     di, 0x30
        mov     eax, 0xFFFFF800
        call    pci_write32
        call    pci_read32
        and     eax, 0xFFFFF800
        jz      .out
        neg     eax
        mov     si, di
        call    .add
        xor     eax, eax
        call    pci_write32
.out:
        ret
.add:
        push    di
        mov     di, [bar_count]
        cmp     di, 96
        jae     .full
        inc     word [bar_count]
        shl     di, 3
        mov     [bar_list + di], bx
        mov     [bar_list + di + 2], si
        mov     [bar_list + di + 4], eax
.full:
        pop     di
        ret

; The biggest first, so that each lies on a multiple of its size without gaps.
place_bars:
        mov     dword [next_io], IO_FIRST
        mov     dword [next_mem], MEM_FIRST
        mov     ecx, 0x10000000
.size:
        xor     si, si
.entry:
        cmp     si, [bar_count]
        jae     .smaller
        mov     di, si
        shl     di, 3
        inc     si
        cmp     [bar_list + di + 4], ecx
        jne     .entry
        mov     bx, [bar_list + di]
        mov     di, [bar_list + di + 2]
        test    di, 0x8000
        jnz     .io
        mov     eax, [next_mem]
        mov     edx, eax
        add     edx, ecx
        cmp     edx, MEM_END
        ja      .entry
        mov     [next_mem], edx
        jmp     .write
.io:
        and     di, 0xFF
        mov     eax, [next_io]
        mov     edx, eax
        add     edx, ecx
        cmp     edx, 0x10000
        ja      .entry
        mov     [next_io], edx
.write:
        call    pci_write32
        jmp     .entry
.smaller:
        shr     ecx, 1
        cmp     ecx, 2
        ja      .size
        ret

; The interrupt line of each pin, decoding on, and what the chipset's own functions need.
enable_function:
        mov     di, 0x3D
        call    pci_read8
        or      al, al
        jz      .no_pin
        movzx   si, bl
        shr     si, 3
        cbw
        add     si, ax
        add     si, 2
        and     si, 3
        mov     al, [cs:pirq_irqs + si]
        mov     di, 0x3C
        call    pci_write8
.no_pin:
        mov     di, 4
        call    pci_read16
        or      ax, 0x0103
        call    pci_write16
        mov     di, 8
        call    pci_read32
        shr     eax, 16
        cmp     ax, 0x0101
        je      .ide
        mov     di, 0
        call    pci_read32
        cmp     eax, 0x70008086
        je      .isa
        cmp     eax, 0x71138086
        je      .power
        cmp     eax, 0x71108086
        je      .isa
        ret
.ide:
        mov     di, 4                   ; bus mastering, and both channels' decode and fast timing
        call    pci_read16
        or      al, 4
        call    pci_write16
        xor     di, di
        call    pci_read16
        cmp     ax, 0x8086
        jne     .done
        mov     di, 0x40
        mov     eax, 0x80008000
        call    pci_write32
.done:
        ret
.isa:
        mov     di, 0x60
.route:
        mov     si, di
        and     si, 3
        mov     al, [cs:pirq_irqs + si]
        call    pci_write8
        inc     di
        cmp     di, 0x64
        jb      .route
        ret
.power:
        mov     di, 0x3C                ; the SCI is IRQ 9 by wire
        mov     al, 9
        call    pci_write8
        mov     di, 0x40
        mov     eax, PM_BASE | 1
        call    pci_write32
        mov     di, 0x80
        mov     al, 1
        call    pci_write8
        mov     di, 0x90
        mov     eax, SMB_BASE | 1
        call    pci_write32
        mov     di, 0xD2
        mov     al, 9
        call    pci_write8
        ret

pirq_irqs:      db 10, 10, 11, 11

; Bus mastering on, for a controller that the firmware itself drives.
pci_master:
        push    eax
        push    di
        mov     di, 4
        call    pci_read16
        or      al, 7
        call    pci_write16
        pop     di
        pop     eax
        ret
