// A guest's traffic. "traffic stream SEED BYTES" writes a numbered stream to stdout, "traffic send ADDRESS PORT SEED BYTES" to a server whose
// answer it prints. "traffic many ADDRESS PORT COUNT BYTES" holds COUNT TCP connections at once to a server that answers nobody before
// all are there, sends a stream of BYTES on each (its seed is the connection's number), and checks that the same comes back.
// ADDRESS is of IPv4 or IPv6.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 300000

/** Little-endian words of a linear congruential generator with full period: no two places of a stream below 16 GiB have the same word. */
struct stream {
  uint32_t word;
  unsigned used;
};
static struct stream stream_of(uint32_t seed) { return (struct stream){ seed * 2654435761u, 0 }; }
static void take(struct stream *s, uint8_t *into, size_t length) {
  while (length > 0) {
    if (s->used == 0 && length >= 4) {
      memcpy(into, &s->word, 4);
      into += 4;
      length -= 4;
      s->used = 4;
    } else {
      *into++ = (uint8_t)(s->word >> (8 * s->used++));
      length--;
    }
    if (s->used == 4) *s = (struct stream){ s->word * 1664525u + 1013904223u, 0 };
  }
}

static void give_up(const char *what) {
  printf("@@FAILED %s: %s\n", what, strerror(errno));
  exit(1);
}

static void write_stream(int to, uint32_t seed, uint64_t bytes) {
  static uint8_t block[65536];
  struct stream s = stream_of(seed);
  while (bytes > 0) {
    size_t length = bytes < sizeof block ? (size_t)bytes : sizeof block;
    take(&s, block, length);
    for (size_t done = 0; done < length;) {
      ssize_t count = write(to, block + done, length - done);
      if (count < 0) give_up("write");
      done += (size_t)count;
    }
    bytes -= length;
  }
}

struct target {
  struct sockaddr_storage address;
  socklen_t length;
};
static struct target target_of(const char *address, const char *port) {
  struct target to = { 0 };
  struct sockaddr_in *to4 = (struct sockaddr_in *)&to.address;
  struct sockaddr_in6 *to6 = (struct sockaddr_in6 *)&to.address;
  int is6 = strchr(address, ':') != NULL;
  to.address.ss_family = is6 ? AF_INET6 : AF_INET;
  to.length = is6 ? sizeof *to6 : sizeof *to4;
  if (is6) to6->sin6_port = htons((uint16_t)atoi(port));
  else to4->sin_port = htons((uint16_t)atoi(port));
  if (inet_pton(to.address.ss_family, address, is6 ? (void *)&to6->sin6_addr : (void *)&to4->sin_addr) != 1) give_up(address);
  return to;
}

static void send_stream(struct target to, uint32_t seed, uint64_t bytes) {
  char answer[256];
  int s = socket(to.address.ss_family, SOCK_STREAM, 0);
  if (s < 0 || connect(s, (struct sockaddr *)&to.address, to.length) != 0) give_up("connect");
  write_stream(s, seed, bytes);
  if (shutdown(s, SHUT_WR) != 0) give_up("shutdown");
  for (ssize_t count; (count = read(s, answer, sizeof answer)) != 0;) {
    if (count < 0) give_up("read");
    fwrite(answer, 1, (size_t)count, stdout);
  }
}

struct connection {
  int socket;
  uint64_t sent, received;
  struct stream out, in;
  uint8_t piece[1024];
  size_t piece_at, piece_length;
};
static int poller;
static uint64_t bytes_each;
static unsigned established, exact, ended;

static void watch(struct connection *c, uint32_t events, int operation) {
  struct epoll_event event = { .events = events, .data.ptr = c };
  if (epoll_ctl(poller, operation, c->socket, &event) != 0) give_up("epoll_ctl");
}

static void send_more(struct connection *c) {
  if (c->sent == 0 && c->piece_length == 0) established++;
  while (c->sent < bytes_each) {
    if (c->piece_at == c->piece_length) {
      c->piece_at = 0;
      c->piece_length = bytes_each - c->sent < sizeof c->piece ? (size_t)(bytes_each - c->sent) : sizeof c->piece;
      take(&c->out, c->piece, c->piece_length);
    }
    ssize_t count = send(c->socket, c->piece + c->piece_at, c->piece_length - c->piece_at, MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) give_up("send");
    c->piece_at += (size_t)count;
    c->sent += (uint64_t)count;
  }
  watch(c, EPOLLIN, EPOLL_CTL_MOD);
}

static void receive_more(struct connection *c) {
  static uint8_t got[65536], wanted[65536];
  for (;;) {
    ssize_t count = recv(c->socket, got, sizeof got, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) give_up("recv");
    if (count == 0) {
      ended++;
      close(c->socket);
      return;
    }
    take(&c->in, wanted, (size_t)count);
    c->received += (uint64_t)count;
    if (c->received > bytes_each || memcmp(got, wanted, (size_t)count) != 0) {
      printf("@@FAILED other bytes than were sent, before byte %llu\n", (unsigned long long)c->received);
      exit(1);
    }
    if (c->received == bytes_each) exact++;
  }
}

static void serve_until(struct connection *all, unsigned count, unsigned *reached) {
  struct epoll_event events[256];
  while (*reached < count) {
    int ready = epoll_wait(poller, events, 256, PATIENCE_MS);
    if (ready < 0) give_up("epoll_wait");
    if (ready == 0) {
      uint64_t sent = 0, received = 0;
      for (unsigned n = 0; n < count; n++) sent += all[n].sent, received += all[n].received;
      printf("@@FAILED stuck: %u connected, %llu bytes sent, %llu received, %u exact, %u ended\n", established,
             (unsigned long long)sent, (unsigned long long)received, exact, ended);
      exit(1);
    }
    for (int n = 0; n < ready; n++) {
      struct connection *c = events[n].data.ptr;
      if (events[n].events & (EPOLLERR | EPOLLIN | EPOLLHUP)) receive_more(c);
      else send_more(c);
    }
  }
}

static void hold_many(struct target to, unsigned count, uint64_t bytes) {
  struct rlimit files = { count + 16, count + 16 };
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) give_up("setrlimit");
  struct connection *all = calloc(count, sizeof *all);
  poller = epoll_create1(0);
  bytes_each = bytes;
  if (all == NULL || poller < 0) give_up("epoll_create1");
  for (unsigned n = 0; n < count; n++) {
    struct connection *c = &all[n];
    c->out = c->in = stream_of(n);
    c->socket = socket(to.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->socket < 0) give_up("socket");
    if (connect(c->socket, (struct sockaddr *)&to.address, to.length) != 0 && errno != EINPROGRESS) give_up("connect");
    watch(c, EPOLLOUT, EPOLL_CTL_ADD);
  }
  serve_until(all, count, &exact);
  printf("@@MANY %u connected at once, %u exact\n", established - ended, exact);
  for (unsigned n = 0; n < count; n++) if (shutdown(all[n].socket, SHUT_WR) != 0) give_up("shutdown");
  serve_until(all, count, &ended);
  printf("@@ENDED %u\n", ended);
}

int main(int count, char **words) {
  setvbuf(stdout, NULL, _IOLBF, 4096);
  const char *what = count > 1 ? words[1] : "";
  if (count == 4 && strcmp(what, "stream") == 0) write_stream(STDOUT_FILENO, (uint32_t)atoi(words[2]), strtoull(words[3], NULL, 10));
  else if (count == 6 && strcmp(what, "send") == 0) send_stream(target_of(words[2], words[3]), (uint32_t)atoi(words[4]), strtoull(words[5], NULL, 10));
  else if (count == 6 && strcmp(what, "many") == 0) hold_many(target_of(words[2], words[3]), (unsigned)atoi(words[4]), strtoull(words[5], NULL, 10));
  else return 2;
  return 0;
}
