// Packed SSE2 integers: one picture of 256 KiB faded into another with 8-bit pixels widened to 16 bits, and its quarters exchanged.
#include "program.h"
#include <emmintrin.h>

enum { VECTORS = 256 * 1024 / 16 };

static __m128i fade_half(__m128i picture, __m128i other, __m128i weight, __m128i rest) {
  __m128i sum = _mm_add_epi16(_mm_mullo_epi16(picture, weight), _mm_mullo_epi16(other, rest));
  return _mm_srli_epi16(_mm_add_epi16(sum, _mm_set1_epi16(0x80)), 8);
}
void simd(long frames) {
  static __m128i picture[VECTORS], other[VECTORS];
  const __m128i zero = _mm_setzero_si128();
  uint32_t seed = 3;
  for (size_t n = 0; n < sizeof picture; n++) {
    ((uint8_t *)picture)[n] = (uint8_t)random_bits(&seed);
    ((uint8_t *)other)[n] = (uint8_t)random_bits(&seed);
  }
  start_measuring("simd");
  for (long frame = 0; frame < frames; frame++) {
    const __m128i weight = _mm_set1_epi16((short)(frame & 0xff)), rest = _mm_sub_epi16(_mm_set1_epi16(0xff), weight);
    for (int n = 0; n < VECTORS; n++) {
      __m128i low = fade_half(_mm_unpacklo_epi8(picture[n], zero), _mm_unpacklo_epi8(other[n], zero), weight, rest);
      __m128i high = fade_half(_mm_unpackhi_epi8(picture[n], zero), _mm_unpackhi_epi8(other[n], zero), weight, rest);
      picture[n] = _mm_shuffle_epi32(_mm_packus_epi16(low, high), _MM_SHUFFLE(1, 0, 3, 2));
    }
  }
  uint64_t checksum = 0;
  for (size_t n = 0; n < sizeof picture; n++) checksum = checksum * 31 + ((uint8_t *)picture)[n];
  stop_measuring("simd", checksum);
}
