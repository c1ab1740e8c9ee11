import assert from "node:assert/strict";
import { test } from "node:test";
import { StateError } from "../../state/device-state.ts";
import type { BlockRequest } from "../../storage/block.ts";
import { MemoryBackend } from "../../storage/memory-backend.ts";
import { FaultyBackend } from "../../testkit/faulty-disk.ts";
import { patternedBytes, patternedDisk } from "../../testkit/memory-disk.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import type { AtaDataPhase, AtaResult } from "./ata-device.ts";
import { AtaDisk } from "./ata-disk.ts";
import { BSY, DF, diskOn, DRDY, DRQ, ERR, IdeBench, IdeDriver } from "../../testkit/ide-bench.ts";

const SECTORS = 4096;
const sectors = (from: number, count: number): Uint8Array => patternedBytes(SECTORS * 512).subarray(from * 512, (from + count) * 512);
const word = (data: Uint8Array, n: number): number => (data[2 * n] ?? 0) | ((data[2 * n + 1] ?? 0) << 8);
const text = (data: Uint8Array, from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => String.fromCharCode(word(data, from + i) >> 8, word(data, from + i) & 0xff)).join("").trim();

function disk(medium = patternedDisk(SECTORS)): { driver: IdeDriver; medium: MemoryBackend } {
  return { driver: new IdeDriver(new IdeBench([diskOn(medium)])), medium };
}

test("IDENTIFY DEVICE names the disk, its size and its commands, and adds up to 0", () => {
  const { driver } = disk();
  const data = driver.read({ command: 0xec });
  assert.equal(data.length, 512);
  assert.equal(text(data, 10, 20), "DISK-1");
  assert.equal(text(data, 27, 47), "Ringfence hard disk");
  assert.equal(word(data, 60) + word(data, 61) * 65536, SECTORS);
  assert.equal(word(data, 100) + word(data, 101) * 65536, SECTORS);
  assert.deepEqual([word(data, 1), word(data, 3), word(data, 6)], [4, 16, 63]);
  assert.equal(word(data, 83) & 0xc000, 0x4000);
  assert.ok(word(data, 83) & 0x0400, "48-bit addresses");
  assert.equal(data.reduce((sum, byte) => sum + byte, 0) & 0xff, 0);
  assert.equal(driver.status, DRDY | 0x10);
});

test("READ SECTORS by LBA, by LBA48 and by CHS gives the same sectors, by words and by doublewords", () => {
  const { driver } = disk();
  const lba = 3 * 16 * 63 + 5 * 63 + 8 - 1;
  assert.deepEqual(driver.read({ command: 0x20, count: 3, lba }), sectors(lba, 3));
  assert.deepEqual(driver.read({ command: 0x20, count: 3, lba }, 4), sectors(lba, 3));
  assert.deepEqual(driver.read({ command: 0x24, count: 3, lba, isExtended: true }), sectors(lba, 3));
  assert.deepEqual(driver.read({ command: 0x20, count: 3, chs: [3, 5, 8] }), sectors(lba, 3));
});

test("a count of 0 is 256 sectors, or 65536 with 48 bits", () => {
  const { driver } = disk();
  assert.deepEqual(driver.read({ command: 0x20, count: 0, lba: 1 }), sectors(1, 256));
  assert.equal(driver.run({ command: 0x24, count: 0, lba: 0, isExtended: true }) & ERR, ERR, "the disk is smaller");
  assert.equal(driver.error, 0x10);
  // Across the chunks in which the medium is read.
  assert.deepEqual(driver.read({ command: 0x24, count: 1500, lba: 700, isExtended: true }), sectors(700, 1500));
});

test("a PIO read interrupts for every block, and not at the end", () => {
  const { driver } = disk();
  driver.issue({ command: 0x20, count: 2, lba: 9 });
  assert.equal(driver.alternateStatus & BSY, BSY);
  assert.equal(driver.irq.rises, 0);
  driver.bench.settle();
  assert.equal(driver.irq.rises, 1);
  assert.equal(driver.alternateStatus & (BSY | DRQ), DRQ);
  assert.ok(driver.irq.level, "alternate status leaves the interrupt alone");
  assert.equal(driver.status & DRQ, DRQ);
  assert.ok(!driver.irq.level, "status takes it");
  driver.readData(512);
  assert.equal(driver.irq.rises, 2);
  driver.readData(512);
  assert.equal(driver.irq.rises, 2);
  assert.equal(driver.status & (BSY | DRQ | ERR), 0);
});

test("a PIO write interrupts after every block", () => {
  const { driver, medium } = disk();
  const data = Uint8Array.from({ length: 1024 }, (_, i) => i * 3);
  driver.issue({ command: 0x30, count: 2, lba: 20 });
  assert.equal(driver.irq.rises, 0, "the first block is asked for without");
  driver.writeData(data.subarray(0, 512));
  assert.equal(driver.irq.rises, 1);
  assert.equal(driver.status & DRQ, DRQ);
  driver.writeData(data.subarray(512));
  assert.equal(driver.irq.rises, 2);
  assert.equal(driver.status & (BSY | DRQ | ERR), 0);
  assert.deepEqual(medium.contents.subarray(20 * 512, 22 * 512), data);
});

test("READ and WRITE MULTIPLE move blocks of the size set, and abort when none is", () => {
  const { driver, medium } = disk();
  assert.deepEqual(driver.read({ command: 0xc4, count: 20, lba: 30 }), sectors(30, 20), "set from the start");
  assert.equal(driver.run({ command: 0xc6, count: 0 }) & ERR, 0);
  assert.equal(driver.run({ command: 0xc4, count: 4, lba: 0 }) & ERR, ERR);
  assert.equal(driver.error, 0x04);
  assert.equal(driver.run({ command: 0xc6, count: 3 }) & ERR, ERR, "not a power of two");
  assert.equal(driver.run({ command: 0xc6, count: 8 }) & ERR, 0);
  const before = driver.irq.rises;
  driver.issue({ command: 0xc4, count: 20, lba: 30 });
  driver.bench.settle();
  for (const count of [8, 8, 4]) {
    assert.equal(driver.status & DRQ, DRQ);
    driver.readData(count * 512);
  }
  assert.equal(driver.irq.rises - before, 3);
  assert.equal(driver.status & DRQ, 0);
  const data = Uint8Array.from({ length: 9 * 512 }, (_, i) => i ^ 0x5a);
  driver.issue({ command: 0x39, count: 9, lba: 50, isExtended: true });
  driver.writeData(data, 4);
  assert.deepEqual(medium.contents.subarray(50 * 512, 59 * 512), data);
});

test("an address that is not on the disk is not found", () => {
  const { driver } = disk();
  for (const c of [
    { command: 0x20, count: 1, lba: SECTORS }, { command: 0x20, count: 2, lba: SECTORS - 1 }, { command: 0x30, count: 1, lba: 0x0fffffff },
    { command: 0x24, count: 1, lba: 2 ** 47, isExtended: true }, { command: 0x20, count: 1, chs: [0, 0, 0] as const },
    { command: 0x20, count: 1, chs: [0, 0, 64] as const }, { command: 0x70, lba: SECTORS }, { command: 0x40, count: 2, lba: SECTORS - 1 },
  ]) {
    assert.equal(driver.run(c) & (BSY | DRQ | ERR), ERR, JSON.stringify(c));
    assert.equal(driver.error, 0x10);
  }
  assert.equal(driver.run({ command: 0x20, count: 2, lba: SECTORS - 1 }) & ERR, ERR);
  assert.equal(driver.lba(), SECTORS, "the first sector that is missing");
});

/** Every read that touches one sector fails. */
class BadSector extends MemoryBackend {
  private readonly bad: number;
  constructor(bad: number) {
    super(patternedBytes(SECTORS * 512));
    this.bad = bad * 512;
  }
  override submit(request: BlockRequest): void {
    const isBad = request.operation === "read" && request.offset <= this.bad && this.bad < request.offset + request.length;
    super.submit(isBad ? { ...request, offset: this.sizeBytes } : request);
  }
}

test("an unreadable sector: those before it arrive, and its address is told", () => {
  const driver = new IdeDriver(new IdeBench([diskOn(new BadSector(300))]));
  assert.deepEqual(driver.read({ command: 0x20, count: 8, lba: 297 }), sectors(297, 3));
  assert.ok(driver.irq.level, "an error interrupts");
  assert.equal(driver.status & (BSY | DRQ | ERR), ERR);
  assert.equal(driver.error, 0x40);
  assert.equal(driver.lba(), 300);
  assert.equal(driver.run({ command: 0x42, count: 1000, lba: 0, isExtended: true }) & ERR, ERR, "READ VERIFY finds it too");
  assert.equal(driver.lba(true), 300);
  driver.issue({ command: 0x20, count: 1, chs: [0, 4, 49] });
  driver.bench.settle();
  assert.equal(driver.error, 0x40);
  assert.deepEqual([driver.in(4), driver.in(5), driver.in(6) & 15, driver.in(3)], [0, 0, 4, 49], "in the way that it was asked for");
});

test("a write that the host cannot do is a device fault, and a read-only disk aborts", () => {
  const medium = new FaultyBackend(patternedDisk(SECTORS), { seed: 1 });
  const driver = new IdeDriver(new IdeBench([diskOn(medium)]));
  for (const error of ["io", "noSpace", "outOfRange"] as const) {
    medium.failNext("write", error);
    driver.issue({ command: 0x30, count: 1, lba: 5 });
    driver.writeData(new Uint8Array(512));
    assert.equal(driver.status & (BSY | DRQ | ERR | DF), ERR | DF);
    assert.equal(driver.error, 0x04);
    assert.equal(driver.lba(), 5);
  }
  medium.failNext("flush", "io");
  assert.equal(driver.run({ command: 0xe7 }) & (ERR | DF), ERR | DF);
  const locked = new IdeDriver(new IdeBench([diskOn(patternedDisk(SECTORS, true))]));
  assert.equal(locked.run({ command: 0x30, count: 1, lba: 5 }) & ERR, ERR);
  assert.equal(locked.error, 0x04);
});

/** A backend that notes what it was asked. */
class Listening extends MemoryBackend {
  readonly asked: string[] = [];
  override submit(request: BlockRequest): void {
    this.asked.push(`${request.operation} ${request.offset / 512}+${request.length / 512}`);
    super.submit(request);
  }
}

test("with the write cache off a write ends after a flush; FLUSH CACHE flushes", () => {
  const medium = new Listening(SECTORS * 512);
  const driver = new IdeDriver(new IdeBench([diskOn(medium)]));
  const write = (): void => {
    driver.issue({ command: 0x30, count: 1, lba: 7 });
    driver.writeData(new Uint8Array(512));
  };
  write();
  assert.deepEqual(medium.asked.splice(0), ["write 7+1"]);
  assert.equal(driver.run({ command: 0xef, features: 0x82 }) & ERR, 0);
  assert.deepEqual(medium.asked.splice(0), ["flush 0+0"]);
  write();
  assert.deepEqual(medium.asked.splice(0), ["write 7+1", "flush 0+0"]);
  assert.equal(word(driver.read({ command: 0xec }), 85) & 0x20, 0);
  assert.equal(driver.run({ command: 0xea }) & ERR, 0);
  assert.deepEqual(medium.asked, ["flush 0+0"]);
});

test("DATA SET MANAGEMENT discards its ranges; one past the end is refused", () => {
  const medium = new Listening(SECTORS * 512);
  const driver = new IdeDriver(new IdeBench([diskOn(medium)]));
  const trim = (...ranges: [number, number][]): number => {
    const { ram } = driver.bench;
    ram.bytes.fill(0, 0x2000, 0x2200);
    for (const [i, [lba, count]] of ranges.entries()) {
      ram.view.setUint32(0x2000 + 8 * i, lba, true);
      ram.view.setUint16(0x2006 + 8 * i, count, true);
    }
    driver.startDma("out", [{ base: 0x2000, length: 512 }]);
    return driver.run({ command: 0x06, features: 1, count: 1, isExtended: true });
  };
  assert.equal(trim([10, 5], [0, 0], [100, 1]) & (BSY | ERR), 0);
  assert.deepEqual(medium.asked.splice(0), ["discard 10+5", "discard 100+1"]);
  assert.equal(trim([10, 5], [SECTORS - 1, 2]) & ERR, ERR);
  assert.deepEqual(medium.asked, ["discard 10+5"]);
  assert.equal(driver.run({ command: 0x06, features: 1, count: 9, isExtended: true }) & ERR, ERR, "more blocks than IDENTIFY allows");
});

test("settings: transfer mode and geometry show in IDENTIFY, and come back with a hard reset", () => {
  const { driver } = disk();
  assert.equal(driver.run({ command: 0xef, features: 3, count: 0x42 }) & ERR, 0);
  assert.equal(word(driver.read({ command: 0xec }), 88), 0x043f);
  assert.equal(driver.run({ command: 0xef, features: 3, count: 0x47 }) & ERR, ERR);
  driver.out(6, 0xa7);
  driver.out(2, 32);
  driver.out(7, 0x91);
  assert.equal(driver.status & ERR, 0);
  const data = driver.read({ command: 0xec });
  assert.deepEqual([word(data, 54), word(data, 55), word(data, 56)], [15, 8, 32]);
  assert.deepEqual(driver.read({ command: 0x20, count: 1, chs: [1, 2, 3] }), sectors(8 * 32 + 2 * 32 + 2, 1));
  driver.bench.ide.reset("warm");
  driver.bench.ide.enableChannels();
  assert.equal(word(driver.read({ command: 0xec }), 55), 16);
});

test("power modes, SMART, native size, and commands that are not there", () => {
  const { driver } = disk();
  const power = (): number => {
    driver.run({ command: 0xe5 });
    return driver.in(2);
  };
  assert.equal(power(), 0xff);
  driver.run({ command: 0xe0 });
  assert.equal(power(), 0x00);
  driver.run({ command: 0xe1 });
  assert.equal(power(), 0x80);
  driver.run({ command: 0xe6 });
  assert.equal(driver.run({ command: 0x20, count: 1 }) & ERR, ERR, "asleep");
  driver.setControl(4);
  driver.setControl(0);
  assert.equal(power(), 0xff, "a reset wakes it");

  driver.run({ command: 0xb0, features: 0xda, lba: 0xc24f00 });
  assert.equal(driver.lba() & 0xffff00, 0xc24f00, "healthy");
  const smart = driver.read({ command: 0xb0, features: 0xd0, count: 1, lba: 0xc24f00 });
  assert.equal(smart.reduce((sum, byte) => sum + byte, 0) & 0xff, 0);
  driver.run({ command: 0xb0, features: 0xd9, lba: 0xc24f00 });
  assert.equal(driver.run({ command: 0xb0, features: 0xd0, lba: 0xc24f00 }) & ERR, ERR, "switched off");
  assert.equal(driver.run({ command: 0xb0, features: 0xd8, lba: 0x123400 }) & ERR, ERR, "without the key");

  driver.run({ command: 0xf8 });
  assert.equal(driver.lba(), SECTORS - 1);
  driver.run({ command: 0x27, isExtended: true });
  assert.equal(driver.lba(true), SECTORS - 1);
  for (const command of [0x00, 0x60, 0x92, 0xa0, 0xa1, 0xb1, 0xf1, 0xf6, 0xff, 0x08]) {
    assert.equal(driver.run({ command }) & (BSY | DRQ | ERR), ERR, command.toString(16));
    assert.equal(driver.error, 0x04);
  }
  assert.equal(driver.run({ command: 0x10 }) & ERR, 0);
  assert.equal(driver.run({ command: 0x70, lba: 9 }) & ERR, 0);
  assert.equal(driver.run({ command: 0x42, count: 1000, lba: 9, isExtended: true }) & (BSY | ERR), 0);
});

// ---- queued commands, over a transport that moves data at once ----------------------------------

class Queue {
  readonly memory: Uint8Array[] = [];
  readonly done: { slot: number; result: AtaResult }[] = [];
  readonly disk: AtaDisk;
  constructor(medium: FaultyBackend) {
    this.disk = new AtaDisk("sata", { medium, interface: "serial", serialNumber: "S" }, {
      dataPhase: (phase: AtaDataPhase) => {
        const memory = this.memory[phase.slot] ?? new Uint8Array(1 << 20);
        this.memory[phase.slot] = memory;
        if (phase.direction === "in") memory.set(phase.data, phase.offset);
        else phase.data.set(memory.subarray(phase.offset, phase.offset + phase.data.length));
        this.disk.dataMoved(phase.slot);
      },
      commandDone: (slot, result) => this.done.push({ slot, result }),
    });
  }
  issue(isWrite: boolean, slot: number, lba: number, count: number): void {
    this.disk.start(slot, { command: isWrite ? 0x61 : 0x60, features: count, count: slot << 3, lba, device: 0x40 });
  }
}

test("queued commands overlap and end in any order", () => {
  const medium = new FaultyBackend(patternedDisk(SECTORS), { seed: 5, maxDelay: 6, reorder: true });
  const queue = new Queue(medium);
  for (let slot = 0; slot < 32; slot++) queue.issue(false, slot, slot * 100, slot === 3 ? 900 : 1 + slot);
  assert.equal(medium.outstanding, 32);
  for (let i = 0; i < 100; i++) medium.deliver();
  assert.deepEqual(queue.done.map(({ slot }) => slot).sort((a, b) => a - b), Array.from({ length: 32 }, (_, i) => i));
  assert.ok(queue.done.some(({ slot }, i) => slot !== i), "not in order");
  for (let slot = 0; slot < 32; slot++) {
    const count = slot === 3 ? 900 : 1 + slot;
    assert.deepEqual(queue.memory[slot]?.subarray(0, count * 512), sectors(slot * 100, count));
  }
});

test("a queued failure ends the queue until its log page has been read", () => {
  const medium = new FaultyBackend(patternedDisk(SECTORS), { seed: 5 });
  const queue = new Queue(medium);
  queue.issue(false, 4, 40, 1);
  medium.failNext("read", "io");
  queue.issue(false, 9, 90, 1);
  queue.issue(true, 11, 110, 1);
  for (let i = 0; i < 20; i++) medium.deliver();
  const failed = queue.done.find(({ result }) => result.status & ERR);
  assert.equal(failed?.slot, 9);
  assert.equal(failed?.result.lba, 90);
  assert.equal(medium.outstanding, 0);
  queue.issue(false, 1, 0, 1);
  assert.equal(queue.done.at(-1)?.result.status, 0x51, "aborted");
  queue.disk.start(0, { command: 0x2f, features: 0, count: 1, lba: 0x10, device: 0 });
  assert.deepEqual([...(queue.memory[0]?.subarray(0, 5) ?? [])], [9, 0, 0x51, 0x40, 90]);
  queue.issue(false, 1, 7, 1);
  for (let i = 0; i < 20; i++) medium.deliver();
  assert.deepEqual(queue.memory[1]?.subarray(0, 512), sectors(7, 1));
});

test("a queued command with another's tag or a command that is not queued is aborted while the queue works", () => {
  const medium = new FaultyBackend(patternedDisk(SECTORS), { seed: 5 });
  const queue = new Queue(medium);
  queue.issue(false, 4, 40, 1);
  queue.disk.start(7, { command: 0x25, features: 0, count: 1, lba: 0, device: 0x40 });
  assert.deepEqual(queue.done.map(({ slot, result }) => [slot, result.status & ERR, result.error]), [[7, ERR, 4]]);
});

test("commands under way are carried on by a disk that loads them", () => {
  const random = new SeededRandom(9);
  for (let round = 0; round < 20; round++) {
    const contents = patternedBytes(SECTORS * 512);
    const first = new FaultyBackend(new MemoryBackend(contents), { seed: round, maxDelay: 5, reorder: true });
    const one = new Queue(first);
    for (let slot = 0; slot < 8; slot++) {
      one.memory[slot] = new Uint8Array(1 << 20).fill(slot + 1);
      one.issue(slot % 2 === 1, slot, slot * 500, 480);
    }
    for (let i = random.below(8); i > 0; i--) first.deliver();
    const second = new FaultyBackend(new MemoryBackend(contents), { seed: round + 100, maxDelay: 5 });
    const two = new Queue(second);
    two.memory.push(...one.memory);
    two.disk.prepareLoad(structuredClone(one.disk.save()))();
    assert.deepEqual(two.disk.save(), one.disk.save());
    for (let i = 0; i < 100; i++) second.deliver();
    assert.deepEqual([...one.done, ...two.done].map(({ slot }) => slot).sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
    for (let slot = 0; slot < 8; slot++) {
      const on = contents.subarray(slot * 500 * 512, (slot * 500 + 480) * 512);
      if (slot % 2 === 1) assert.ok(on.every((byte) => byte === slot + 1));
      else assert.deepEqual(two.memory[slot]?.subarray(0, 480 * 512), sectors(slot * 500, 480));
    }
  }
});

test("state of a disk of another size is refused", () => {
  const save = new Queue(new FaultyBackend(patternedDisk(SECTORS), { seed: 1 })).disk.save();
  const other = new Queue(new FaultyBackend(patternedDisk(SECTORS - 1), { seed: 1 }));
  assert.throws(() => other.disk.prepareLoad(save), StateError);
});
