// For the tests of this folder: a gateway on real sockets of the loopback interface, and a guest on a direct cable, polled until disposed of.
import assert from "node:assert/strict";
import { Cable } from "../port.ts";
import type { GatewaySettings } from "../stack/gateway.ts";
import { Gateway } from "../stack/gateway.ts";
import { gatewaySettings, StackGuest } from "../stack/testbed.ts";
import { NodeHostSockets } from "./node-host-sockets.ts";

export const clock = { nowNs: () => Number(process.hrtime.bigint()) };
const random32 = (): number => Math.floor(Math.random() * 2 ** 32);
/** Frames that wait for the guest. */
const WAITING_MAX = 512;

export class LoopbackPair {
  readonly gateway: Gateway;
  readonly guest: StackGuest;
  readonly cable = new Cable();
  /** Each frame is shown to this before the guest has it. */
  seen: (frame: Uint8Array) => void = () => {};
  private readonly toGuest: Uint8Array[] = [];
  private isStopped = false;

  constructor(change: Partial<GatewaySettings>) {
    const sockets = new NodeHostSockets({ outside: false });
    this.gateway = new Gateway(gatewaySettings(change), this.cable.a, { sockets, clock, random32, event: () => {}, wake: () => {} });
    this.guest = new StackGuest(this.cable.b, clock, random32);
    this.cable.b.connect({
      receive: (frame) => this.toGuest.push(frame.slice()),
      canReceive: () => this.toGuest.length < WAITING_MAX, linkChanged: () => {}, sendReady: () => {},
    });
    this.turn();
  }

  private readonly turn = (): void => {
    if (this.isStopped) return;
    const wasFull = this.toGuest.length >= WAITING_MAX;
    for (const frame of this.toGuest.splice(0)) {
      this.seen(frame);
      this.guest.receive(frame);
    }
    if (wasFull) this.cable.b.receiveReady();
    for (const part of [this.gateway, this.guest]) if (part.nextDeadline() <= clock.nowNs()) part.poll(clock.nowNs());
    setImmediate(this.turn);
  };

  [Symbol.dispose](): void {
    this.isStopped = true;
    this.gateway.close();
  }
}

/** Looks again until it is so. */
export async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !condition(); ) {
    assert.ok(Date.now() < end, "timed out");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
