// The interface net0: frames to and from the protocols, carrier and address, deadlines, and what the user is told of all that.
#include "net.h"

struct net net;

// ---- what the user is told ----------------------------------------------------------------------

enum { NOTICES = 8, NOTICE_BYTES = 112 };
static char notices[NOTICES][NOTICE_BYTES];
static u32 notice_head, notice_tail; // both run freely

struct notice_sink {
  char *to;
  u32 length;
};

static void notice_char(void *context, char c) {
  struct notice_sink *s = context;
  if (s->length + 1 < NOTICE_BYTES) s->to[s->length++] = c;
}

// Kept until the shell has time; a new one is lost when there are too many.
void net_notice(const char *text, ...) {
  if (notice_head - notice_tail == NOTICES) return;
  struct notice_sink sink = {notices[notice_head++ % NOTICES], 0};
  va_list args;
  va_start(args, text);
  format(notice_char, &sink, text, args);
  va_end(args);
  sink.to[sink.length] = 0;
  if (tasks[0].state == TASK_WAIT_KEY) task_wake(&tasks[0]);
}

bool net_announce(void) {
  bool any = false;
  for (; notice_tail != notice_head; any = true) {
    if (console_column() != 0) kprintf("\r\x1b[K");
    kprintf("%s\n", notices[notice_tail++ % NOTICES]);
  }
  return any;
}

// ---- frames -------------------------------------------------------------------------------------

static u8 *outgoing;

u8 *frame_begin(const u8 *to, u16 type) {
  outgoing = net.link ? card_frame() : NULL;
  if (!outgoing) {
    net.unsent++;
    return NULL;
  }
  memcpy(outgoing, to, MAC_BYTES);
  memcpy(outgoing + MAC_BYTES, net.mac, MAC_BYTES);
  put16(outgoing + 2 * MAC_BYTES, type);
  return outgoing + ETHERNET_HEADER;
}

void frame_end(u32 payload) { card_send(outgoing, payload + ETHERNET_HEADER); }

void net_received(const u8 *frame, u32 length) {
  net.received_frames++;
  net.received_bytes += length;
  if (length < ETHERNET_HEADER) {
    net.malformed++;
    return;
  }
  bool for_us = memcmp(frame, net.mac, MAC_BYTES) == 0 || frame[0] & 1;
  bool from_us = memcmp(frame + MAC_BYTES, net.mac, MAC_BYTES) == 0;
  u32 type = get16(frame + 2 * MAC_BYTES), vlan = 0;
  const u8 *payload = frame + ETHERNET_HEADER;
  u32 left = length - ETHERNET_HEADER;
  if (type == ETHERTYPE_VLAN && left >= 4) {
    vlan = get16(payload) & 0xFFF; // 0: only a priority
    type = get16(payload + 2);
    payload += 4;
    left -= 4;
  }
  if (!for_us || from_us || vlan != net.vlan) net.foreign++;
  else if (type == ETHERTYPE_IP) ip_received(payload, left);
  else if (type == ETHERTYPE_ARP) arp_received(payload, left);
  else net.foreign++;
}

// ---- carrier and address ------------------------------------------------------------------------

static u32 static_address, static_mask;

void net_address_lost(void) {
  net.address = net.mask = net.gateway = net.dns = net.dhcp_server = 0;
  net.domain[0] = 0;
  tcp_abort_all();
  arp_clear();
}

void net_address_changed(void) {
  const char *how = net.dhcp_server ? "from" : "given on the command line";
  net_notice("net0: %s/%u %s%s%s", ip_text(net.address).s, mask_bits(net.mask), how, net.dhcp_server ? " " : "",
             net.dhcp_server ? ip_text(net.dhcp_server).s : "");
  arp_announce();
}

static void get_address(void) {
  if (!static_address) {
    dhcp_start();
    return;
  }
  char text[24];
  net.address = static_address;
  net.mask = static_mask;
  net.gateway = (static_address & static_mask) + 1; // as this network's gateways have it
  if (boot_option("gw", text, sizeof text)) parse_ip(text, &net.gateway);
  if (net.gateway == net.address) net.gateway = 0;
  net.dns = net.gateway;
  if (boot_option("dns", text, sizeof text)) parse_ip(text, &net.dns);
  net_address_changed();
}

void net_carrier(bool up) {
  if (up == net.link) return;
  net.link = up;
  net_notice("net0: the cable is %s", up ? "plugged in" : "unplugged");
  dhcp_stop();
  net_address_lost();
  if (up) get_address();
}

void net_init(void) {
  if (!card_init()) return;
  if (!tcp_init()) return;
  net.present = true;
  char text[40];
  u64 vlan;
  if (boot_option("vlan", text, sizeof text) && parse_u64(text, &vlan) && vlan >= 1 && vlan <= 4094) net.vlan = (u16)vlan;
  if (!boot_option("name", net.name, sizeof net.name) || !net.name[0])
    print_to(net.name, sizeof net.name, "demo-%02x%02x%02x", net.mac[3], net.mac[4], net.mac[5]);
  for (char *c = net.name; *c; c++) { // what a name of a host may consist of
    bool good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '.' || *c == '_';
    if (!good) *c = '-';
  }
  if (boot_option("ip", text, sizeof text) && !parse_network(text, &static_address, &static_mask)) {
    net_notice("net0: ip=%s is no address such as 10.0.10.5/24", text);
    static_address = 0;
  }
  if (net.link) get_address();
  else net_notice("net0: no cable is plugged in");
  net_schedule();
}

// ---- deadlines, and waiting for them ------------------------------------------------------------

static u64 wait_deadline = NEVER;

static u64 earlier(u64 a, u64 b) { return a < b ? a : b; }

void net_schedule(void) {
  if (!net.present) return;
  u64 now = now_ns();
  if (wait_deadline <= now) { // the shell looks at the time itself
    wait_deadline = NEVER;
    net_wake();
  }
  u64 next = earlier(earlier(arp_timers(now), dhcp_timers(now)), earlier(tcp_timers(now), wait_deadline));
  timer_set(next);
}

void net_timer(void) {
  net_schedule();
  net_wake();
}

void net_wake(void) {
  if (tasks[0].state == TASK_WAIT_NET) task_wake(&tasks[0]);
}

bool net_wait(u64 deadline) {
  if (command_stop || power_button) return false;
  wait_deadline = deadline;
  net_schedule();
  if (now_ns() < deadline) task_block(TASK_WAIT_NET);
  wait_deadline = NEVER;
  net_announce();
  return !command_stop && !power_button;
}

bool net_up(u64 wait_ms) {
  bool on = net_lock();
  u64 deadline = now_ns() + wait_ms * MS;
  while (net.present && (net.link || wait_ms > 1000) && !net.address && now_ns() < deadline && net_wait(deadline)) {}
  net_announce();
  net_unlock(on);
  return net.address != 0;
}

bool net_ready(void) {
  if (!net.present) kprintf("There is no network card that this system knows (virtio-net).\n");
  else if (!net.link) kprintf("No cable is plugged in.\n");
  else if (!net.address) kprintf("There is no address yet; `dhcp` asks again.\n");
  return net.address != 0;
}
