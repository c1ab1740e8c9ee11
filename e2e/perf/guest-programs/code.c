// Code that writes code: an immediate patched before every call, a function rewritten in place, functions appended to a page that
// already runs, and a footprint of many functions called in turn.
#include "program.h"
#include <sys/mman.h>

typedef uint32_t generated(uint32_t);

static uint8_t *new_code(size_t size) {
  uint8_t *code = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) give_up("mmap");
  return code;
}
static uint8_t *put(uint8_t *at, const void *bytes, size_t count) {
  memcpy(at, bytes, count);
  return at + count;
}
#define PUT(at, ...) ((at) = put((at), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })))
static uint8_t *put_word(uint8_t *at, uint32_t word) { return put(at, &word, 4); }

static uint8_t *load_argument(uint8_t *at) {
#ifdef __x86_64__
  return PUT(at, 0x89, 0xf8);  // mov eax, edi
#else
  return PUT(at, 0x8b, 0x44, 0x24, 0x04);  // mov eax, [esp + 4]
#endif
}
/** A function of `steps` arithmetic steps on its argument, drawn from `seed`; every eighth is skipped when the value is even. */
static uint8_t *generate(uint8_t *at, uint32_t seed, int steps) {
  at = load_argument(at);
  for (int step = 1; step <= steps; step++) {
    uint32_t bits = random_bits(&seed), word = random_bits(&seed) * 0x101u;
    if (step % 8 == 0) {
      PUT(at, 0xa8, 0x01, 0x74, 0x05, 0x2d);  // test al, 1; jz over the next; sub eax, word
      at = put_word(at, word);
      continue;
    }
    switch (bits >> 5 & 3) {
      case 0:
        PUT(at, 0x05);  // add eax, word
        at = put_word(at, word);
        break;
      case 1:
        PUT(at, 0x35);  // xor eax, word
        at = put_word(at, word);
        break;
      case 2:
        PUT(at, 0xc1, 0xc8, (uint8_t)(1 + (bits >> 8 & 15)));  // ror eax, 1 to 16
        break;
      default:
        PUT(at, 0x69, 0xc0);  // imul eax, eax, odd word
        at = put_word(at, word | 1);
        break;
    }
  }
  return PUT(at, 0xc3);
}

void smc_patch(long calls) {
  uint8_t *code = new_code(4096), *at = code;
  uint32_t sum = 0;
  PUT(at, 0xb8, 0, 0, 0, 0, 0x83, 0xc0, 0x03, 0xc3);  // mov eax, patched; add eax, 3; ret
  start_measuring("smc_patch");
  for (long n = 0; n < calls; n++) {
    put_word(code + 1, (uint32_t)n * 7);
    sum += ((generated *)code)(0);
  }
  stop_measuring("smc_patch", sum);
  munmap(code, 4096);
}

void smc_jit(long functions) {
  uint8_t *code = new_code(4096);
  uint32_t value = 5;
  start_measuring("smc_jit");
  for (long n = 0; n < functions; n++) {
    generate(code, (uint32_t)n, 60);
    for (int call = 0; call < 1000; call++) value = ((generated *)code)(value);
  }
  stop_measuring("smc_jit", value);
  munmap(code, 4096);
}

void smc_append(long functions) {
  const size_t size = 1 << 20;
  uint8_t *code = new_code(size), *at = code;
  uint32_t value = 5;
  start_measuring("smc_append");
  for (long n = 0; n < functions; n++) {
    if (at + 256 > code + size) at = code;
    generated *function = (generated *)at;
    at = generate(at, (uint32_t)n, 20);
    at += -(uintptr_t)at & 15;
    for (int call = 0; call < 20; call++) value = function(value);
  }
  stop_measuring("smc_append", value);
  munmap(code, size);
}

void jitwide(long functions) {
  const size_t size = (size_t)functions * 128 + 4096;
  uint8_t *code = new_code(size), *at = code;
  generated **all = malloc((size_t)functions * sizeof *all);
  uint32_t value = 5;
  if (!all) give_up("malloc");
  for (long n = 0; n < functions; n++) {
    all[n] = (generated *)at;
    at = generate(at, (uint32_t)n, 20);
  }
  start_measuring("jitwide");
  for (int pass = 0; pass < 40; pass++)
    for (long n = 0; n < functions; n++) value = all[n](value);
  stop_measuring("jitwide", value);
  munmap(code, size);
  free(all);
}
