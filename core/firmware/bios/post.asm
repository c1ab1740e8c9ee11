; Power-on: vectors, data areas and the legacy chips, then PCI, tables, option ROMs, input and drives, and at last INT 19h.
; Nothing is tested that an emulated machine cannot break, and RAM is not cleared: power-on takes some ten thousand instructions.

post:
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7C00
        mov     ax, DSEG
        mov     es, ax
        mov     ds, ax
        xor     di, di
        mov     cx, DATA_END / 4 + 1
        xor     eax, eax
        rep stosd
        mov     dword [cs:shadow_mark], SHADOW_LIVE
        mov     byte [cs:0xFFF0], 0xEA          ; FFFF:0 from now on: reset the machine
        mov     word [cs:0xFFF1], soft_entry
        mov     word [cs:0xFFF3], ROM_SEG
        mov     word [fseg_next], code_end
        mov     dword [cd_cached], 0xFFFFFFFF
        mov     word [0], 0xAA55                ; taken: for memory managers that look for free room
        mov     byte [2], 0x80
        mov     al, 0x0F
        out     0x70, al
        xor     al, al
        out     0x71, al

        ; Interrupt vectors.
        push    ds
        xor     ax, ax
        mov     es, ax
        mov     ds, ax
        xor     di, di
        mov     eax, ROM_SEG * 0x10000 + dummy_iret
        mov     cx, 0x60
        rep stosd
        mov     ebx, eax
        xor     eax, eax                        ; 60h to 67h and 78h on are for programs
        mov     cx, 8
        rep stosd
        xchg    eax, ebx
        mov     cx, 0x10
        rep stosd
        xchg    eax, ebx
        mov     cx, 0x88
        rep stosd
        mov     si, vector_table
.vector:
        cs lodsb
        movzx   di, al
        cs lodsw
        or      ax, ax
        jz      .vectors_done
        shl     di, 2
        stosw
        mov     ax, ROM_SEG
        stosw
        jmp     .vector
.vectors_done:
        mov     word [0x1D * 4], video_parameters

        ; BIOS data areas.
        mov     ax, BDA
        mov     es, ax
        mov     ds, ax
        mov     dx, [B_RESET]
        xor     di, di
        xor     eax, eax
        mov     cx, 0x40
        rep stosd
        mov     [B_RESET], dx
        mov     word [B_EBDA], EBDA_SEG
        mov     word [B_MEMORY], EBDA_SEG / 64
        mov     word [B_KB_HEAD], B_KB_BUFFER
        mov     word [B_KB_TAIL], B_KB_BUFFER
        mov     word [B_KB_START], B_KB_BUFFER
        mov     word [B_KB_END], B_KB_BUFFER + 32
        mov     dword [B_LPT_TIME], 0x14141414
        mov     dword [B_COM_TIME], 0x01010101
        mov     byte [B_KB_FLAGS3], 0x10
        mov     ax, EBDA_SEG
        mov     es, ax
        xor     di, di
        xor     eax, eax
        mov     cx, 0x100
        rep stosd
        mov     byte [es:E_SIZE], 1
        pop     ds

        ; A20, interrupt controllers, timer, DMA.
        in      al, 0x92
        or      al, 2
        and     al, 0xFE
        out     0x92, al
        mov     al, 0x11
        out     0x20, al
        out     0xA0, al
        mov     al, 0x08
        out     0x21, al
        mov     al, 0x70
        out     0xA1, al
        mov     al, 0x04
        out     0x21, al
        mov     al, 0x02
        out     0xA1, al
        mov     al, 0x01
        out     0x21, al
        out     0xA1, al
        mov     al, 0xB8                        ; timer, keyboard, slave, floppy
        out     0x21, al
        mov     al, 0x9F                        ; FPU and IDE come when they are found
        out     0xA1, al
        mov     al, 0x36
        out     0x43, al
        xor     al, al
        out     0x40, al
        out     0x40, al
        mov     al, 0x54
        out     0x43, al
        mov     al, 0x12
        out     0x41, al
        out     0x0D, al                        ; DMA: master clear, cascade on channel 4
        out     0xDA, al
        mov     al, 0xC0
        out     0xD6, al
        xor     al, al
        out     0xD4, al
        mov     al, 0x0E
        out     0x0F, al
        out     0xDE, al
        fninit
        call    processor_init
        call    rtc_init

        call    fw_init
        call    memory_size
        call    pci_init
        call    enter_flat
        call    load_tables
        call    load_smbios
        call    load_legacy_tables
        call    bios32_init
        call    build_equipment
        call    keyboard_init
        sti
        call    option_rom_room
        call    video_rom
        call    show_banner
        call    build_e820
        call    mouse_init
        call    floppy_init
        call    drives_init
        call    pmm_init
        call    other_roms
        call    pmm_close
        call    lock_shadow
        call    list_boot_devices
        call    boot_menu
        int     0x19
.halt:  hlt
        jmp     .halt

soft_entry      equ FIXED_START + 0x5B          ; where the first IBM PC had its power-on code

; The local APIC passes the 8259's interrupts on (virtual wire), and all memory is write-back but for what is not RAM.
processor_init:
        pushfd
        pop     eax
        mov     ecx, eax
        xor     eax, 0x200000
        push    eax
        popfd
        pushfd
        pop     eax
        xor     eax, ecx
        test    eax, 0x200000
        jz      .out
        mov     eax, 1
        cpuid
        push    edx
        test    dh, 2
        jz      .no_apic
        call    enter_flat
        mov     esi, 0xFEE00000
        mov     eax, 0x1FF
        mov     [fs:esi + 0xF0], eax
        mov     dword [fs:esi + 0x350], 0x8700
        mov     dword [fs:esi + 0x360], 0x8400
.no_apic:
        pop     edx
        test    dh, 0x10                        ; MTRRs
        jz      .out
        mov     ecx, 0xFE
        rdmsr
        test    ah, 1
        jz      .no_fixed
        mov     eax, 0x06060606
        mov     edx, eax
        mov     ecx, 0x250
        wrmsr
        mov     ecx, 0x258
        wrmsr
        xor     eax, eax
        xor     edx, edx
        mov     ecx, 0x259                      ; A0000h: video
        wrmsr
        mov     eax, 0x05050505                 ; C0000h to FFFFFh: write-protected
        mov     edx, eax
        mov     ecx, 0x268
.fixed: wrmsr
        inc     cx
        cmp     cx, 0x270
        jb      .fixed
.no_fixed:
        mov     ecx, 0x200                      ; E0000000h to FFFFFFFFh: not cached
        mov     eax, 0xE0000000
        xor     edx, edx
        wrmsr
        inc     ecx
        mov     edx, 0x0F
        mov     eax, 0x80000008
        push    ecx
        push    eax
        mov     eax, 0x80000000
        cpuid
        mov     ecx, eax
        pop     eax
        cmp     ecx, eax
        jb      .bits
        cpuid
        mov     cl, al
        sub     cl, 32
        jb      .bits
        mov     edx, 1
        shl     edx, cl
        dec     edx
        jmp     .mask
.bits:
        mov     edx, 0x0F
.mask:
        pop     ecx
        mov     eax, 0xE0000800
        wrmsr
        mov     ecx, 0x2FF
        xor     edx, edx
        mov     eax, 0xC06
        wrmsr
.out:
        ret

rtc_init:
        mov     al, 0x0A
        out     0x70, al
        mov     al, 0x26
        out     0x71, al
        mov     al, 0x0B
        call    cmos_read
        and     al, 0x05                        ; hours and binary mode are the clock owner's choice
        or      al, 0x02
        mov     ah, al
        mov     al, 0x0B
        out     0x70, al
        mov     al, ah
        out     0x71, al
        mov     al, 0x0C
        call    cmos_read
        mov     al, 0x0D
        call    cmos_read
        ; Ticks since midnight: seconds * 1193182 / 65536.
        call    rtc_read_time                   ; CH, CL, DH in BCD
        mov     al, ch
        call    from_bcd
        movzx   ebx, al
        imul    ebx, ebx, 3600
        mov     al, cl
        call    from_bcd
        movzx   eax, al
        imul    eax, eax, 60
        add     ebx, eax
        mov     al, dh
        call    from_bcd
        movzx   eax, al
        add     eax, ebx
        mov     edx, 1193182
        mul     edx
        shrd    eax, edx, 16
        push    es
        mov     dx, BDA
        mov     es, dx
        mov     [es:B_TICKS], eax
        pop     es
        ret

from_bcd:
        push    cx
        mov     ah, al
        shr     ah, 4
        and     al, 0x0F
        xchg    al, ah
        mov     cl, ah
        mov     ah, 10
        mul     ah
        add     al, cl
        pop     cx
        ret

to_bcd:
        aam
        shl     ah, 4
        or      al, ah
        ret

; COM and LPT ports by looking, and the equipment word.
build_equipment:
        push    ds
        mov     ax, BDA
        mov     ds, ax
        mov     word [B_EQUIPMENT], 0x0026      ; FPU, mouse, 80 by 25
        mov     si, com_bases
        mov     di, B_COM
        xor     bx, bx
.com:
        cs lodsw
        or      ax, ax
        jz      .com_done
        mov     dx, ax
        add     dx, 2
        xchg    ax, cx
        in      al, dx                          ; interrupt identification: bits 5 and 4 are always 0
        test    al, 0x30
        jnz     .com
        add     dx, 5
        mov     al, 0x5A                        ; the scratch register holds what it is given
        out     dx, al
        in      al, dx
        cmp     al, 0x5A
        jne     .com
        mov     [di], cx
        add     di, 2
        add     bh, 2
        jmp     .com
.com_done:
        mov     di, B_LPT
.lpt:
        cs lodsw
        or      ax, ax
        jz      .lpt_done
        mov     dx, ax
        mov     cx, ax
        mov     al, 0xAA
        out     dx, al
        in      al, dx
        cmp     al, 0xAA
        jne     .lpt
        mov     [di], cx
        add     di, 2
        add     bh, 0x40
        jmp     .lpt
.lpt_done:
        or      [B_EQUIPMENT], bx
        pop     ds
        ret

com_bases:      dw 0x3F8, 0x2F8, 0x3E8, 0x2E8, 0
lpt_bases:      dw 0x378, 0x278, 0

; Vectors: number, offset. Hardware interrupts without an owner acknowledge themselves.
vector_table:
        db 0x02
        dw int02
        db 0x05
        dw int05
        db 0x08
        dw int08
        db 0x09
        dw int09
        db 0x0A
        dw spurious_master
        db 0x0B
        dw spurious_master
        db 0x0C
        dw spurious_master
        db 0x0D
        dw spurious_master
        db 0x0E
        dw int0E
        db 0x0F
        dw spurious_master
        db 0x10
        dw int10_none
        db 0x11
        dw int11
        db 0x12
        dw int12
        db 0x13
        dw int13
        db 0x14
        dw int14
        db 0x15
        dw int15
        db 0x16
        dw int16
        db 0x17
        dw int17
        db 0x18
        dw int18
        db 0x19
        dw int19
        db 0x1A
        dw int1A
        db 0x1E
        dw diskette_table
        db 0x40
        dw int13
        db 0x70
        dw int70
        db 0x71
        dw int71
        db 0x72
        dw spurious_slave
        db 0x73
        dw spurious_slave
        db 0x74
        dw int74
        db 0x75
        dw int75
        db 0x76
        dw int76
        db 0x77
        dw spurious_slave
        db 0
        dw 0

; Reads of F0000h and of the ROMs stay in RAM; writes no longer reach it. E0000h keeps both: the firmware's data are there.
lock_shadow:
        mov     bx, 0
        mov     di, 0x59
        mov     al, 0x10
        call    pci_write8
        ; C0000h to DFFFFh: 16 KiB blocks. Those with a ROM become read-only, the others go back to the bus.
        mov     si, 0xC000
        mov     di, 0x5A
.register:
        xor     ah, ah
        call    .half
        mov     ah, al
        call    .half
        shl     al, 4
        or      al, ah
        call    pci_write8
        inc     di
        cmp     di, 0x5E
        jb      .register
        ret
.half:
        mov     al, 1
        cmp     si, [rom_next]
        jb      .taken
        xor     al, al
.taken:
        add     si, 0x400
        ret
