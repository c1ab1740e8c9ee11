// Supervises one run of the network's thread: orders with answers, what it tells, and exactly one end.
import { Worker } from "node:worker_threads";
import type { NetworkStats, PacketDetails, PacketRow } from "../api/network.ts";
import type { FromNetworkWorker, NetworkWorkerStart, ToNetworkWorker } from "../api/network-protocol.ts";
import { messageOf } from "./vm-error.ts";

/** What this needs of a worker thread; tests put a scripted one in its place. */
export interface NetworkWorkerPort {
  postMessage(message: ToNetworkWorker): void;
  terminate(): Promise<unknown>;
  on(event: "message", listener: (message: FromNetworkWorker) => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "exit", listener: (exitCode: number) => void): unknown;
}
export type SpawnNetworkWorker = (start: NetworkWorkerStart) => NetworkWorkerPort;

/** Spawns real threads from the entry file at `entry`. */
export function networkSpawner(entry: URL): SpawnNetworkWorker {
  return (start) => new Worker(entry, { workerData: start, name: "network" });
}

export interface NetworkThreadEvents {
  stats(stats: NetworkStats): void;
  packets(captureId: string, rows: PacketRow[], packets: number, bytes: number): void;
  captureFailed(captureId: string, message: string): void;
  /** Not asked for; nothing else comes any more. */
  died(reason: string): void;
}

type Order = Extract<ToNetworkWorker, { queryId: number }>;
type WithoutId<T> = T extends unknown ? Omit<T, "queryId"> : never;

/** How long a thread that has been told to end may take to write what it has captured. */
const SHUTDOWN_MS = 15_000;

export class NetworkThread {
  private readonly port: NetworkWorkerPort;
  private readonly events: NetworkThreadEvents;
  private readonly answers = new Map<number, (answer: FromNetworkWorker | undefined) => void>();
  private queries = 0;
  private isEnding = false;
  private isOver = false;
  private reason = "It ended without a word.";
  private readonly exited: Promise<void>;

  constructor(spawn: SpawnNetworkWorker, start: NetworkWorkerStart, events: NetworkThreadEvents) {
    this.events = events;
    this.port = spawn(start);
    this.port.on("message", (message) => this.onMessage(message));
    this.port.on("error", (error) => {
      this.reason = messageOf(error);
    });
    this.exited = new Promise((resolve) => {
      this.port.on("exit", () => {
        this.onExit();
        resolve();
      });
    });
  }

  /** Settles with why an order could not be carried out, or null. */
  async ask(order: WithoutId<Exclude<Order, { kind: "packet" }>>): Promise<string | null> {
    const answer = await this.query(order);
    return answer?.kind === "done" ? answer.failure : "The network's thread has failed.";
  }

  async packet(captureId: string, number: number): Promise<PacketDetails | null> {
    const answer = await this.query({ kind: "packet", captureId, number });
    return answer?.kind === "packet" ? answer.details : null;
  }

  tell(message: Exclude<ToNetworkWorker, { queryId: number }>): void {
    if (!this.isOver) this.port.postMessage(message);
  }

  /** Settles when captures are written and the thread has ended. */
  async shutdown(): Promise<void> {
    if (this.isOver) return;
    this.isEnding = true;
    this.tell({ kind: "shutdown" });
    const timer = setTimeout(() => void this.port.terminate(), SHUTDOWN_MS);
    await this.exited;
    clearTimeout(timer);
  }

  private query(order: WithoutId<Order>): Promise<FromNetworkWorker | undefined> {
    if (this.isOver) return Promise.resolve(undefined);
    const queryId = ++this.queries;
    return new Promise((resolve) => {
      this.answers.set(queryId, resolve);
      // The spread of a union without one field, with that field, is one of the union again.
      this.port.postMessage({ ...order, queryId } as Order);
    });
  }

  private onMessage(message: FromNetworkWorker): void {
    switch (message.kind) {
      case "done":
      case "packet":
        this.answers.get(message.queryId)?.(message);
        this.answers.delete(message.queryId);
        break;
      case "stats":
        this.events.stats(message.stats);
        break;
      case "packets":
        this.events.packets(message.captureId, message.rows, message.packets, message.bytes);
        break;
      case "captureFailed":
        this.events.captureFailed(message.captureId, message.message);
        break;
      case "failed":
        this.reason = message.message;
        // Its sockets would keep it.
        void this.port.terminate();
        break;
      case "running":
        break;
    }
  }

  private onExit(): void {
    this.isOver = true;
    for (const resolve of this.answers.values()) resolve(undefined);
    this.answers.clear();
    if (!this.isEnding) this.events.died(this.reason);
  }
}
