// The benchmark's program: "program TEST[=AMOUNT]..." runs tests, "program command NAME OUTPUT-FILE PROGRAM ARGUMENTS..." measures
// another program, "program text FILE MEBIBYTES" writes a file like a text.
//
// The host is told on stdout and answers on stdin with a line. While the guest waits for it, the engine idles: so the host's
// clocks are read at rest, and a serial port that gathers its output for some milliseconds charges no test with another's time.
#include "program.h"
#include <sys/resource.h>
#include <time.h>

static double started_at, started_cpu, measured_wall, measured_cpu;

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
static double used_by(int who) {
  struct rusage use;
  getrusage(who, &use);
  return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) + 1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}
/** This process and its ended children: what is taken natively, where there is no engine to clock. */
static double cpu_now(void) { return used_by(RUSAGE_SELF) + used_by(RUSAGE_CHILDREN); }

static void tell_and_wait(const char *mark, const char *name) {
  char answer = 0;
  printf("@@%s %s\n", mark, name);
  fflush(stdout);
  while (read(STDIN_FILENO, &answer, 1) == 1 && answer != '\n') {
  }
}
void start_measuring(const char *name) {
  tell_and_wait("START", name);
  started_cpu = cpu_now();
  started_at = seconds_now();
}
void stop_clocks(const char *name) {
  measured_wall = seconds_now() - started_at;
  measured_cpu = cpu_now() - started_cpu;
  tell_and_wait("STOP", name);
}
void report(const char *name, uint64_t checksum) {
  printf("@@RESULT %s %.6f %.6f %016llx\n", name, measured_wall, measured_cpu, (unsigned long long)checksum);
  fflush(stdout);
}
void stop_measuring(const char *name, uint64_t checksum) {
  stop_clocks(name);
  report(name, checksum);
}
void give_up(const char *what) {
  perror(what);
  exit(1);
}

static const struct {
  const char *name;
  test_body *run;
  long amount;
} TESTS[] = {
  { "coremark", coremark, 4000 },        { "sieve", sieve, 10 },              { "fib", fib, 36 },
  { "sha256", sha256, 32 },              { "interp", interp, 60000000 },      { "memcpy", memcpy_test, 12 },
  { "repmovs", repmovs, 12 },            { "memloop", memloop, 8 },           { "chase", chase, 3000000 },
  { "nbody_387", nbody_387, 100000 },    { "nbody_sse", nbody_sse, 500000 },  { "mandel_387", mandel_387, 256 },
  { "mandel_sse", mandel_sse, 512 },     { "simd", simd, 2000 },              { "syscall", syscall_test, 500000 },
  { "clock", clock_test, 1000000 },      { "forkexec", forkexec, 200 },       { "pagefault", pagefault, 20 },
  { "ctxsw", ctxsw, 10000 },             { "smc_patch", smc_patch, 100000 },  { "smc_jit", smc_jit, 2000 },
  { "smc_append", smc_append, 5000 },    { "jitwide", jitwide, 20000 },
};

static int run_test(char *word) {
  char *amount = strchr(word, '=');
  if (amount) *amount++ = 0;
  for (size_t n = 0; n < sizeof TESTS / sizeof *TESTS; n++) {
    if (strcmp(word, TESTS[n].name) != 0) continue;
    TESTS[n].run(amount ? atol(amount) : TESTS[n].amount);
    return 0;
  }
  fprintf(stderr, "There is no test %s\n", word);
  return 2;
}

int main(int count, char **words) {
  if (count == 4 && strcmp(words[1], "text") == 0) return write_text(words[2], atol(words[3]));
  if (count > 4 && strcmp(words[1], "command") == 0) return run_command(words + 2);
  for (int n = 1; n < count; n++) {
    int status = run_test(words[n]);
    if (status) return status;
  }
  return 0;
}
