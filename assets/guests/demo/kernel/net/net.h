// What the parts of the network offer each other. All of them run with interrupts off: within an interrupt, or called by the shell
// between net_lock and net_unlock. Addresses of IPv4 are numbers in the processor's order; 0 is "none".
// Whatever comes from the wire is untrusted: every reader gets a length and stays inside it.
#pragma once
#include "../kernel.h"

enum { MAC_BYTES = 6, ETHERNET_HEADER = 14, IP_HEADER = 20, UDP_HEADER = 8, MTU = 1500, FRAME_MAX = MTU + ETHERNET_HEADER };
enum { ETHERTYPE_IP = 0x0800, ETHERTYPE_ARP = 0x0806, ETHERTYPE_VLAN = 0x8100, ETHERTYPE_EXPERIMENT = 0x88B5 };
enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
#define MS 1000000UL
#define SECOND 1000000000UL
#define IP_BROADCAST 0xFFFFFFFFu
#define NAME_MAX 64

// The only interface, net0.
struct net {
  bool present, link;
  u8 mac[MAC_BYTES];
  u16 vlan; // our frames carry this tag; 0: none
  u32 address, mask, gateway, dns;
  u32 dhcp_server; // 0: the address was given on the command line
  char name[NAME_MAX], domain[NAME_MAX];
  u64 received_frames, received_bytes, sent_frames, sent_bytes;
  u64 malformed, foreign, unsent; // frames that broke rules; that were not for us or of no kind we know; without room in the ring
};
extern struct net net;

static inline bool net_lock(void) { return interrupts_save(); }
static inline void net_unlock(bool on) { interrupts_restore(on); }

// octets.c: numbers in network order, checksums, texts
u16 get16(const u8 *at);
u32 get32(const u8 *at);
void put16(u8 *at, u32 value);
void put32(u8 *at, u32 value);
u32 sum16(const u8 *bytes, u64 length, u32 sum); // adds to a ones' complement sum
u16 fold(u32 sum);                              // its complement, the checksum
u32 pseudo_sum(u32 from, u32 to, u8 protocol, u32 length);
struct text {
  char s[24];
};
struct text ip_text(u32 address);
struct text mac_text(const u8 *mac);
bool parse_ip(const char *text, u32 *address);
bool parse_network(const char *text, u32 *address, u32 *mask); // 10.0.10.5/24
u32 mask_bits(u32 mask);
u64 print_to(char *to, u64 size, const char *text, ...) __attribute__((format(printf, 3, 4))); // what fits, with a 0; its length
const char *next_word(const char *text, char *word, u64 size); // copies a word, as much as fits; gives what follows
u32 random32(void);

// virtio-net.c: the card
bool card_init(void);
u8 *card_frame(void);              // FRAME_MAX bytes for the next frame to send; NULL when the ring is full
void card_send(u8 *frame, u32 length);
void card_wake_when_sent(bool wanted); // an interrupt when frames have gone out
u32 card_sending(void);                // frames that have not

// net.c: the interface
u8 *frame_begin(const u8 *to, u16 type); // the payload of a frame to be sent, or NULL; without frame_end nothing is sent
void frame_end(u32 payload);             // its length
void net_received(const u8 *frame, u32 length);
void net_carrier(bool up);
void net_address_changed(void); // tells the user and the neighbours
void net_address_lost(void);
void net_schedule(void); // works out the next deadline
void net_notice(const char *text, ...) __attribute__((format(printf, 1, 2)));
void net_wake(void); // the shell, if it is in net_wait
bool net_wait(u64 deadline); // by the shell: until something happens or the deadline; false on Ctrl-C. May return early.
bool net_ready(void);        // whether there is an address; says what is missing

// arp.c
extern const u8 broadcast_mac[MAC_BYTES];
void arp_received(const u8 *packet, u32 length);
void arp_announce(void);
void arp_clear(void);
const u8 *arp_find(u32 address); // NULL: not known (yet); it has been asked for
bool arp_failed(u32 address);    // nobody answered
void arp_park(u32 address, const u8 *packet, u32 length); // an IP packet that waits for the answer
u64 arp_timers(u64 now);
void arp_print(void);

// ip.c
u8 *ip_begin(u32 to, u8 protocol); // the payload of a packet; see frame_begin
bool ip_end(u32 payload);          // true when sent or parked
void ip_received(const u8 *packet, u32 length);

// icmp.c
struct echo { // what one `ping` waits for
  u32 host;
  u16 id, sequence;
  u64 sent, answered; // when; 0: not (yet)
  u8 refusal;         // code + 1 of "destination unreachable"; 9, 10 and 13 are those of a firewall
};
extern struct echo echo;
void icmp_received(u32 from, bool is_broadcast, const u8 *message, u32 length);
bool icmp_ask(u32 host, u16 sequence);

// udp.c
u8 *udp_begin(u32 to);
bool udp_end(u16 from_port, u16 to_port, u32 payload);
void udp_received(u32 from, u32 to, const u8 *datagram, u32 length);

// dhcp.c
void dhcp_start(void);
void dhcp_stop(void);
void dhcp_received(u32 from, const u8 *message, u32 length);
u64 dhcp_timers(u64 now);
const char *dhcp_state(void);
u64 dhcp_lease_left(void); // seconds

// dns.c
enum { DNS_PORT = 53 };
void dns_received(u32 from, u16 to_port, const u8 *message, u32 length);
enum lookup { HOST_FOUND, HOST_STOPPED, HOST_MALFORMED, HOST_NO_SERVER, HOST_NO_ANSWER, HOST_SERVER_FAILS, HOST_UNKNOWN };
enum lookup lookup(const char *host, u32 *address); // by the shell
bool resolve(const char *host, u32 *address);       // the same, but says what went wrong

// command-ping.c
bool ping_once(u32 host, u16 sequence, u64 patience, u64 *took); // by the shell; false: no answer, or Ctrl-C

// tcp.c
enum tcp_state {
  TCP_FREE, TCP_SYN_SENT, TCP_SYN_RECEIVED, TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2, TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK,
  TCP_TIME_WAIT,
};
enum tcp_end { TCP_RUNS, TCP_CLOSED, TCP_REFUSED, TCP_RESET, TCP_TIMED_OUT };
enum { TCP_BUFFER = 16384, TCP_PAGES = TCP_BUFFER / 4096, TCP_GAPS = 4 };
struct range {
  u32 from, to;
};
struct tcp {
  enum tcp_state state;
  enum tcp_end end;
  bool held;       // by the shell, which gives it back with tcp_release
  bool is_server;
  u32 peer;
  u16 port, peer_port;
  // Sending (RFC 9293, 3.3.1): acknowledged up to `una`, next to send `next`, sent at some time up to `top`, written up to `written`.
  u32 iss, una, next, top, written, window, window_seq, window_ack;
  bool closing; // a FIN follows what is written
  u32 mss, congestion, threshold, recover, duplicates;
  // Receiving: next expected `expected`, taken by the application up to `taken`.
  u32 irs, expected, taken;
  bool fin_received;
  u32 gaps;                    // how many ranges beyond `expected` have arrived
  struct range arrived[TCP_GAPS];
  u32 advertised;              // right edge of the window that the peer knows
  u64 retry_at, wait_until;    // retransmission; end of a state's patience
  u32 tries;
  u64 timing_from, srtt, rttvar, rto;
  u32 timing_seq;
  u8 *send_pages[TCP_PAGES], *receive_pages[TCP_PAGES];
  u32 request_length, body_left, body_at; // http-server.c
};
bool tcp_init(void);
void tcp_received(u32 from, const u8 *segment, u32 length);
u64 tcp_timers(u64 now);
void tcp_abort_all(void);
struct tcp *tcp_connect(u32 peer, u16 port);
u32 tcp_write(struct tcp *c, const void *bytes, u32 length); // how many bytes were taken
u32 tcp_room(const struct tcp *c);
u32 tcp_read(struct tcp *c, void *bytes, u32 length); // how many there were
u32 tcp_peek(struct tcp *c, void *bytes, u32 length); // and leaves them
u32 tcp_readable(const struct tcp *c);
void tcp_close(struct tcp *c);
void tcp_release(struct tcp *c); // whatever its state
u32 tcp_open_count(void);
bool tcp_serves(void); // a client of ours is not done with yet

// tcp-segment.c
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
struct segment {
  u32 seq, ack, window, mss, length;
  u16 port, peer_port;
  u8 flags;
  const u8 *data;
};
bool segment_parse(u32 from, const u8 *bytes, u32 length, struct segment *segment);
bool segment_send(u32 peer, const struct segment *segment, u8 *const *pages, u32 at); // data from `at` of a ring of pages

// http-server.c
extern bool http_serves;
extern u64 http_requests;
bool http_accepts(u16 port);
void http_event(struct tcp *c); // something has arrived, or there is room
