// What a program has: system calls, printing, and `start`, which it must define.
#pragma once
#include "../lib/syscalls.h"

enum { LINE = 256 };

int start(const char *arguments); // the result is the exit code

i64 system_call(u64 number, u64 first, u64 second);
_Noreturn void leave(int code);
void print(const char *text, ...) __attribute__((format(printf, 1, 2)));
bool read_line(const char *prompt, char line[LINE]); // false in the background
u64 time_ns(void);
void sleep_ms(u64 milliseconds);
void *more_memory(u64 bytes); // NULL when the kernel refuses
u64 random_number(void);
