// Prime numbers by the sieve of Eratosthenes.
#include "user.h"

int start(const char *arguments) {
  u64 top = 200;
  if (*arguments && (!parse_u64(arguments, &top) || top < 2 || top > 10000000)) {
    print("primes N, with N from 2 to 10000000\n");
    return 1;
  }
  u8 *composite = more_memory(top + 1);
  if (!composite) {
    print("Not enough memory for numbers up to %lu.\n", top);
    return 1;
  }
  u64 count = 0, column = 0, largest = 2;
  bool show = top <= 2000;
  for (u64 n = 2; n <= top; n++) {
    if (composite[n]) continue;
    for (u64 multiple = n * n; multiple <= top; multiple += n) composite[multiple] = 1;
    count++;
    largest = n;
    if (!show) continue;
    print("%5lu", n);
    if (++column % 15 == 0) print("\n");
  }
  print("%s%lu primes up to %lu, the largest is %lu.\n", show && column % 15 ? "\n" : "", count, top, largest);
  return 0;
}
