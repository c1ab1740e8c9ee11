// How fast the network's thread is between the rings of two cards, and how long a frame takes there and back between two threads that
// sleep in between, as halted machines do.
import { Worker } from "node:worker_threads";
import { Nic, type Topology } from "../api/network.ts";
import type { NicStart } from "../api/network-protocol.ts";
import { CONTROL_BYTES, ControlWord } from "../api/worker-protocol.ts";
import { VirtualNetwork } from "../hypervisor/network.ts";
import { networkSpawner } from "../hypervisor/network-thread.ts";
import { writeEthernet } from "../network/wire/ethernet.ts";
import { NicLinkEnd } from "../worker/nic-link.ts";
import type { EchoStart } from "./network-echo.ts";

const LAN: Topology = { version: 1, switches: [{ name: "lan" }], trunks: [], gateways: [], bridges: [], rules: [], vlanNames: {}, places: {} };
const MACS = ["52:54:00:00:00:01", "52:54:00:00:00:02"] as const;
const NUMBERS = [0x5254_0000_0001, 0x5254_0000_0002] as const;

interface Card {
  nic: NicStart;
  control: SharedArrayBuffer;
}

async function withNetwork<T>(work: (attach: (n: 0 | 1, control?: SharedArrayBuffer) => Promise<Card>) => Promise<T>): Promise<T> {
  const network = new VirtualNetwork({ spawn: networkSpawner(new URL("../worker/network-worker.ts", import.meta.url)), store: null, allowsOutside: false, seed: 1 });
  try {
    await network.update(LAN);
    return await work(async (n, control = new SharedArrayBuffer(CONTROL_BYTES)) => {
      const card = Nic.parse({ id: "nic0", mac: MACS[n], connection: { switch: "lan", vlans: { mode: "access", vlan: 1 } } });
      return { nic: await network.attach(`machine-${n}`, `machine-${n}`, card, control), control };
    });
  } finally {
    await network.close();
  }
}

function machineEnd({ nic }: Card, receive: (frame: Uint8Array) => void): NicLinkEnd {
  const bell = new Int32Array(nic.doorbell);
  const end = new NicLinkEnd(nic.link, "machine", () => {
    Atomics.add(bell, 0, 1);
    Atomics.notify(bell, 0);
  });
  end.connect({ receive, canReceive: () => true, linkChanged: () => undefined, sendReady: () => undefined });
  return end;
}

function frameFrom(n: 0 | 1, bytes: number): Uint8Array {
  const frame = new Uint8Array(bytes);
  writeEthernet(frame, 0, NUMBERS[n === 0 ? 1 : 0], NUMBERS[n], 0x88b5);
  return frame;
}

/** Sleeps as a machine does, for the card's sake. */
function sleep(control: SharedArrayBuffer, end: NicLinkEnd): void {
  const words = new Int32Array(control);
  const seen = Atomics.load(words, ControlWord.SIGNAL);
  if (end.poll() === 0) Atomics.wait(words, ControlWord.SIGNAL, seen, 1000);
}

/** Frames a second from one card to another. */
export function threadRate(frameBytes: number, seconds: number): Promise<number> {
  return withNetwork(async (attach) => {
    const a = await attach(0);
    const b = await attach(1, a.control);
    const words = new Int32Array(a.control);
    let received = 0;
    const from = machineEnd(a, () => undefined);
    const to = machineEnd(b, () => void received++);
    const back = frameFrom(1, frameBytes);
    while (!from.linkUp || !to.linkUp) {
      sleep(a.control, from);
      sleep(b.control, to);
    }
    to.send(back);
    const frame = frameFrom(0, frameBytes);
    const run = (ms: number): number => {
      const startMs = performance.now();
      const before = received;
      let nowMs = startMs;
      for (; nowMs - startMs < ms; nowMs = performance.now()) {
        const seen = Atomics.load(words, ControlWord.SIGNAL);
        let done = 0;
        for (; done < 64 && from.canSend(); done++) from.send(frame);
        done += to.poll(256);
        // A machine whose card can neither send nor receive gives its processor away.
        if (done + from.poll() === 0) Atomics.wait(words, ControlWord.SIGNAL, seen, 1);
      }
      return ((received - before) * 1000) / (nowMs - startMs);
    };
    run(500);
    return run(seconds * 1000);
  });
}

/** Microseconds there and back, of each of `rounds` frames, one at a time. */
export function threadRoundTrips(rounds: number): Promise<number[]> {
  return withNetwork(async (attach) => {
    const [a, b] = [await attach(0), await attach(1)];
    const echo = new Worker(new URL("./network-echo.ts", import.meta.url), { workerData: { nic: b.nic, control: b.control } satisfies EchoStart });
    let received = 0;
    const end = machineEnd(a, () => void received++);
    const frame = frameFrom(0, 98);
    const times: number[] = [];
    try {
      while (!end.linkUp) sleep(a.control, end);
      for (let n = 0; n < rounds; n++) {
        const before = received;
        const startMs = performance.now();
        end.send(frame);
        while (received === before && performance.now() - startMs < 1000) sleep(a.control, end);
        if (received > before) times.push((performance.now() - startMs) * 1000);
      }
      return times;
    } finally {
      await echo.terminate();
    }
  });
}

/** Percent of one core that this process and the network's thread take with two joined cards on which nothing happens. */
export function idlePercent(seconds: number): Promise<number> {
  return withNetwork(async (attach) => {
    const ends = [machineEnd(await attach(0), () => undefined), machineEnd(await attach(1), () => undefined)];
    for (const end of ends) end.poll();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e4 / seconds;
  });
}
