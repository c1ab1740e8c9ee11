// TCP: what is sent and when. A segment that finds no room in the card's ring counts as lost and is sent again.
#include "tcp.h"

u32 tcp_receive_window(const struct tcp *c) { return TCP_BUFFER - (c->expected - c->taken); }

static bool emit(struct tcp *c, u8 flags, u32 seq, u32 length, u32 mss) {
  u32 window = tcp_receive_window(c);
  struct segment s = {.seq = seq, .ack = flags & ACK ? c->expected : 0, .window = window, .mss = mss, .length = length, .port = c->port,
                      .peer_port = c->peer_port, .flags = flags};
  c->advertised = c->expected + window;
  return segment_send(c->peer, &s, c->send_pages, seq - c->iss - 1);
}

static void await_answer(struct tcp *c) {
  if (c->retry_at == NEVER) c->retry_at = now_ns() + c->rto;
}

void tcp_send_syn(struct tcp *c) {
  emit(c, c->state == TCP_SYN_RECEIVED ? SYN | ACK : SYN, c->iss, 0, OUR_MSS);
  c->next = c->top = c->iss + 1;
  await_answer(c);
}

void tcp_acknowledge(struct tcp *c) { emit(c, ACK, c->next, 0, 0); }
void tcp_send_reset(struct tcp *c) { emit(c, RST | ACK, c->next, 0, 0); }

void tcp_refuse(u32 peer, const struct segment *s) { // RFC 9293, 3.5.2
  if (s->flags & RST) return;
  struct segment answer = {.port = s->port, .peer_port = s->peer_port, .flags = RST};
  if (s->flags & ACK) {
    answer.seq = s->ack;
  } else {
    answer.flags = RST | ACK;
    answer.ack = s->seq + s->length + (s->flags & SYN ? 1 : 0) + (s->flags & FIN ? 1 : 0);
  }
  segment_send(peer, &answer, NULL, 0);
}

// Sends up to `length` bytes from `seq` on, with the FIN where it follows them. Gives how much of the sequence that was.
static u32 send_from(struct tcp *c, u32 seq, u32 length) {
  bool with_fin = c->closing && seq + length == c->written;
  u8 flags = (u8)(ACK | (with_fin ? FIN : 0) | (length && seq + length == c->written ? PSH : 0));
  if (!emit(c, flags, seq, length, 0)) return 0;
  return length + (with_fin ? 1 : 0);
}

void tcp_output(struct tcp *c, bool must_acknowledge) {
  if (c->state < TCP_ESTABLISHED) return;
  u32 end = c->written + (c->closing ? 1 : 0);
  while (before(c->next, end)) {
    u32 flight = c->next - c->una, waiting = before(c->next, c->written) ? c->written - c->next : 0;
    u32 window = c->window < c->congestion ? c->window : c->congestion;
    u32 length = window > flight ? window - flight : 0;
    if (length > waiting) length = waiting;
    if (length > c->mss) length = c->mss;
    if (length == 0 && waiting) break;                       // the window is full or shut
    if (length < c->mss && length < waiting && flight) break; // no small pieces of a window (RFC 9293, 3.8.6.2.1)
    u32 sent = send_from(c, c->next, length);
    if (!sent) break;
    must_acknowledge = false;
    if (!c->timing_from && c->next == c->top) {
      c->timing_from = now_ns();
      c->timing_seq = c->next;
    }
    c->next += sent;
    if (before(c->top, c->next)) c->top = c->next;
  }
  if (must_acknowledge) tcp_acknowledge(c);
  if (before(c->una, end)) await_answer(c); // for a shut window this is the persist timer
}

void tcp_resend(struct tcp *c) {
  u32 length = before(c->una, c->written) ? c->written - c->una : 0;
  u32 window = c->window ? c->window : 1; // a probe of a shut window (RFC 9293, 3.8.6.1)
  if (length > c->mss) length = c->mss;
  if (length > window) length = window;
  u32 sent = send_from(c, c->una, length);
  c->timing_from = 0; // RFC 6298, 3
  if (before(c->next, c->una + sent)) c->next = c->una + sent;
  if (before(c->top, c->next)) c->top = c->next;
}
