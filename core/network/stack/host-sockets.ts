// What the gateway needs of the host: TCP, UDP and name resolution. Injected, so that the stack has no Node in it and tests no network.
// All callbacks come between calls into the stack or within the call that causes them; the stack expects both. After reset() or
// close() nothing is called any more.
import type { IpAddress } from "./address.ts";

export interface HostEndpoint {
  address: IpAddress;
  port: number;
}

/** Why a host socket failed, as far as a guest can be told. */
export type HostSocketError = "refused" | "unreachable" | "timeout" | "reset" | "denied" | "other";

export interface HostTcpEvents {
  connected(): void;
  /** read() has something again, after it gave 0; the end of the stream too. */
  readable(): void;
  /** write() takes something again, after it took less than all. */
  writable(): void;
  /** The socket is gone without a regular end of both directions. */
  failed(error: HostSocketError): void;
}

export interface HostTcp {
  /** Copies received bytes into `into`: how many, 0 for none now, -1 at the end of the stream. */
  read(into: Uint8Array): number;
  /** Takes a copy of up to all of the bytes and says how many. */
  write(bytes: Uint8Array): number;
  /** Closes the sending direction once everything written has gone out. */
  end(): void;
  reset(): void;
}

export interface HostListener {
  close(): void;
}

export interface HostUdp {
  send(to: HostEndpoint, data: Uint8Array): void;
  close(): void;
}

/** A resource record with its data in the form of its type; names are in presentation form without the last dot. */
export type DnsRecord = { name: string; ttl: number } & (
  | { type: "A" | "AAAA"; address: IpAddress }
  | { type: "CNAME" | "PTR" | "NS"; target: string }
  | { type: "MX"; preference: number; target: string }
  | { type: "SRV"; priority: number; weight: number; port: number; target: string }
  | { type: "TXT"; strings: Uint8Array[] }
);

export interface DnsAnswer {
  code: "ok" | "no-name" | "failed" | "refused";
  records: DnsRecord[];
}

export interface HostSockets {
  connectTcp(to: HostEndpoint, events: HostTcpEvents): HostTcp;
  /** `accepted` gives the events for a new connection, or undefined to refuse it. */
  listenTcp(
    at: HostEndpoint,
    accepted: (socket: HostTcp, from: HostEndpoint) => HostTcpEvents | undefined,
    failed: (reason: string) => void,
  ): HostListener;
  /** A socket for datagrams; `at` undefined: any free port, of `family`. */
  openUdp(
    family: 4 | 6,
    at: HostEndpoint | undefined,
    received: (from: HostEndpoint, data: Uint8Array) => void,
    failed: (reason: string) => void,
  ): HostUdp;
  /** Calls back exactly once. */
  resolve(name: string, type: DnsRecord["type"], answered: (answer: DnsAnswer) => void): void;
}
