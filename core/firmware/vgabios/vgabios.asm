; Video BIOS: an option ROM for a VGA with the Bochs "dispi" registers (1234:1111, QEMU's standard VGA and this machine's).
; Services of INT 10h as the IBM PS/2 and PC BIOS Interface Technical Reference lists them, and of VESA's VBE 3.0 and DDC.
; Plain real-mode code for a 386: it also runs in virtual-8086 mode and in guests' own interpreters, and touches nothing but
; VGA and dispi ports, and at POST PCI configuration to find the framebuffer. It never writes to itself and never enables interrupts.
; Left out: fonts and parameters of the user's through the save pointer table, the light pen, the bell of teletype output,
; characters and pixels in VBE modes.
bits 16
cpu 386
org 0

%include "layout.inc"

rom:
  dw 0xaa55
  db IMAGE_BYTES / 512
  jmp near post
  times 0x18 - ($ - $$) db 0
  dw pci_data
  times 0x1e - ($ - $$) db 0
  db "IBM compatible: Ringfence video BIOS", 0

  align 4, db 0
pci_data:                               ; PCI Firmware Specification 3.0, section 5.1.2
  db "PCIR"
  dw 0x1234, 0x1111
  dw 0                                  ; no vital product data
  dw 0x18
  db 0                                  ; structure revision
  db 0, 0, 3                            ; class: VGA
  dw IMAGE_BYTES / 512
  dw 1                                  ; code revision
  db 0, 0x80                            ; x86 code, last image
  dw 0

%include "post.asm"
%include "int10.asm"
%include "mode.asm"
%include "mode-tables.asm"
%include "palette.asm"
%include "mode-colours.asm"
%include "cursor.asm"
%include "scroll.asm"
%include "character.asm"
%include "glyph.asm"
%include "pixel.asm"
%include "font.asm"
%include "configuration.asm"
%include "state.asm"
%include "saved-state.asm"
%include "vbe.asm"
%include "vbe-mode.asm"
%include "vbe-settings.asm"
%include "vbe-modes.asm"
%include "vbe-window.asm"
%include "vbe-protected.asm"
%include "ddc.asm"

  align 16, db 0
font_8x8: incbin "font-8x8.bin"
font_8x14: incbin "font-8x14.bin"
font_8x16: incbin "font-8x16.bin"
no_alternates: db 0                     ; end of the (empty) lists of glyphs that 9-dot modes draw otherwise

  times IMAGE_BYTES - ($ - $$) db 0     ; the build makes the last byte such that all add up to 0
