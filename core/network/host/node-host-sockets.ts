// HostSockets over Node's net, dgram and dns. Unless told otherwise only loopback is reached: a caller that means the outside says so.
// Reading is by pull (a paused stream), writing up to a bound, so that neither side of a splice piles up memory here.
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns";
import type { Socket } from "node:net";
import { createServer, Socket as NetSocket } from "node:net";
import type { IpAddress } from "../stack/address.ts";
import { formatIp, parseIp } from "../stack/address.ts";
import type {
  DnsAnswer, DnsRecord, HostEndpoint, HostListener, HostSocketError, HostSockets, HostTcp, HostTcpEvents, HostUdp,
} from "../stack/host-sockets.ts";

export interface NodeHostSocketsOptions {
  /** Whether destinations other than loopback may be reached, and names resolved. */
  outside: boolean;
}

const WRITE_BOUND = 256 * 1024;
const CONNECT_TIMEOUT_MS = 75_000;

const ERRORS: Record<string, HostSocketError> = {
  ECONNREFUSED: "refused", EHOSTUNREACH: "unreachable", ENETUNREACH: "unreachable", EADDRNOTAVAIL: "unreachable", ENETDOWN: "unreachable",
  EHOSTDOWN: "unreachable", ETIMEDOUT: "timeout", ECONNRESET: "reset", EPIPE: "reset", EACCES: "denied", EPERM: "denied",
};

function isLoopback(address: IpAddress): boolean {
  return address.length === 4 ? address[0] === 127 : address.every((octet, i) => octet === (i === 15 ? 1 : 0));
}

function endpoint(address: string | undefined, port: number | undefined): HostEndpoint {
  return { address: parseIp((address ?? "").replace(/%.*$/, "")) ?? new Uint8Array(4), port: port ?? 0 };
}

class NodeTcp implements HostTcp {
  private readonly socket: Socket;
  private events: HostTcpEvents | undefined;
  private isAtEnd = false;
  private isEnded = false;
  private isGathering = false;
  private chunk: Uint8Array = new Uint8Array(0);

  constructor(socket: Socket, events: HostTcpEvents | undefined) {
    this.socket = socket;
    this.events = events;
    socket.setNoDelay(true);
    socket.on("connect", () => {
      socket.setTimeout(0);
      this.events?.connected();
    });
    socket.on("timeout", () => this.fail("timeout"));
    socket.on("readable", () => this.events?.readable());
    socket.on("end", () => {
      this.isAtEnd = true;
      this.events?.readable();
    });
    socket.on("drain", () => this.events?.writable());
    socket.on("error", (error: NodeJS.ErrnoException) => this.fail(ERRORS[error.code ?? ""] ?? "other"));
    socket.on("close", () => {
      if (!this.isAtEnd || !this.isEnded) this.fail("reset");
    });
  }

  /** For an accepted socket, whose owner is known only after it exists. */
  attach(events: HostTcpEvents): void {
    this.events = events;
  }

  private fail(error: HostSocketError): void {
    const events = this.events;
    this.events = undefined;
    this.socket.destroy();
    events?.failed(error);
  }

  read(into: Uint8Array): number {
    if (this.chunk.length === 0) {
      // At the end of the stream read() has to be asked once more for "end" to come.
      const chunk = this.socket.read() as Uint8Array | null;
      if (chunk === null) return this.isAtEnd ? -1 : 0;
      this.chunk = chunk;
    }
    const count = Math.min(into.length, this.chunk.length);
    into.set(this.chunk.subarray(0, count));
    this.chunk = this.chunk.subarray(count);
    return count;
  }

  write(bytes: Uint8Array): number {
    const room = WRITE_BOUND - this.socket.writableLength;
    if (room <= 0 || this.isEnded || this.socket.destroyed) return 0;
    const count = Math.min(room, bytes.length);
    this.gather();
    this.socket.write(bytes.slice(0, count));
    return count;
  }

  /** What is written until the current work is done goes out together: a system call for each segment would cost more than the rest. */
  private gather(): void {
    if (this.isGathering) return;
    this.isGathering = true;
    this.socket.cork();
    process.nextTick(() => {
      this.isGathering = false;
      this.socket.uncork();
    });
  }

  end(): void {
    this.isEnded = true;
    this.socket.end();
  }

  reset(): void {
    this.events = undefined;
    if (this.socket.connecting) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }
}

const DENIED: HostTcp = { read: () => 0, write: () => 0, end: () => {}, reset: () => {} };

export class NodeHostSockets implements HostSockets {
  private readonly options: NodeHostSocketsOptions;
  private readonly resolver = new Resolver({ timeout: 3000, tries: 2 });

  constructor(options: NodeHostSocketsOptions) {
    this.options = options;
  }

  private mayReach(address: IpAddress): boolean {
    return this.options.outside || isLoopback(address);
  }

  connectTcp(to: HostEndpoint, events: HostTcpEvents): HostTcp {
    if (!this.mayReach(to.address)) {
      events.failed("denied");
      return DENIED;
    }
    const socket = new NetSocket({ allowHalfOpen: true });
    const tcp = new NodeTcp(socket, events);
    socket.setTimeout(CONNECT_TIMEOUT_MS);
    socket.connect({ host: formatIp(to.address), port: to.port });
    return tcp;
  }

  listenTcp(
    at: HostEndpoint,
    accepted: (socket: HostTcp, from: HostEndpoint) => HostTcpEvents | undefined,
    failed: (reason: string) => void,
  ): HostListener {
    if (!this.mayReach(at.address)) {
      failed("only loopback addresses are allowed");
      return { close: () => {} };
    }
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) => {
      const tcp = new NodeTcp(socket, undefined);
      const events = accepted(tcp, endpoint(socket.remoteAddress, socket.remotePort));
      if (events === undefined) tcp.reset();
      else tcp.attach(events);
    });
    server.on("error", (error) => failed(error.message));
    server.listen({ host: formatIp(at.address), port: at.port });
    return { close: () => server.close() };
  }

  openUdp(
    family: 4 | 6,
    at: HostEndpoint | undefined,
    received: (from: HostEndpoint, data: Uint8Array) => void,
    failed: (reason: string) => void,
  ): HostUdp {
    const loopback = family === 4 ? "127.0.0.1" : "::1";
    const any = family === 4 ? "0.0.0.0" : "::";
    const address = at === undefined ? (this.options.outside ? any : loopback) : formatIp(at.address);
    const socket = createSocket({ type: family === 4 ? "udp4" : "udp6", ipv6Only: family === 6 });
    let isClosed = false;
    const close = (): void => {
      if (isClosed) return;
      isClosed = true;
      socket.close();
    };
    // A datagram that cannot be sent is lost, as on any network; only a socket that cannot be bound is a failure.
    let isBound = false;
    socket.on("listening", () => {
      isBound = true;
    });
    socket.on("error", (error) => {
      if (!isBound && !isClosed) failed(error.message);
    });
    socket.on("message", (data, from) => {
      if (!isClosed) received(endpoint(from.address, from.port), data);
    });
    socket.bind({ address, port: at?.port ?? 0 });
    return {
      send: (to, data) => {
        if (!isClosed && to.port > 0 && this.mayReach(to.address)) socket.send(data.slice(), to.port, formatIp(to.address), () => {});
      },
      close,
    };
  }

  resolve(name: string, type: DnsRecord["type"], answered: (answer: DnsAnswer) => void): void {
    if (!this.options.outside) {
      answered({ code: "refused", records: [] });
      return;
    }
    this.query(name, type).then(
      (records) => answered({ code: "ok", records }),
      (error: NodeJS.ErrnoException) => {
        const code = error.code === "ENOTFOUND" ? "no-name" : error.code === "ENODATA" ? "ok" : "failed";
        answered({ code, records: [] });
      },
    );
  }

  private query(name: string, type: DnsRecord["type"]): Promise<DnsRecord[]> {
    const { resolver } = this;
    const ask = <T>(start: (done: (error: Error | null, result: T) => void) => void): Promise<T> =>
      new Promise((resolve, reject) => start((error, result) => (error === null ? resolve(result) : reject(error))));
    const ttl = 60;
    switch (type) {
      case "A":
      case "AAAA":
        return ask<{ address: string; ttl: number }[]>((done) =>
          type === "A" ? resolver.resolve4(name, { ttl: true }, done) : resolver.resolve6(name, { ttl: true }, done),
        ).then((found) =>
          found.flatMap((entry) => {
            const address = parseIp(entry.address);
            return address === undefined ? [] : [{ name, type, ttl: entry.ttl, address }];
          }),
        );
      case "CNAME":
      case "NS":
      case "PTR":
        return ask<string[]>((done) =>
          type === "CNAME" ? resolver.resolveCname(name, done) : type === "NS" ? resolver.resolveNs(name, done) : resolver.resolvePtr(name, done),
        ).then((found) => found.map((target) => ({ name, type, ttl, target })));
      case "MX":
        return ask<{ priority: number; exchange: string }[]>((done) => resolver.resolveMx(name, done)).then((found) =>
          found.map((entry) => ({ name, type, ttl, preference: entry.priority, target: entry.exchange })),
        );
      case "SRV":
        return ask<{ name: string; port: number; priority: number; weight: number }[]>((done) => resolver.resolveSrv(name, done)).then((found) =>
          found.map(({ port, priority, weight, name: target }) => ({ name, type, ttl, port, priority, weight, target })),
        );
      case "TXT":
        return ask<string[][]>((done) => resolver.resolveTxt(name, done)).then((found) =>
          found.map((strings) => ({ name, type, ttl, strings: strings.map((text) => new TextEncoder().encode(text)) })),
        );
    }
  }
}
