// Memory in a block of 32 MiB: the C library's memset and memcpy, the string instructions, plain loops over words, and a chase
// through pointers in random order.
#include "program.h"

enum { BLOCK = 32 << 20, HALF = BLOCK / 2, WORDS = BLOCK / 4, HALF_WORDS = WORDS / 2 };

static void *new_block(void) {
  void *block = malloc(BLOCK);
  if (!block) give_up("malloc");
  return memset(block, 0x5a, BLOCK);
}
static uint64_t sample(const uint8_t *block) {
  uint64_t checksum = 0;
  for (size_t at = 0; at < BLOCK; at += 65521) checksum = fold(checksum, block[at]);
  return checksum;
}

void memcpy_test(long rounds) {
  uint8_t *block = new_block();
  start_measuring("memcpy");
  for (long round = 0; round < rounds; round++) {
    memset(block, (int)round + 3, HALF);
    BARRIER();
    memcpy(block + HALF, block, HALF);
    BARRIER();
  }
  stop_measuring("memcpy", sample(block));
  free(block);
}

void repmovs(long rounds) {
  uint8_t *block = new_block();
  start_measuring("repmovs");
  for (long round = 0; round < rounds; round++) {
    void *to = block;
    const void *from = block;
    size_t count = HALF_WORDS;
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"((uint32_t)round * 0x01030507u) : "memory");
    to = block + HALF;
    count = HALF_WORDS;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  }
  stop_measuring("repmovs", sample(block));
  free(block);
}

/** Word by word: the empty assembly keeps the compiler from using vectors. */
void memloop(long rounds) {
  uint32_t *words = new_block(), sum = 0;
  start_measuring("memloop");
  for (long round = 0; round < rounds; round++) {
    for (size_t n = 0; n < HALF_WORDS; n++) {
      uint32_t word = words[n] + (uint32_t)round;
      __asm__ volatile("" : "+r"(word));
      words[HALF_WORDS + n] = word;
    }
    for (size_t n = 0; n < WORDS; n += 4) {
      uint32_t word = words[n];
      __asm__ volatile("" : "+r"(word));
      sum += word;
    }
  }
  stop_measuring("memloop", sum);
  free(words);
}

void chase(long steps) {
  uint32_t *next = new_block(), seed = 11, at = 0;
  for (uint32_t n = 0; n < WORDS; n++) next[n] = n;
  // Sattolo's shuffle: one cycle through all words.
  for (uint32_t n = WORDS - 1; n > 0; n--) {
    uint32_t other = random_bits(&seed) % n, kept = next[n];
    next[n] = next[other];
    next[other] = kept;
  }
  start_measuring("chase");
  for (long step = 0; step < steps; step++) at = next[at];
  stop_measuring("chase", at);
  free(next);
}
