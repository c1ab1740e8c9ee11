// What the benchmark's tests share. A test does its set-up, calls start_measuring, does its work and calls stop_measuring with a
// checksum of what it computed: natively and in every engine that must be the same, or the engine computed something else.
#ifndef PROGRAM_H
#define PROGRAM_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Tells the host that `name` is ready, waits for its go-ahead, and starts the guest's own clock. */
void start_measuring(const char *name);
/** Tells the host that the work is done and waits until it has read its clocks. */
void stop_clocks(const char *name);
void report(const char *name, uint64_t checksum);
/** Both. */
void stop_measuring(const char *name, uint64_t checksum);
void give_up(const char *what);

/** A linear congruential generator's upper bits: the same numbers everywhere. */
static inline uint32_t random_bits(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}
static inline uint64_t fold(uint64_t checksum, uint64_t value) {
  checksum = (checksum ^ value) * 0x9e3779b97f4a7c15u;
  return checksum ^ checksum >> 29;
}
/** Keeps the compiler from moving memory accesses over this point or dropping them. */
#define BARRIER() __asm__ volatile("" ::: "memory")
#define OUT_OF_LINE __attribute__((noinline, noclone))

typedef void test_body(long amount);
test_body coremark, sieve, fib, sha256, interp;
test_body memcpy_test, repmovs, memloop, chase;
test_body nbody_387, nbody_sse, mandel_387, mandel_sse, simd;
test_body syscall_test, clock_test, forkexec, pagefault, ctxsw;
test_body smc_patch, smc_jit, smc_append, jitwide;
/** Runs a command as a test: NAME OUTPUT-FILE PROGRAM ARGUMENTS. The checksum is of what it printed. */
int run_command(char **words);
int write_text(const char *path, long mebibytes);
#endif
