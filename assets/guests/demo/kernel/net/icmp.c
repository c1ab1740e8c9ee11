// ICMP (RFC 792): echo, answered and asked, and "destination unreachable" for an echo of ours.
#include "net.h"

enum { ECHO_REPLY = 0, UNREACHABLE = 3, ECHO_REQUEST = 8, HEADER = 8, PATTERN = 48 };

struct echo echo;

static bool reply(u32 to, const u8 *request, u32 length) {
  if (length > MTU - IP_HEADER) return false;
  u8 *p = ip_begin(to, PROTOCOL_ICMP);
  if (!p) return false;
  memcpy(p, request, length);
  p[0] = ECHO_REPLY;
  put16(p + 2, 0);
  put16(p + 2, fold(sum16(p, length, 0)));
  return ip_end(length);
}

bool icmp_ask(u32 host, u16 sequence) {
  echo = (struct echo){.host = host, .id = echo.id ? echo.id : (u16)(random32() | 1), .sequence = sequence};
  u8 *p = ip_begin(host, PROTOCOL_ICMP);
  if (!p) return false;
  p[0] = ECHO_REQUEST;
  p[1] = 0;
  put16(p + 2, 0);
  put16(p + 4, echo.id);
  put16(p + 6, sequence);
  for (u32 i = 0; i < PATTERN; i++) p[HEADER + i] = (u8)('a' + i % 26);
  put16(p + 2, fold(sum16(p, HEADER + PATTERN, 0)));
  echo.sent = now_ns();
  return ip_end(HEADER + PATTERN);
}

void icmp_received(u32 from, bool is_broadcast, const u8 *m, u32 length) {
  if (length < HEADER || fold(sum16(m, length, 0)) != 0) {
    net.malformed++;
    return;
  }
  if (m[0] == ECHO_REQUEST && !is_broadcast) {
    reply(from, m, length);
  } else if (m[0] == ECHO_REPLY) {
    bool ours = echo.sent && !echo.answered && from == echo.host && get16(m + 4) == echo.id && get16(m + 6) == echo.sequence;
    if (ours) echo.answered = now_ns();
  } else if (m[0] == UNREACHABLE && length >= HEADER + IP_HEADER + 8) { // with the start of the packet it is about
    const u8 *inner = m + HEADER;
    bool ours = inner[0] == 0x45 && inner[9] == PROTOCOL_ICMP && get32(inner + 16) == echo.host && get16(inner + 24) == echo.id &&
                get16(inner + 26) == echo.sequence;
    if (ours && !echo.answered) echo.refusal = (u8)(m[1] + 1);
  }
}
