// The way into the kernel and back: a small system call, the clock, processes made and ended, pages touched for the first time, two
// processes that wake one another; and other programs measured as a whole.
#include "program.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

void syscall_test(long calls) {
  long parent = getppid(), wrong = 0;
  start_measuring("syscall");
  for (long n = 0; n < calls; n++) wrong += syscall(SYS_getppid) != parent;
  stop_measuring("syscall", (uint64_t)wrong);
}

void clock_test(long readings) {
  struct timespec before = { 0 }, now;
  long backwards = 0;
  start_measuring("clock");
  for (long n = 0; n < readings; n++) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    backwards += now.tv_sec < before.tv_sec || (now.tv_sec == before.tv_sec && now.tv_nsec < before.tv_nsec);
    before = now;
  }
  stop_measuring("clock", (uint64_t)backwards);
}

static int ended_well(pid_t child) {
  int status;
  return waitpid(child, &status, 0) == child && status == 0;
}

void forkexec(long processes) {
  const char *busybox = getenv("BUSYBOX");
  uint64_t failed = 0;
  start_measuring("forkexec");
  for (long n = 0; n < processes; n++) {
    pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child == 0) {
      execl(busybox ? busybox : "/bin/busybox", "true", (char *)NULL);
      _exit(127);
    }
    failed += !ended_well(child);
  }
  stop_measuring("forkexec", failed);
}

void pagefault(long rounds) {
  const size_t size = 16 << 20;
  uint64_t checksum = 0;
  start_measuring("pagefault");
  for (long round = 0; round < rounds; round++) {
    volatile uint8_t *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) give_up("mmap");
    madvise((void *)pages, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += 4096) pages[at] = (uint8_t)(at >> 12);
    checksum = fold(checksum, pages[37 << 12]);
    munmap((void *)pages, size);
  }
  stop_measuring("pagefault", checksum);
}

void ctxsw(long turns) {
  int there[2], back[2];
  uint32_t ball = 0;
  if (pipe(there) != 0 || pipe(back) != 0) give_up("pipe");
  pid_t child = fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    close(there[1]);
    while (read(there[0], &ball, sizeof ball) == sizeof ball) {
      ball = ball * 3 + 1;
      if (write(back[1], &ball, sizeof ball) != sizeof ball) _exit(1);
    }
    _exit(0);
  }
  start_measuring("ctxsw");
  for (long turn = 0; turn < turns; turn++)
    if (write(there[1], &ball, sizeof ball) != sizeof ball || read(back[0], &ball, sizeof ball) != sizeof ball) give_up("pipe");
  close(there[1]);
  if (!ended_well(child)) ball = 0;
  stop_measuring("ctxsw", ball);
}

static uint64_t checksum_of_file(const char *path) {
  static uint8_t data[1 << 16];
  uint64_t checksum = 0;
  ssize_t got;
  int file = open(path, O_RDONLY);
  while ((got = read(file, data, sizeof data)) > 0)
    for (ssize_t n = 0; n < got; n++) checksum = (checksum ^ data[n]) * 0x100000001b3u;
  close(file);
  return checksum;
}
int run_command(char **words) {
  start_measuring(words[0]);
  pid_t child = fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    int output = open(words[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (output < 0) give_up(words[1]);
    dup2(output, STDOUT_FILENO);
    execv(words[2], words + 2);
    _exit(127);
  }
  int well = ended_well(child);
  stop_clocks(words[0]);
  if (well) report(words[0], checksum_of_file(words[1]));
  return !well;
}

/** Lines of words of a small vocabulary, the early ones more often, with numbers between: it packs like a text. */
int write_text(const char *path, long mebibytes) {
  static char vocabulary[1024][12], data[1 << 16];
  uint32_t seed = 1789;
  for (int n = 0; n < 1024; n++)
    for (int at = 0, length = 2 + (int)(random_bits(&seed) % 9); at < length; at++) vocabulary[n][at] = (char)('a' + random_bits(&seed) % 26);
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0) give_up(path);
  for (long block = 0; block < mebibytes * 16; block++) {
    size_t at = 0;
    while (at + 24 < sizeof data) {
      uint32_t bits = random_bits(&seed), pick = random_bits(&seed) & bits & 0x3ff;
      at += (size_t)sprintf(data + at, bits >> 10 & 7 ? "%s" : "%s %u", vocabulary[pick], bits >> 13 & 0x3ff);
      data[at++] = bits >> 20 & 15 ? ' ' : '\n';
    }
    memset(data + at, '\n', sizeof data - at);
    if (write(file, data, sizeof data) != sizeof data) give_up(path);
  }
  return close(file);
}
