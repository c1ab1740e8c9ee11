// A web server (HTTP/1.0 semantics of RFC 9110, one request for a connection) on port 80: a page about this machine, and /bytes/N, which is as
// long as asked for. Only GET and HEAD; request bodies and headers are not looked at.
#include "net.h"

enum { HTTP_PORT = 80, REQUEST_MAX = 1024, PAGE_MAX = 2048 };

bool http_serves = true;
u64 http_requests;

bool http_accepts(u16 port) { return port == HTTP_PORT && http_serves; }

static void respond(struct tcp *c, const char *status, const char *type, const char *body, u32 length, bool with_body) {
  char head[256];
  u64 size = print_to(head, sizeof head,
                      "HTTP/1.1 %s\r\nServer: Ringfence demo\r\nContent-Type: %s\r\nContent-Length: %u\r\nConnection: close\r\n\r\n",
                      status, type, length);
  tcp_write(c, head, (u32)size);
  if (with_body && body) tcp_write(c, body, length);
}

static void home_page(struct tcp *c, bool with_body) {
  static char page[PAGE_MAX];
  u64 seconds = now_ns() / SECOND;
  u64 length = print_to(page, sizeof page,
                        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>%s</title>\n"
                        "<style>body{font:16px/1.5 system-ui,sans-serif;margin:3em;color:#123}td{padding:.1em 1.5em .1em 0}</style>\n"
                        "<h1>%s</h1>\n<p>A Ringfence demo machine.</p>\n<table>\n"
                        "<tr><td>Address<td>%s/%u\n<tr><td>Hardware address<td>%s\n<tr><td>You are<td>%s\n"
                        "<tr><td>Up<td>%lu h %02lu min %02lu s\n<tr><td>Frames received<td>%lu\n<tr><td>Frames sent<td>%lu\n"
                        "<tr><td>Requests<td>%lu\n</table>\n</html>\n",
                        net.name, net.name, ip_text(net.address).s, mask_bits(net.mask), mac_text(net.mac).s, ip_text(c->peer).s,
                        seconds / 3600, seconds / 60 % 60, seconds % 60, net.received_frames, net.sent_frames, http_requests);
  respond(c, "200 OK", "text/html", page, (u32)length, with_body);
}

static void answer(struct tcp *c, char *request, u32 length) {
  http_requests++;
  request[length] = 0;
  bool is_head = starts_with(request, "HEAD ");
  char *path = request + (is_head ? 5 : 4), *end = path;
  while (*end && *end != ' ' && *end != '?' && *end != '\r' && *end != '\n') end++;
  *end = 0;
  u64 count;
  if (!is_head && !starts_with(request, "GET ")) {
    static const char text[] = "Only GET and HEAD are known here.\n";
    respond(c, "501 Not Implemented", "text/plain", text, sizeof text - 1, true);
  } else if (strcmp(path, "/") == 0 || strcmp(path, "/index.html") == 0) {
    home_page(c, !is_head);
  } else if (starts_with(path, "/bytes/") && parse_u64(path + 7, &count) && count <= 1u << 30) {
    respond(c, "200 OK", "application/octet-stream", NULL, (u32)count, false);
    c->body_left = is_head ? 0 : (u32)count;
  } else {
    static const char text[] = "There is no such page here.\n";
    respond(c, "404 Not Found", "text/plain", text, sizeof text - 1, !is_head);
  }
}

// Byte number n of the file is n * 31 + n / 256, modulo 256.
static void send_body(struct tcp *c) {
  static u8 chunk[1024];
  while (c->body_left && tcp_room(c)) {
    u32 count = c->body_left < sizeof chunk ? c->body_left : sizeof chunk;
    if (count > tcp_room(c)) count = tcp_room(c);
    for (u32 i = 0; i < count; i++) chunk[i] = (u8)((c->body_at + i) * 31 + ((c->body_at + i) >> 8));
    tcp_write(c, chunk, count);
    c->body_at += count;
    c->body_left -= count;
  }
}

// A request's end is an empty line. What is longer than we read is refused by closing.
void http_event(struct tcp *c) {
  static char request[REQUEST_MAX + 1];
  bool is_answered = c->request_length == ~0u;
  if (is_answered) {
    u8 more[256]; // is not wanted, but makes room
    while (tcp_read(c, more, sizeof more)) {}
  } else {
    u32 there = tcp_readable(c);
    bool is_whole = false;
    if (there == c->request_length && !c->fin_received) return;
    c->request_length = there;
    u32 count = tcp_peek(c, request, REQUEST_MAX);
    for (u32 i = 3; i < count && !is_whole; i++) is_whole = memcmp(request + i - 3, "\r\n\r\n", 4) == 0;
    for (u32 i = 1; i < count && !is_whole; i++) is_whole = request[i] == '\n' && request[i - 1] == '\n';
    if (!is_whole && count < REQUEST_MAX && !c->fin_received) return;
    c->request_length = ~0u;
    tcp_read(c, request, count);
    if (is_whole) answer(c, request, count);
  }
  send_body(c);
  if (!c->body_left) tcp_close(c);
}
