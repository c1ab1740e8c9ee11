// The library of the programs.
#include "user.h"

__asm__(".text\n"
        ".global _start\n"
        "_start: xor %ebp, %ebp\n"
        "  and $-16, %rsp\n"
        "  call start\n"
        "  mov %eax, %edi\n"
        "  xor %eax, %eax\n" // SYS_EXIT
        "  syscall\n");

i64 system_call(u64 number, u64 first, u64 second) {
  i64 result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
  return result;
}

void leave(int code) {
  for (;;) system_call(SYS_EXIT, (u64)code, 0);
}

static char output[512];
static u64 output_length;

static void flush(void) {
  system_call(SYS_WRITE, (u64)output, output_length);
  output_length = 0;
}

static void sink(void *context, char c) {
  (void)context;
  output[output_length++] = c;
  if (output_length == sizeof output) flush();
}

void print(const char *text, ...) {
  va_list args;
  va_start(args, text);
  format(sink, NULL, text, args);
  va_end(args);
  flush();
}

bool read_line(const char *prompt, char line[LINE]) { return system_call(SYS_READ_LINE, (u64)line, (u64)prompt) >= 0; }
u64 time_ns(void) { return (u64)system_call(SYS_TIME, 0, 0); }
void sleep_ms(u64 milliseconds) { system_call(SYS_SLEEP, milliseconds, 0); }

void *more_memory(u64 bytes) {
  i64 address = system_call(SYS_HEAP, bytes, 0);
  return address < 0 ? NULL : (void *)address;
}

u64 random_number(void) { // xorshift64, seeded from the clock
  static u64 state;
  if (!state) state = time_ns() * 0x9E3779B97F4A7C15 | 1;
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}
