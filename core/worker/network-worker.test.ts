import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { type NicConnection, Topology } from "../api/network.ts";
import { type FromNetworkWorker, NIC_LINK_BYTES, type ToNetworkWorker } from "../api/network-protocol.ts";
import { CONTROL_BYTES, ControlWord } from "../api/worker-protocol.ts";
import { NetworkGuest } from "../testkit/network-guest.ts";
import { NicLinkEnd, nicLinkBuffer } from "./nic-link.ts";

const access = (vlan: number): NicConnection => ({ switch: "lan", vlans: { mode: "access", vlan } });
type Query = Extract<ToNetworkWorker, { queryId: number }>;
type WithoutId<T> = T extends unknown ? Omit<T, "queryId"> : never;

/** A real thread, and guests at the machine's end of real rings. */
class Bench {
  readonly messages: FromNetworkWorker[] = [];
  private readonly worker: Worker;
  private readonly doorbell = new SharedArrayBuffer(8);
  private readonly waiting = new Set<() => void>();
  private queries = 0;
  isOver = false;

  constructor(t: TestContext) {
    this.worker = new Worker(new URL("./network-worker.ts", import.meta.url), { workerData: { doorbell: this.doorbell, allowsOutside: false, seed: 1 } });
    this.worker.on("message", (message: FromNetworkWorker) => {
      this.messages.push(message);
      this.stir();
    });
    this.worker.on("exit", () => {
      this.isOver = true;
      this.stir();
    });
    t.after(() => this.worker.terminate());
  }

  post(message: ToNetworkWorker): void {
    this.worker.postMessage(message);
  }

  /** Sends an order and settles with its answer. */
  async ask(order: WithoutId<Query>): Promise<FromNetworkWorker> {
    const queryId = ++this.queries;
    this.post({ ...order, queryId } as ToNetworkWorker);
    return this.until(() => this.messages.find((each) => (each.kind === "done" || each.kind === "packet") && each.queryId === queryId));
  }

  async done(order: WithoutId<Query>): Promise<string | null> {
    const answer = await this.ask(order);
    return answer.kind === "done" ? answer.failure : assert.fail(answer.kind);
  }

  /** `isDeaf`: it never looks into its ring again. */
  async guest(machine: string, last: number, connection: NicConnection, isDeaf = false): Promise<NetworkGuest> {
    const buffer = nicLinkBuffer();
    const control = new SharedArrayBuffer(CONTROL_BYTES);
    const bell = new Int32Array(this.doorbell);
    const end = new NicLinkEnd(buffer, "machine", () => {
      Atomics.add(bell, 0, 1);
      Atomics.notify(bell, 0);
    });
    const mac = `52:54:00:00:00:0${last}`;
    const guest = new NetworkGuest(mac, end);
    const words = new Int32Array(control);
    const wiring = { connection, cable: true };
    assert.equal(await this.done({ kind: "attach", link: `${machine}-id/nic0`, machine, mac, buffer, control, wiring }), null);
    if (isDeaf) return guest;
    void this.serve(words, end);
    await this.until(() => guest.carrier.at(-1) === "up" || undefined);
    return guest;
  }

  /** What a machine's thread does when it is woken. */
  private async serve(words: Int32Array, end: NicLinkEnd): Promise<void> {
    while (!this.isOver) {
      const seen = Atomics.load(words, ControlWord.SIGNAL);
      if (end.poll() > 0) this.stir();
      const wait = Atomics.waitAsync(words, ControlWord.SIGNAL, seen);
      if (wait.async) await wait.value;
    }
  }

  /** Settles with what `look` finds, as soon as it finds something. */
  async until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      assert.ok(!this.isOver, "the thread has ended");
      await new Promise<void>((resolve) => {
        this.waiting.add(resolve);
      });
    }
  }

  private stir(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

const TOPOLOGY = Topology.parse({
  version: 1, switches: [{ name: "lan" }], gateways: [{ name: "gw", switch: "lan", vlan: 10, network: "10.0.10.0/24" }],
});

test("the size of a card's buffer is the ring's", () => {
  assert.equal(nicLinkBuffer().byteLength, NIC_LINK_BYTES);
});

test("frames pass between two machines, addresses come from the gateway, and a fence stands between VLANs", async (t) => {
  const bench = new Bench(t);
  assert.equal(await bench.done({ kind: "topology", topology: TOPOLOGY }), null);
  const a = await bench.guest("a", 1, access(10));
  const b = await bench.guest("b", 2, access(10));
  const c = await bench.guest("c", 3, access(20));
  a.send(7);
  assert.equal(await bench.until(() => b.markers()[0]), 7);
  a.requestAddress("a");
  assert.equal(await bench.until(() => a.offeredAddress()), "10.0.10.10");
  assert.deepEqual(c.take(), []);
  assert.equal(await bench.done({ kind: "wire", link: "b-id/nic0", wiring: { connection: access(20), cable: true } }), null);
  await bench.until(() => (b.carrier.length === 3 ? true : undefined));
  c.send(8);
  assert.equal(await bench.until(() => b.markers().find((marker) => marker === 8)), 8);
  const bad = { ...TOPOLOGY, gateways: [{ ...TOPOLOGY.gateways[0]!, switch: "none" }] };
  assert.match((await bench.done({ kind: "topology", topology: bad })) ?? "", /switch none, which does not exist/);
  assert.match((await bench.done({ kind: "wire", link: "x/nic0", wiring: { connection: null, cable: true } })) ?? "", /There is no link/);
  bench.post({ kind: "detach", link: "b-id/nic0" });
  await bench.until(() => (b.carrier.at(-1) === "down" ? true : undefined));
});

test("a machine that does not read its ring loses its own frames, and nobody else's", async (t) => {
  const bench = new Bench(t);
  await bench.done({ kind: "topology", topology: TOPOLOGY });
  const deaf = await bench.guest("deaf", 3, access(10), true);
  const a = await bench.guest("a", 1, access(10));
  const b = await bench.guest("b", 2, access(10));
  const got: number[] = [];
  // 3 MB to everybody, in steps that the others keep up with; the deaf one's ring holds 1 MB.
  for (let n = 0; n < 40; n++) {
    for (let i = 0; i < 50; i++) a.send(n, undefined, 1514);
    await bench.until(() => (got.push(...b.markers()) >= (n + 1) * 50 ? true : undefined));
  }
  assert.equal(got.length, 2000);
  assert.deepEqual(deaf.frames, []);
  bench.post({ kind: "watch", intervalMs: 5 });
  const links = await bench.until(() => bench.messages.flatMap((each) => (each.kind === "stats" ? [each.stats.links] : []))[0]);
  const overrun = (link: string): number => links.find((each) => each.link === link)?.drops["overrun"] ?? 0;
  assert.ok(overrun("deaf-id/nic0") > 1000);
  assert.equal(overrun("b-id/nic0"), 0);
});

test("statistics come when they are asked for and something has changed", async (t) => {
  const bench = new Bench(t);
  await bench.done({ kind: "topology", topology: TOPOLOGY });
  const a = await bench.guest("a", 1, access(10));
  await bench.guest("b", 2, access(10));
  bench.post({ kind: "watch", intervalMs: 5 });
  const sent = (count: number) => () =>
    bench.messages.find((each) => each.kind === "stats" && each.stats.links.some((link) => link.link === "b-id/nic0" && link.sentFrames >= count));
  await bench.until(() => bench.messages.find((each) => each.kind === "stats"));
  a.send(1);
  await bench.until(sent(1));
  bench.post({ kind: "watch", intervalMs: 0 });
});

test("a capture shows rows and packets, writes a file, and is saved", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-capture-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const bench = new Bench(t);
  await bench.done({ kind: "topology", topology: TOPOLOGY });
  const path = join(folder, "a.0.pcapng");
  assert.equal(await bench.done({ kind: "capture", captureId: "one", link: "a-id/nic0", path, isLive: true }), null);
  assert.match((await bench.done({ kind: "capture", captureId: "two", link: "a-id/nic0", path: join(folder, "none", "x"), isLive: false })) ?? "", /cannot be written/);
  const a = await bench.guest("a", 1, access(10));
  const b = await bench.guest("b", 2, access(10));
  const rows = () => bench.messages.flatMap((each) => (each.kind === "packets" ? each.rows : []));
  a.send(1);
  await bench.until(() => b.markers()[0]);
  b.send(2);
  await bench.until(() => (rows().length >= 2 ? true : undefined));
  assert.deepEqual(rows().map(({ number, direction, protocol, length }) => [number, direction, protocol, length]), [[1, "out", "Ethernet", 60], [2, "in", "Ethernet", 60]]);
  const answer = await bench.ask({ kind: "packet", captureId: "one", number: 2 });
  assert.ok(answer.kind === "packet" && answer.details?.bytes.startsWith("ffffffffffff525400000002"));
  assert.equal(await bench.done({ kind: "stopCapture", captureId: "one" }), null);
  const saved = join(folder, "saved.pcapng");
  assert.equal(await bench.done({ kind: "saveCapture", captureId: "one", path: saved }), null);
  assert.match((await bench.done({ kind: "saveCapture", captureId: "two", path: saved })) ?? "", /There is no capture two/);
  for (const file of [path, saved]) {
    const bytes = readFileSync(file);
    assert.equal(bytes.readUInt32LE(0), 0x0a0d0d0a);
    assert.equal(blocks(bytes).filter((type) => type === 6).length, 2);
    assert.equal(blocks(bytes).at(-1), 5);
  }
});

function blocks(file: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at < file.length; at += file.readUInt32LE(at + 4)) types.push(file.readUInt32LE(at));
  return types;
}

test("the thread ends when it is told to", async (t) => {
  const bench = new Bench(t);
  await bench.done({ kind: "topology", topology: TOPOLOGY });
  bench.post({ kind: "shutdown" });
  await new Promise<void>((resolve) => {
    const look = setInterval(() => {
      if (!bench.isOver) return;
      clearInterval(look);
      resolve();
    }, 5);
  });
});
