// `ping HOST [COUNT [MS]]`: echo requests, every MS milliseconds (250) or, with 0, each as soon as the one before is answered; then the
// summary, in microseconds.
#include "net.h"

enum { COUNT_MAX = 10000 };
#define PATIENCE (3 * SECOND) // for an answer
static u32 round_trips[COUNT_MAX]; // in 0.1 us

bool ping_once(u32 host, u16 sequence, u64 patience, u64 *took) {
  bool on = net_lock(), goes_on = true;
  u64 deadline = now_ns() + patience;
  if (icmp_ask(host, sequence))
    while (goes_on && !echo.answered && !echo.refusal && !arp_failed(host) && now_ns() < deadline) goes_on = net_wait(deadline);
  bool answered = echo.answered != 0;
  *took = echo.answered - echo.sent;
  net_unlock(on);
  return answered;
}

static void sort(u32 *values, u32 count) { // Shell's, gaps by Knuth
  u32 gap = 1;
  while (gap < count / 3) gap = 3 * gap + 1;
  for (; gap; gap /= 3) {
    for (u32 i = gap; i < count; i++) {
      u32 value = values[i], at = i;
      for (; at >= gap && values[at - gap] > value; at -= gap) values[at] = values[at - gap];
      values[at] = value;
    }
  }
}

void command_ping(const char *arguments) {
  char host[NAME_MAX], word[16];
  u64 count = 4, interval = 250;
  arguments = next_word(arguments, host, sizeof host);
  arguments = next_word(arguments, word, sizeof word);
  bool good = host[0] && (!word[0] || parse_u64(word, &count));
  next_word(arguments, word, sizeof word);
  good = good && (!word[0] || parse_u64(word, &interval));
  if (!good || count < 1 || count > COUNT_MAX || interval > 60000) {
    kprintf("Say ping HOST [COUNT [MILLISECONDS]], with up to %u.\n", COUNT_MAX);
    return;
  }
  u32 address;
  if (!net_ready() || !resolve(host, &address)) return;
  if (address == net.address) {
    kprintf("That is this machine.\n");
    return;
  }
  kprintf("PING %s (%s)\n", host, ip_text(address).s);
  u32 sent = 0, answered = 0;
  u64 sum = 0;
  while (sent < count && !command_stop && !power_button) {
    u64 started = now_ns(), took;
    sent++;
    if (ping_once(address, (u16)sent, PATIENCE, &took)) {
      round_trips[answered++] = took / 100 > ~0u ? ~0u : (u32)(took / 100);
      sum += took / 100;
      if (interval) kprintf("answer %u from %s: %lu.%lu us\n", sent, ip_text(address).s, took / 1000, took / 100 % 10);
    } else if (!command_stop && interval) {
      if (echo.refusal == 10 || echo.refusal == 11 || echo.refusal == 14) kprintf("%u: the gateway does not allow it\n", sent);
      else if (echo.refusal) kprintf("%u: unreachable (code %u)\n", sent, echo.refusal - 1u);
      else kprintf("%u: no answer\n", sent);
    }
    bool on = net_lock();
    u64 next = started + interval * MS;
    while (sent < count && now_ns() < next && net_wait(next)) {}
    net_unlock(on);
  }
  if (command_stop) kprintf("^C\n");
  u32 lost = sent - answered;
  kprintf("%u sent, %u received, %u%% loss\n", sent, answered, sent ? lost * 100 / sent : 0);
  if (!answered) return;
  sort(round_trips, answered);
  u32 middle = round_trips[answered / 2], mean = (u32)(sum / answered), last = round_trips[answered - 1];
  kprintf("round trip min/avg/median/max %u.%u/%u.%u/%u.%u/%u.%u us\n", round_trips[0] / 10, round_trips[0] % 10, mean / 10, mean % 10,
          middle / 10, middle % 10, last / 10, last % 10);
}
