// Keeps the processor busy and says once a second how far it came: a load to try the processor cap with. `spin N` stops after N seconds.
#include "user.h"

int start(const char *arguments) {
  u64 seconds = ~0UL;
  if (*arguments && !parse_u64(arguments, &seconds)) {
    print("spin N, with N seconds, or spin alone to go on until Ctrl-C\n");
    return 1;
  }
  u64 begin = time_ns();
  for (u64 second = 1; second <= seconds; second++) {
    u64 rounds = 0;
    while (time_ns() - begin < second * 1000000000) {
      for (u64 i = 0; i < 10000; i++) __asm__ volatile("");
      rounds += 10000;
    }
    print("%4lu s  %lu million rounds\n", second, rounds / 1000000);
  }
  return 0;
}
