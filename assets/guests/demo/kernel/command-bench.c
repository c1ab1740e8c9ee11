// `bench`: how fast this processor is. Each loop is written in assembly, so that the number of its instructions is known, and runs in
// ring 0 for a fixed time by the time-stamp counter; the last line is measured in ring 3.
#include "kernel.h"

enum { BUDGET_NS = 250000000, ITERATIONS = 100000 };

static void integer_loop(void) { // 10 instructions an iteration
  u64 a = 1, b = 2, c = 3, count = ITERATIONS;
  __asm__ volatile("1: add %1, %0\n\t"
                   "xor %2, %1\n\t"
                   "lea 5(%0,%2,2), %2\n\t"
                   "rol $7, %0\n\t"
                   "sub %2, %1\n\t"
                   "and $-2, %0\n\t"
                   "or $1, %1\n\t"
                   "shr $3, %2\n\t"
                   "dec %3\n\t"
                   "jnz 1b"
                   : "+r"(a), "+r"(b), "+r"(c), "+r"(count));
}

static void multiply_loop(void) { // 6 instructions
  u64 high, low = 0x12345, count = ITERATIONS / 10;
  __asm__ volatile("1: mov $0x9E3779B97F4A7C15, %%rcx\n\t"
                   "mul %%rcx\n\t"
                   "xor %%edx, %%edx\n\t"
                   "div %%rcx\n\t"
                   "dec %2\n\t"
                   "jnz 1b"
                   : "+a"(low), "=&d"(high), "+r"(count)
                   :
                   : "rcx");
}

static void call_loop(void) { // 7 instructions
  u64 count = ITERATIONS;
  __asm__ volatile("jmp 2f\n"
                   "3: push %%rax\n\t"
                   "pop %%rax\n\t"
                   "ret\n"
                   "2: call 3b\n\t"
                   "test $1, %b0\n\t"
                   "dec %0\n\t"
                   "jnz 2b"
                   : "+r"(count)
                   :
                   : "rax", "memory");
}

static u64 *buffer;
enum { HALF = 256 * 1024 };

static void memory_loop(void) { // 5 instructions
  u64 *at = buffer, count = ITERATIONS / 4;
  __asm__ volatile("1: mov (%0), %%rax\n\t"
                   "add %%rax, 8(%0)\n\t"
                   "add $16, %0\n\t"
                   "dec %1\n\t"
                   "jnz 1b"
                   : "+r"(at), "+r"(count)
                   :
                   : "rax", "memory");
}

static void copy(void) {
  void *to = (u8 *)buffer + HALF, *from = buffer;
  u64 count = HALF / 8;
  __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static void fill(void) {
  void *to = buffer;
  u64 count = HALF / 8;
  __asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(0x0101010101010101) : "memory");
}

// Work done in a second, given the work of one call.
static u64 rate(void (*work)(void), u64 amount) {
  console_flush();
  work();
  u64 start = now_ns(), rounds = 0, spent;
  do {
    work();
    rounds++;
    spent = now_ns() - start;
  } while (spent < BUDGET_NS);
  return rounds * amount * 1000 / (spent / 1000) * 1000;
}

static void million(const char *name, u64 per_second) {
  kprintf("  %-34s %7lu.%lu million instructions/s\n", name, per_second / 1000000, per_second / 100000 % 10);
}

void command_bench(const char *arguments) {
  (void)arguments;
  static u8 memory[2 * HALF] __attribute__((aligned(4096)));
  buffer = (u64 *)memory;
  kprintf("A quarter of a second each, timed by RDTSC at %lu MHz:\n", tsc_hz / 1000000);
  million("integer arithmetic", rate(integer_loop, 10 * ITERATIONS));
  million("multiply and divide, 64-bit", rate(multiply_loop, 6 * ITERATIONS / 10));
  million("calls and returns", rate(call_loop, 7 * ITERATIONS));
  million("loads and stores", rate(memory_loop, 5 * ITERATIONS / 4));
  kprintf("  %-34s %7lu MiB/s\n", "memory copy (REP MOVSQ)", rate(copy, HALF) >> 20);
  kprintf("  %-34s %7lu MiB/s\n", "memory fill (REP STOSQ)", rate(fill, HALF) >> 20);
  task_run(program_find("syscalls"), "", false);
}
