// A small printf. Left out: precision, floating point, everything locale.
#include "types.h"

static void pad(char_sink sink, void *context, char c, int count) {
  while (count-- > 0) sink(context, c);
}

static void number(char_sink sink, void *context, u64 value, bool negative, u32 base, int width, bool left, bool zero) {
  char digits[24];
  int length = 0;
  do digits[length++] = "0123456789abcdef"[value % base];
  while ((value /= base) != 0);
  int fill = width - length - (negative ? 1 : 0);
  if (!left && !zero) pad(sink, context, ' ', fill);
  if (negative) sink(context, '-');
  if (!left && zero) pad(sink, context, '0', fill);
  while (length) sink(context, digits[--length]);
  if (left) pad(sink, context, ' ', fill);
}

void format(char_sink sink, void *context, const char *text, va_list args) {
  for (; *text; text++) {
    if (*text != '%') {
      sink(context, *text);
      continue;
    }
    bool left = false, zero = false, wide = false;
    int width = 0;
    for (text++; *text == '-' || *text == '0'; text++) {
      if (*text == '-') left = true;
      else zero = true;
    }
    if (*text == '*') {
      width = va_arg(args, int);
      text++;
    }
    for (; *text >= '0' && *text <= '9'; text++) width = width * 10 + (*text - '0');
    for (; *text == 'l'; text++) wide = true;
    switch (*text) {
    case 'd': {
      i64 value = wide ? va_arg(args, i64) : va_arg(args, i32);
      number(sink, context, value < 0 ? 0 - (u64)value : (u64)value, value < 0, 10, width, left, zero);
      break;
    }
    case 'u':
    case 'x': {
      u64 value = wide ? va_arg(args, u64) : va_arg(args, u32);
      number(sink, context, value, false, *text == 'u' ? 10 : 16, width, left, zero);
      break;
    }
    case 's': {
      const char *value = va_arg(args, const char *);
      int fill = width - (int)strlen(value);
      if (!left) pad(sink, context, ' ', fill);
      while (*value) sink(context, *value++);
      if (left) pad(sink, context, ' ', fill);
      break;
    }
    case 'c': sink(context, (char)va_arg(args, int)); break;
    case '%': sink(context, '%'); break;
    case 0: return;
    default: sink(context, *text); break;
    }
  }
}
