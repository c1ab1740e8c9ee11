// PS/2 keyboard behind an 8042 controller, scan code set 1 by the controller's translation, US layout.
// Left out: lock lights, the second port.
#include "kernel.h"

enum { DATA = 0x60, STATUS = 0x64, STATUS_OUTPUT = 1, STATUS_INPUT = 2, STATUS_SECOND = 0x20 };

static const char plain[] = "\0\0331234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
static const char keypad[] = "789-456+1230."; // scan codes 47h-53h

static bool shift_left, shift_right, control, caps, extended;
static u32 skip; // bytes of a Pause key still to come

static bool ready_to_write(void) {
  for (u32 tries = 0; tries < 10000; tries++)
    if (!(inb(STATUS) & STATUS_INPUT)) return true;
  return false;
}

static i32 read_byte(void) {
  for (u32 tries = 0; tries < 10000; tries++)
    if (inb(STATUS) & STATUS_OUTPUT) return inb(DATA);
  return -1;
}

static void flush(void) {
  for (u32 i = 0; i < 64 && (inb(STATUS) & STATUS_OUTPUT); i++) inb(DATA);
}

static void controller(u8 command) {
  if (ready_to_write()) outb(STATUS, command);
}

static void to_keyboard(u8 byte) {
  if (!ready_to_write()) return;
  outb(DATA, byte);
  read_byte(); // the acknowledgement
}

void keyboard_init(void) {
  if (inb(STATUS) == 0xFF) return; // no controller
  controller(0xAD); // both ports off while we set up
  controller(0xA7);
  flush();
  controller(0x20);
  i32 configuration = read_byte();
  if (configuration < 0) return;
  u8 value = (u8)((configuration | 0x41) & ~0x12); // interrupt 1 and translation on, clock on, interrupt 12 off
  controller(0x60);
  if (ready_to_write()) outb(DATA, value & (u8)~1u); // no interrupt for the acknowledgement
  controller(0xAE);
  to_keyboard(0xF4); // start scanning
  controller(0x60);
  if (ready_to_write()) outb(DATA, value);
  flush();
}

static u16 extended_key(u8 code) {
  switch (code) {
  case 0x48: return KEY_UP;
  case 0x50: return KEY_DOWN;
  case 0x4B: return KEY_LEFT;
  case 0x4D: return KEY_RIGHT;
  case 0x47: return KEY_HOME;
  case 0x4F: return KEY_END;
  case 0x53: return KEY_DELETE;
  case 0x1C: return '\r';
  case 0x35: return '/';
  default: return 0;
  }
}

static void scan_code(u8 byte) {
  if (skip) {
    skip--;
    return;
  }
  if (byte == 0xE1) {
    skip = 2; // Pause is E1 1D 45 and E1 9D C5
    return;
  }
  if (byte == 0xE0) {
    extended = true;
    return;
  }
  bool is_extended = extended, released = (byte & 0x80) != 0;
  u8 code = byte & 0x7F;
  extended = false;
  if (code == 0x1D) control = !released;
  else if (code == 0x2A && !is_extended) shift_left = !released;
  else if (code == 0x36 && !is_extended) shift_right = !released;
  else if (code == 0x3A && !released) caps = !caps;
  else if (released) return;
  else if (is_extended) {
    u16 key = extended_key(code);
    if (key) input_push(key);
  } else if (code >= 0x47 && code <= 0x53) input_push((u8)keypad[code - 0x47]);
  else if (code < sizeof plain - 1) {
    char c = plain[code];
    bool letter = c >= 'a' && c <= 'z';
    if (letter && control) c = (char)(c - 'a' + 1);
    else if (letter ? (shift_left || shift_right) != caps : shift_left || shift_right) c = shifted[code];
    if (c && c != 0x1B) input_push((u8)c);
  }
}

void keyboard_irq(void) {
  for (u32 i = 0; i < 16; i++) {
    u8 status = inb(STATUS);
    if (!(status & STATUS_OUTPUT) || status == 0xFF) return;
    u8 byte = inb(DATA);
    if (!(status & STATUS_SECOND)) scan_code(byte);
  }
}
