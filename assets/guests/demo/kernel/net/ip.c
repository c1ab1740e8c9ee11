// IPv4 (RFC 791): packets in and out, with one gateway. Left out: options (skipped), fragments (dropped; none are sent), forwarding.
#include "net.h"

enum { DONT_FRAGMENT = 0x4000, FRAGMENT_BITS = 0x3FFF, TIME_TO_LIVE = 64 };

static u32 next_hop, destination;
static u8 *packet;
static u8 parked[MTU]; // built here when the next hop's address is not known yet
static bool must_park;

static bool on_link_broadcast(u32 address) {
  return address == IP_BROADCAST || (net.mask && (address & net.mask) == (net.address & net.mask) && (address | net.mask) == ~0u);
}

u8 *ip_begin(u32 to, u8 protocol) {
  u8 multicast[MAC_BYTES] = {0x01, 0x00, 0x5E, to >> 16 & 0x7F, (u8)(to >> 8), (u8)to};
  const u8 *mac;
  must_park = false;
  if (on_link_broadcast(to)) mac = broadcast_mac;
  else if (to >> 28 == 14) mac = multicast;
  else {
    next_hop = (to & net.mask) == (net.address & net.mask) ? to : net.gateway;
    if (!net.address || !next_hop || to == net.address) return NULL;
    mac = arp_find(next_hop);
    must_park = !mac;
  }
  destination = to;
  packet = must_park ? parked : frame_begin(mac, ETHERTYPE_IP);
  if (!packet) return NULL;
  packet[9] = protocol;
  return packet + IP_HEADER;
}

bool ip_end(u32 payload) {
  static u16 identification;
  u8 *p = packet;
  u32 length = payload + IP_HEADER;
  p[0] = 0x45;
  p[1] = 0;
  put16(p + 2, length);
  put16(p + 4, identification++);
  put16(p + 6, DONT_FRAGMENT);
  p[8] = TIME_TO_LIVE;
  put16(p + 10, 0);
  put32(p + 12, net.address);
  put32(p + 16, destination);
  put16(p + 10, fold(sum16(p, IP_HEADER, 0)));
  if (must_park) arp_park(next_hop, p, length);
  else frame_end(length);
  return true;
}

void ip_received(const u8 *p, u32 length) {
  u32 header = length >= IP_HEADER ? (p[0] & 15u) * 4 : 0;
  u32 total = length >= IP_HEADER ? get16(p + 2) : 0;
  if (header < IP_HEADER || p[0] >> 4 != 4 || total < header || total > length || fold(sum16(p, header, 0)) != 0) {
    net.malformed++;
    return;
  }
  u32 from = get32(p + 12), to = get32(p + 16);
  bool is_broadcast = on_link_broadcast(to) || to >> 28 == 14;
  bool from_group = from >> 28 >= 14 || (net.address && on_link_broadcast(from));
  // Before there is an address, DHCP's answers come to the one that is offered.
  bool for_us = is_broadcast || (net.address ? to == net.address : p[9] == PROTOCOL_UDP);
  if (!for_us || from_group || from == net.address || get16(p + 6) & FRAGMENT_BITS & ~DONT_FRAGMENT) {
    net.foreign++;
    return;
  }
  const u8 *payload = p + header;
  u32 left = total - header;
  if (p[9] == PROTOCOL_UDP) udp_received(from, to, payload, left);
  else if (!net.address) net.foreign++;
  else if (p[9] == PROTOCOL_ICMP) icmp_received(from, is_broadcast, payload, left);
  else if (p[9] == PROTOCOL_TCP && !is_broadcast) tcp_received(from, payload, left);
  else net.foreign++;
}
