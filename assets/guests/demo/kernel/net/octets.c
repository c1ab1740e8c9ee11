// Numbers in network order, the Internet checksum (RFC 1071), addresses as text, and a random number good enough for identifiers.
#include "net.h"

u16 get16(const u8 *at) { return (u16)(at[0] << 8 | at[1]); }
u32 get32(const u8 *at) { return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3]; }

void put16(u8 *at, u32 value) {
  at[0] = (u8)(value >> 8);
  at[1] = (u8)value;
}

void put32(u8 *at, u32 value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}

u32 sum16(const u8 *bytes, u64 length, u32 sum) {
  u64 total = sum;
  for (; length >= 2; bytes += 2, length -= 2) total += get16(bytes);
  if (length) total += (u32)bytes[0] << 8;
  while (total >> 32) total = (total & 0xFFFFFFFF) + (total >> 32);
  return (u32)total;
}

u16 fold(u32 sum) {
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  return (u16)~sum;
}

u32 pseudo_sum(u32 from, u32 to, u8 protocol, u32 length) {
  return (from >> 16) + (from & 0xFFFF) + (to >> 16) + (to & 0xFFFF) + protocol + length;
}

struct print {
  char *to;
  u64 size, length;
};

static void print_sink(void *context, char c) {
  struct print *p = context;
  if (p->length + 1 < p->size) p->to[p->length++] = c;
}

static u64 print_list(char *to, u64 size, const char *text, va_list args) {
  struct print p = {to, size, 0};
  format(print_sink, &p, text, args);
  to[p.length] = 0;
  return p.length;
}

u64 print_to(char *to, u64 size, const char *text, ...) {
  va_list args;
  va_start(args, text);
  u64 length = print_list(to, size, text, args);
  va_end(args);
  return length;
}

struct text ip_text(u32 a) {
  struct text t;
  print_to(t.s, sizeof t.s, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
  return t;
}

struct text mac_text(const u8 *m) {
  struct text t;
  print_to(t.s, sizeof t.s, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
  return t;
}

static const char *parse_octets(const char *text, u32 *address) {
  *address = 0;
  for (u32 i = 0; i < 4; i++) {
    u32 value = 0, digits = 0;
    for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++) value = value * 10 + (u32)(*text - '0');
    if (digits == 0 || digits > 3 || value > 255 || (i < 3 && *text++ != '.')) return NULL;
    *address = *address << 8 | value;
  }
  return text;
}

bool parse_ip(const char *text, u32 *address) {
  const char *end = parse_octets(text, address);
  return end && !*end;
}

bool parse_network(const char *text, u32 *address, u32 *mask) {
  u64 bits;
  const char *end = parse_octets(text, address);
  if (!end || *end != '/' || !parse_u64(end + 1, &bits) || bits < 1 || bits > 30) return false;
  *mask = ~0u << (32 - bits);
  return true;
}

u32 mask_bits(u32 mask) { // ones, then zeros
  u32 bits = 0;
  for (; mask; mask <<= 1) bits++;
  return bits;
}

const char *next_word(const char *text, char *word, u64 size) {
  u64 length = 0;
  while (*text == ' ') text++;
  for (; *text && *text != ' '; text++)
    if (length + 1 < size) word[length++] = *text;
  word[length] = 0;
  while (*text == ' ') text++;
  return text;
}

// A xorshift generator (Marsaglia 2003) stirred with the time-stamp counter and our address.
u32 random32(void) {
  static u64 state;
  state ^= rdtsc() * 0x9E3779B97F4A7C15 + ((u64)get32(net.mac + 2) << 16) + 1;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (u32)(state >> 21);
}
