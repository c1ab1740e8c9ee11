// `http get URL` and `http serve on|off`: a client of one request for a connection (HTTP/1.0), and the server's switch.
#include "net.h"

enum { TEXT_SHOWN = 4096, HEAD_MAX = 2048 };

struct url {
  char host[NAME_MAX], path[LINE_MAX];
  u16 port;
};

static bool parse_url(const char *text, struct url *url) {
  if (starts_with(text, "https://")) return false;
  if (starts_with(text, "http://")) text += 7;
  u64 length = 0;
  while (*text && *text != '/' && *text != ':' && *text != ' ' && length + 1 < sizeof url->host) url->host[length++] = *text++;
  url->host[length] = 0;
  url->port = 80;
  if (*text == ':') {
    char digits[8];
    u64 count = 0, port;
    for (text++; *text && *text != '/' && count + 1 < sizeof digits; text++) digits[count++] = *text;
    digits[count] = 0;
    if (!parse_u64(digits, &port) || port < 1 || port > 65535) return false;
    url->port = (u16)port;
  }
  if (!length || (*text && *text != '/')) return false;
  print_to(url->path, sizeof url->path, "%s", *text ? text : "/");
  for (const char *c = url->path; *c; c++)
    if (*c == ' ') return false;
  return true;
}

static u32 crc32(u32 crc, const u8 *bytes, u32 length) { // ISO 3309, as in zip files
  static u32 table[256];
  for (u32 i = 0; i < 256 && !table[255]; i++) {
    u32 value = i;
    for (u32 bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
    table[i] = value;
  }
  while (length--) crc = crc >> 8 ^ table[(crc ^ *bytes++) & 255];
  return crc;
}

struct reading {
  char head[HEAD_MAX];
  u32 head_length;
  bool in_body, is_text, is_long;
  u64 body_length;
  u32 crc;
};

static void show(const u8 *bytes, u32 length) {
  for (u32 i = 0; i < length; i++) {
    char c = (char)bytes[i];
    if (c == '\n' || c == '\t' || (c >= ' ' && c < 0x7F)) console_write(&c, 1);
    else if (c != '\r') console_write("?", 1);
  }
}

static void take_body(struct reading *r, const u8 *bytes, u32 length) {
  u64 room = r->body_length < TEXT_SHOWN ? TEXT_SHOWN - r->body_length : 0;
  r->crc = crc32(r->crc, bytes, length);
  if (r->is_text) show(bytes, length < room ? length : (u32)room);
  if (length > room) r->is_long = true;
  r->body_length += length;
}

static void take(struct reading *r, const u8 *bytes, u32 length) {
  while (length && !r->in_body) {
    if (r->head_length + 1 < HEAD_MAX) r->head[r->head_length++] = (char)*bytes;
    bytes++;
    length--;
    r->head[r->head_length] = 0;
    bool ends = r->head_length >= 4 && memcmp(r->head + r->head_length - 4, "\r\n\r\n", 4) == 0;
    if (!ends && r->head_length + 1 < HEAD_MAX) continue;
    r->in_body = true;
    for (const char *at = r->head; *at; at++)
      if (starts_with(at, "/octet-stream") || starts_with(at, "image/")) r->is_text = false;
  }
  if (length) take_body(r, bytes, length);
}

static void finish(const struct reading *r, enum tcp_end end, bool stopped, u64 took) {
  static const char *const ends[] = {"", "", "The connection was refused.", "The connection was reset.", "No answer."};
  if (console_column() != 0) kprintf("\n");
  if (r->is_long && r->is_text) kprintf("... and more\n");
  if (stopped) kprintf("^C\n");
  else if (end > TCP_CLOSED) kprintf("%s\n", ends[end]);
  if (!r->head_length) {
    if (end <= TCP_CLOSED && !stopped) kprintf("The server closed the connection without an answer.\n");
    return;
  }
  char status[64];
  u64 length = 0;
  const char *at = r->head;
  while (*at && *at != ' ' && *at != '\r') at++;
  while (*at == ' ') at++;
  for (; *at >= ' ' && length + 1 < sizeof status; at++) status[length++] = *at;
  status[length] = 0;
  u64 us = took / 1000 ? took / 1000 : 1;
  kprintf("%s: %lu bytes in %lu.%03lu ms, %lu kB/s, CRC-32 %08x\n", status, r->body_length, took / MS, took / 1000 % 1000,
          r->body_length * 1000 / us, ~r->crc);
}

static void get(const char *text) {
  static struct url url;
  static struct reading r;
  u32 address;
  if (!parse_url(text, &url)) {
    kprintf("A URL is HOST[:PORT][/PATH], with http:// before it or not.\n");
    return;
  }
  if (!net_ready() || !resolve(url.host, &address)) return;
  if (address == net.address) {
    kprintf("That is this machine.\n");
    return;
  }
  memset(&r, 0, sizeof r);
  r.is_text = true;
  r.crc = ~0u;
  u64 started = now_ns();
  bool on = net_lock(), goes_on = true;
  struct tcp *c = tcp_connect(address, url.port);
  while (c && goes_on && c->state == TCP_SYN_SENT && !arp_failed(address)) goes_on = net_wait(c->wait_until);
  if (c && c->state == TCP_ESTABLISHED) {
    static char request[LINE_MAX + 256];
    u64 length = print_to(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: Ringfence-demo\r\nConnection: close\r\n\r\n",
                          url.path, url.host);
    tcp_write(c, request, (u32)length);
  }
  enum tcp_end end = TCP_TIMED_OUT;
  while (c && goes_on) {
    static u8 bytes[4096];
    u32 count = tcp_read(c, bytes, sizeof bytes);
    end = c->end;
    bool is_over = c->fin_received || c->state == TCP_FREE || c->state == TCP_SYN_SENT;
    net_unlock(on);
    take(&r, bytes, count);
    on = net_lock();
    if (command_stop) goes_on = false;
    else if (count == 0 && is_over && !tcp_readable(c)) break;
    else if (count == 0 && !tcp_readable(c) && !c->fin_received && c->state != TCP_FREE) goes_on = net_wait(c->wait_until);
  }
  u64 took = now_ns() - started;
  if (c) {
    if (c->state == TCP_SYN_SENT) end = TCP_TIMED_OUT;
    tcp_release(c);
    net_schedule();
  }
  net_unlock(on);
  finish(&r, end, !goes_on, took);
}

void command_http(const char *arguments) {
  if (starts_with(arguments, "get ")) {
    arguments += 4;
    while (*arguments == ' ') arguments++;
    get(arguments);
  } else if (strcmp(arguments, "serve on") == 0 || strcmp(arguments, "serve off") == 0) {
    http_serves = arguments[7] == 'n';
    kprintf("Port 80 is %s.\n", http_serves ? "served" : "closed");
  } else {
    kprintf("Say http get URL, or http serve on or off; a machine's pages are / and /bytes/N.\n");
  }
}
