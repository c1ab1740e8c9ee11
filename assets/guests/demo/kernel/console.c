// The session: one stream of text with ANSI escape sequences (ECMA-48), sent to the serial port as it is and drawn by us on the
// VGA text screen (80x25 at B8000h). Understood here: SGR colours, cursor moves, erase line and screen; others are swallowed.
// The screen is drawn into a copy in memory; console_flush writes the cells that changed, because text memory is slow to reach.
#include "kernel.h"

enum { COLUMNS = 80, ROWS = 25, CELLS = COLUMNS * ROWS, PARAMETERS = 8 };

static u16 cells[CELLS], shown[CELLS];
static volatile u16 *screen;
static u32 row, column; // column COLUMNS: the next character wraps first
static u32 shown_cursor = ~0u;
static u8 base_text = 7, base_paper = 0;
static u8 text_colour = 7, paper_colour = 0;
static bool bold, dirty, cursor_hidden;
static u32 escape; // 0: text, 1: after ESC, 2: in a control sequence
static u32 parameters[PARAMETERS], parameter_count;
static bool private_sequence;

static const u8 vga_colour[8] = {0, 4, 2, 6, 1, 5, 3, 7}; // ANSI counts red, green, blue from bit 0; VGA from bit 2

static u16 blank(void) { return (u16)(((vga_colour[paper_colour] << 4 | vga_colour[text_colour & 7]) << 8) | ' '); }

static u16 cell(u8 c) {
  u8 bright = (text_colour >= 8 || bold) ? 8 : 0;
  return (u16)((vga_colour[paper_colour] << 4 | vga_colour[text_colour & 7] | bright) << 8 | c);
}

static void crtc(u8 index, u8 value) {
  outb(0x3D4, index);
  outb(0x3D5, value);
}

void console_flush(void) {
  u32 at = row * COLUMNS + (column < COLUMNS ? column : COLUMNS - 1);
  if (cursor_hidden) at = CELLS; // outside the screen
  if (dirty) {
    dirty = false;
    for (u32 i = 0; i < CELLS; i++)
      if (cells[i] != shown[i]) screen[i] = shown[i] = cells[i];
  }
  if (at != shown_cursor) {
    shown_cursor = at;
    crtc(0x0E, (u8)(at >> 8));
    crtc(0x0F, (u8)at);
  }
}

static void erase(u32 from, u32 to) {
  for (u32 i = from; i < to; i++) cells[i] = blank();
}

static void new_line(void) {
  if (row + 1 < ROWS) {
    row++;
    return;
  }
  memcpy(cells, cells + COLUMNS, (CELLS - COLUMNS) * sizeof cells[0]);
  u8 keep = paper_colour;
  paper_colour = base_paper; // a coloured run must not paint the whole new line
  erase(CELLS - COLUMNS, CELLS);
  paper_colour = keep;
}

static void serial_text(const char *text) {
  while (*text) serial_write((u8)*text++);
}

static void serial_number(u32 value) {
  if (value >= 10) serial_number(value / 10);
  serial_write((u8)('0' + value % 10));
}

// After "reset" a terminal shows its own default colours; ours may have been changed by the user.
static void serial_base_colours(void) {
  if (base_text == 7 && base_paper == 0) return;
  serial_text("\x1b[");
  serial_number((base_text >= 8 ? 82u : 30u) + base_text);
  serial_text(";");
  serial_number(40u + base_paper);
  serial_text("m");
}

static void select_graphic_rendition(void) {
  bool reset = false;
  for (u32 i = 0; i < parameter_count; i++) {
    u32 p = parameters[i];
    if (p == 0) {
      text_colour = base_text;
      paper_colour = base_paper;
      bold = false;
      reset = true;
    } else if (p == 1) bold = true;
    else if (p == 22) bold = false;
    else if (p >= 30 && p <= 37) text_colour = (u8)(p - 30);
    else if (p >= 90 && p <= 97) text_colour = (u8)(p - 82);
    else if (p >= 40 && p <= 47) paper_colour = (u8)(p - 40);
    else if (p >= 100 && p <= 107) paper_colour = (u8)(p - 100);
  }
  if (reset) serial_base_colours();
}

static u32 limit(u32 value, u32 top) { return value < top ? value : top; }

static void control_sequence(char final) {
  u32 first = parameters[0], count = first ? first : 1;
  u32 x = column < COLUMNS ? column : COLUMNS - 1;
  dirty = true;
  switch (final) {
  case 'm': select_graphic_rendition(); break;
  case 'A': row = count > row ? 0 : row - count; break;
  case 'B': row = limit(row + count, ROWS - 1); break;
  case 'C': column = limit(x + count, COLUMNS - 1); break;
  case 'D': column = count > x ? 0 : x - count; break;
  case 'H':
    row = limit(count, ROWS) - 1;
    column = limit(parameter_count > 1 && parameters[1] ? parameters[1] : 1, COLUMNS) - 1;
    break;
  case 'K': erase(row * COLUMNS + (first == 0 ? x : 0), row * COLUMNS + (first == 1 ? x + 1 : COLUMNS)); break;
  case 'J': erase(first == 0 ? row * COLUMNS + x : 0, first == 1 ? row * COLUMNS + x + 1 : CELLS); break;
  case 'h':
  case 'l':
    if (private_sequence && first == 25) cursor_hidden = final == 'l';
    break;
  default: break;
  }
}

static void draw(u8 c) {
  if (c == 0x18) {
    escape = 0;
    return;
  }
  if (escape == 1) {
    escape = c == '[' ? 2 : 0;
    parameter_count = 1;
    parameters[0] = 0;
    private_sequence = false;
    return;
  }
  if (escape == 2) {
    if (c >= '0' && c <= '9') parameters[parameter_count - 1] = (parameters[parameter_count - 1] * 10 + c - '0') % 10000;
    else if (c == ';' && parameter_count < PARAMETERS) parameters[parameter_count++] = 0;
    else if (c == '?') private_sequence = true;
    else if (c >= 0x40) {
      escape = 0;
      control_sequence((char)c);
    } else if (c < 0x20) escape = 0;
    return;
  }
  switch (c) {
  case 0x1B: escape = 1; return;
  case '\n': column = 0; new_line(); break;
  case '\r': column = 0; break;
  case '\b':
    if (column > 0) column--;
    break;
  case '\t': column = limit((column | 7) + 1, COLUMNS - 1); break;
  default:
    if (c < 0x20) return;
    if (column == COLUMNS) {
      column = 0;
      new_line();
    }
    cells[row * COLUMNS + column++] = cell(c);
  }
  dirty = true;
}

void console_write(const char *text, u64 length) {
  for (u64 i = 0; i < length; i++) {
    u8 c = (u8)text[i];
    if (c >= 0x7F) c = '?'; // ASCII only: the two ends need not agree on anything else
    if (c == '\n') serial_write('\r');
    serial_write(c);
    draw(c);
  }
}

static void print_sink(void *context, char c) {
  (void)context;
  console_write(&c, 1);
}

void kprintf(const char *text, ...) {
  va_list args;
  va_start(args, text);
  format(print_sink, NULL, text, args);
  va_end(args);
}

void console_set_base(u8 fore, u8 back) {
  base_text = fore & 15;
  base_paper = back & 7;
}

u8 console_base(void) { return (u8)(base_text | base_paper << 4); }
int console_column(void) { return (int)column; }

void console_tidy(void) {
  if (escape) kprintf("\x18"); // ends a sequence that was cut short, here and in the terminal
  if (text_colour != base_text || paper_colour != base_paper || bold) kprintf("\x1b[0m");
  if (cursor_hidden) kprintf("\x1b[?25h");
  if (column != 0) kprintf("\n");
}

void console_init(void) {
  screen = (volatile u16 *)(DIRECT_MAP + 0xB8000);
  serial_init();
  erase(0, CELLS);
  for (u32 i = 0; i < CELLS; i++) screen[i] = shown[i] = cells[i];
  crtc(0x0C, 0); // the screen starts at the start of text memory
  crtc(0x0D, 0);
  crtc(0x0A, 14); // cursor: an underline
  crtc(0x0B, 15);
  console_flush();
}
