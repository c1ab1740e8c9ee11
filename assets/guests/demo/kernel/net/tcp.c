// TCP (RFC 9293): the table of connections, what the applications call, and time. Sixteen connections with 16 KiB each way; that is
// also the memory's bound. Left out: window scaling, SACK, timestamps, urgent data, keep-alive.
#include "tcp.h"

struct tcp connections[TCP_CONNECTIONS];
static bool any_open; // perhaps

bool tcp_init(void) {
  for (u32 i = 0; i < TCP_CONNECTIONS; i++) {
    for (u32 page = 0; page < TCP_PAGES; page++) {
      u64 send = frame_alloc(), receive = frame_alloc();
      if (!send || !receive) return false;
      connections[i].send_pages[page] = phys_ptr(send);
      connections[i].receive_pages[page] = phys_ptr(receive);
    }
  }
  return true;
}

struct tcp *tcp_find(u32 peer, u16 peer_port, u16 port) {
  for (u32 i = 0; i < TCP_CONNECTIONS; i++) {
    struct tcp *c = &connections[i];
    if (c->state != TCP_FREE && c->peer == peer && c->peer_port == peer_port && c->port == port) return c;
  }
  return NULL;
}

// A free one, or one that nobody misses: in TIME-WAIT, else the oldest that is half open.
static struct tcp *vacate(void) {
  struct tcp *oldest = NULL;
  for (u32 i = 0; i < TCP_CONNECTIONS; i++) {
    struct tcp *c = &connections[i];
    if (c->held) continue;
    if (c->state == TCP_FREE) return c;
    bool better = !oldest || (c->state == oldest->state ? c->wait_until < oldest->wait_until : c->state == TCP_TIME_WAIT);
    if ((c->state == TCP_TIME_WAIT || c->state == TCP_SYN_RECEIVED) && better) oldest = c;
  }
  return oldest;
}

struct tcp *tcp_new(u32 peer, u16 peer_port, u16 port) {
  struct tcp *c = vacate();
  if (!c) return NULL;
  struct tcp fresh = {.peer = peer, .peer_port = peer_port, .port = port, .mss = 536, .rto = TCP_FIRST_RTO, .retry_at = NEVER,
                      .wait_until = now_ns() + TCP_OPEN_PATIENCE};
  memcpy(fresh.send_pages, c->send_pages, sizeof fresh.send_pages);
  memcpy(fresh.receive_pages, c->receive_pages, sizeof fresh.receive_pages);
  *c = fresh;
  c->iss = random32();
  c->una = c->next = c->top = c->iss;
  c->written = c->iss + 1;
  c->threshold = TCP_BUFFER;
  any_open = true;
  return c;
}

void tcp_finish(struct tcp *c, enum tcp_end end) {
  if (c->end == TCP_RUNS) c->end = end;
  c->state = TCP_FREE;
  c->retry_at = c->wait_until = NEVER;
  net_wake();
}

void tcp_abort_all(void) {
  for (u32 i = 0; i < TCP_CONNECTIONS; i++)
    if (connections[i].state != TCP_FREE) tcp_finish(&connections[i], TCP_RESET);
}

u64 tcp_timers(u64 now) {
  u64 next = NEVER;
  if (!any_open) return next;
  any_open = false;
  for (u32 i = 0; i < TCP_CONNECTIONS; i++) {
    struct tcp *c = &connections[i];
    if (c->state == TCP_FREE) continue;
    any_open = true;
    if (now >= c->wait_until) {
      if (c->state != TCP_TIME_WAIT) tcp_send_reset(c);
      tcp_finish(c, c->state == TCP_TIME_WAIT ? TCP_CLOSED : TCP_TIMED_OUT);
      continue;
    }
    if (now >= c->retry_at) {
      if (++c->tries > TCP_MAX_TRIES) {
        tcp_send_reset(c);
        tcp_finish(c, TCP_TIMED_OUT);
        continue;
      }
      // RFC 6298, 5.5 and RFC 5681, 3.1: wait twice as long, begin slowly, from what is not acknowledged
      c->rto = c->rto * 2 > TCP_LONGEST_RTO ? TCP_LONGEST_RTO : c->rto * 2;
      c->timing_from = 0;
      c->duplicates = 0;
      c->recover = c->top;
      u32 flight = c->next - c->una;
      c->threshold = flight / 2 > 2 * c->mss ? flight / 2 : 2 * c->mss;
      c->congestion = c->mss;
      c->retry_at = now + c->rto;
      if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED) tcp_send_syn(c);
      else {
        c->next = c->una;
        tcp_resend(c);
      }
    }
    if (c->retry_at < next) next = c->retry_at;
    if (c->wait_until < next) next = c->wait_until;
  }
  return next;
}

// ---- for applications ---------------------------------------------------------------------------

struct tcp *tcp_connect(u32 peer, u16 port) {
  u16 own;
  do own = (u16)(49152 + random32() % 16384);
  while (tcp_find(peer, port, own));
  struct tcp *c = tcp_new(peer, port, own);
  if (!c) return NULL;
  c->held = true;
  c->state = TCP_SYN_SENT;
  tcp_send_syn(c);
  return c;
}

u32 tcp_room(const struct tcp *c) {
  bool may_write = c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT;
  u32 waiting = c->written - (c->una == c->iss ? c->iss + 1 : c->una);
  return may_write && !c->closing ? TCP_BUFFER - waiting : 0;
}

static void copy(u8 *const *pages, u32 at, u8 *bytes, u32 length, bool in) {
  while (length) {
    u32 place = at % TCP_BUFFER, part = 4096 - place % 4096;
    if (part > length) part = length;
    u8 *here = pages[place / 4096] + place % 4096;
    memcpy(in ? here : bytes, in ? bytes : here, part);
    at += part;
    bytes += part;
    length -= part;
  }
}

u32 tcp_write(struct tcp *c, const void *bytes, u32 length) {
  u32 room = tcp_room(c);
  if (length > room) length = room;
  copy(c->send_pages, c->written - c->iss - 1, (u8 *)bytes, length, true);
  c->written += length;
  tcp_output(c, false);
  return length;
}

u32 tcp_readable(const struct tcp *c) { return c->expected - c->taken - (c->fin_received ? 1 : 0); }

u32 tcp_peek(struct tcp *c, void *bytes, u32 length) {
  u32 there = tcp_readable(c);
  if (length > there) length = there;
  copy(c->receive_pages, c->taken - c->irs - 1, bytes, length, false);
  return length;
}

u32 tcp_read(struct tcp *c, void *bytes, u32 length) {
  length = tcp_peek(c, bytes, length);
  c->taken += length;
  // A peer that was told of little room hears when there is much again.
  bool opened = c->taken + TCP_BUFFER - c->advertised >= TCP_BUFFER / 2;
  if (opened && !c->fin_received && (c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 || c->state == TCP_FIN_WAIT_2))
    tcp_acknowledge(c);
  return length;
}

void tcp_close(struct tcp *c) {
  if (c->closing || (c->state != TCP_ESTABLISHED && c->state != TCP_CLOSE_WAIT)) return;
  c->closing = true;
  c->state = c->state == TCP_ESTABLISHED ? TCP_FIN_WAIT_1 : TCP_LAST_ACK;
  tcp_output(c, false);
}

void tcp_release(struct tcp *c) {
  c->held = false;
  if (c->state == TCP_SYN_SENT) tcp_finish(c, TCP_CLOSED);
  else if (c->state != TCP_FREE && tcp_readable(c)) { // nobody will read that (RFC 2525, 2.17)
    tcp_send_reset(c);
    tcp_finish(c, TCP_CLOSED);
  } else tcp_close(c);
}

u32 tcp_open_count(void) {
  u32 count = 0;
  for (u32 i = 0; i < TCP_CONNECTIONS; i++) count += connections[i].state != TCP_FREE;
  return count;
}

bool tcp_serves(void) {
  for (u32 i = 0; i < TCP_CONNECTIONS; i++)
    if (connections[i].is_server && connections[i].state != TCP_FREE && connections[i].state != TCP_TIME_WAIT) return true;
  return false;
}
