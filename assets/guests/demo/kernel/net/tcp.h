// What tcp.c, tcp-input.c and tcp-output.c share.
#pragma once
#include "net.h"

enum { OUR_MSS = MTU - IP_HEADER - 20, TCP_CONNECTIONS = 16 };
#define TCP_FIRST_RTO SECOND
#define TCP_LEAST_RTO (200 * MS)
#define TCP_LONGEST_RTO (16 * SECOND)
#define TCP_MAX_TRIES 8
#define TCP_OPEN_PATIENCE (10 * SECOND)   // a half-open connection
#define TCP_IDLE_PATIENCE (60 * SECOND)   // one that nothing is heard of
#define TCP_LINGER (2 * SECOND)           // TIME-WAIT: peers are near, and the port is soon wanted again

extern struct tcp connections[TCP_CONNECTIONS];
static inline bool before(u32 a, u32 b) { return (i32)(a - b) < 0; }
static inline bool not_after(u32 a, u32 b) { return (i32)(a - b) <= 0; }

struct tcp *tcp_find(u32 peer, u16 peer_port, u16 port);
struct tcp *tcp_new(u32 peer, u16 peer_port, u16 port); // NULL: all are in use
void tcp_finish(struct tcp *c, enum tcp_end end);

void tcp_output(struct tcp *c, bool must_acknowledge);
void tcp_send_syn(struct tcp *c);
void tcp_resend(struct tcp *c); // one segment from `una`
void tcp_send_reset(struct tcp *c);
void tcp_refuse(u32 peer, const struct segment *s); // a reset to what belongs to no connection
void tcp_acknowledge(struct tcp *c);
u32 tcp_receive_window(const struct tcp *c);
