// Memory and string functions. The compiler emits calls to the first four by itself, so they must exist.
#include "types.h"

void *memcpy(void *to, const void *from, size_t count) {
  void *result = to;
  u64 words = count / 8, bytes = count % 8; // words first: without fast strings a byte takes as long as a word
  __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
  return result;
}

void *memmove(void *to, const void *from, size_t count) {
  if ((u64)to - (u64)from >= count) return memcpy(to, from, count);
  u8 *target = (u8 *)to + count;
  const u8 *source = (const u8 *)from + count;
  while (count--) {
    *--target = *--source;
    __asm__ volatile("" : : : "memory"); // keeps the compiler from turning this loop into a call of memmove
  }
  return to;
}

void *memset(void *to, int byte, size_t count) {
  void *result = to;
  u64 words = count / 8, bytes = count % 8, value = (u8)byte * 0x0101010101010101;
  __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(value) : "memory");
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
  return result;
}

int memcmp(const void *a, const void *b, size_t count) {
  const u8 *x = a, *y = b;
  for (; count; count--, x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

int strcmp(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (u8)*a - (u8)*b;
}
