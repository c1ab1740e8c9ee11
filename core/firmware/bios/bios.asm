; The system BIOS: 64 KiB of ROM at F0000h and again below 4 GiB, where the processor starts. 16-bit code for a 386 or later but for the
; 32-bit PCI BIOS. Programs that enter it at the addresses of the first PCs find the same services there.
; Assemble: nasm -f bin bios.asm

        bits 16
        org 0
FIXED_START     equ 0xE000

%macro at_offset 1
        times %1 - ($ - $$) db 0xFF
%endmacro

%include "layout.inc"
section .text
%include "pcibios.inc"
%include "reset.asm"
%include "post.asm"
%include "console.asm"
%include "memory.asm"
%include "pci.asm"
%include "fwcfg.asm"
%include "optionrom.asm"
%include "pmm.asm"
%include "keyboard.asm"
%include "timer.asm"
%include "system.asm"
%include "int15.asm"
%include "mouse.asm"
%include "bios32.asm"
%include "disk.asm"
%include "ata.asm"
%include "ahci.asm"
%include "virtio.asm"
%include "floppy.asm"
%include "cdrom.asm"
%include "boot.asm"
code_end:                               ; tables made at power-on follow

        at_offset FIXED_START + 0x5B
        jmp     soft_reset
        at_offset 0xE2C3
        jmp     int02
        at_offset 0xE3FE
        jmp     int13
        at_offset 0xE6F2
        jmp     int19
        at_offset 0xE6F5
        dw 8
        db 0xFC, 0x00, 0x01, 0x74, 0x40, 0, 0, 0
        at_offset 0xE739
        jmp     int14
        at_offset 0xE82E
        jmp     int16
        at_offset 0xE987
        jmp     int09
        at_offset 0xEC59
        jmp     int13
        at_offset 0xEF57
        jmp     int0E
        at_offset 0xEFC7
diskette_table:
        db 0xAF, 0x02, 0x25, 2, 18, 0x1B, 0xFF, 0x6C, 0xF6, 15, 8
        at_offset 0xEFD2
        jmp     int17
        at_offset 0xF065
        jmp     int10_none
        at_offset 0xF0A4
video_parameters:
        ; CRT controller: 40 by 25, 80 by 25, graphics, monochrome; page sizes, columns, modes (6845, as the PC's BIOS set it).
        db 0x38, 0x28, 0x2D, 0x0A, 0x1F, 6, 0x19, 0x1C, 2, 7, 6, 7, 0, 0, 0, 0
        db 0x71, 0x50, 0x5A, 0x0A, 0x1F, 6, 0x19, 0x1C, 2, 7, 6, 7, 0, 0, 0, 0
        db 0x38, 0x28, 0x2D, 0x0A, 0x7F, 6, 0x64, 0x70, 2, 1, 6, 7, 0, 0, 0, 0
        db 0x61, 0x50, 0x52, 0x0F, 0x19, 6, 0x19, 0x19, 2, 0x0D, 0x0B, 0x0C, 0, 0, 0, 0
        dw 2048, 4096, 16384, 16384
        db 40, 40, 80, 80, 40, 40, 80, 80
        db 0x2C, 0x28, 0x2D, 0x29, 0x2A, 0x2E, 0x1E, 0x29
        at_offset 0xF841
        jmp     int12
        at_offset 0xF84D
        jmp     int11
        at_offset 0xF859
        jmp     int15
        at_offset 0xFE6E
        jmp     int1A
        at_offset 0xFEA5
        jmp     int08
        at_offset 0xFF53
        iret
        at_offset 0xFF54
        jmp     int05
        at_offset 0xFFF0
        jmp     reset_start             ; near: the processor's first instruction stays at FFFFxxxxh
        at_offset 0xFFF5
        db "11/23/26"
        at_offset 0xFFFE
        db 0xFC, 0
