; VBE 4F15h, DDC: the monitor's EDID 1.3 block (VESA E-EDID A2): analog, preferred mode 1920 by 1200.

vbe_ddc:                                ; BL = 0: what there is, 1: block DX to ES:DI
  cmp bl, 1
  ja vbe_unsupported
  je .read
  mov word [bp + cBX], 0x0102           ; a block takes a second at most; DDC2
  jmp vbe_done
.read:
  test dx, dx
  jnz vbe_failed
  push cs
  pop ds
  mov si, edid
  mov cx, 128
  rep movsb
  jmp vbe_done

edid:
  db 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0
  db 0x48, 0xce                         ; manufacturer RFN
  db 1, 0, 1, 0, 0, 0, 1, 36            ; product, serial number, week, year since 1990
  db 1, 3                               ; EDID 1.3
  db 0x08, 52, 32, 0x78, 0x0b           ; analog, separate syncs; cm; gamma 2.2; RGB, preferred timing, GTF
  db 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 ; sRGB
  db 0xa1, 0x08, 0x00                   ; 720x400, 640x480, 800x600, 1024x768
  db 0x71, 0x40, 0x81, 0x80, 0x81, 0x00, 0x95, 0x00 ; 1152x864, 1280x1024, 1280x800, 1440x900
  db 0xa9, 0x40, 0xb3, 0x00, 0xd1, 0xc0, 0xd1, 0x00 ; 1600x1200, 1680x1050, 1920x1080, 1920x1200
  ; 1920x1200 at 60 Hz with reduced blanking, 154 MHz
  db 0x28, 0x3c, 0x80, 0xa0, 0x70, 0xb0, 0x23, 0x40, 0x30, 0x20, 0x36, 0x00, 0x08, 0x40, 0x21, 0, 0, 0x1a
  db 0, 0, 0, 0xfd, 0, 50, 85, 30, 94, 17, 0, 0x0a, "      " ; Hz, kHz, 170 MHz
  db 0, 0, 0, 0xfc, 0, "Ringfence", 0x0a, "   "
  db 0, 0, 0, 0xff, 0, "1", 0x0a, "           "
  db 0                                  ; no extension blocks
  db 0xc7                               ; all bytes add up to 0
