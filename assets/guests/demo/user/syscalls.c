// How many system calls (SYSCALL, the kernel's dispatch, SYSRET) fit into a quarter of a second.
#include "user.h"

int start(const char *arguments) {
  (void)arguments;
  u64 begin = time_ns(), spent, calls = 0;
  do {
    for (int i = 0; i < 1000; i++) system_call(SYS_NOTHING, 0, 0);
    calls += 1000;
    spent = time_ns() - begin;
  } while (spent < 250000000);
  print("  %-34s %7lu thousand/s\n", "ring 3 to ring 0 and back", calls * 1000 / (spent / 1000));
  return 0;
}
