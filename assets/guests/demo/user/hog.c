// Takes memory, and writes to every page of it, until the kernel refuses; all of it comes back when the program ends.
#include "user.h"

int start(const char *arguments) {
  (void)arguments;
  u64 total = 0;
  for (u64 piece = 1 << 20; piece >= 4096;) {
    u8 *memory = more_memory(piece);
    if (!memory) {
      piece /= 2;
      continue;
    }
    for (u64 i = 0; i < piece; i += 4096) memory[i] = 1;
    total += piece;
  }
  print("%lu KiB taken; then the kernel refused.\n", total >> 10);
  return 0;
}
