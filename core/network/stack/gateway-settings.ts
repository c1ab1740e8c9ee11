// What a gateway is told and what it tells: its settings, bounds and events, and what it needs of its owner.
import type { Clock } from "../../time/clock.ts";
import type { TftpFiles } from "../services/tftp-files.ts";
import type { IpAddress, IpPrefix, MacAddress } from "./address.ts";
import type { HostEndpoint, HostSockets } from "./host-sockets.ts";
import type { Router } from "./router.ts";
import type { TcpLimits } from "./tcp-splices.ts";
import type { UdpLimits } from "./udp-flows.ts";

export interface PortForward {
  protocol: "tcp" | "udp";
  /** Where the host listens; 127.0.0.1 unless the user asked for more. */
  host: HostEndpoint;
  /** An address in the network, or a machine's name as DNS has it. */
  guest: HostEndpoint | { name: string; port: number };
}

/** A service of the host that guests may reach, at a port of the gateway's address. */
export interface HostService {
  protocol: "tcp" | "udp";
  port: number;
  host: HostEndpoint;
}

export interface GatewaySettings {
  mac: MacAddress;
  network: IpPrefix;
  /** An IPv6 /64 to hand out, or undefined for IPv4 alone. */
  network6: IpPrefix | undefined;
  mtu: number;
  /** Whether guests reach the outside. */
  nat: boolean;
  domain: string;
  leaseSeconds: number;
  /** Name, in `tftp`, of what network boot loads; "" for none. */
  bootFile: string;
  /** What TFTP serves; undefined for no TFTP. */
  tftp?: TftpFiles | undefined;
  /** Joins the network to others, under the name that rules use. */
  router?: { router: Router; name: string } | undefined;
  /** What the user calls the machine that has a card with this address; DNS knows it by this and by its own host name. */
  machineName?(mac: MacAddress): string | undefined;
  reservations: { mac: MacAddress; address: IpAddress; name?: string }[];
  forwards: PortForward[];
  hostServices: HostService[];
  /** A firewall's word on a destination outside; special addresses are out of reach in any case. */
  allows(protocol: "tcp" | "udp", to: HostEndpoint): boolean;
  limits: GatewayLimits;
}

export interface GatewayLimits {
  tcp: TcpLimits;
  udp: UdpLimits;
}

export const DEFAULT_LIMITS: GatewayLimits = {
  tcp: {
    connections: 16384, connectionsPerGuest: 12288, bufferBudget: 256 << 20, bufferMaximum: 1 << 20,
    keepAliveIdleNs: 7200e9, timeWaitNs: 30e9,
  },
  udp: { flows: 2048, flowsPerGuest: 512 },
};

export type GatewayEvent =
  | { kind: "lease"; mac: string; address: string; name: string; bound: boolean }
  | { kind: "pool-exhausted" }
  | { kind: "forward-failed"; protocol: "tcp" | "udp"; host: string; reason: string };

export interface GatewayHost {
  sockets: HostSockets;
  clock: Clock;
  random32(): number;
  event(event: GatewayEvent): void;
  /** nextDeadline() has come closer: poll() soon. */
  wake(): void;
}
