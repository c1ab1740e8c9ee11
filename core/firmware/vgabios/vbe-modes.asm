; The VBE modes: number, width, height, bits a pixel. Numbers up to 11Fh are VESA's, those above are what Bochs and QEMU's adapters
; have used for the same modes, and from 1A0h on our own. Widths are multiples of 8, as the dispi registers want them.
mWIDTH equ 2
mHEIGHT equ 4
mBITS equ 6
MODE_BYTES equ 8

%macro vbe_mode 4
  dw %1, %2, %3, %4
%endmacro

modes:
  vbe_mode 0x146, 320, 200, 8
  vbe_mode 0x10d, 320, 200, 15
  vbe_mode 0x10e, 320, 200, 16
  vbe_mode 0x10f, 320, 200, 24
  vbe_mode 0x140, 320, 200, 32
  vbe_mode 0x100, 640, 400, 8
  vbe_mode 0x141, 640, 400, 32
  vbe_mode 0x101, 640, 480, 8
  vbe_mode 0x110, 640, 480, 15
  vbe_mode 0x111, 640, 480, 16
  vbe_mode 0x112, 640, 480, 24
  vbe_mode 0x142, 640, 480, 32
  vbe_mode 0x103, 800, 600, 8
  vbe_mode 0x113, 800, 600, 15
  vbe_mode 0x114, 800, 600, 16
  vbe_mode 0x115, 800, 600, 24
  vbe_mode 0x143, 800, 600, 32
  vbe_mode 0x105, 1024, 768, 8
  vbe_mode 0x116, 1024, 768, 15
  vbe_mode 0x117, 1024, 768, 16
  vbe_mode 0x118, 1024, 768, 24
  vbe_mode 0x144, 1024, 768, 32
  vbe_mode 0x107, 1280, 1024, 8
  vbe_mode 0x119, 1280, 1024, 15
  vbe_mode 0x11a, 1280, 1024, 16
  vbe_mode 0x11b, 1280, 1024, 24
  vbe_mode 0x145, 1280, 1024, 32
  vbe_mode 0x148, 1152, 864, 8
  vbe_mode 0x149, 1152, 864, 15
  vbe_mode 0x14a, 1152, 864, 16
  vbe_mode 0x14b, 1152, 864, 24
  vbe_mode 0x14c, 1152, 864, 32
  vbe_mode 0x11c, 1600, 1200, 8
  vbe_mode 0x11d, 1600, 1200, 15
  vbe_mode 0x11e, 1600, 1200, 16
  vbe_mode 0x11f, 1600, 1200, 24
  vbe_mode 0x147, 1600, 1200, 32
  vbe_mode 0x1a0, 1280, 720, 8
  vbe_mode 0x1a1, 1280, 720, 15
  vbe_mode 0x18d, 1280, 720, 16
  vbe_mode 0x18e, 1280, 720, 24
  vbe_mode 0x18f, 1280, 720, 32
  vbe_mode 0x1a2, 1280, 768, 8
  vbe_mode 0x1a3, 1280, 768, 15
  vbe_mode 0x175, 1280, 768, 16
  vbe_mode 0x176, 1280, 768, 24
  vbe_mode 0x177, 1280, 768, 32
  vbe_mode 0x1a4, 1280, 800, 8
  vbe_mode 0x1a5, 1280, 800, 15
  vbe_mode 0x178, 1280, 800, 16
  vbe_mode 0x179, 1280, 800, 24
  vbe_mode 0x17a, 1280, 800, 32
  vbe_mode 0x1a6, 1280, 960, 8
  vbe_mode 0x1a7, 1280, 960, 15
  vbe_mode 0x17b, 1280, 960, 16
  vbe_mode 0x17c, 1280, 960, 24
  vbe_mode 0x17d, 1280, 960, 32
  vbe_mode 0x1a8, 1440, 900, 8
  vbe_mode 0x1a9, 1440, 900, 15
  vbe_mode 0x17e, 1440, 900, 16
  vbe_mode 0x17f, 1440, 900, 24
  vbe_mode 0x180, 1440, 900, 32
  vbe_mode 0x1aa, 1400, 1050, 8
  vbe_mode 0x1ab, 1400, 1050, 15
  vbe_mode 0x181, 1400, 1050, 16
  vbe_mode 0x182, 1400, 1050, 24
  vbe_mode 0x183, 1400, 1050, 32
  vbe_mode 0x1ac, 1600, 900, 8
  vbe_mode 0x1ad, 1600, 900, 15
  vbe_mode 0x193, 1600, 900, 16
  vbe_mode 0x194, 1600, 900, 24
  vbe_mode 0x195, 1600, 900, 32
  vbe_mode 0x1ae, 1680, 1050, 8
  vbe_mode 0x1af, 1680, 1050, 15
  vbe_mode 0x184, 1680, 1050, 16
  vbe_mode 0x185, 1680, 1050, 24
  vbe_mode 0x186, 1680, 1050, 32
  vbe_mode 0x1b0, 1920, 1080, 8
  vbe_mode 0x1b1, 1920, 1080, 15
  vbe_mode 0x190, 1920, 1080, 16
  vbe_mode 0x191, 1920, 1080, 24
  vbe_mode 0x192, 1920, 1080, 32
  vbe_mode 0x1b2, 1920, 1200, 8
  vbe_mode 0x1b3, 1920, 1200, 15
  vbe_mode 0x187, 1920, 1200, 16
  vbe_mode 0x188, 1920, 1200, 24
  vbe_mode 0x189, 1920, 1200, 32
  dw 0xffff
