// How fast the gateway carries a TCP stream between a guest and a server on the host's loopback, without an engine: the guest is a second
// stack on the same thread, its frames go by a cable; the server is another thread.
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { NodeHostSockets } from "../network/host/node-host-sockets.ts";
import { Cable } from "../network/port.ts";
import { Gateway } from "../network/stack/gateway.ts";
import type { HostTcp } from "../network/stack/host-sockets.ts";
import { GATEWAY_ADDRESS, gatewaySettings, GUEST_ADDRESS, StackGuest } from "../network/stack/testbed.ts";
import { SeededRandom } from "./seeded-random.ts";

export type StreamDirection = "guest-to-host" | "host-to-guest";

export interface StreamRate {
  /** By the clock, and by this thread's processor time, which has the guest's half in it. */
  bitsPerSecond: number;
  bitsPerCpuSecond: number;
}

/** Frames on their way to the guest, at most. */
const CABLE_FRAMES = 512;
const CHUNK_BYTES = 1 << 16;

/** Sends or takes `left` bytes. */
class Application implements HostTcp {
  private left: number;
  private readonly sends: boolean;
  done = false;

  constructor(bytes: number, sends: boolean) {
    this.left = bytes;
    this.sends = sends;
  }

  read(into: Uint8Array): number {
    if (!this.sends) return 0;
    if (this.left === 0) return -1;
    const count = Math.min(into.length, this.left);
    this.left -= count;
    return count;
  }

  write(bytes: Uint8Array): number {
    this.left -= bytes.length;
    this.done = this.left <= 0;
    return bytes.length;
  }

  end(): void {}
  reset(): void {}
}

export async function streamRate(direction: StreamDirection, megabytes: number): Promise<StreamRate> {
  const bytes = megabytes << 20;
  const server = new Worker(new URL(import.meta.url), { workerData: { direction, bytes } });
  try {
    const [port] = (await once(server, "message")) as [number];
    let isReceived = false;
    server.once("message", () => {
      isReceived = true;
    });
    return await carry(direction, bytes, port, () => isReceived);
  } finally {
    await server.terminate();
  }
}

async function carry(direction: StreamDirection, bytes: number, port: number, isReceived: () => boolean): Promise<StreamRate> {
  const clock = { nowNs: () => performance.now() * 1e6 };
  const random = new SeededRandom(1);
  const random32 = (): number => random.next();
  const cable = new Cable();
  const hostServices = [{ protocol: "tcp" as const, port: 80, host: { address: Uint8Array.of(127, 0, 0, 1), port } }];
  const sockets = new NodeHostSockets({ outside: false });
  const gateway = new Gateway(gatewaySettings({ hostServices }), cable.a, { sockets, clock, random32, event: () => {}, wake: () => {} });
  const guest = new StackGuest(cable.b, clock, random32);
  const toGuest: Uint8Array[] = [];
  cable.b.connect({ receive: (frame) => toGuest.push(frame.slice()), canReceive: () => toGuest.length < CABLE_FRAMES, linkChanged: () => {}, sendReady: () => {} });
  const application = new Application(bytes, direction === "guest-to-host");
  const started = performance.now();
  const cpu = process.threadCpuUsage();
  guest.splices.openToGuest(application, GUEST_ADDRESS, GATEWAY_ADDRESS, 80, clock.nowNs());
  while (!application.done && !isReceived()) {
    const wasFull = toGuest.length >= CABLE_FRAMES;
    for (const frame of toGuest.splice(0)) guest.receive(frame);
    if (wasFull) cable.b.receiveReady();
    for (const part of [gateway, guest]) if (part.nextDeadline() <= clock.nowNs()) part.poll(clock.nowNs());
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.threadCpuUsage(cpu);
  const seconds = (performance.now() - started) / 1e3;
  gateway.close();
  return { bitsPerSecond: (bytes * 8) / seconds, bitsPerCpuSecond: (bytes * 8) / ((user + system) / 1e6) };
}

/** The server's thread: tells its port, then that it has received everything. */
function serve(direction: StreamDirection, bytes: number): void {
  const server = createServer((socket) => {
    let left = bytes;
    socket.on("error", () => {});
    if (direction === "guest-to-host") {
      socket.on("data", (data) => {
        left -= data.length;
        if (left <= 0) parentPort?.postMessage("received");
      });
      return;
    }
    const chunk = new Uint8Array(CHUNK_BYTES);
    const more = (): void => {
      while (left > 0) {
        left -= chunk.length;
        if (!socket.write(chunk)) return;
      }
      socket.end();
    };
    socket.on("drain", more);
    more();
  });
  server.listen(0, "127.0.0.1", () => parentPort?.postMessage((server.address() as AddressInfo).port));
}

if (!isMainThread && parentPort !== null) {
  const job = workerData as { direction?: StreamDirection; bytes?: number } | null;
  if (job?.direction !== undefined && job.bytes !== undefined) serve(job.direction, job.bytes);
}
