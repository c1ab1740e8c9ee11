// Integer types and the few C library functions that kernel and programs share (freestanding: there is no libc).
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int i32;
typedef long i64;

void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
bool starts_with(const char *text, const char *prefix);
bool parse_u64(const char *text, u64 *value); // decimal or 0x hexadecimal; false on anything else or on overflow

// Writes characters one by one; `format` calls it. Supported: %s %c %d %u %x %%, flags - and 0, a width or *, l for 64-bit.
typedef void (*char_sink)(void *context, char c);
void format(char_sink sink, void *context, const char *text, va_list args);
