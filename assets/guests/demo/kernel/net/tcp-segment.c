// TCP segments (RFC 9293, 3.1) to and from packets. Of the options only the maximum segment size is known.
#include "net.h"

enum { HEADER = 20, OPTION_END = 0, OPTION_NOTHING = 1, OPTION_MSS = 2, MSS_BYTES = 4, DEFAULT_MSS = 536 };

static u32 find_mss(const u8 *at, const u8 *end) {
  while (at < end && *at != OPTION_END) {
    if (*at == OPTION_NOTHING) {
      at++;
      continue;
    }
    if (end - at < 2 || at[1] < 2 || at[1] > end - at) break;
    if (at[0] == OPTION_MSS && at[1] == MSS_BYTES) return get16(at + 2);
    at += at[1];
  }
  return DEFAULT_MSS;
}

bool segment_parse(u32 from, const u8 *b, u32 length, struct segment *s) {
  u32 header = length >= HEADER ? (b[12] >> 4) * 4u : 0;
  if (header < HEADER || header > length || fold(sum16(b, length, pseudo_sum(from, net.address, PROTOCOL_TCP, length))) != 0) return false;
  *s = (struct segment){.seq = get32(b + 4), .ack = get32(b + 8), .window = get16(b + 14), .mss = find_mss(b + HEADER, b + header),
                        .length = length - header, .port = get16(b + 2), .peer_port = get16(b), .flags = b[13], .data = b + header};
  return s->port != 0 && s->peer_port != 0;
}

bool segment_send(u32 peer, const struct segment *s, u8 *const *pages, u32 at) {
  u8 *b = ip_begin(peer, PROTOCOL_TCP);
  if (!b) return false;
  u32 header = s->mss ? HEADER + MSS_BYTES : HEADER;
  put16(b, s->port);
  put16(b + 2, s->peer_port);
  put32(b + 4, s->seq);
  put32(b + 8, s->ack);
  b[12] = (u8)(header / 4 << 4);
  b[13] = s->flags;
  put16(b + 14, s->window);
  put32(b + 16, 0);
  if (s->mss) {
    b[HEADER] = OPTION_MSS;
    b[HEADER + 1] = MSS_BYTES;
    put16(b + HEADER + 2, s->mss);
  }
  for (u32 done = 0; done < s->length;) {
    u32 place = (at + done) % TCP_BUFFER, part = 4096 - place % 4096;
    if (part > s->length - done) part = s->length - done;
    memcpy(b + header + done, pages[place / 4096] + place % 4096, part);
    done += part;
  }
  u32 length = header + s->length;
  put16(b + 16, fold(sum16(b, length, pseudo_sum(net.address, peer, PROTOCOL_TCP, length))));
  return ip_end(length);
}
