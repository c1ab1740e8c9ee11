// The queue of keys from keyboard and serial port, and the line editor that both share.
// The editor shows one line and scrolls it sideways, so it needs to know nothing about the width of the terminal beyond 80 columns.
#include "kernel.h"

enum { QUEUE = 1024, HISTORY = 16, VISIBLE_END = 79 };

static u16 queue[QUEUE];
static volatile u32 queue_head, queue_tail; // head: next free, tail: next to take; both run freely
static char history[HISTORY][LINE_MAX];
static u32 history_count;

u32 input_free(void) { return QUEUE - (queue_head - queue_tail); }
bool input_waiting(void) { return queue_head != queue_tail; }

bool command_runs;
volatile bool command_stop;

// Called with interrupts off.
void input_push(u16 key) {
  if (key == 3 && foreground != 0) {
    task_stop(&tasks[foreground]);
    return;
  }
  if (key == 3 && command_runs) {
    command_stop = true;
    if (tasks[0].state == TASK_WAIT_NET) task_wake(&tasks[0]);
    return;
  }
  if (!input_free()) return;
  queue[queue_head++ % QUEUE] = key;
  if (tasks[foreground].state == TASK_WAIT_KEY) task_wake(&tasks[foreground]);
}

bool input_take(u16 *key) {
  if (!input_waiting()) return false;
  *key = queue[queue_tail++ % QUEUE];
  if (input_free() > QUEUE / 2) serial_resume();
  return true;
}

static u16 wait_key(void) {
  bool on = interrupts_save();
  u16 key = 0;
  for (;;) {
    if (current->stop) key = KEY_STOP;
    else if (current == &tasks[0] && power_button) {
      power_button_pressed();
      key = KEY_NOTICE;
    }
    if (key || (current == &tasks[foreground] && input_take(&key))) break;
    if (current == &tasks[0]) {
      console_flush();
      if (task_reap()) {
        key = KEY_NOTICE;
        break;
      }
    }
    task_block(TASK_WAIT_KEY);
  }
  interrupts_restore(on);
  return key;
}

struct editor {
  const char *prompt;
  char *line;
  u32 length, cursor, first; // first: the first visible character
  u32 room;                  // visible characters
};

static void redraw(struct editor *e) {
  if (e->cursor < e->first) e->first = e->cursor;
  if (e->cursor > e->first + e->room) e->first = e->cursor - e->room;
  u32 visible = e->length - e->first;
  if (visible > e->room) visible = e->room;
  kprintf("\r%s", e->prompt);
  console_write(e->line + e->first, visible);
  kprintf("\x1b[K");
  u32 back = visible - (e->cursor - e->first);
  if (back) kprintf("\x1b[%uD", back);
}

static void insert(struct editor *e, char c) {
  if (e->length + 1 >= LINE_MAX) return;
  memmove(e->line + e->cursor + 1, e->line + e->cursor, e->length - e->cursor);
  e->line[e->cursor++] = c;
  e->length++;
  if (e->cursor == e->length && e->length - e->first <= e->room) console_write(&c, 1);
  else redraw(e);
}

static void remove(struct editor *e, u32 from, u32 to) {
  if (from >= to) return;
  bool at_end = to == e->length && e->cursor == to && to - from == 1 && from > e->first;
  memmove(e->line + from, e->line + to, e->length - to);
  e->length -= to - from;
  e->cursor = from;
  if (at_end) kprintf("\b \b");
  else redraw(e);
}

static void replace(struct editor *e, const char *text) {
  e->length = e->cursor = (u32)strlen(text);
  memcpy(e->line, text, e->length);
  e->first = 0;
  redraw(e);
}

// Completes the first word when exactly one command or program begins so.
static void complete(struct editor *e) {
  e->line[e->length] = 0;
  const char *found = NULL;
  for (u64 i = 0; i < command_count + program_count; i++) {
    const char *name = i < command_count ? commands[i].name : programs[i - command_count].name;
    if (!starts_with(name, e->line)) continue;
    if (found) return;
    found = name;
  }
  if (!found || e->cursor != e->length || !e->length) return;
  for (const char *c = found + e->length; *c; c++) insert(e, *c);
  insert(e, ' ');
}

static void remember(const char *line) {
  if (!*line || (history_count && strcmp(history[(history_count - 1) % HISTORY], line) == 0)) return;
  memcpy(history[history_count++ % HISTORY], line, LINE_MAX);
}

bool read_line(const char *prompt, char *line, bool with_history) {
  struct editor e = {.prompt = prompt, .line = line};
  u32 column = (u32)strlen(prompt);
  e.room = VISIBLE_END - column;
  u32 depth = 0; // how far back in the history
  kprintf("%s", prompt);
  for (;;) {
    u16 key = wait_key();
    switch (key) {
    case KEY_STOP: return false; // the one who waits for the task says ^C
    case 3:
      kprintf("^C\n");
      return false;
    case KEY_NOTICE: redraw(&e); break;
    case '\r':
      line[e.length] = 0;
      memset(line + e.length, 0, LINE_MAX - e.length);
      kprintf("\n");
      if (with_history) remember(line);
      return true;
    case '\b':
      if (e.cursor) remove(&e, e.cursor - 1, e.cursor);
      break;
    case 4:
    case KEY_DELETE:
      if (e.cursor < e.length) remove(&e, e.cursor, e.cursor + 1);
      break;
    case KEY_LEFT:
    case 2:
      if (e.cursor) e.cursor--, redraw(&e);
      break;
    case KEY_RIGHT:
    case 6:
      if (e.cursor < e.length) e.cursor++, redraw(&e);
      break;
    case KEY_HOME:
    case 1: e.cursor = 0; redraw(&e); break;
    case KEY_END:
    case 5: e.cursor = e.length; redraw(&e); break;
    case 11: remove(&e, e.cursor, e.length); break;
    case 21: remove(&e, 0, e.cursor); break;
    case 23: {
      u32 from = e.cursor;
      while (from && line[from - 1] == ' ') from--;
      while (from && line[from - 1] != ' ') from--;
      remove(&e, from, e.cursor);
      break;
    }
    case 12: kprintf("\x1b[2J\x1b[H"); redraw(&e); break;
    case '\t':
      if (with_history) complete(&e);
      break;
    case KEY_UP:
    case 16:
      if (with_history && depth < history_count && depth < HISTORY) {
        depth++;
        replace(&e, history[(history_count - depth) % HISTORY]);
      }
      break;
    case KEY_DOWN:
    case 14:
      if (with_history && depth) {
        depth--;
        replace(&e, depth ? history[(history_count - depth) % HISTORY] : "");
      }
      break;
    default:
      if (key >= 0x20 && key < 0x7F) insert(&e, (char)key);
    }
  }
}
