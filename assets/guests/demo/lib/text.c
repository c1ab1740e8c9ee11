// Text: beginnings and numbers.
#include "types.h"

bool starts_with(const char *text, const char *prefix) {
  while (*prefix)
    if (*text++ != *prefix++) return false;
  return true;
}

bool parse_u64(const char *text, u64 *value) {
  u64 base = 10, result = 0;
  if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) base = 16, text += 2;
  if (!*text) return false;
  for (; *text; text++) {
    u64 digit;
    if (*text >= '0' && *text <= '9') digit = (u64)(*text - '0');
    else if (*text >= 'a' && *text <= 'f') digit = (u64)(*text - 'a') + 10;
    else if (*text >= 'A' && *text <= 'F') digit = (u64)(*text - 'A') + 10;
    else return false;
    if (digit >= base || result > (~0UL - digit) / base) return false;
    result = result * base + digit;
  }
  *value = result;
  return true;
}
