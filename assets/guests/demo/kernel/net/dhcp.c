// A DHCP client (RFC 2131, options of RFC 2132): discover, request, renewal and rebinding; our name goes along (option 12).
// Left out: INIT-REBOOT, DECLINE (a neighbour with our address is reported, see arp.c), RELEASE, option overload.
#include "net.h"

enum { SERVER_PORT = 67, CLIENT_PORT = 68, FIXED = 236, COOKIE = 0x63825363, SMALLEST = 300 };
enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACKNOWLEDGE, NAK };
enum {
  OPTION_MASK = 1, OPTION_ROUTER = 3, OPTION_DNS = 6, OPTION_HOST_NAME = 12, OPTION_DOMAIN = 15, OPTION_ADDRESS = 50, OPTION_LEASE = 51,
  OPTION_TYPE = 53, OPTION_SERVER = 54, OPTION_PARAMETERS = 55, OPTION_T1 = 58, OPTION_T2 = 59, OPTION_END = 255,
};
#define FIRST_WAIT (500 * MS)
#define LONGEST_WAIT (32 * SECOND)

enum state { OFF, SELECTING, REQUESTING, BOUND, RENEWING, REBINDING };
static enum state state;
static u32 transaction, offered, server, previous; // previous: the address that we had last, which is asked for again
static u64 started, retry_at, wait, renew_at, rebind_at, expires_at;
static u32 tries;

static u8 *option(u8 *at, u8 code, u32 value) {
  *at++ = code;
  *at++ = 4;
  put32(at, value);
  return at + 4;
}

static void send(u8 type) {
  bool is_bound = state == RENEWING || state == REBINDING;
  u8 *m = udp_begin(state == RENEWING ? server : IP_BROADCAST);
  if (!m) return;
  memset(m, 0, 576 - IP_HEADER - UDP_HEADER);
  m[0] = 1; // a request
  m[1] = 1; // Ethernet
  m[2] = MAC_BYTES;
  put32(m + 4, transaction);
  put16(m + 8, (u32)((now_ns() - started) / SECOND) & 0xFFFF);
  if (is_bound) put32(m + 12, net.address);
  memcpy(m + 28, net.mac, MAC_BYTES);
  put32(m + FIXED, COOKIE);
  u8 *at = m + FIXED + 4;
  *at++ = OPTION_TYPE;
  *at++ = 1;
  *at++ = type;
  if (type == DISCOVER && previous) at = option(at, OPTION_ADDRESS, previous);
  if (state == REQUESTING) {
    at = option(at, OPTION_ADDRESS, offered);
    at = option(at, OPTION_SERVER, server);
  }
  u64 length = strlen(net.name);
  *at++ = OPTION_HOST_NAME;
  *at++ = (u8)length;
  memcpy(at, net.name, length);
  at += length;
  static const u8 wanted[] = {OPTION_MASK, OPTION_ROUTER, OPTION_DNS, OPTION_DOMAIN, OPTION_LEASE, OPTION_T1, OPTION_T2};
  *at++ = OPTION_PARAMETERS;
  *at++ = sizeof wanted;
  memcpy(at, wanted, sizeof wanted);
  at += sizeof wanted;
  *at++ = OPTION_END;
  u32 total = (u32)(at - m);
  udp_end(CLIENT_PORT, SERVER_PORT, total < SMALLEST ? SMALLEST : total);
}

static void enter(enum state next, u64 now) {
  state = next;
  wait = FIRST_WAIT;
  tries = 0;
  retry_at = now;
}

static void select(u64 now) {
  started = now;
  transaction = random32();
  enter(SELECTING, now);
}

void dhcp_start(void) { select(now_ns()); }
void dhcp_stop(void) { state = OFF; }

struct answer {
  u32 type, address, mask, router, dns, server, lease, t1, t2;
  char domain[NAME_MAX];
};

static bool parse(const u8 *m, u32 length, struct answer *a) {
  if (length < FIXED + 4 || m[0] != 2 || m[1] != 1 || m[2] != MAC_BYTES || get32(m + 4) != transaction) return false;
  if (memcmp(m + 28, net.mac, MAC_BYTES) != 0 || get32(m + FIXED) != COOKIE) return false;
  *a = (struct answer){.address = get32(m + 16)};
  for (u32 at = FIXED + 4; at < length && m[at] != OPTION_END;) {
    u32 code = m[at++];
    if (code == 0) continue;
    if (at >= length || at + 1 + m[at] > length) return false;
    u32 size = m[at++];
    u32 value = size >= 4 ? get32(m + at) : 0;
    switch (code) {
    case OPTION_TYPE: a->type = size ? m[at] : 0; break;
    case OPTION_MASK: a->mask = value; break;
    case OPTION_ROUTER: a->router = value; break;
    case OPTION_DNS: a->dns = value; break;
    case OPTION_SERVER: a->server = value; break;
    case OPTION_LEASE: a->lease = value; break;
    case OPTION_T1: a->t1 = value; break;
    case OPTION_T2: a->t2 = value; break;
    case OPTION_DOMAIN: {
      u32 count = 0;
      for (; count < size && count + 1 < sizeof a->domain; count++) {
        u8 c = m[at + count];
        a->domain[count] = c > ' ' && c < 0x7F ? (char)c : 0;
      }
      a->domain[count] = 0;
      break;
    }
    default: break;
    }
    at += size;
  }
  return true;
}

static bool usable(const struct answer *a) {
  u32 top = a->address >> 24;
  bool is_station = top != 0 && top != 127 && top < 224;
  bool is_mask = a->mask && (~a->mask & (~a->mask + 1)) == 0; // ones, then zeros
  return is_station && is_mask && mask_bits(a->mask) <= 30;
}

static void bind(const struct answer *a, u64 now) {
  bool is_new = net.address != a->address || net.mask != a->mask;
  u64 lease = a->lease < 10 ? 10 : a->lease;
  u64 t1 = a->t1 && a->t1 < lease ? a->t1 : lease / 2, t2 = a->t2 > t1 && a->t2 < lease ? a->t2 : t1 + (lease - t1) * 3 / 4;
  if (is_new && net.address) net_address_lost();
  state = BOUND;
  renew_at = now + t1 * SECOND;
  rebind_at = now + t2 * SECOND;
  expires_at = now + lease * SECOND;
  net.address = previous = a->address;
  net.mask = a->mask;
  net.gateway = a->router != a->address ? a->router : 0;
  net.dns = a->dns;
  net.dhcp_server = server;
  memcpy(net.domain, a->domain, sizeof net.domain);
  if (is_new) net_address_changed();
}

void dhcp_received(u32 from, const u8 *m, u32 length) {
  struct answer a;
  if (state == OFF || state == BOUND || !parse(m, length, &a)) return;
  u64 now = now_ns();
  if (!a.server) a.server = from;
  if (state == SELECTING && a.type == OFFER && usable(&a)) {
    offered = a.address;
    server = a.server;
    enter(REQUESTING, now);
  } else if (state != SELECTING && a.type == ACKNOWLEDGE && usable(&a)) {
    if (state == REQUESTING && a.server != server) return;
    server = a.server;
    bind(&a, now);
  } else if (state != SELECTING && a.type == NAK) {
    if (net.address) net_notice("net0: %s takes the address %s back", ip_text(a.server).s, ip_text(net.address).s);
    net_address_lost();
    previous = 0;
    select(now);
  }
}

u64 dhcp_timers(u64 now) {
  if (state == OFF) return NEVER;
  if (state == BOUND && now >= renew_at) {
    transaction = random32();
    started = now;
    enter(RENEWING, now);
  }
  if (state == RENEWING && now >= rebind_at) enter(REBINDING, now);
  if (state == REBINDING && now >= expires_at) {
    net_notice("net0: the lease of %s has ended", ip_text(net.address).s);
    net_address_lost();
    select(now);
  }
  if (state == BOUND) return renew_at;
  if (now >= retry_at) {
    if (state == REQUESTING && tries == 4) select(now);
    tries++;
    send(state == SELECTING ? DISCOVER : REQUEST);
    retry_at = now + wait + random32() % (100 * MS);
    wait = wait * 2 > LONGEST_WAIT ? LONGEST_WAIT : wait * 2;
  }
  u64 limit = state == RENEWING ? rebind_at : state == REBINDING ? expires_at : NEVER;
  return retry_at < limit ? retry_at : limit;
}

const char *dhcp_state(void) {
  static const char *const names[] = {"off", "looks for a server", "asks for the offered address", "has a lease", "renews the lease",
                                      "looks for another server"};
  return names[state];
}

u64 dhcp_lease_left(void) {
  u64 now = now_ns();
  return state >= BOUND && expires_at > now ? (expires_at - now) / SECOND : 0;
}
