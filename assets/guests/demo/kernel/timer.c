// One deadline, for the network: the local APIC's timer in one-shot mode (Intel SDM volume 3, 10.5.4), measured against the TSC once;
// the 100 Hz tick where there is no APIC. A deadline beyond the timer's reach is met by an early interrupt that changes nothing.
#include "kernel.h"

enum { END_OF_INTERRUPT = 0xB0 / 4, LVT_TIMER = 0x320 / 4, INITIAL_COUNT = 0x380 / 4, CURRENT_COUNT = 0x390 / 4, DIVIDE = 0x3E0 / 4 };
enum { MASKED = 1 << 16, DIVIDE_BY_16 = 3, MEASURE_US = 1000, MEASURE_LIMIT = 10000000, LEAST_WAIT_NS = 5000 };

static volatile u32 *apic;
static u64 counts_per_ms;
static u64 deadline = NEVER, armed = NEVER; // the timer fires at `armed`, never after the deadline

void timer_init(volatile u32 *registers) {
  registers[DIVIDE] = DIVIDE_BY_16;
  registers[LVT_TIMER] = MASKED | TIMER_VECTOR;
  registers[INITIAL_COUNT] = ~0u;
  u64 start = now_ns(), end = start;
  for (u32 tries = 0; end - start < MEASURE_US * 1000UL; tries++) {
    end = now_ns();
    if (tries == MEASURE_LIMIT) return;
  }
  u32 left = registers[CURRENT_COUNT];
  registers[INITIAL_COUNT] = 0;
  counts_per_ms = (u64)(~0u - left) * 1000000 / (end - start);
  if (counts_per_ms < 100) return;
  registers[LVT_TIMER] = TIMER_VECTOR;
  apic = registers;
}

static void arm(u64 now) {
  u64 wait = deadline > now ? deadline - now : 0, longest = 0xFFFFFFFFUL / counts_per_ms * 1000000;
  if (wait > longest) wait = longest;
  if (wait < LEAST_WAIT_NS) wait = LEAST_WAIT_NS; // somebody else is to run too
  u64 counts = wait / 1000000 * counts_per_ms + wait % 1000000 * counts_per_ms / 1000000 + 1;
  armed = now + wait;
  apic[INITIAL_COUNT] = counts > ~0u ? ~0u : (u32)counts;
}

// Called with interrupts off. An earlier interrupt that is on its way already is left alone.
void timer_set(u64 at) {
  deadline = at;
  if (apic && at != NEVER && at < armed) arm(now_ns());
}

static void check(void) {
  u64 now = now_ns();
  armed = NEVER;
  if (deadline <= now) {
    deadline = NEVER;
    net_timer(); // sets the next
  }
  if (apic && deadline != NEVER && armed == NEVER) arm(now);
}

void timer_irq(void) {
  interrupt_count++;
  check();
  apic[END_OF_INTERRUPT] = 0;
}

bool timer_needs_tick(void) { return !apic && deadline != NEVER; }
void timer_tick(void) {
  if (timer_needs_tick()) check();
}
