// `flood HOST|broadcast [FRAMES [BYTES]]`: as many frames as the card takes, of the EtherType for experiments (IEEE 802, 9.2.4), which
// nobody answers. When the card's ring is full it waits for an interrupt.
#include "net.h"

enum { FRAMES = 10000, SMALLEST = 60 };

static bool find_station(const char *host, u8 *mac) {
  u32 address;
  if (strcmp(host, "broadcast") == 0) {
    memcpy(mac, broadcast_mac, MAC_BYTES);
    return true;
  }
  if (!net_ready() || !resolve(host, &address)) return false;
  bool on = net_lock(), goes_on = true;
  const u8 *found;
  while (!(found = arp_find(address)) && goes_on && !arp_failed(address)) goes_on = net_wait(now_ns() + SECOND);
  if (found) memcpy(mac, found, MAC_BYTES);
  net_unlock(on);
  if (!found) kprintf(goes_on ? "%s does not answer.\n" : "^C\n", host);
  return found != NULL;
}

static bool send(const u8 *mac, u32 bytes, u32 number) {
  bool on = net_lock(), goes_on = true;
  while (goes_on && net.link && !card_frame()) {
    card_wake_when_sent(true);
    if (!card_frame()) goes_on = net_wait(now_ns() + SECOND);
    card_wake_when_sent(false);
  }
  u8 *payload = goes_on ? frame_begin(mac, ETHERTYPE_EXPERIMENT) : NULL;
  if (payload) {
    memset(payload, 0, bytes - ETHERNET_HEADER);
    put32(payload, number);
    frame_end(bytes - ETHERNET_HEADER);
  }
  net_unlock(on);
  return payload != NULL;
}

void command_flood(const char *arguments) {
  char host[NAME_MAX], words[2][16];
  u64 numbers[2] = {FRAMES, SMALLEST};
  arguments = next_word(arguments, host, sizeof host);
  for (u32 i = 0; i < 2; i++) arguments = next_word(arguments, words[i], sizeof words[i]);
  bool good = host[0] != 0;
  for (u32 i = 0; i < 2; i++) good = good && (!words[i][0] || parse_u64(words[i], &numbers[i]));
  if (!good || numbers[0] < 1 || numbers[0] > 1u << 30 || numbers[1] < SMALLEST || numbers[1] > FRAME_MAX) {
    kprintf("Say flood HOST|broadcast [FRAMES [BYTES]], with %u to %u bytes.\n", SMALLEST, FRAME_MAX);
    return;
  }
  u8 mac[MAC_BYTES];
  if (!net.present || !net.link) {
    net_ready();
    return;
  }
  if (!find_station(host, mac)) return;
  u64 started = now_ns();
  u32 sent = 0;
  while (sent < numbers[0] && !command_stop && send(mac, (u32)numbers[1], sent)) sent++;
  u64 us = (now_ns() - started) / 1000;
  if (!us) us = 1;
  if (command_stop) kprintf("^C\n");
  kprintf("%u frames of %lu bytes in %lu.%03lu ms: %lu frames/s, %lu.%lu Mb/s\n", sent, numbers[1], us / 1000, us % 1000,
          sent * 1000000UL / us, sent * numbers[1] * 8 / us, sent * numbers[1] * 80 / us % 10);
}
