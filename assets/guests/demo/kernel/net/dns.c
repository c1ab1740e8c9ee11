// Names to addresses: a DNS client (RFC 1035) for A records with one question at a time, asked of the server that DHCP told.
// A name without a dot is asked for in our own domain. Aliases need no second question: a resolver answers with the whole chain.
#include "net.h"

enum { HEADER = 12, TYPE_A = 1, CLASS_IN = 1, RECURSION = 0x0100, RESPONSE = 0x8000, CODE = 15, NO_SUCH_NAME = 3, TRIES = 3 };

static struct {
  bool waits;
  u16 id, port;
  u32 server, address, code;
  u8 question[NAME_MAX * 2 + 8]; // as sent: the answer must repeat it
  u32 question_length;
} query;

static bool encode(const char *host) {
  char name[NAME_MAX * 2];
  bool is_short = true;
  for (const char *c = host; *c; c++)
    if (*c == '.') is_short = false;
  u64 length = print_to(name, sizeof name, is_short && net.domain[0] ? "%s.%s" : "%s", host, net.domain);
  u8 *to = query.question;
  for (u64 at = 0; at < length;) {
    u64 end = at;
    while (end < length && name[end] != '.') end++;
    if (end == at || end - at > 63) return false;
    *to++ = (u8)(end - at);
    memcpy(to, name + at, end - at);
    to += end - at;
    at = end + 1;
  }
  *to++ = 0;
  put16(to, TYPE_A);
  put16(to + 2, CLASS_IN);
  query.question_length = (u32)(to + 4 - query.question);
  return length > 0;
}

static void send(void) {
  u8 *m = udp_begin(query.server);
  if (!m) return;
  memset(m, 0, HEADER);
  put16(m, query.id);
  put16(m + 2, RECURSION);
  put16(m + 4, 1);
  memcpy(m + HEADER, query.question, query.question_length);
  udp_end(query.port, DNS_PORT, HEADER + query.question_length);
}

static u32 skip_name(const u8 *m, u32 length, u32 at) { // 0: the message ends first
  while (at < length) {
    if (m[at] == 0) return at + 1;
    if (m[at] >= 0xC0) return at + 2;
    at += m[at] + 1u;
  }
  return 0;
}

static u8 lower(u8 c) { return c >= 'A' && c <= 'Z' ? (u8)(c + 32) : c; }

void dns_received(u32 from, u16 to_port, const u8 *m, u32 length) {
  if (!query.waits || from != query.server || to_port != query.port || length < HEADER + query.question_length) return;
  if (get16(m) != query.id || !(get16(m + 2) & RESPONSE) || get16(m + 4) != 1) return;
  for (u32 i = 0; i < query.question_length; i++)
    if (lower(m[HEADER + i]) != lower(query.question[i])) return;
  query.waits = false;
  query.code = get16(m + 2) & CODE;
  u32 at = HEADER + query.question_length;
  for (u32 left = get16(m + 6); left; left--) {
    at = skip_name(m, length, at);
    if (!at || at + 10 > length) return;
    u32 type = get16(m + at), class = get16(m + at + 2), size = get16(m + at + 8);
    at += 10;
    if (at + size > length) return;
    if (type == TYPE_A && class == CLASS_IN && size == 4) {
      query.address = get32(m + at);
      return;
    }
    at += size;
  }
}

enum lookup lookup(const char *host, u32 *address) {
  if (parse_ip(host, address)) return HOST_FOUND;
  if (!*host || strlen(host) >= NAME_MAX) return HOST_MALFORMED;
  if (strcmp(host, net.name) == 0 || strcmp(host, "localhost") == 0) {
    *address = net.address;
    return HOST_FOUND;
  }
  if (!net.dns) return HOST_NO_SERVER;
  bool on = net_lock(), goes_on = true;
  bool is_name = encode(host);
  query.server = net.dns;
  query.id = (u16)random32();
  query.port = (u16)(49152 + random32() % 16384);
  query.address = query.code = 0;
  query.waits = is_name;
  for (u32 tries = 0; query.waits && goes_on && tries < TRIES; tries++) {
    u64 deadline = now_ns() + SECOND;
    send();
    while (query.waits && goes_on && now_ns() < deadline) goes_on = net_wait(deadline);
  }
  bool timed_out = query.waits;
  query.waits = false;
  *address = query.address;
  u32 code = query.code;
  net_unlock(on);
  if (*address) return HOST_FOUND;
  if (!goes_on) return HOST_STOPPED;
  if (!is_name) return HOST_MALFORMED;
  if (timed_out) return HOST_NO_ANSWER;
  return code == NO_SUCH_NAME || code == 0 ? HOST_UNKNOWN : HOST_SERVER_FAILS;
}

bool resolve(const char *host, u32 *address) {
  switch (lookup(host, address)) {
  case HOST_FOUND: return true;
  case HOST_STOPPED: kprintf("^C\n"); break;
  case HOST_MALFORMED: kprintf("A host is an address such as 10.0.10.3, or a name.\n"); break;
  case HOST_NO_SERVER: kprintf("No server for names is known; use an address.\n"); break;
  case HOST_NO_ANSWER: kprintf("The name server %s does not answer.\n", ip_text(net.dns).s); break;
  case HOST_SERVER_FAILS: kprintf("The name server %s cannot say who %s is.\n", ip_text(net.dns).s, host); break;
  case HOST_UNKNOWN: kprintf("There is no host called %s.\n", host); break;
  }
  return false;
}
