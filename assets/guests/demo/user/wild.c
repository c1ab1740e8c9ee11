// Reads address 0, where no program has memory.
#include "user.h"

int start(const char *arguments) {
  (void)arguments;
  print("I read address 0 now.\n");
  u64 value;
  __asm__ volatile("mov 0x0, %0" : "=r"(value));
  print("That should not have worked.\n");
  return 1;
}
