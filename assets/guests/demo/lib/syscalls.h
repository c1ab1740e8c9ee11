// System call numbers and records that kernel and programs agree on.
#pragma once
#include "types.h"

enum {
  SYS_EXIT,       // (code)
  SYS_WRITE,      // (text, length)
  SYS_READ_LINE,  // (buffer of 256 bytes, prompt): length, or -1 in the background
  SYS_TIME,       // nanoseconds since boot
  SYS_SLEEP,      // (milliseconds)
  SYS_HEAP,       // (bytes): the address of new zeroed memory, or -1
  SYS_ON_FAULT,   // (address): the next exception continues there, with its vector in RAX
  SYS_FAULT_INFO, // (struct fault_info *)
  SYS_NOTHING,
};

struct fault_info {
  u64 vector, error, rip, address;
  char mnemonic[8], name[32];
};
