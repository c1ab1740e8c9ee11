// ARP (RFC 826): a table of 64 neighbours. Only who asks us, or is asked for, gets in; the entry that was longest unused goes. A packet
// that waits for an answer is parked, one for each address.
#include "net.h"

enum { ENTRIES = 64, PARKED = 8, PACKET = 28, TRIES = 3 };
enum { REQUEST = 1, REPLY = 2 };
#define ASK_AGAIN (500 * MS)
#define FRESH (60 * SECOND)
#define STALE (90 * SECOND)
#define FORGET_FAILURE (3 * SECOND)

enum state { FREE, ASKED, KNOWN, FAILED };
struct entry {
  enum state state;
  u32 address, tries;
  u8 mac[MAC_BYTES];
  u64 heard, asked, used; // when
};
struct parked {
  u32 address, length; // length 0: free
  u8 packet[MTU];
};

const u8 broadcast_mac[MAC_BYTES] = {255, 255, 255, 255, 255, 255};
static struct entry table[ENTRIES];
static struct parked parking[PARKED];
static bool any_asked; // perhaps: somebody has been asked and has not answered

static void send(u16 operation, const u8 *to, u32 target, const u8 *target_mac) {
  u8 *p = frame_begin(to, ETHERTYPE_ARP);
  if (!p) return;
  put16(p, 1); // Ethernet
  put16(p + 2, ETHERTYPE_IP);
  p[4] = MAC_BYTES;
  p[5] = 4;
  put16(p + 6, operation);
  memcpy(p + 8, net.mac, MAC_BYTES);
  put32(p + 14, net.address);
  if (target_mac) memcpy(p + 18, target_mac, MAC_BYTES);
  else memset(p + 18, 0, MAC_BYTES);
  put32(p + 24, target);
  frame_end(PACKET);
}

void arp_announce(void) { send(REQUEST, broadcast_mac, net.address, NULL); }

static struct entry *find(u32 address) {
  for (u32 i = 0; i < ENTRIES; i++)
    if (table[i].state != FREE && table[i].address == address) return &table[i];
  return NULL;
}

static struct entry *make(u32 address, u64 now) {
  struct entry *best = &table[0];
  for (u32 i = 0; i < ENTRIES && best->state != FREE; i++)
    if (table[i].state == FREE || table[i].used < best->used) best = &table[i];
  *best = (struct entry){.address = address, .used = now};
  return best;
}

static void ask(struct entry *e, u64 now) {
  e->asked = now;
  e->tries++;
  any_asked = true;
  send(REQUEST, broadcast_mac, e->address, NULL);
}

static void drop_parked(u32 address) {
  for (u32 i = 0; i < PARKED; i++)
    if (parking[i].address == address) parking[i].length = 0;
}

void arp_clear(void) {
  memset(table, 0, sizeof table);
  for (u32 i = 0; i < PARKED; i++) parking[i].length = 0;
}

const u8 *arp_find(u32 address) {
  u64 now = now_ns();
  struct entry *e = find(address);
  if (!e) e = make(address, now);
  e->used = now;
  if (e->state == KNOWN && now - e->heard < STALE) {
    if (now - e->heard >= FRESH && now - e->asked >= SECOND) ask(e, now);
    return e->mac;
  }
  if (e->state != ASKED && !(e->state == FAILED && now - e->asked < FORGET_FAILURE)) {
    e->state = ASKED;
    e->tries = 0;
    ask(e, now);
  }
  return NULL;
}

bool arp_failed(u32 address) {
  const struct entry *e = find(address);
  return e && e->state == FAILED;
}

void arp_park(u32 address, const u8 *packet, u32 length) {
  struct parked *place = NULL;
  for (u32 i = 0; i < PARKED; i++) {
    if (parking[i].length && parking[i].address == address) {
      place = &parking[i]; // the newer packet counts
      break;
    }
    if (!parking[i].length) place = &parking[i];
  }
  if (!place || length > MTU) return;
  place->address = address;
  place->length = length;
  memcpy(place->packet, packet, length);
}

static void send_parked(const struct entry *e) {
  for (u32 i = 0; i < PARKED; i++) {
    struct parked *p = &parking[i];
    if (!p->length || p->address != e->address) continue;
    u8 *to = frame_begin(e->mac, ETHERTYPE_IP);
    if (to) {
      memcpy(to, p->packet, p->length);
      frame_end(p->length);
    }
    p->length = 0;
  }
}

void arp_received(const u8 *p, u32 length) {
  if (length < PACKET || get16(p) != 1 || get16(p + 2) != ETHERTYPE_IP || p[4] != MAC_BYTES || p[5] != 4) {
    net.malformed++;
    return;
  }
  u32 operation = get16(p + 6), sender = get32(p + 14), target = get32(p + 24);
  const u8 *mac = p + 8;
  if (!net.address || mac[0] & 1) return;
  u64 now = now_ns();
  if (sender == net.address) {
    static u64 told;
    if (!told || now - told > 10 * SECOND) net_notice("net0: %s says that it has our address too", mac_text(mac).s);
    told = now;
    return;
  }
  bool for_us = target == net.address;
  struct entry *e = sender && (sender & net.mask) == (net.address & net.mask) ? find(sender) : NULL;
  if (!e && for_us && sender && (sender & net.mask) == (net.address & net.mask)) e = make(sender, now);
  if (e) {
    e->state = KNOWN;
    e->heard = now;
    memcpy(e->mac, mac, MAC_BYTES);
    send_parked(e);
  }
  if (for_us && operation == REQUEST) send(REPLY, mac, sender, mac);
}

u64 arp_timers(u64 now) {
  u64 next = NEVER;
  if (!any_asked) return next;
  any_asked = false;
  for (u32 i = 0; i < ENTRIES; i++) {
    struct entry *e = &table[i];
    if (e->state != ASKED) continue;
    any_asked = true;
    if (now >= e->asked + ASK_AGAIN) {
      if (e->tries >= TRIES) {
        e->state = FAILED;
        drop_parked(e->address);
        continue;
      }
      ask(e, now);
    }
    if (e->asked + ASK_AGAIN < next) next = e->asked + ASK_AGAIN;
  }
  return next;
}

void arp_print(void) {
  u32 count = 0;
  for (u32 i = 0; i < ENTRIES; i++) {
    bool on = net_lock();
    struct entry e = table[i];
    u64 age = (now_ns() - e.heard) / SECOND;
    net_unlock(on);
    if (e.state == FREE) continue;
    count++;
    if (e.state == KNOWN) kprintf("  %-15s  %s  heard %lu s ago\n", ip_text(e.address).s, mac_text(e.mac).s, age);
    else kprintf("  %-15s  %s\n", ip_text(e.address).s, e.state == ASKED ? "has been asked for" : "nobody answers");
  }
  if (!count) kprintf("No neighbours are known.\n");
}
