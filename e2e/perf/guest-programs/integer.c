// Integer work: a mix like CoreMark's (a list sorted and searched, matrices, a state machine, CRCs over the results), a sieve of
// Eratosthenes, a doubly recursive Fibonacci, SHA-256 (FIPS 180-4), and a bytecode interpreter for its indirect jumps.
#include "program.h"
#include <math.h>

enum { LIST_LENGTH = 120, MATRIX = 10 };

struct item {
  struct item *next;
  uint16_t id, weight;
};
static uint16_t crc_byte(uint16_t crc, uint8_t byte) {
  for (int bit = 0; bit < 8; bit++, byte >>= 1) {
    int carry = (crc ^ byte) & 1;
    crc >>= 1;
    if (carry) crc ^= 0xa001;
  }
  return crc;
}
static uint16_t crc_word(uint16_t crc, uint16_t word) { return crc_byte(crc_byte(crc, (uint8_t)word), (uint8_t)(word >> 8)); }

static int before_by_id(const struct item *a, const struct item *b) { return a->id < b->id; }
static int before_by_weight(const struct item *a, const struct item *b) { return a->weight < b->weight; }
/** Merges runs of 1, 2, 4, ... items until one run is left. */
static OUT_OF_LINE struct item *sort_list(struct item *list, int (*before)(const struct item *, const struct item *)) {
  for (int run = 1;; run *= 2) {
    struct item *rest = list, **end = &list;
    int merges = 0;
    while (rest) {
      struct item *left = rest, *right = rest;
      int left_count = 0, right_count = run;
      while (left_count < run && right) right = right->next, left_count++;
      while (left_count > 0 || (right_count > 0 && right)) {
        int take_right = left_count == 0 || (right_count > 0 && right && before(right, left));
        struct item *taken = take_right ? right : left;
        if (take_right) right = right->next, right_count--;
        else left = left->next, left_count--;
        *end = taken;
        end = &taken->next;
      }
      rest = right;
      merges++;
    }
    *end = NULL;
    if (merges <= 1) return list;
  }
}
static OUT_OF_LINE struct item *reverse_list(struct item *list) {
  struct item *reversed = NULL;
  while (list) {
    struct item *next = list->next;
    list->next = reversed;
    reversed = list;
    list = next;
  }
  return reversed;
}
static OUT_OF_LINE const struct item *find_item(const struct item *list, uint16_t id) {
  while (list && list->id != id) list = list->next;
  return list;
}

static OUT_OF_LINE uint16_t multiply_matrices(int16_t a[MATRIX][MATRIX], int16_t b[MATRIX][MATRIX], int16_t added) {
  uint16_t digest = 0;
  for (int row = 0; row < MATRIX; row++)
    for (int column = 0; column < MATRIX; column++) {
      int32_t sum = 0;
      for (int k = 0; k < MATRIX; k++) sum += (int32_t)(a[row][k] + added) * b[k][column];
      digest = (uint16_t)(digest * 3 + (sum >> 2 & 0x0f) * (sum >> 5 & 0x7f));
    }
  return digest;
}

enum state { EMPTY, SIGN, DIGITS, FRACTION, EXPONENT, EXPONENT_SIGN, EXPONENT_DIGITS, WRONG, STATES };
/** Reads one number up to a comma, counting the states it passes, and moves `text` behind it. */
static OUT_OF_LINE enum state scan_number(const char **text, uint16_t visits[STATES]) {
  enum state state = EMPTY;
  const char *at = *text;
  for (; *at && *at != ','; at++) {
    int digit = *at >= '0' && *at <= '9';
    visits[state]++;
    switch (state) {
      case EMPTY:
        state = digit ? DIGITS : *at == '+' || *at == '-' ? SIGN : *at == '.' ? FRACTION : WRONG;
        break;
      case SIGN:
        state = digit ? DIGITS : *at == '.' ? FRACTION : WRONG;
        break;
      case DIGITS:
        if (!digit) state = *at == '.' ? FRACTION : *at == 'e' ? EXPONENT : WRONG;
        break;
      case FRACTION:
        if (!digit) state = *at == 'e' ? EXPONENT : WRONG;
        break;
      case EXPONENT:
        state = digit ? EXPONENT_DIGITS : *at == '+' || *at == '-' ? EXPONENT_SIGN : WRONG;
        break;
      case EXPONENT_SIGN:
        state = digit ? EXPONENT_DIGITS : WRONG;
        break;
      case EXPONENT_DIGITS:
        if (!digit) state = WRONG;
        break;
      default:
        break;
    }
  }
  *text = *at ? at + 1 : at;
  return state;
}

void coremark(long rounds) {
  static const char NUMBERS[] = "42,-7,+1900,3.14159,.5,-12.75e3,6.02e+23,1e-9,99e,2..5,7f3,--4,8e+,1600000,+.25e-4,12a,-0.0,31337e1,5e5e5";
  static struct item items[LIST_LENGTH];
  static int16_t a[MATRIX][MATRIX], b[MATRIX][MATRIX];
  uint32_t seed = 2025;
  for (int n = 0; n < LIST_LENGTH; n++) {
    items[n].id = random_bits(&seed) & 0x3ff;
    items[n].weight = (uint16_t)random_bits(&seed);
    items[n].next = n + 1 < LIST_LENGTH ? &items[n + 1] : NULL;
  }
  for (int row = 0; row < MATRIX; row++)
    for (int column = 0; column < MATRIX; column++) a[row][column] = random_bits(&seed) & 0xff, b[row][column] = random_bits(&seed) & 0xff;
  struct item *list = items;
  uint16_t crc = 0xffff;
  start_measuring("coremark");
  for (long round = 0; round < rounds; round++) {
    for (int n = 0; n < 30; n++) {
      const struct item *found = find_item(list, (round * 29 + n * 31) & 0x3ff);
      list = reverse_list(list);
      if (found) crc = crc_word(crc, found->weight);
    }
    list = sort_list(list, round & 1 ? before_by_id : before_by_weight);
    crc = crc_word(crc, list->weight);
    crc = crc_word(crc, multiply_matrices(a, b, (int16_t)(round & 0x1f)));
    uint16_t visits[STATES] = { 0 };
    for (const char *text = NUMBERS; *text;) crc = crc_byte(crc, (uint8_t)scan_number(&text, visits));
    for (int n = 0; n < STATES; n++) crc = crc_word(crc, visits[n]);
  }
  stop_measuring("coremark", crc);
}

void sieve(long rounds) {
  enum { LIMIT = 2000000 };
  static uint8_t composite[LIMIT];
  uint32_t primes = 0;
  memset(composite, 1, LIMIT);
  start_measuring("sieve");
  for (long round = 0; round < rounds; round++) {
    primes = 0;
    for (uint32_t n = 0; n < LIMIT; n++) composite[n] = 0;
    for (uint32_t n = 2; n < LIMIT; n++) {
      if (composite[n]) continue;
      primes++;
      for (uint32_t multiple = 2 * n; multiple < LIMIT; multiple += n) composite[multiple] = 1;
    }
    BARRIER();
  }
  stop_measuring("sieve", primes);
}

/** At -O2 GCC unrolls the recursion several levels deep, which would measure something else than calls. */
static OUT_OF_LINE __attribute__((optimize("O1"))) uint32_t fibonacci(uint32_t n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
void fib(long n) {
  start_measuring("fib");
  uint32_t result = fibonacci((uint32_t)n);
  stop_measuring("fib", result);
}

static uint32_t round_constants[64], start_state[8];
static uint32_t fraction_bits(double x) { return (uint32_t)(uint64_t)(x * 4294967296.0); }
/** The first 32 bits of the fractions of the first primes' cube roots and square roots. */
static void make_constants(void) {
  int found = 0;
  for (int candidate = 2; found < 64; candidate++) {
    int prime = 1;
    for (int divisor = 2; divisor * divisor <= candidate; divisor++) prime &= candidate % divisor != 0;
    if (!prime) continue;
    if (found < 8) start_state[found] = fraction_bits(sqrt(candidate));
    round_constants[found++] = fraction_bits(cbrt(candidate));
  }
}
static inline uint32_t rotate_right(uint32_t word, int by) { return word >> by | word << (32 - by); }
static OUT_OF_LINE void hash_block(uint32_t state[8], const uint8_t *block) {
  uint32_t schedule[64];
  for (int t = 0; t < 16; t++) {
    uint32_t big_endian;
    memcpy(&big_endian, block + 4 * t, 4);
    schedule[t] = __builtin_bswap32(big_endian);
  }
  for (int t = 16; t < 64; t++) {
    uint32_t early = schedule[t - 15], late = schedule[t - 2];
    uint32_t sigma0 = rotate_right(early, 7) ^ rotate_right(early, 18) ^ early >> 3;
    uint32_t sigma1 = rotate_right(late, 17) ^ rotate_right(late, 19) ^ late >> 10;
    schedule[t] = schedule[t - 16] + sigma0 + schedule[t - 7] + sigma1;
  }
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (int t = 0; t < 64; t++) {
    uint32_t choice = (e & f) ^ (~e & g), majority = (a & b) ^ (a & c) ^ (b & c);
    uint32_t first = h + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) + choice + round_constants[t] + schedule[t];
    uint32_t second = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) + majority;
    h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}
void sha256(long mebibytes) {
  enum { SIZE = 1 << 20 };
  static uint8_t data[SIZE];
  uint32_t seed = 7, state[8];
  for (int n = 0; n < SIZE; n++) data[n] = (uint8_t)random_bits(&seed);
  make_constants();
  memcpy(state, start_state, sizeof state);
  start_measuring("sha256");
  for (long n = 0; n < mebibytes; n++)
    for (int at = 0; at < SIZE; at += 64) hash_block(state, data + at);
  stop_measuring("sha256", (uint64_t)state[0] << 32 | state[7]);
}

// A stack machine whose program runs Collatz sequences and sums what it meets.
enum opcode { CONSTANT, GET, SET, ADD, SUBTRACT, MULTIPLY, AND, XOR, SHIFT_RIGHT, LESS, NOT, COPY, DROP, EXCHANGE, JUMP, JUMP_IF_ZERO };
static OUT_OF_LINE uint32_t run_bytecode(const uint8_t *code, long steps) {
  uint32_t stack[16] = { 0 }, variables[8] = { 0 }, *top = stack;
  const uint8_t *at = code;
  for (; steps > 0; steps--) {
    switch ((enum opcode)*at++) {
      case CONSTANT: *++top = *at++; break;
      case GET: *++top = variables[*at++ & 7]; break;
      case SET: variables[*at++ & 7] = *top--; break;
      case ADD: top--; top[0] += top[1]; break;
      case SUBTRACT: top--; top[0] -= top[1]; break;
      case MULTIPLY: top--; top[0] *= top[1]; break;
      case AND: top--; top[0] &= top[1]; break;
      case XOR: top--; top[0] ^= top[1]; break;
      case SHIFT_RIGHT: top--; top[0] >>= top[1] & 31; break;
      case LESS: top--; top[0] = top[0] < top[1]; break;
      case NOT: *top = !*top; break;
      case COPY: top[1] = top[0]; top++; break;
      case DROP: top--; break;
      case EXCHANGE: { uint32_t upper = top[0]; top[0] = top[-1]; top[-1] = upper; break; }
      case JUMP: at += (int8_t)*at; break;
      case JUMP_IF_ZERO: at += *top-- == 0 ? (int8_t)*at : 1; break;
    }
  }
  return variables[2];
}
void interp(long steps) {
  // Variable 0: where a sequence started; 1: where it is; 2: the digest. A jump's operand counts from itself.
  static const uint8_t code[] = {
    /*  0 */ GET, 0, CONSTANT, 1, ADD, COPY, SET, 0, SET, 1,
    /* 10 */ CONSTANT, 1, GET, 1, LESS, JUMP_IF_ZERO, 256 - 16,
    /* 17 */ GET, 1, COPY, CONSTANT, 1, AND, JUMP_IF_ZERO, 11,
    /* 25 */ CONSTANT, 3, MULTIPLY, CONSTANT, 1, ADD, SET, 1, JUMP, 6,
    /* 35 */ CONSTANT, 1, SHIFT_RIGHT, SET, 1,
    /* 40 */ GET, 2, CONSTANT, 5, MULTIPLY, GET, 1, EXCHANGE, SUBTRACT, GET, 0, XOR, SET, 2, JUMP, 256 - 45,
  };
  start_measuring("interp");
  uint32_t digest = run_bytecode(code, steps);
  stop_measuring("interp", digest);
}
