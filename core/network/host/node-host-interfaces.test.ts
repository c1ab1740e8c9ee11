import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { NetworkGuest } from "../../testkit/network-guest.ts";
import type { JointState } from "../fabric/bridges.ts";
import { TAP_HEADER_BYTES } from "../offload/tap-packets.ts";
import { Cable } from "../port.ts";
import type { InterfaceFault, Macvtap } from "./macvtap.ts";
import { NodeHostInterfaces, spawnTapProgram, type TapProcess } from "./node-host-interfaces.ts";
import { RECORD_HEADER_BYTES, RecordReader, writeRecordLength } from "./tap-records.ts";

const FOUND: Macvtap = { index: 7, device: "/dev/tap7", numbers: "246:1" };
const MISSING: InterfaceFault = { fault: "missing", message: "This host has no interface vmtap0.", remedy: ["ip link add"] };

function recordOf(payload: Uint8Array): Uint8Array {
  const record = new Uint8Array(RECORD_HEADER_BYTES + payload.length);
  writeRecordLength(record, 0, payload.length);
  record.set(payload, RECORD_HEADER_BYTES);
  return record;
}

/** A process by hand: a test reads what it was sent and says what it says. */
class FakeProcess extends EventEmitter implements TapProcess {
  readonly stdin = new PassThrough({ highWaterMark: 1 << 16 });
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  isKilled = false;

  kill(): void {
    this.isKilled = true;
  }

  opens(): void {
    this.stdout.write(recordOf(new Uint8Array(0)));
  }

  hands(frame: Uint8Array): void {
    this.stdout.write(recordOf(Buffer.concat([new Uint8Array(TAP_HEADER_BYTES), frame])));
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function bench(t: TestContext, found: Macvtap | InterfaceFault = FOUND) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const host = { found };
  const processes: FakeProcess[] = [];
  const states: JointState[] = [];
  const cable = new Cable();
  const guest = new NetworkGuest("52:54:00:00:00:01", cable.a);
  let wakes = 0;
  const interfaces = new NodeHostInterfaces({
    wake: () => wakes++,
    find: () => host.found,
    spawn: () => {
      const made = new FakeProcess();
      processes.push(made);
      return made;
    },
  });
  const joint = interfaces.join("vmtap0", cable.b, (state) => states.push(state));
  const last = (): FakeProcess => processes.at(-1) ?? assert.fail("no process");
  return { host, processes, states, cable, guest, joint, last, wakes: () => wakes, tick: (ms: number) => t.mock.timers.tick(ms) };
}

test("frames go both ways once the device is open, and the owner is woken", async (t) => {
  const { guest, states, last, joint, wakes } = bench(t);
  guest.send(1);
  assert.deepEqual([states.map(({ state }) => state), guest.carrier], [["connecting"], []]);
  last().opens();
  await turn();
  assert.deepEqual([states.at(-1)?.state, guest.carrier], ["connected", ["up"]]);
  guest.send(2);
  guest.send(3, undefined, 1514);
  await turn();
  const sent: Uint8Array[] = [];
  assert.ok(new RecordReader().push(last().stdin.read() as Uint8Array, (record) => sent.push(record.slice())));
  assert.deepEqual(sent.map((record) => [record.length, record.subarray(0, TAP_HEADER_BYTES).every((octet) => octet === 0), record[TAP_HEADER_BYTES + 14]]), [[70, true, 2], [1524, true, 3]]);
  const before = wakes();
  last().hands(sent[0]!.subarray(TAP_HEADER_BYTES));
  await turn();
  assert.deepEqual([guest.markers(), wakes() > before], [[2], true]);
  joint.close();
  assert.deepEqual([last().isKilled, guest.carrier], [true, ["up", "down"]]);
});

test("what is too much for the host is refused, not kept", async (t) => {
  const { cable, guest, last, joint } = bench(t);
  last().opens();
  await turn();
  let refused = 0;
  for (let n = 0; n < 5000; n++) {
    if (!cable.a.canSend()) refused++;
    guest.send(1, undefined, 1514);
  }
  assert.ok(refused > 3000);
  await turn();
  assert.ok(last().stdin.writableLength <= (1 << 20) + 2000);
  while (last().stdin.read() !== null);
  await turn();
  assert.ok(cable.a.canSend(), "and goes on when there is room");
  joint.close();
});

test("an interface that is not there is waited for, and one that goes or is made anew is left", async (t) => {
  const { host, states, processes, guest, tick, joint, last } = bench(t, MISSING);
  assert.deepEqual([states, processes.length], [[{ state: "failed", ...MISSING }], 0]);
  host.found = FOUND;
  tick(2000);
  last().opens();
  await turn();
  assert.equal(states.at(-1)?.state, "connected");
  tick(2000);
  assert.equal(processes.length, 1, "it stays");
  host.found = { ...FOUND, index: 8 };
  tick(2000);
  assert.deepEqual([processes.length, processes[0]?.isKilled, guest.carrier], [2, true, ["up", "down"]]);
  last().opens();
  await turn();
  processes[0]?.emit("close");
  processes[0]?.hands(new Uint8Array(60));
  await turn();
  assert.deepEqual([states.at(-1)?.state, guest.frames.length], ["connected", 0], "of the one that was left nothing is heard");
  host.found = MISSING;
  tick(2000);
  assert.deepEqual([last().isKilled, states.at(-1)?.fault, guest.carrier.at(-1)], [true, "missing", "down"]);
  joint.close();
  host.found = FOUND;
  tick(10_000);
  assert.equal(processes.length, 2, "closed is closed");
});

test("a process that ends is started again after ever longer pauses, and says why it ended", async (t) => {
  const { states, processes, tick, joint, last } = bench(t);
  for (const [reason, fault] of [["EBUSY", "busy"], ["EACCES", "forbidden"], ["no node", "noNode"], ["ENOENT", "lost"], ["", "lost"]] as const) {
    if (reason === "no node") last().emit("error", Object.assign(new Error("spawn node ENOENT"), { code: "ENOENT" }));
    else last().stderr.write(`${reason}\n`);
    await turn();
    last().emit("close");
    assert.equal(states.at(-1)?.fault, fault);
    const count = processes.length;
    const pauseMs = 2000 * 2 ** (count - 1);
    tick(pauseMs - 1);
    assert.equal(processes.length, count);
    tick(1);
    assert.equal(processes.length, count + 1);
  }
  last().stdout.write(new Uint8Array(8).fill(255));
  await turn();
  assert.ok(last().isKilled, "nonsense is not listened to");
  joint.close();
});

const mkfifo = process.platform === "linux" && spawnSync("mkfifo", ["--version"]).status === 0;

test("the program at a device: what is written to it is read from it, a second one is refused", { skip: !mkfifo && "this host has no mkfifo, or no abstract sockets" }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-tap-"));
  t.after(() => rmSync(folder, { recursive: true }));
  // A pipe that is open for both gives back what it gets: one packet at a time keeps its bounds.
  const device = join(folder, "tap");
  assert.equal(spawnSync("mkfifo", [device]).status, 0);
  const found: Macvtap = { index: process.pid, device, numbers: "0:0" };
  const cable = new Cable();
  const guest = new NetworkGuest("52:54:00:00:00:01", cable.a);
  const changes = new EventEmitter();
  const made: TapProcess[] = [];
  const spawn = (at: Macvtap): TapProcess => {
    const started = spawnTapProgram(at);
    made.push(started);
    return started;
  };
  const interfaces = new NodeHostInterfaces({ wake: () => changes.emit("wake"), find: () => found, spawn });
  const next = () => once(changes, "state") as Promise<[JointState]>;
  const opened = next();
  let joint = { close: () => {} };
  joint = interfaces.join("vmtap0", cable.b, (state) => state.state !== "connecting" && changes.emit("state", state));
  t.after(() => joint.close());
  assert.equal((await opened)[0].state, "connected");
  for (const length of [60, 1514, 42]) {
    const back = once(changes, "wake");
    guest.send(length & 255, undefined, length);
    await back;
    assert.deepEqual(guest.take().map((frame) => [frame.length, frame[14]]), [[length, length & 255]]);
  }
  const refused = next();
  const other = interfaces.join("vmtap0", new Cable().a, (state) => state.state !== "connecting" && changes.emit("state", state));
  assert.equal((await refused)[0].fault, "busy");
  other.close();
  const [first] = made;
  const closed = once(first as unknown as EventEmitter, "close");
  joint.close();
  await closed;
  assert.deepEqual(guest.carrier, ["up", "down"]);
});

/** The program, with a named pipe for its device. */
function programAtFifo(t: TestContext): { device: string; program: ReturnType<typeof spawnTapProgram> } {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-tap-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const device = join(folder, "tap");
  assert.equal(spawnSync("mkfifo", [device]).status, 0);
  const program = spawnTapProgram({ index: process.pid, device, numbers: "0:0" });
  return { device, program };
}

test("the program waits for whoever reads slowly, and loses nothing", { skip: !mkfifo && "this host has no mkfifo, or no abstract sockets" }, async (t) => {
  const { device, program } = programAtFifo(t);
  const sent = Buffer.from(Uint8Array.from({ length: 4_000_000 }, (_, n) => n * 31 + (n >> 8)));
  const writing = writeFile(device, sent);
  const found: Uint8Array[] = [];
  let have = 0;
  const records = new RecordReader();
  for await (const chunk of program.stdout) {
    assert.ok(records.push(chunk as Buffer, (record) => found.push(record.slice())));
    have = found.reduce((sum, record) => sum + record.length, 0);
    if (have >= sent.length) break;
    // A turn of the event loop for each piece: the other side is far ahead.
    await turn();
  }
  await writing;
  assert.ok(Buffer.concat(found).equals(sent));
  program.stdin.end();
});

test("the program ends with its standard input, although its thread reads", { skip: !mkfifo && "this host has no mkfifo, or no abstract sockets" }, async (t) => {
  const { device, program } = programAtFifo(t);
  await once(program.stdout, "data");
  const closed = once(program as unknown as EventEmitter, "close");
  program.stdin.end();
  await closed;
  const wrong = spawnTapProgram({ index: process.pid, device, numbers: "246:1" });
  const [said] = (await once(wrong.stderr, "data")) as [Buffer];
  assert.equal(said.toString(), "ENXIO\n", "another device under its name is not opened");
});
