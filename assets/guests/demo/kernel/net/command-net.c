// `net`, `dhcp`, `arp`, `vlan` and `wait`.
#include "net.h"

static const char *or_none(u32 address, struct text *text) {
  *text = ip_text(address);
  return address ? text->s : "none";
}

void command_net(const char *arguments) {
  (void)arguments;
  if (!net.present) {
    net_ready();
    return;
  }
  bool on = net_lock();
  struct net n = net;
  const char *state = dhcp_state();
  u64 lease = dhcp_lease_left();
  u32 connections = tcp_open_count();
  net_unlock(on);
  struct text text;
  kprintf("\x1b[97mnet0\x1b[0m virtio-net %s, link %s, MTU %u", mac_text(n.mac).s, n.link ? "up" : "down", MTU);
  if (n.vlan) kprintf(", VLAN %u", n.vlan);
  kprintf("\n  name        %s%s%s\n", n.name, n.domain[0] ? "." : "", n.domain);
  if (n.address) kprintf("  address     %s/%u\n", ip_text(n.address).s, mask_bits(n.mask));
  else kprintf("  address     none\n");
  kprintf("  gateway     %s\n", or_none(n.gateway, &text));
  kprintf("  DNS         %s\n", or_none(n.dns, &text));
  if (n.dhcp_server) kprintf("  DHCP        %s from %s, %lu s left\n", state, ip_text(n.dhcp_server).s, lease);
  else kprintf("  DHCP        %s\n", state);
  kprintf("  received    %lu frames, %lu bytes; %lu broken, %lu not for us\n", n.received_frames, n.received_bytes, n.malformed, n.foreign);
  kprintf("  sent        %lu frames, %lu bytes; %lu without room\n", n.sent_frames, n.sent_bytes, n.unsent);
  kprintf("  HTTP        %s, %lu requests; %u connections\n", http_serves ? "serves port 80" : "off", http_requests, connections);
}

void command_dhcp(const char *arguments) {
  (void)arguments;
  if (!net.present || !net.link) {
    net_ready();
    return;
  }
  bool on = net_lock();
  net_address_lost();
  dhcp_start();
  net_unlock(on);
  if (net_up(10000)) return;
  if (command_stop) kprintf("^C\n");
  else kprintf("No server has answered yet; it goes on asking.\n");
}

void command_arp(const char *arguments) {
  (void)arguments;
  if (!net_ready()) return;
  arp_print();
}

void command_vlan(const char *arguments) {
  u64 id = 0;
  if (strcmp(arguments, "off") != 0 && (!parse_u64(arguments, &id) || id < 1 || id > 4094)) {
    kprintf("Say vlan ID, from 1 to 4094, or vlan off. Now: %u.\n", net.vlan);
    return;
  }
  if (!net.present) {
    net_ready();
    return;
  }
  bool on = net_lock();
  net.vlan = (u16)id;
  net_unlock(on);
  command_dhcp("");
}

static bool wait_until(u64 deadline) {
  bool on = net_lock(), goes_on = true;
  while (goes_on && now_ns() < deadline) goes_on = net_wait(deadline);
  net_unlock(on);
  if (command_stop) kprintf("^C\n");
  return goes_on;
}

// Until the host answers a ping or, with `gone`, has not answered two in a row.
static void wait_for_host(const char *host, bool gone, u64 deadline) {
  u32 address = 0, missed = 0;
  enum lookup found;
  // A machine may get its name only when it starts.
  while ((found = lookup(host, &address)) == HOST_UNKNOWN && !gone && now_ns() < deadline)
    if (!wait_until(now_ns() + 500 * MS)) return;
  if (found != HOST_FOUND) {
    resolve(host, &address);
    return;
  }
  if (address == net.address) {
    kprintf("That is this machine.\n");
    return;
  }
  for (u16 sequence = 1; now_ns() < deadline; sequence++) {
    u64 started = now_ns(), took;
    bool answered = ping_once(address, sequence, gone ? 3 * SECOND : SECOND, &took);
    if (command_stop || power_button) return;
    missed = answered ? 0 : missed + 1;
    if (gone ? missed == 2 : answered) {
      kprintf(gone ? "%s is gone.\n" : "%s answers.\n", host);
      return;
    }
    if (!wait_until(started + (gone ? SECOND : 200 * MS))) return;
  }
  kprintf(gone ? "%s still answers.\n" : "%s does not answer.\n", host);
}

// Until somebody has fetched a page here and has all of it: the next command may power off.
static void wait_for_visitor(u64 deadline) {
  while (now_ns() < deadline) {
    bool on = net_lock(), done = http_requests && !tcp_serves();
    net_unlock(on);
    if (done) {
      kprintf("A page was fetched.\n");
      return;
    }
    if (!wait_until(now_ns() + 100 * MS)) return;
  }
  kprintf("Nobody fetched a page.\n");
}

// `wait 5`, `wait net`, `wait visitor`, `wait 10.0.10.3`, `wait bob 20`, `wait gone bob`
void command_wait(const char *arguments) {
  char host[NAME_MAX];
  u64 number = 60, seconds;
  arguments = next_word(arguments, host, sizeof host);
  bool gone = strcmp(host, "gone") == 0;
  if (gone) arguments = next_word(arguments, host, sizeof host);
  if ((*arguments && !parse_u64(arguments, &number)) || number > 86400 || !host[0]) {
    kprintf("Say wait SECONDS, wait net, wait visitor [SECONDS], wait HOST [SECONDS], or wait gone HOST [SECONDS].\n");
    return;
  }
  if (parse_u64(host, &seconds)) {
    wait_until(now_ns() + (seconds > 86400 ? 86400 : seconds) * SECOND);
    return;
  }
  u64 deadline = now_ns() + number * SECOND;
  if (!net_up(number * 1000)) {
    if (!command_stop) net_ready();
  } else if (!gone && strcmp(host, "visitor") == 0) {
    wait_for_visitor(deadline);
  } else if (strcmp(host, "net") != 0) {
    wait_for_host(host, gone, deadline);
  }
}
