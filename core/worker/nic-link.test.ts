import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { FRAME_MAX_BYTES, type NetPortClient } from "../network/port.ts";
import type { EchoStart } from "./nic-link.fixture.ts";
import { NicLinkEnd, nicLinkBuffer } from "./nic-link.ts";

class Client implements NetPortClient {
  readonly log: string[] = [];
  readonly frames: Uint8Array[] = [];
  isOpen = true;
  receive(frame: Uint8Array): void {
    this.frames.push(frame.slice());
  }
  canReceive(): boolean {
    return this.isOpen;
  }
  linkChanged(up: boolean): void {
    this.log.push(up ? "up" : "down");
  }
  sendReady(): void {
    this.log.push("ready");
  }
}

function cable() {
  const buffer = nicLinkBuffer();
  const wakes = { machine: 0, network: 0 };
  const machine = new NicLinkEnd(buffer, "machine", () => wakes.network++);
  const network = new NicLinkEnd(buffer, "network", () => wakes.machine++);
  const a = new Client();
  const b = new Client();
  const joined = () => {
    machine.connect(a);
    network.connect(b);
    machine.poll();
    network.poll();
    wakes.machine = wakes.network = 0;
    a.log.length = b.log.length = 0;
  };
  return { buffer, wakes, machine, network, a, b, joined };
}

const frameOf = (n: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (n + i) & 0xff);

test("carrier comes with both ends, goes with either, and a short loss of it is told", () => {
  const { machine, network, a, b, wakes } = cable();
  machine.connect(a);
  assert.equal(machine.linkUp, false);
  network.connect(b);
  assert.deepEqual(b.log, ["up"]);
  assert.equal(wakes.machine, 1);
  assert.ok(machine.poll() > 0);
  assert.deepEqual(a.log, ["up"]);
  network.setPlugged(false);
  network.setPlugged(true);
  machine.poll();
  assert.deepEqual(a.log, ["up", "down", "up"]);
  network.setPlugged(false);
  machine.send(frameOf(0, 60));
  network.poll();
  assert.deepEqual(b.frames, []);
  machine.poll();
  assert.equal(machine.linkUp, false);
  assert.equal(machine.canSend(), false);
  network.setPlugged(true);
  machine.poll();
  machine.connect(null);
  network.poll();
  assert.equal(b.log.at(-1), "down");
});

test("frames of every length arrive whole and in order, over the end of the ring many times", () => {
  const { machine, network, b, joined } = cable();
  joined();
  const sent: number[] = [];
  let n = 0;
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 100; i++, n++) {
      const length = i % 10 === 0 ? FRAME_MAX_BYTES - (n % 50) : 14 + ((n * 37) % 1600);
      machine.send(frameOf(n, length));
      sent.push(length);
    }
    while (network.poll(7) > 0);
  }
  assert.equal(b.frames.length, n);
  for (const [i, frame] of b.frames.entries()) assert.deepEqual(frame, frameOf(i, sent[i] ?? 0));
});

test("what is no frame is not carried", () => {
  const { machine, network, b, joined } = cable();
  joined();
  for (const length of [0, 13, FRAME_MAX_BYTES + 1, 1 << 20]) machine.send(new Uint8Array(length));
  assert.equal(network.poll(), 0);
  assert.deepEqual(b.frames, []);
});

test("a sleeping reader is woken once for many frames, a busy one not at all", () => {
  const { machine, network, wakes, joined } = cable();
  joined();
  for (let n = 0; n < 50; n++) machine.send(frameOf(n, 100));
  assert.equal(wakes.network, 1);
  assert.equal(network.poll(10), 10);
  machine.send(frameOf(0, 100));
  assert.equal(wakes.network, 1);
  while (network.poll() > 0);
  machine.send(frameOf(0, 100));
  assert.equal(wakes.network, 2);
});

test("a full ring refuses, loses nothing it took, and calls when half of it is free", () => {
  const { machine, network, a, b, wakes, joined } = cable();
  joined();
  let n = 0;
  while (machine.canSend()) machine.send(frameOf(n++, 1514));
  assert.ok(n > 600);
  wakes.machine = 0;
  network.poll(10);
  assert.equal(wakes.machine, 0);
  network.poll(n);
  assert.equal(wakes.machine, 1);
  machine.poll();
  assert.deepEqual(a.log, ["ready"]);
  assert.equal(b.frames.length, n);
  assert.deepEqual(b.frames.at(-1), frameOf(n - 1, 1514));
});

test("frames wait for a client that is full, and come when it says so", () => {
  const { machine, network, b, wakes, joined } = cable();
  joined();
  b.isOpen = false;
  machine.send(frameOf(1, 60));
  assert.equal(network.poll(), 0);
  machine.send(frameOf(2, 60));
  assert.equal(wakes.network, 1);
  b.isOpen = true;
  network.receiveReady();
  assert.equal(b.frames.length, 2);
});

test("a ring that holds nonsense costs its frames and nothing else", () => {
  for (const spoil of [
    (words: Int32Array) => words.fill(-2, 1024, 1024 + 4096),
    (words: Int32Array) => words.fill(-1, 1024, 1024 + 4096),
    (words: Int32Array) => words.fill(0, 1024, 1024 + 4096),
    (words: Int32Array) => words.fill(FRAME_MAX_BYTES, 1024, 1024 + 4096),
    (words: Int32Array) => (words[0] = 0x7fff_fff0),
    (words: Int32Array) => (words[0] = 5),
  ]) {
    const { buffer, machine, network, b, joined } = cable();
    joined();
    machine.send(frameOf(1, 100));
    spoil(new Int32Array(buffer));
    for (let i = 0; i < 10; i++) network.poll();
    assert.ok(b.frames.every((frame) => frame.length <= FRAME_MAX_BYTES));
    assert.equal(network.poll(), 0);
  }
});

test("a million frames go to another thread and come back byte-exact, both threads sleeping in between", { timeout: 300_000 }, async () => {
  const COUNT = 1_000_000;
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const farBell = new Int32Array(new SharedArrayBuffer(4));
  const link = nicLinkBuffer();
  const start: EchoStart = { link, bell: farBell.buffer as SharedArrayBuffer, farBell: bell.buffer as SharedArrayBuffer };
  const worker = new Worker(new URL("nic-link.fixture.ts", import.meta.url), { workerData: start });
  const gone = new Promise((resolve) => worker.on("exit", resolve));
  const end = new NicLinkEnd(link, "machine", () => {
    Atomics.add(farBell, 0, 1);
    Atomics.notify(farBell, 0);
  });
  const lengthOf = (n: number): number => (n % 1000 === 0 ? FRAME_MAX_BYTES - (n % 17) : 14 + ((n * 7919) % 300));
  const pattern = Buffer.from(Uint8Array.from({ length: 256 + FRAME_MAX_BYTES }, (_, i) => (i * 31) & 0xff));
  const views = new Map<number, Buffer>();
  const expected = (n: number): Buffer => {
    const key = (n & 0xff) * 16384 + lengthOf(n);
    let view = views.get(key);
    view ??= pattern.subarray(n & 0xff, (n & 0xff) + lengthOf(n));
    views.set(key, view);
    return view;
  };
  let wrong = 0;
  let received = 0;
  end.connect({
    receive: (frame) => {
      if (Buffer.compare(expected(received), frame) !== 0) wrong++;
      received++;
    },
    canReceive: () => true,
    linkChanged: () => undefined,
    sendReady: () => undefined,
  });
  for (let sent = 0; received < COUNT; ) {
    const seen = Atomics.load(bell, 0);
    let work = end.poll(100);
    for (let burst = 0; burst < 64 && sent < COUNT && end.canSend(); burst++, work++) end.send(expected(sent++));
    if (work === 0 && Atomics.wait(bell, 0, seen, 30_000) === "timed-out") assert.fail(`nothing came for 30 s: sent ${sent}, received ${received}`);
  }
  assert.equal(wrong, 0);
  end.connect(null);
  await gone;
});
