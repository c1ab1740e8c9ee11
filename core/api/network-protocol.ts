// Between the hypervisor and the thread that runs the virtual network, and the shared buffer between that thread and a machine's for
// each network card. Both ends are the app's own code, so these are types and layouts, not schemas.
import type { GatewayConfig, LinkId, NetworkStats, Nic, PacketDetails, PacketRow, Topology } from "./network.ts";

/** A network card as its machine's thread is told of it (in VmWorkerStart). */
export interface NicStart {
  id: Nic["id"];
  model: Nic["model"];
  mac: string;
  /** Absolute path of an expansion ROM. */
  rom?: string;
  /** The cable to the network thread: see core/worker/nic-link.ts. */
  link: SharedArrayBuffer;
  /** Words of DoorbellWord that the network thread sleeps on; shared by all cards of all machines. */
  doorbell: SharedArrayBuffer;
}

/** Who has something for the network thread adds to RUNG, and then notifies it, which is slow, if ASLEEP is not 0. */
export const DoorbellWord = { RUNG: 0, ASLEEP: 1 } as const;
export const DOORBELL_BYTES = 8;

/** The network thread's `workerData`. */
export interface NetworkWorkerStart {
  doorbell: SharedArrayBuffer;
  /** Whether gateways with NAT may reach more than this host's loopback. */
  allowsOutside: boolean;
  seed: number;
}

/** What a card is joined to, and how well. */
export type NicWiring = Pick<Nic, "connection" | "cable" | "faults" | "guards">;

export type ToNetworkWorker =
  /** Replaces the whole network but the cards. Answered by `done`: with a sentence, nothing has changed. */
  | { kind: "topology"; queryId: number; topology: Topology }
  /** A machine is about to start. `name` is for captures and DNS: "web". `control` wakes its thread (ControlWord). Answered by `done`. */
  | { kind: "attach"; queryId: number; link: LinkId; machine: string; mac: string; buffer: SharedArrayBuffer; control: SharedArrayBuffer; wiring: NicWiring }
  /** Answered by `done`. */
  | { kind: "wire"; queryId: number; link: LinkId; wiring: NicWiring }
  | { kind: "detach"; link: LinkId }
  /** Statistics every so often; 0: none. */
  | { kind: "watch"; intervalMs: number }
  /** To a pcapng file, or live (rows are posted), or both. Answered by `done`. */
  | { kind: "capture"; queryId: number; captureId: string; link: LinkId; path: string | null; isLive: boolean }
  /** Answered by `done` when the file is whole. */
  | { kind: "stopCapture"; queryId: number; captureId: string }
  /** Answered by `packet`. */
  | { kind: "packet"; queryId: number; captureId: string; number: number }
  /** What a live capture holds, as a pcapng file. Answered by `done`. */
  | { kind: "saveCapture"; queryId: number; captureId: string; path: string }
  /** Flushes captures and ends the thread. */
  | { kind: "shutdown" };

export type FromNetworkWorker =
  /** The thread runs; the first message. */
  | { kind: "running" }
  | { kind: "done"; queryId: number; failure: string | null }
  | { kind: "packet"; queryId: number; details: PacketDetails | null }
  | { kind: "stats"; stats: NetworkStats }
  | { kind: "packets"; captureId: string; rows: PacketRow[]; /** In all so far. */ packets: number; bytes: number }
  /** The file of a capture could not be written any further. */
  | { kind: "captureFailed"; captureId: string; message: string }
  /** The last message of a thread that cannot go on. */
  | { kind: "failed"; message: string };

/** Size of a card's buffer, whose layout is core/worker/nic-link.ts's. */
export const NIC_LINK_BYTES = 4096 + 2 * (1 << 20) + 2 * 2048;

export type { GatewayConfig };
