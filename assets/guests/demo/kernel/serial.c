// COM1, a 16550A (National PC16550D data sheet): polled transmit, received bytes by interrupt as keys.
// Left out: modem lines, other speeds than 115200 8N1.
#include "kernel.h"

#define COM1 0x3F8
enum { DATA = COM1, IER, FCR, LCR, MCR, LSR, MSR, SCR };
enum { LSR_DATA_READY = 1, LSR_THR_EMPTY = 0x20 };
#define QUEUE_RESERVE 32 // keys left free before we stop taking bytes, so that pasted text waits in the sender

static bool present, paused, last_was_cr;
static u32 escape_state;     // 0: none, 1: after ESC, 2: inside CSI or after ESC O
static u32 escape_parameter;

bool serial_init(void) {
  outb(SCR, 0x5A);
  bool holds = inb(SCR) == 0x5A;
  outb(SCR, 0xA5);
  present = holds && inb(SCR) == 0xA5;
  if (!present) return false;
  outb(IER, 0);
  outb(LCR, 0x80); // divisor latch
  outb(DATA, 1);
  outb(IER, 0);
  outb(LCR, 0x03);
  outb(FCR, 0x07);
  outb(MCR, 0x0B); // DTR, RTS, OUT2 (which connects the interrupt)
  outb(IER, 0x01);
  return true;
}

void serial_write(u8 byte) {
  if (!present) return;
  // A stuck transmitter loses text, it does not stop the system: it is waited for once, some seconds, and then only looked at.
  static bool stuck;
  for (u32 tries = 0; !(inb(LSR) & LSR_THR_EMPTY); tries++) {
    if (!stuck && tries < 5000000) continue;
    stuck = true;
    return;
  }
  stuck = false;
  outb(DATA, byte);
}

static u16 escape_final(u8 byte) {
  switch (byte) {
  case 'A': return KEY_UP;
  case 'B': return KEY_DOWN;
  case 'C': return KEY_RIGHT;
  case 'D': return KEY_LEFT;
  case 'H': return KEY_HOME;
  case 'F': return KEY_END;
  case '~': {
    if (escape_parameter == 1 || escape_parameter == 7) return KEY_HOME;
    if (escape_parameter == 4 || escape_parameter == 8) return KEY_END;
    return escape_parameter == 3 ? KEY_DELETE : 0;
  }
  default: return 0;
  }
}

static void received(u8 byte) {
  bool after_cr = last_was_cr;
  last_was_cr = byte == '\r';
  if (byte == 0x1B) {
    escape_state = 1;
    escape_parameter = 0;
  } else if (escape_state == 1 && (byte == '[' || byte == 'O')) {
    escape_state = 2;
  } else if (escape_state == 2) {
    if (byte >= '0' && byte <= '9') {
      escape_parameter = (escape_parameter * 10 + byte - '0') % 1000;
    } else if (byte >= 0x40) {
      escape_state = 0;
      u16 key = escape_final(byte);
      if (key) input_push(key);
    } else if (byte < 0x20) {
      escape_state = 0;
      input_push(byte == '\n' ? '\r' : byte);
    }
  } else {
    escape_state = 0;
    if (byte == '\n' && after_cr) return;
    if (byte == '\n') byte = '\r';
    if (byte == 0x7F) byte = '\b';
    if (byte && byte < 0x80) input_push(byte);
  }
}

void serial_irq(void) {
  while (present && (inb(LSR) & LSR_DATA_READY)) {
    if (input_free() < QUEUE_RESERVE) {
      paused = true;
      outb(IER, 0);
      return;
    }
    received(inb(DATA));
  }
}

// Called when keys have been taken from the queue.
void serial_resume(void) {
  if (!paused) return;
  paused = false;
  outb(IER, 0x01); // the waiting bytes raise the interrupt again
}
