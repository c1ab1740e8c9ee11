// A calculator for signed 64-bit numbers: + - * / % ^ and brackets, decimal or 0x hexadecimal. Overflow is an error, not a surprise.
#include "user.h"

static const char *at, *problem;
static int depth;

static i64 expression(void);

static void spaces(void) {
  while (*at == ' ') at++;
}

static i64 fail(const char *text) {
  if (!problem) problem = text;
  return 0;
}

static i64 number(void) {
  char digits[32];
  u64 length = 0, value;
  while (((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f') || (*at >= 'A' && *at <= 'F') || *at == 'x') && length < 31)
    digits[length++] = *at++;
  digits[length] = 0;
  if (!length) return fail(*at ? "a number is missing" : "the line ends too early");
  if (!parse_u64(digits, &value) || value > 0x7FFFFFFFFFFFFFFF) return fail("not a number of 63 bits");
  return (i64)value;
}

static i64 unary(void) {
  spaces();
  if (++depth > 50) return fail("too deep");
  i64 result;
  if (*at == '-') {
    at++;
    if (__builtin_sub_overflow(0, unary(), &result)) fail("overflow");
  } else if (*at == '(') {
    at++;
    result = expression();
    spaces();
    if (*at == ')') at++;
    else fail("a ) is missing");
  } else {
    result = number();
  }
  depth--;
  return result;
}

static i64 power(void) {
  i64 base = unary(), result = 1;
  spaces();
  if (*at != '^' || problem) return base;
  at++;
  i64 exponent = power();
  if (exponent < 0) return fail("a negative power");
  if (base >= -1 && base <= 1 && exponent > 64) exponent = 64 + exponent % 2;
  for (; exponent > 0; exponent--)
    if (__builtin_mul_overflow(result, base, &result)) return fail("overflow");
  return result;
}

static i64 product(void) {
  i64 result = power();
  for (;;) {
    spaces();
    char sign = *at;
    if ((sign != '*' && sign != '/' && sign != '%') || problem) return result;
    at++;
    i64 right = power();
    if (sign == '*') {
      if (__builtin_mul_overflow(result, right, &result)) return fail("overflow");
    } else if (right == 0) return fail("division by zero");
    else if (right == -1 && result == (i64)(1UL << 63)) return fail("overflow");
    else result = sign == '/' ? result / right : result % right;
  }
}

static i64 expression(void) {
  i64 result = product();
  for (;;) {
    spaces();
    char sign = *at;
    if ((sign != '+' && sign != '-') || problem) return result;
    at++;
    i64 right = product();
    if (sign == '+' ? __builtin_add_overflow(result, right, &result) : __builtin_sub_overflow(result, right, &result))
      return fail("overflow");
  }
}

static bool answer(const char *line) {
  at = line;
  problem = NULL;
  depth = 0;
  i64 result = expression();
  spaces();
  if (!problem && *at) problem = "not understood";
  if (problem) print("Error at column %lu: %s.\n", (u64)(at - line) + 1, problem);
  else print("= %ld  (0x%lx)\n", result, (u64)result);
  return !problem;
}

int start(const char *arguments) {
  if (*arguments) return answer(arguments) ? 0 : 1;
  print("Type an expression, or quit.\n");
  char line[LINE];
  while (read_line("calc> ", line)) {
    if (strcmp(line, "quit") == 0 || strcmp(line, "q") == 0 || strcmp(line, "exit") == 0) break;
    if (line[0]) answer(line);
  }
  return 0;
}
