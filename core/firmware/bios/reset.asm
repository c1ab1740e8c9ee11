; From the reset vector to a machine that runs out of shadow RAM (82441FX datasheet 290549: PAM registers). The code here runs at
; FFFF0000h, where a processor starts, so that the memory at F0000h can change under it; only near jumps until the end.

PAM_F           equ 0x30        ; F0000h: reads and writes go to RAM
PAM_RW          equ 0x33

reset_start:
        cli
        cld
        mov     al, 0x8F        ; shutdown status: why we are here
        out     0x70, al
        in      al, 0x71
        mov     bl, al
        o32 lgdt [cs:gdtr_rom]
        mov     eax, cr0
        and     eax, 0x9FFFFFFF ; caches on
        or      al, 1
        mov     cr0, eax
        jmp     short .protected
.protected:
        mov     cx, 8
        mov     ds, cx
        mov     es, cx
        mov     fs, cx
        mov     gs, cx
        mov     ss, cx
        and     al, 0xFE
        mov     cr0, eax
        jmp     short .real
.real:
        xor     cx, cx          ; bases 0, limits stay at 4 GiB
        mov     ds, cx
        mov     es, cx
        mov     fs, cx
        mov     gs, cx
        mov     ss, cx
        mov     eax, 0x80000058
        mov     dx, 0xCF8
        out     dx, eax
        mov     dx, 0xCFD
        mov     al, PAM_F
        out     dx, al
        mov     eax, 0x8000005C
        mov     dx, 0xCF8
        out     dx, eax
        mov     dx, 0xCFE
        mov     al, PAM_RW
        out     dx, al
        inc     dx
        out     dx, al
        ; A program that left protected mode by way of a reset wants to go on; the shadow copy is still there.
        cmp     bl, 0x05
        je      .resume
        cmp     bl, 0x09
        je      .resume
        cmp     bl, 0x0A
        jne     .copy
.resume:
        mov     esi, 0xF0000 + shadow_mark
        cmp     dword [esi], SHADOW_LIVE
        jne     .copy
        jmp     ROM_SEG:resume
.copy:
        mov     esi, 0xFFFF0000
        mov     edi, 0x000F0000
        mov     ecx, 0x4000
        a32 rep movsd
        jmp     ROM_SEG:post

SHADOW_LIVE     equ 0x4C495645
shadow_mark:    dd 0

; Shutdown status 5: EOI, then jump; 9: back from a block move; Ah: jump.
resume:
        mov     ax, BDA
        mov     ds, ax
        mov     al, 0x0F
        out     0x70, al
        xor     al, al
        out     0x71, al
        cmp     bl, 0x09
        je      .return
        cmp     bl, 0x05
        jne     .jump
        mov     al, 0x20
        out     0xA0, al
        out     0x20, al
.jump:
        jmp     far [B_RESUME]
.return:
        lss     sp, [B_RESUME]
        LEAVE_SERVICE

; A jump to FFFF:0 and Ctrl+Alt+Del: a reset like that of the button.
soft_reset:
        cli
        mov     al, 0x8F
        out     0x70, al
        xor     al, al
        out     0x71, al
        mov     dx, 0xCF9
        mov     al, 0x02
        out     dx, al
        mov     al, 0x06
        out     dx, al
        mov     al, 0xFE
        out     0x64, al
.halt:  hlt
        jmp     .halt

        align 8
gdt:
        dq 0
        dq 0x00CF93000000FFFF   ; 08h: all memory
        dq 0x00CF9B000000FFFF   ; 10h: all memory, 32-bit code
        dq 0x00009B0F0000FFFF   ; 18h: segment F000h as 16-bit code
        dq 0x000093000000FFFF   ; 20h: 64 KiB of data
gdt_end:
gdtr_rom:
        dw gdt_end - gdt - 1
        dd 0xFFFF0000 + gdt
gdtr_ram:
        dw gdt_end - gdt - 1
        dd 0xF0000 + gdt

; Gives ES and FS base 0 and a limit of 4 GiB, which stays when real-mode code loads them. Keeps all other registers, and GDTR.
; Only from real mode.
enter_flat:
        push    eax
        push    cx
        push    bp
        pushf
        mov     bp, sp
        sub     sp, 6
        cli
        o32 sgdt [bp - 6]
        o32 lgdt [cs:gdtr_ram]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     short .protected
.protected:
        mov     cx, 8
        mov     es, cx
        mov     fs, cx
        and     al, 0xFE
        mov     cr0, eax
        jmp     short .real
.real:
        xor     cx, cx
        mov     es, cx
        mov     fs, cx
        o32 lgdt [bp - 6]
        mov     sp, bp
        popf
        pop     bp
        pop     cx
        pop     eax
        ret
