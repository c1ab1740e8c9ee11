// UDP (RFC 768). Datagrams to ports that nobody here has are dropped without a word.
#include "net.h"

enum { DHCP_CLIENT_PORT = 68 };
static u8 *datagram;
static u32 destination;

u8 *udp_begin(u32 to) {
  destination = to;
  datagram = ip_begin(to, PROTOCOL_UDP);
  return datagram ? datagram + UDP_HEADER : NULL;
}

bool udp_end(u16 from_port, u16 to_port, u32 payload) {
  u32 length = payload + UDP_HEADER;
  put16(datagram, from_port);
  put16(datagram + 2, to_port);
  put16(datagram + 4, length);
  put16(datagram + 6, 0);
  u16 checksum = fold(sum16(datagram, length, pseudo_sum(net.address, destination, PROTOCOL_UDP, length)));
  put16(datagram + 6, checksum ? checksum : 0xFFFF);
  return ip_end(length);
}

void udp_received(u32 from, u32 to, const u8 *d, u32 length) {
  u32 said = length >= UDP_HEADER ? get16(d + 4) : 0;
  bool good = said >= UDP_HEADER && said <= length;
  if (good && get16(d + 6) != 0) good = fold(sum16(d, said, pseudo_sum(from, to, PROTOCOL_UDP, said))) == 0;
  if (!good) {
    net.malformed++;
    return;
  }
  u16 from_port = get16(d), to_port = get16(d + 2);
  const u8 *payload = d + UDP_HEADER;
  u32 left = said - UDP_HEADER;
  if (to_port == DHCP_CLIENT_PORT) dhcp_received(from, payload, left);
  else if (from_port == DNS_PORT && net.address) dns_received(from, to_port, payload, left);
  else net.foreign++;
}
