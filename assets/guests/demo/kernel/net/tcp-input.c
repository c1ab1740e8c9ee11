// TCP: segments that arrive (RFC 9293, 3.10.7), in its order of checks, with RFC 5961's answers to blind attacks; congestion control
// of RFC 5681 with NewReno's recovery (RFC 6582); the round trip of RFC 6298.
#include "tcp.h"

static void measure(struct tcp *c, u64 now) {
  if (!c->timing_from || not_after(c->una, c->timing_seq)) return;
  u64 r = now - c->timing_from;
  c->timing_from = 0;
  if (!c->srtt) {
    c->srtt = r;
    c->rttvar = r / 2;
  } else {
    u64 off = r > c->srtt ? r - c->srtt : c->srtt - r;
    c->rttvar = (3 * c->rttvar + off) / 4;
    c->srtt = (7 * c->srtt + r) / 8;
  }
  u64 rto = c->srtt + 4 * c->rttvar;
  c->rto = rto < TCP_LEAST_RTO ? TCP_LEAST_RTO : rto > TCP_LONGEST_RTO ? TCP_LONGEST_RTO : rto;
}

static void new_acknowledgement(struct tcp *c, u32 ack, u64 now) {
  u32 bytes = ack - c->una;
  c->una = ack;
  if (before(c->next, ack)) c->next = ack;
  measure(c, now);
  c->tries = 0;
  c->retry_at = NEVER;
  bool recovering = c->duplicates >= 3;
  if (recovering && before(ack, c->recover)) { // a partial one: the next hole
    c->congestion = c->congestion > bytes ? c->congestion - bytes + c->mss : c->mss;
    tcp_resend(c);
    return;
  }
  if (recovering) c->congestion = c->threshold;
  else if (c->congestion < c->threshold) c->congestion += bytes < c->mss ? bytes : c->mss;
  else c->congestion += c->mss * c->mss / c->congestion + 1;
  if (c->congestion > TCP_BUFFER) c->congestion = TCP_BUFFER;
  c->duplicates = 0;
}

static void duplicate(struct tcp *c) {
  c->duplicates++;
  if (c->duplicates == 3 && !before(c->una, c->recover)) {
    u32 flight = c->top - c->una;
    c->threshold = flight / 2 > 2 * c->mss ? flight / 2 : 2 * c->mss;
    c->recover = c->top;
    tcp_resend(c);
    c->congestion = c->threshold + 3 * c->mss;
  } else if (c->duplicates > 3) {
    c->congestion += c->mss;
    if (c->congestion > 2 * TCP_BUFFER) c->congestion = 2 * TCP_BUFFER;
  }
}

// Our FIN is what follows all that was written.
static bool fin_acknowledged(const struct tcp *c) { return c->closing && c->una == c->written + 1; }

static void linger(struct tcp *c, u64 now) {
  c->state = TCP_TIME_WAIT;
  c->retry_at = NEVER;
  c->wait_until = now + TCP_LINGER;
  net_wake();
}

// False: the connection is over.
static bool acknowledge(struct tcp *c, const struct segment *s, u64 now) {
  if (before(c->top, s->ack)) { // of something that was never sent
    tcp_acknowledge(c);
    return false;
  }
  u32 was = c->window;
  if (before(c->window_seq, s->seq) || (c->window_seq == s->seq && not_after(c->window_ack, s->ack))) {
    c->window = s->window;
    c->window_seq = s->seq;
    c->window_ack = s->ack;
  }
  if (before(c->una, s->ack)) new_acknowledgement(c, s->ack, now);
  else if (s->ack == c->una && !s->length && !(s->flags & FIN) && before(c->una, c->top) && s->window == was && was) duplicate(c);
  if (!c->window) c->tries = 0; // a peer that answers probes may stay shut for as long as it likes
  if (c->window && !was) {      // and what the probes said is said again
    c->next = c->una;
    c->retry_at = NEVER;
  }
  if (!fin_acknowledged(c)) return true;
  if (c->state == TCP_FIN_WAIT_1) c->state = TCP_FIN_WAIT_2;
  else if (c->state == TCP_CLOSING) linger(c, now);
  else if (c->state == TCP_LAST_ACK) {
    tcp_finish(c, TCP_CLOSED);
    return false;
  }
  return true;
}

static void store(struct tcp *c, u32 seq, const u8 *data, u32 length) {
  for (u32 done = 0; done < length;) {
    u32 place = (seq + done - c->irs - 1) % TCP_BUFFER, part = 4096 - place % 4096;
    if (part > length - done) part = length - done;
    memcpy(c->receive_pages[place / 4096] + place % 4096, data + done, part);
    done += part;
  }
}

// Adds a range beyond the next expected byte to those that have arrived; one more than there is room for is forgotten.
static void remember(struct tcp *c, struct range r) {
  for (u32 i = 0; i < c->gaps;) {
    struct range *other = &c->arrived[i];
    if (before(other->to, r.from) || before(r.to, other->from)) {
      i++;
      continue;
    }
    if (before(other->from, r.from)) r.from = other->from;
    if (before(r.to, other->to)) r.to = other->to;
    *other = c->arrived[--c->gaps];
    i = 0;
  }
  if (c->gaps < TCP_GAPS) c->arrived[c->gaps++] = r;
}

static void advance(struct tcp *c) {
  for (u32 i = 0; i < c->gaps;) {
    struct range r = c->arrived[i];
    if (before(c->expected, r.from)) {
      i++;
      continue;
    }
    if (before(c->expected, r.to)) c->expected = r.to;
    c->arrived[i] = c->arrived[--c->gaps];
    i = 0;
  }
}

// Text of the segment, cut to the window. True: the next expected byte has moved.
static bool take_text(struct tcp *c, u32 seq, const u8 *data, u32 length) {
  if (before(seq, c->expected)) {
    u32 old = c->expected - seq;
    if (old >= length) return false;
    seq += old;
    data += old;
    length -= old;
  }
  u32 edge = c->expected + tcp_receive_window(c);
  if (!before(seq, edge)) return false;
  if (length > edge - seq) length = edge - seq;
  if (!length) return false;
  store(c, seq, data, length);
  if (seq != c->expected) {
    remember(c, (struct range){seq, seq + length});
    return false;
  }
  c->expected += length;
  advance(c);
  return true;
}

static void fin(struct tcp *c, u64 now) {
  c->fin_received = true;
  c->expected++;
  if (c->state == TCP_ESTABLISHED) c->state = TCP_CLOSE_WAIT;
  else if (c->state == TCP_FIN_WAIT_1) c->state = TCP_CLOSING;
  else if (c->state == TCP_FIN_WAIT_2) linger(c, now);
}

static void established(struct tcp *c, const struct segment *s, u64 now) {
  c->state = TCP_ESTABLISHED;
  c->una = s->ack;
  c->window = s->window;
  c->window_seq = s->seq;
  c->window_ack = s->ack;
  c->recover = s->ack;
  c->congestion = 4 * c->mss; // RFC 5681, 3.1, and as much as a buffer here can use
  c->retry_at = NEVER;
  c->tries = 0;
  c->rto = TCP_FIRST_RTO;
  c->wait_until = now + TCP_IDLE_PATIENCE;
  net_wake();
}

static void set_mss(struct tcp *c, u32 mss) { c->mss = mss < 64 ? 64 : mss > OUR_MSS ? OUR_MSS : mss; }

static void syn_sent(struct tcp *c, const struct segment *s, u64 now) {
  bool good_ack = s->flags & ACK && s->ack == c->iss + 1;
  if (s->flags & ACK && !good_ack) {
    tcp_refuse(c->peer, s);
  } else if (s->flags & RST) {
    if (good_ack) tcp_finish(c, TCP_REFUSED);
  } else if (s->flags & SYN && good_ack) { // a simultaneous opening (without ACK) is not known here
    c->irs = s->seq;
    c->expected = c->taken = s->seq + 1;
    set_mss(c, s->mss);
    established(c, s, now);
    tcp_acknowledge(c);
  }
}

static void open(u32 from, const struct segment *s) {
  struct tcp *c = http_accepts(s->port) && !(s->flags & (ACK | FIN)) ? tcp_new(from, s->peer_port, s->port) : NULL;
  if (!c) {
    tcp_refuse(from, s);
    return;
  }
  c->state = TCP_SYN_RECEIVED;
  c->is_server = true;
  c->irs = s->seq;
  c->expected = c->taken = s->seq + 1;
  set_mss(c, s->mss);
  tcp_send_syn(c);
}

// Whether any of the segment is inside the window (RFC 9293, table 6).
static bool is_acceptable(const struct tcp *c, const struct segment *s) {
  u32 length = s->length + (s->flags & FIN ? 1 : 0), window = tcp_receive_window(c), edge = c->expected + window;
  bool starts = not_after(c->expected, s->seq) && before(s->seq, edge);
  if (length == 0) return window ? starts : s->seq == c->expected;
  u32 last = s->seq + length - 1;
  return window && (starts || (not_after(c->expected, last) && before(last, edge)));
}

void tcp_received(u32 from, const u8 *bytes, u32 length) {
  struct segment s;
  if (!segment_parse(from, bytes, length, &s)) {
    net.malformed++;
    return;
  }
  u64 now = now_ns();
  struct tcp *c = tcp_find(from, s.peer_port, s.port);
  if (c && c->state == TCP_TIME_WAIT && s.flags & SYN && before(c->expected, s.seq)) { // the port is used again
    tcp_finish(c, TCP_CLOSED);
    c = NULL;
  }
  if (!c) {
    if (s.flags & SYN && !(s.flags & RST)) open(from, &s);
    else tcp_refuse(from, &s);
    return;
  }
  if (c->state == TCP_SYN_SENT) {
    syn_sent(c, &s, now);
    return;
  }
  if (!is_acceptable(c, &s)) {
    bool again = c->state == TCP_SYN_RECEIVED && s.flags & SYN && s.seq == c->irs;
    if (again) tcp_send_syn(c); // our answer was lost
    else if (!(s.flags & RST)) {
      if (s.flags & ACK && c->state >= TCP_ESTABLISHED && s.seq + 1 == c->expected) acknowledge(c, &s, now); // a keep-alive or probe
      if (c->state != TCP_FREE) tcp_acknowledge(c);
    }
    return;
  }
  if (s.flags & RST) {
    if (s.seq == c->expected) tcp_finish(c, TCP_RESET);
    else tcp_acknowledge(c);
    return;
  }
  if (s.flags & SYN) {
    tcp_acknowledge(c);
    return;
  }
  if (!(s.flags & ACK)) return;
  if (c->state == TCP_SYN_RECEIVED) {
    if (s.ack != c->iss + 1) {
      tcp_refuse(from, &s);
      return;
    }
    established(c, &s, now);
  }
  if (!acknowledge(c, &s, now)) return;
  if (c->state != TCP_TIME_WAIT) c->wait_until = now + TCP_IDLE_PATIENCE;
  u32 was = c->expected;
  bool accepts_text = c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 || c->state == TCP_FIN_WAIT_2;
  if (s.length && accepts_text && !c->fin_received) take_text(c, s.seq, s.data, s.length);
  bool is_fin = s.flags & FIN && !c->fin_received && s.seq + s.length == c->expected;
  if (is_fin) fin(c, now);
  bool out_of_order = (s.length || s.flags & FIN) && c->expected == was;
  tcp_output(c, s.length || s.flags & FIN || out_of_order);
  if (c->is_server && c->state != TCP_FREE) http_event(c);
  net_wake();
}
