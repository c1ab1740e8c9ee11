// The network of the demo guest as a program of the host, under AddressSanitizer and UndefinedBehaviorSanitizer: what a fuzzer's frames
// and its own commands make of it. The peer is a mirror: it sends back what the stack has sent, turned round, answered in a
// plausible way, and damaged. Each frame lies in memory of exactly its size. Arguments: seed, rounds. Time is made up.
#include "../kernel/net/net.h"

void *malloc(size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void free(void *memory);
_Noreturn void abort(void);
int atoi(const char *text);
int printf(const char *text, ...);

enum { SENT = 16, FRAME_ROOM = 2048 };
#define PEER 0x0A000A02u
#define SERVER 0x0A000A01u

// ---- what the kernel would offer ----------------------------------------------------------------

u32 net_irq_line;
bool command_runs;
volatile bool command_stop, power_button;
struct task tasks[TASKS];
struct task *current = tasks;
static u64 now = 1, state;
static u8 *outgoing;
static u8 sent[SENT][FRAME_ROOM];
static u32 sent_length[SENT], sent_count;
static const u8 peer_mac[MAC_BYTES] = {0x52, 0x54, 0, 0, 0x10, 2};

static u32 below(u32 limit) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (u32)(state >> 24) % limit;
}

static void step(void);

u64 now_ns(void) { return now; }
void timer_set(u64 deadline) { (void)deadline; }
void kprintf(const char *text, ...) { (void)text; }
void console_write(const char *text, u64 length) { (void)text, (void)length; }
int console_column(void) { return 0; }
void task_wake(struct task *task) { task->state = TASK_READY; }
u64 frame_alloc(void) { return (u64)aligned_alloc(PAGE, PAGE); }
void *phys_ptr(u64 physical) { return (void *)physical; }

bool boot_option(const char *name, char *value, u64 size) {
  return strcmp(name, "name") == 0 && print_to(value, size, "alice") > 0;
}

// The shell waits: meanwhile frames come, and now and then somebody presses Ctrl-C.
void task_block(enum task_state why) {
  (void)why;
  for (u32 i = below(4); i; i--) step();
  now += below(40) == 0 ? below(2000) * MS : below(1000000);
  if (below(200) == 0) command_stop = true;
}

bool card_init(void) {
  memcpy(net.mac, "\x52\x54\0\0\x10\1", MAC_BYTES);
  net.link = true;
  return true;
}
u32 card_sending(void) { return 0; }
void card_wake_when_sent(bool wanted) { (void)wanted; }

u8 *card_frame(void) {
  if (below(50) == 0) return NULL;
  if (!outgoing) outgoing = malloc(FRAME_MAX);
  return outgoing;
}

void card_send(u8 *frame, u32 length) {
  if (frame != outgoing || length > FRAME_MAX) abort();
  memcpy(sent[sent_count % SENT], frame, length);
  sent_length[sent_count++ % SENT] = length;
  free(outgoing);
  outgoing = NULL;
}

// ---- the peer -----------------------------------------------------------------------------------

static void deliver(const u8 *frame, u32 length) {
  u8 *exact = malloc(length ? length : 1);
  memcpy(exact, frame, length);
  net_received(exact, length);
  free(exact);
}

static void correct(u8 *frame, u32 length) {
  u8 *p = frame + ETHERNET_HEADER;
  if (length < ETHERNET_HEADER + IP_HEADER || get16(frame + 12) != ETHERTYPE_IP) return;
  u32 header = (p[0] & 15u) * 4, total = get16(p + 2), protocol = p[9];
  if (header < IP_HEADER || header > total || ETHERNET_HEADER + total > length) return;
  put16(p + 10, 0);
  put16(p + 10, fold(sum16(p, header, 0)));
  u32 at = protocol == PROTOCOL_TCP ? 16 : protocol == PROTOCOL_UDP ? 6 : 2, left = total - header;
  if (at + 2 > left) return;
  u32 start = protocol == PROTOCOL_ICMP ? 0 : pseudo_sum(get32(p + 12), get32(p + 16), (u8)protocol, left);
  put16(p + header + at, 0);
  put16(p + header + at, fold(sum16(p + header, left, start)));
}

static void swap16(u8 *a, u8 *b) {
  u16 value = get16(a);
  put16(a, get16(b));
  put16(b, value);
}

static u8 *put_option(u8 *at, u8 code, u32 value) {
  *at++ = code;
  *at++ = 4;
  put32(at, value);
  return at + 4;
}

static void answer_dhcp(u8 *m) {
  bool is_discover = m[242] == 1;
  m[0] = 2;
  put32(m + 16, SERVER + 4);
  u8 *at = m + 240;
  *at++ = 53;
  *at++ = 1;
  *at++ = is_discover ? 2 : below(50) ? 5 : 6;
  at = put_option(at, 1, 0xFFFFFF00);
  at = put_option(at, 3, SERVER);
  at = put_option(at, 6, SERVER);
  at = put_option(at, 54, SERVER);
  at = put_option(at, 51, 20 + below(200));
  memcpy(at, "\x0F\3lab\xFF", 6);
}

// Gives the length of the frame, whose DNS message starts at 42.
static u32 answer_dns(u8 *frame, u32 length) {
  if (length < 54 || length > 300) return length;
  u8 *m = frame + 42, *answer = frame + length;
  m[2] |= 0x80;
  put16(m + 6, 1);
  put16(answer, 0xC00C);
  put16(answer + 2, 1);
  put16(answer + 4, 1);
  put32(answer + 6, 60);
  put16(answer + 10, 4);
  put32(answer + 12, PEER);
  put16(frame + 16, length + 16 - ETHERNET_HEADER);
  put16(frame + 38, length + 16 - ETHERNET_HEADER - IP_HEADER);
  return length + 16;
}

static u32 answer_tcp(u8 *frame, u32 length) {
  static const char *const texts[] = {"GET / HTTP/1.0\r\n\r\n", "GET /bytes/50000 HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nhello"};
  u8 *t = frame + 34;
  u32 header = (t[12] >> 4) * 4u, text = length - 34 - header, seq = get32(t + 4), ack = get32(t + 8);
  u8 flags = t[13], answer = flags & SYN && !(flags & ACK) ? SYN | ACK : ACK;
  u32 end = seq + text + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
  swap16(t, t + 2);
  if (below(12) == 0) answer |= FIN;
  if (below(40) == 0) answer |= RST;
  if (below(60) == 0) answer |= SYN;
  put32(t + 4, (flags & ACK ? ack : below(1u << 31)) + (below(8) ? 0 : below(3000) - 1000));
  put32(t + 8, below(5) ? end : end - below(text + 1));
  t[12] = 0x50;
  t[13] = answer;
  put16(t + 14, below(6) == 0 ? 0 : below(4) == 0 ? below(3000) : 65535);
  u32 count = below(2) && !(answer & SYN) ? below(1400) : 0;
  for (u32 i = 0; i < count; i++) t[20 + i] = (u8)below(256);
  const char *start = texts[get16(t + 2) == 80 ? below(2) : 2];
  if (count > strlen(start) && below(2)) memcpy(t + 20, start, strlen(start));
  put16(frame + 16, IP_HEADER + 20 + count);
  return 54 + count;
}

static void damage(u8 *frame, u32 length) {
  for (u32 changes = below(4) ? 0 : below(4); changes && length > 12; changes--) frame[12 + below(length - 12)] = (u8)below(256);
  if (below(8) == 0 && length > 42) { // shorter, and in agreement about it
    length = 42 + below(length - 42);
    put16(frame + 16, length - ETHERNET_HEADER);
    if (frame[23] == PROTOCOL_UDP) put16(frame + 38, length - ETHERNET_HEADER - IP_HEADER);
  }
  if (below(20)) correct(frame, length);
  if (below(30) == 0) length = below(length + 1);
  deliver(frame, length);
}

static void mirror(void) {
  static u8 frame[FRAME_ROOM];
  u32 index = (sent_count - 1 - below(sent_count < 8 ? sent_count : 8)) % SENT, length = sent_length[index];
  memset(frame, 0, sizeof frame);
  memcpy(frame, sent[index], length);
  memcpy(frame, net.mac, MAC_BYTES);
  memcpy(frame + MAC_BYTES, peer_mac, MAC_BYTES);
  if (get16(frame + 12) == ETHERTYPE_ARP && length >= 42) {
    u32 asked = get32(frame + 38), asks = get32(frame + 28);
    put16(frame + 20, 2);
    memcpy(frame + 22, peer_mac, MAC_BYTES);
    put32(frame + 28, asked);
    put32(frame + 38, asks);
  } else if (get16(frame + 12) == ETHERTYPE_IP && length >= 42) {
    u32 from = get32(frame + 26), to = get32(frame + 30);
    put32(frame + 26, to == IP_BROADCAST ? SERVER : to);
    put32(frame + 30, from ? from : SERVER + 4);
    u8 protocol = frame[23], *payload = frame + 34;
    if (protocol == PROTOCOL_ICMP) payload[0] = below(10) ? 0 : 3;
    if (protocol == PROTOCOL_UDP) swap16(payload, payload + 2);
    if (protocol == PROTOCOL_UDP && get16(payload) == 67) answer_dhcp(payload + 8);
    if (protocol == PROTOCOL_UDP && get16(payload) == DNS_PORT) length = answer_dns(frame, length);
    if (protocol == PROTOCOL_TCP && length >= 54) length = answer_tcp(frame, length);
  }
  damage(frame, length);
}

// A packet for us that begins well: garbage, or somebody who wants to see our page.
static void begin(bool is_visitor) {
  static u8 frame[FRAME_ROOM];
  u32 length = is_visitor ? 54 : 42 + below(1400);
  for (u32 i = 0; i < length; i++) frame[i] = is_visitor ? 0 : (u8)below(256);
  memcpy(frame, net.mac, MAC_BYTES);
  memcpy(frame + MAC_BYTES, peer_mac, MAC_BYTES);
  put16(frame + 12, is_visitor || below(3) ? ETHERTYPE_IP : ETHERTYPE_ARP);
  u8 *p = frame + ETHERNET_HEADER, *t = p + IP_HEADER;
  p[0] = is_visitor || below(3) ? 0x45 : (u8)below(256);
  put16(p + 2, length - ETHERNET_HEADER);
  put16(p + 6, 0);
  p[9] = is_visitor ? PROTOCOL_TCP : below(3) == 0 ? PROTOCOL_ICMP : below(2) ? PROTOCOL_TCP : PROTOCOL_UDP;
  put32(p + 12, PEER);
  put32(p + 16, net.address);
  if (is_visitor) {
    put16(t, 1024 + below(3000));
    put16(t + 2, 80);
    put32(t + 4, below(1u << 31) * 2);
    t[12] = 0x50;
    t[13] = SYN;
    put16(t + 14, 60000);
  }
  correct(frame, length);
  deliver(frame, length);
}

static void step(void) {
  u32 kind = below(16);
  if (kind < 11 && sent_count) mirror();
  else if (kind < 13) begin(true);
  else if (kind < 15) begin(false);
  now += below(500) == 0 ? below(3000) * MS : below(1000000);
  net_schedule();
}

static void command(void) {
  u32 kind = below(2000);
  command_stop = false;
  if (!net.address) {
    if (below(8) == 0) net_carrier(true);
  } else if (kind < 20) command_http("get 10.0.10.2/y");
  else if (kind == 20) command_http("get bob:81/");
  else if (kind == 21) command_ping("bob 3 0");
  else if (kind == 22) command_wait("carol 5");
  else if (kind == 23) command_wait("gone bob 5");
  else if (kind == 24) command_dhcp("");
  else if (kind == 25) command_flood("10.0.10.2 5");
  else if (kind == 26) command_net("");
  else if (kind == 27) command_arp("");
  else if (kind == 28 && below(4) == 0) net_carrier(false);
}

int main(int count, char **arguments) {
  u64 seed = count > 1 ? (u64)atoi(arguments[1]) : 1, rounds = count > 2 ? (u64)atoi(arguments[2]) : 100000, bound = 0;
  state = seed * 0x9E3779B97F4A7C15 + 1;
  net_init();
  for (u64 round = 0; round < rounds; round++) {
    step();
    command();
    net_announce();
    bound += net.address != 0;
  }
  printf("%lu rounds, %lu of them with an address, %lu requests, %lu malformed\n", rounds, bound, http_requests, net.malformed);
  return 0;
}
