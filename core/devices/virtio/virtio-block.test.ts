import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryBackend } from "../../storage/memory-backend.ts";
import type { BlockBackend, BlockClient, BlockError, BlockRequest } from "../../storage/block.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { patternedBytes } from "../../testkit/memory-disk.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { VirtioBench } from "../../testkit/virtio-bench.ts";
import { type StartOptions, VirtioDriver } from "../../testkit/virtio-driver.ts";
import type { Buffer } from "../../testkit/virtio-driver-queue.ts";
import { BLOCK_CONFIG_BYTES } from "./virtio-block-config.ts";
import { VirtioBlock } from "./virtio-block.ts";
import { MODERN_BYTES, legacyBytes } from "./virtio-pci.ts";

const IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13;
const SECTORS = 2048;
const UNTOUCHED = 0xee;

/** A disk that answers when told, remembers what it was asked, and can fail. */
class SlowDisk implements BlockBackend {
  readonly contents: Uint8Array;
  readonly isReadOnly: boolean;
  readonly asked: BlockRequest[] = [];
  waiting: BlockRequest[] = [];
  drops = 0;
  error: BlockError | null = null;
  private client: BlockClient | undefined;

  constructor(contents: Uint8Array, isReadOnly = false) {
    this.contents = contents;
    this.isReadOnly = isReadOnly;
  }
  get sizeBytes(): number {
    return this.contents.length;
  }
  attach(client: BlockClient): void {
    this.client = client;
  }
  submit(request: BlockRequest): void {
    const kept = { ...request };
    if (request.operation === "write" && request.data) kept.data = request.data.slice();
    this.asked.push(kept);
    this.waiting.push(kept);
  }
  drop(): void {
    this.drops++;
    this.waiting = [];
  }
  /** Ends one request, the newest first if asked to. */
  answer(newestFirst = false): void {
    const request = newestFirst ? this.waiting.pop() : this.waiting.shift();
    if (!request) return;
    const { operation, offset, length, data } = request;
    if (this.error === null) {
      if (operation === "read") data?.set(this.contents.subarray(offset, offset + length));
      if (operation === "write") this.contents.set(data ?? [], offset);
      if (operation === "discard") this.contents.fill(0xdd, offset, offset + length);
    }
    this.client?.blockDone(request.tag, this.error);
  }
  answerAll(): void {
    while (this.waiting.length > 0) this.answer();
  }
}

interface Options {
  kind?: "modern" | "legacy";
  start?: StartOptions;
  isReadOnly?: boolean;
  queueCount?: number;
  bench?: DeviceBench;
  sectors?: number;
}

function machine(options: Options = {}) {
  const pc = new VirtioBench(options.bench ?? new DeviceBench(), 16 << 20);
  const disk = new SlowDisk(patternedBytes((options.sectors ?? SECTORS) * 512), options.isReadOnly);
  const activity: string[] = [];
  const device: VirtioBlock = pc.plug(
    new VirtioBlock("disk0", pc.ports(() => device), {
      backend: disk, serial: "RF-0001", events: { onActivity: (what) => activity.push(what) }, queueCount: options.queueCount ?? 1,
    }),
  );
  return { pc, disk, device, activity };
}

function started(options: Options = {}) {
  const made = machine(options);
  const driver = new VirtioDriver(made.pc, options.kind).start(options.start);
  return { ...made, driver, ...operations(made.pc, driver) };
}

function operations(pc: VirtioBench, driver: VirtioDriver) {
  const { ram } = pc;
  /** Puts a request together; the data buffers lie between header and status. */
  const request = (type: number, sector: number, data: Buffer[], queueIndex = 0): { status: () => number; head: number } => {
    const header = driver.allocate(16);
    ram.view.setUint32(header, type, true);
    ram.view.setUint32(header + 8, sector % 2 ** 32, true);
    ram.view.setUint32(header + 12, Math.floor(sector / 2 ** 32), true);
    const status = driver.allocate(1, 1);
    ram.bytes[status] = UNTOUCHED;
    const head = driver.queue(queueIndex).add({ gpa: header, length: 16 }, ...data, { gpa: status, length: 1, isWritable: true });
    return { status: () => ram.bytes[status] ?? 0, head };
  };
  const buffer = (length: number, isWritable: boolean): Buffer => ({ gpa: driver.allocate(length, 512), length, isWritable });
  const bytesOf = ({ gpa, length }: Buffer): Uint8Array => ram.bytes.subarray(gpa, gpa + length);
  const range = (sector: number, count: number, flags = 0): Buffer => {
    const gpa = driver.allocate(16);
    ram.view.setUint32(gpa, sector, true);
    ram.view.setUint32(gpa + 8, count, true);
    ram.view.setUint32(gpa + 12, flags, true);
    return { gpa, length: 16 };
  };
  return { request, buffer, bytesOf, range };
}

const sectorBytes = (sector: number, count: number): Uint8Array => patternedBytes(SECTORS * 512).subarray(sector * 512, (sector + count) * 512);

describe("configuration", () => {
  test("capacity, limits, geometry and topology", () => {
    const { driver } = started({ queueCount: 3 });
    assert.equal(driver.config(0, 4), SECTORS);
    assert.equal(driver.config(4, 4), 0);
    assert.equal(driver.config(12, 4), 254);
    assert.deepEqual([driver.config(16, 2), driver.config(18, 1), driver.config(19, 1)], [2, 16, 63]);
    assert.equal(driver.config(20, 4), 512);
    assert.equal(driver.config(34, 2), 3);
    for (const feature of [2, 4, 6, 9, 10, 11, 12, 13, 14]) assert.ok(driver.isOffered(feature), `feature ${feature}`);
    assert.ok(!driver.isOffered(5));
  });

  test("a medium that cannot be written says so, and offers nothing that writes", () => {
    const { driver } = started({ isReadOnly: true });
    assert.ok(driver.isOffered(5));
    for (const feature of [12, 13, 14]) assert.ok(!driver.isOffered(feature));
  });

  test("a disk that is no whole number of sectors ends before the rest", () => {
    const pc = new VirtioBench();
    const device: VirtioBlock = pc.plug(new VirtioBlock("disk0", pc.ports(() => device), { backend: new MemoryBackend(1500) }));
    assert.equal(new VirtioDriver(pc).start().config(0, 4), 2);
  });
});

for (const kind of ["modern", "legacy"] as const) {
  describe(kind, () => {
    test("reads and writes in one piece and in many", () => {
      const { driver, disk, request, buffer, bytesOf, pc, activity } = started({ kind });
      const whole = buffer(4096, true);
      const parts = [512, 1024, 100, 412].map((length) => buffer(length, true));
      const one = request(IN, 5, [whole]);
      const two = request(IN, 100, [parts[0], parts[2], parts[3], parts[1]].map((part) => part ?? whole));
      driver.queue(0).kick();
      assert.equal(one.status(), UNTOUCHED, "nothing is done within the notification");
      disk.answerAll();
      assert.deepEqual([one.status(), two.status()], [0, 0]);
      assert.deepEqual(driver.queue(0).takeUsed(), [{ head: one.head, written: 4097 }, { head: two.head, written: 2049 }]);
      assert.deepEqual(bytesOf(whole), sectorBytes(5, 8));
      const got = [0, 2, 3, 1].flatMap((i) => [...bytesOf(parts[i] ?? whole)]);
      assert.deepEqual(got, [...sectorBytes(100, 4)]);
      assert.ok(pc.intx);

      const data = buffer(1024, false);
      for (let i = 0; i < data.length; i++) pc.ram.bytes[data.gpa + i] = i & 0xff;
      const three = request(OUT, 7, [{ ...data, length: 700 }, { gpa: data.gpa + 700, length: 324 }]);
      driver.queue(0).kick();
      pc.ram.bytes.fill(0, data.gpa, data.gpa + 1024); // the device has taken the data
      disk.answerAll();
      assert.equal(three.status(), 0);
      assert.deepEqual([...disk.contents.subarray(7 * 512, 9 * 512)], Array.from({ length: 1024 }, (_, i) => i & 0xff));
      assert.deepEqual(activity, ["read", "read", "write"]);
    });

    test("a flush goes to the medium, the id is the serial number, other types are unsupported", () => {
      const { driver, disk, request, buffer, bytesOf } = started({ kind });
      const id = buffer(20, true);
      const requests = [request(FLUSH, 0, []), request(GET_ID, 0, [id]), request(2, 0, []), request(0xffffffff, 0, [buffer(512, true)])];
      driver.queue(0).kick();
      disk.answerAll();
      assert.deepEqual(requests.map((r) => r.status()), [0, 0, 2, 2]);
      assert.deepEqual(disk.asked.map((r) => r.operation), ["flush"]);
      assert.equal(String.fromCharCode(...bytesOf(id)), "RF-0001".padEnd(20, "\0"));
    });
  });
}

test("header and data may share a descriptor, and data and status another", () => {
  const { driver, disk, pc } = started();
  const out = driver.allocate(16 + 512);
  const back = driver.allocate(512 + 1);
  pc.ram.view.setUint32(out, OUT, true);
  pc.ram.view.setUint32(out + 8, 3, true);
  pc.ram.bytes.fill(0x3c, out + 16, out + 16 + 512);
  const status = driver.allocate(1);
  driver.queue(0).add({ gpa: out, length: 528 }, { gpa: status, length: 1, isWritable: true });
  const header = driver.allocate(16);
  pc.ram.view.setUint32(header + 8, 3, true);
  driver.queue(0).add({ gpa: header, length: 16 }, { gpa: back, length: 513, isWritable: true });
  pc.ram.bytes[back + 512] = UNTOUCHED;
  driver.queue(0).kick();
  disk.answerAll();
  assert.ok(pc.ram.bytes.subarray(back, back + 512).every((b) => b === 0x3c));
  assert.equal(pc.ram.bytes[back + 512], 0);
});

test("what does not fit the medium, or is no whole sector, is an I/O error and reaches no medium", () => {
  const { driver, disk, request, buffer } = started();
  const statuses = [
    request(IN, SECTORS, [buffer(512, true)]),
    request(IN, SECTORS - 1, [buffer(1024, true)]),
    request(IN, 2 ** 32, [buffer(512, true)]),
    request(IN, 2 ** 63, [buffer(512, true)]),
    request(OUT, 2 ** 53, [buffer(512, false)]),
    request(IN, 0, [buffer(511, true)]),
    request(OUT, 0, [buffer(513, false)]),
  ];
  driver.queue(0).kick();
  assert.deepEqual(statuses.map((r) => r.status()), statuses.map(() => 1));
  assert.equal(disk.asked.length, 0);
  assert.ok(!driver.needsReset);
});

test("writes to a read-only disk and the medium's own errors are I/O errors", () => {
  const locked = started({ isReadOnly: true });
  const write = locked.request(OUT, 0, [locked.buffer(512, false)]);
  const discard = locked.request(DISCARD, 0, [locked.range(0, 8)]);
  locked.driver.queue(0).kick();
  assert.deepEqual([write.status(), discard.status(), locked.disk.asked.length], [1, 2, 0]);
  for (const error of ["io", "noSpace", "removed"] as const) {
    const { driver, disk, request, buffer } = started();
    disk.error = error;
    const requests = [request(IN, 0, [buffer(512, true)]), request(OUT, 0, [buffer(512, false)]), request(FLUSH, 0, [])];
    driver.queue(0).kick();
    disk.answerAll();
    assert.deepEqual(requests.map((r) => r.status()), [1, 1, 1]);
  }
});

test("discard and write zeroes take one range, within limits and without unknown flags", () => {
  const { driver, disk, request, range } = started();
  const good = [request(DISCARD, 0, [range(10, 4)]), request(WRITE_ZEROES, 0, [range(20, 2)]), request(WRITE_ZEROES, 0, [range(30, 1, 1)]), request(DISCARD, 0, [range(9, 0)])];
  const bad = [
    request(DISCARD, 0, [range(SECTORS - 1, 2)]), request(WRITE_ZEROES, 0, [range(0, 8193)]), request(DISCARD, 0, [range(0, 1), range(4, 1)]), request(DISCARD, 0, []),
  ];
  const unsupported = [request(DISCARD, 0, [range(0, 1, 1)]), request(WRITE_ZEROES, 0, [range(0, 1, 2)])];
  driver.queue(0).kick();
  disk.answerAll();
  assert.deepEqual([good, bad, unsupported].map((list) => list.map((r) => r.status())), [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2]]);
  assert.ok(disk.contents.subarray(10 * 512, 14 * 512).every((b) => b === 0xdd));
  for (const [from, to] of [[20, 22], [30, 31]] as const) assert.ok(disk.contents.subarray(from * 512, to * 512).every((b) => b === 0));
  assert.deepEqual(disk.contents.subarray(31 * 512, 32 * 512), sectorBytes(31, 1));
});

test("a request without a header or a place for its status needs a reset", () => {
  for (const buffers of [[{ length: 15 }, { length: 1, isWritable: true }], [{ length: 16 }], [{ length: 16, isWritable: true }]]) {
    const { driver } = started();
    driver.queue(0).add(...buffers.map((b) => ({ gpa: 0x20000, ...b })));
    driver.queue(0).kick();
    assert.ok(driver.needsReset);
  }
});

test("without the flush feature every write is flushed before it ends, and with the switch, too", () => {
  const through = started({ start: { features: [] } });
  const write = through.request(OUT, 0, [through.buffer(512, false)]);
  through.driver.queue(0).notify();
  through.disk.answer();
  assert.equal(write.status(), UNTOUCHED);
  through.disk.answer();
  assert.equal(write.status(), 0);
  assert.deepEqual(through.disk.asked.map((r) => r.operation), ["write", "flush"]);

  const { driver, disk, request, buffer } = started();
  assert.equal(driver.config(32, 1), 1);
  request(OUT, 0, [buffer(512, false)]);
  driver.setConfig(32, 1, 0);
  assert.equal(driver.config(32, 1), 0);
  driver.queue(0).kick();
  disk.answerAll();
  assert.deepEqual(disk.asked.map((r) => r.operation), ["write", "flush"]);
});

test("256 requests are under way at once and end in any order", () => {
  const { driver, disk, request } = started({ start: { features: [28, 29] } });
  const queue = driver.queue(0);
  const random = new SeededRandom(5);
  const statuses: (() => number)[] = [];
  const { ram } = driver.bench;
  const sectors: number[] = [];
  const buffers: number[] = [];
  for (let i = 0; i < 256; i++) {
    const header = driver.allocate(16);
    const data = driver.allocate(512, 512);
    const status = driver.allocate(1);
    const sector = random.below(SECTORS);
    ram.view.setUint32(header + 8, sector, true);
    ram.bytes[status] = UNTOUCHED;
    queue.addIndirect(driver.allocate(48), { gpa: header, length: 16 }, { gpa: data, length: 512, isWritable: true }, { gpa: status, length: 1, isWritable: true });
    statuses.push(() => ram.bytes[status] ?? 0);
    sectors.push(sector);
    buffers.push(data);
  }
  queue.kick();
  assert.equal(disk.waiting.length, 256);
  while (disk.waiting.length > 0) disk.answer(random.below(2) === 0);
  assert.equal(queue.takeUsed().length, 256);
  assert.ok(statuses.every((status) => status() === 0));
  for (const [i, sector] of sectors.entries()) assert.deepEqual(ram.bytes.subarray(buffers[i] ?? 0, (buffers[i] ?? 0) + 512), sectorBytes(sector, 1));
  assert.equal(request(FLUSH, 0, []).status(), UNTOUCHED);
});

test("large requests wait in the ring while many bytes are under way, and all of them end", () => {
  const { driver, disk, pc } = started({ sectors: 16384 });
  const queue = driver.queue(0);
  const header = driver.allocate(16);
  const data = driver.allocate(8 << 20, 4096);
  const statuses = Array.from({ length: 12 }, () => driver.allocate(1, 1));
  for (const status of statuses) {
    pc.ram.bytes[status] = UNTOUCHED;
    queue.add({ gpa: header, length: 16 }, { gpa: data, length: 8 << 20, isWritable: true }, { gpa: status, length: 1, isWritable: true });
  }
  queue.kick();
  assert.equal(disk.waiting.length, 4);
  disk.answerAll();
  assert.ok(statuses.every((status) => pc.ram.bytes[status] === 0));
});

test("several queues share the disk, each with its interrupt", () => {
  const { driver, disk, request, buffer, pc } = started({ queueCount: 2, start: { msix: true } });
  const one = request(IN, 1, [buffer(512, true)], 0);
  const two = request(IN, 2, [buffer(512, true)], 1);
  driver.queue(1).kick();
  driver.queue(0).kick();
  disk.answerAll();
  assert.deepEqual([one.status(), two.status()], [0, 0]);
  assert.deepEqual(pc.messages, [0x42, 0x41]);
});

test("a reset forgets requests under way", () => {
  const { driver, disk, request, buffer, bytesOf, pc } = started();
  const data = buffer(512, true);
  request(IN, 1, [data]);
  driver.queue(0).kick();
  driver.start();
  assert.ok(disk.drops > 0);
  assert.equal(disk.waiting.length, 0);
  assert.ok(pc.ram.changes.some((change) => change.gpa === data.gpa), "code there may have changed");
  assert.ok(bytesOf(data).every((b) => b === 0));
});

test("saved with requests under way and finished by another machine", () => {
  const one = started({ start: { features: [28, 29] } });
  const target = one.buffer(4096, true);
  const pieces = [one.buffer(512, true), one.driver.allocate(512), one.buffer(512, true)].filter((b) => typeof b === "object");
  const source = one.buffer(512, false);
  one.pc.ram.bytes.fill(0x77, source.gpa, source.gpa + 512);
  for (const [type, sector, data] of [[IN, 40, [target]], [IN, 60, pieces], [OUT, 70, [source]], [FLUSH, 0, []]] as const) one.request(type, sector, [...data]);
  one.driver.queue(0).kick();
  one.disk.answer();
  const saved = one.device.save();
  const two = machine();
  two.device.load(saved);
  two.pc.ram.bytes.set(one.pc.ram.bytes); // memory comes later than the device
  assert.deepEqual(two.device.save(), saved);
  assert.equal(two.disk.asked.length, 0, "nothing is submitted within load()");
  two.pc.bench.clock.advance(1);
  two.disk.answerAll();
  const { device } = one.driver.queue(0).place;
  assert.equal(two.pc.ram.view.getUint16(device + 2, true), 4, "all four have been given back");
  assert.deepEqual([...two.pc.ram.bytes.subarray(pieces[0]?.gpa, (pieces[0]?.gpa ?? 0) + 512)], [...sectorBytes(60, 1)]);
  assert.ok(two.disk.contents.subarray(70 * 512, 71 * 512).every((b) => b === 0x77));
  assert.deepEqual(two.disk.asked.map((r) => r.operation), ["read", "write", "flush", "flush"]);
});

test("random requests in random rings never write outside RAM nor stop the device for good", () => {
  const { driver, disk, pc } = started();
  const random = new SeededRandom(99);
  let served = 0;
  for (let round = 0; round < 3000; round++) {
    if (driver.needsReset || round % 40 === 0) driver.start(random.below(2) ? {} : { features: [28] });
    const queue = driver.queue(0);
    const header = 0x400000 + 16 * random.below(64);
    pc.ram.view.setUint32(header, random.pick([IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES, 2, 0x80000000]), true);
    pc.ram.view.setUint32(header + 8, random.below(16) ? random.below(SECTORS) : random.next(), true);
    pc.ram.view.setUint32(header + 12, random.below(16) ? 0 : random.next(), true);
    const buffers: Buffer[] = [{ gpa: header, length: random.below(8) ? 16 : random.below(40) }];
    const count = random.below(5);
    const isWritable = random.below(2) === 0;
    for (let i = 0; i < count; i++) {
      const gpa = random.below(20) ? 0x500000 + random.below(0x40000) : random.next();
      buffers.push({ gpa, length: random.below(4) ? 512 * random.below(8) : random.below(3000), isWritable: random.below(30) ? isWritable : !isWritable });
    }
    if (random.below(20)) buffers.push({ gpa: 0x480000 + random.below(64), length: 1, isWritable: true });
    queue.add(...buffers);
    if (random.below(3) === 0) queue.notify();
    if (random.below(3) === 0) disk.answer(random.below(2) === 0);
    if (random.below(50) === 0) driver.status = random.next() & 0xff;
    served += queue.takeUsed().length;
    if (driver.status === 0 || round % 20 === 19) {
      disk.answerAll();
      driver.start();
    }
  }
  assert.ok(served > 100, `${served} served`);
  assert.ok(pc.ram.bytes.subarray(0xa0000, 0xc0000).every((byte) => byte === 0));
});

deviceConformance(
  "virtio-block",
  (bench) => {
    const pc = new VirtioBench(bench);
    const device: VirtioBlock = pc.insert(new VirtioBlock("disk0", pc.ports(() => device), { backend: new MemoryBackend(1 << 20), queueCount: 2 }));
    return device;
  },
  (device) => {
    device.readReg(1, 0x2000, 4);
    device.writeReg(1, 22, 2, 1);
    device.pci.writeConfig(4, 2, 7);
    device.writeReg(1, 8, 4, 1);
    device.writeReg(1, 12, 4, 1);
    device.writeReg(1, 8, 4, 0);
    device.writeReg(1, 12, 4, 0x10001a00);
    device.writeReg(1, 20, 1, 0x0b);
    for (const [offset, gpa] of [[32, 0x10000], [40, 0x11000], [48, 0x12000]] as const) device.writeReg(1, offset, 4, gpa);
    device.writeReg(1, 28, 2, 1);
    device.writeReg(1, 20, 1, 0x0f);
    device.writeReg(1, 0x2020, 1, 0);
  },
  { banks: [legacyBytes(BLOCK_CONFIG_BYTES), MODERN_BYTES, 4096] },
);
