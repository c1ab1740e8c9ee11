import assert from "node:assert/strict";
import { test } from "node:test";
import type { BlockRequest } from "../../storage/block.ts";
import { MemoryBackend } from "../../storage/memory-backend.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { FaultyBackend } from "../../testkit/faulty-disk.ts";
import { BSY, BUS_MASTER_BASE, cdOn, diskOn, DRDY, DRQ, ERR, IdeBench, IdeDriver, RAM_BYTES } from "../../testkit/ide-bench.ts";
import { patternedBytes, patternedDisk } from "../../testkit/memory-disk.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { PIIX3_IDE_BANKS } from "./piix3-ide.ts";

const SECTORS = 4096;
const ACTIVE = 1, BM_ERROR = 2, BM_INTERRUPT = 4;
const sectors = (from: number, count: number): Uint8Array => patternedBytes(SECTORS * 512).subarray(from * 512, (from + count) * 512);
const oneDisk = (): IdeDriver => new IdeDriver(new IdeBench([diskOn(patternedDisk(SECTORS))]));

// ---- the function and the cable ------------------------------------------------------------------

test("the function is 8086:7010, an IDE controller with a bus master at BAR 4 and no interrupt pin", () => {
  const { ide } = new IdeBench([], { isEnabled: false });
  assert.equal(ide.pci.readConfig(0, 4), 0x70108086);
  assert.equal(ide.pci.readConfig(8, 4) >>> 8, 0x010180);
  ide.pci.writeConfig(0x20, 4, 0xffffffff);
  assert.equal(ide.pci.readConfig(0x20, 4), 0xfffffff1);
  assert.equal(ide.pci.readConfig(0x3d, 1), 0);
});

test("ports are decoded as the command register and IDETIM say, each channel for itself", () => {
  const { ide, ports } = new IdeBench([], { isEnabled: false });
  const decoded = (): number[] => ports.list().map(({ base }) => base);
  assert.deepEqual(decoded(), []);
  ide.pci.writeConfig(4, 2, 1);
  assert.deepEqual(decoded(), []);
  ide.pci.writeConfig(0x42, 2, 0x8000);
  assert.deepEqual(decoded(), [0x170, 0x376]);
  ide.pci.writeConfig(0x40, 2, 0x8000);
  ide.pci.writeConfig(0x20, 4, 0xc001);
  assert.deepEqual(decoded(), [0x170, 0x1f0, 0x376, 0x3f6, 0xc000]);
  ide.pci.writeConfig(4, 2, 0);
  assert.deepEqual(decoded(), []);
});

test("a base address put over the legacy ports is no harm, and the channel is back when it has gone", () => {
  const bench = new IdeBench([diskOn(patternedDisk(8))]);
  bench.ide.pci.writeConfig(0x20, 4, 0x1f1);
  bench.ide.pci.writeConfig(0x40, 2, 0);
  bench.ide.pci.writeConfig(0x40, 2, 0x8000);
  bench.ide.pci.writeConfig(0x20, 4, 0xc001);
  bench.ide.pci.writeConfig(0x0c, 1, 0);
  const driver = new IdeDriver(bench);
  driver.select();
  assert.equal(driver.status, DRDY | 0x10);
});

test("an empty cable floats with DD7 low; drive 0 answers for a missing drive 1; drive 1 does not for drive 0", () => {
  const bench = new IdeBench([diskOn(patternedDisk(8)), undefined, undefined, undefined]);
  const none = new IdeDriver(bench, 2);
  none.issue({ command: 0xec });
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7].map((n) => none.in(n)), new Array(8).fill(0x7f));
  assert.equal(bench.ports.read(0x170, 4), 0xff7fff7f);
  assert.equal(none.alternateStatus, 0x7f);
  const slave = new IdeDriver(bench, 1);
  slave.issue({ command: 0xec, count: 0x55 });
  assert.equal(slave.status, 0);
  assert.equal(slave.in(2), 0x55);
  assert.equal(bench.irq[0].rises, 0);
  const lonely = new IdeBench([undefined, diskOn(patternedDisk(8))]);
  new IdeDriver(lonely, 0).select();
  assert.equal(new IdeDriver(lonely, 0).status, 0x7f);
  assert.equal(new IdeDriver(lonely, 1).read({ command: 0xec }).length, 512);
});

test("four drives keep their own registers, media and interrupts", () => {
  const media = [1, 2, 3, 4].map((fill) => new MemoryBackend(new Uint8Array(64 * 512).fill(fill)));
  const bench = new IdeBench(media.map(diskOn));
  for (let place = 0; place < 4; place++) {
    const driver = new IdeDriver(bench, place);
    assert.ok(driver.read({ command: 0x20, count: 2, lba: 1 }).every((byte) => byte === place + 1));
  }
  assert.ok(bench.irq[0].rises > 0 && bench.irq[1].rises > 0);
  // An interrupt shows only while its drive is selected.
  const [one, two] = [new IdeDriver(bench, 0), new IdeDriver(bench, 1)];
  two.run({ command: 0xe5 });
  one.issue({ command: 0xe7 });
  two.select();
  bench.settle();
  assert.ok(!bench.irq[0].level);
  one.select();
  assert.ok(bench.irq[0].level);
});

test("software reset and EXECUTE DEVICE DIAGNOSTIC give both drives' signatures; nIEN holds the interrupt back", () => {
  const bench = new IdeBench([diskOn(patternedDisk(64)), cdOn(null)]);
  const [disk, cd] = [new IdeDriver(bench, 0), new IdeDriver(bench, 1)];
  disk.issue({ command: 0x20, count: 1 });
  disk.setControl(4);
  assert.equal(disk.status & BSY, BSY);
  disk.setControl(0);
  bench.settle();
  assert.equal(disk.alternateStatus & (BSY | DRQ), 0, "the read is forgotten");
  const signature = (driver: IdeDriver): number[] => {
    driver.select();
    return [1, 2, 3, 4, 5].map((n) => driver.in(n));
  };
  assert.deepEqual(signature(disk), [1, 1, 1, 0, 0]);
  assert.deepEqual(signature(cd), [1, 1, 1, 0x14, 0xeb]);
  disk.issue({ command: 0x90, lba: 0x123456 });
  assert.ok(bench.irq[0].level);
  assert.deepEqual(signature(cd), [1, 1, 1, 0x14, 0xeb]);
  assert.deepEqual(signature(disk), [1, 1, 1, 0, 0]);
  assert.equal(disk.status & ERR, 0);
  disk.setControl(2);
  disk.run({ command: 0xe7 });
  disk.issue({ command: 0xe7 });
  bench.settle();
  assert.ok(!bench.irq[0].level);
  disk.setControl(0);
  assert.ok(bench.irq[0].level, "it was only held back");
});

test("what the registers held before shows with HOB; a busy drive takes no command", () => {
  const driver = oneDisk();
  for (const value of [0x11, 0x22, 0x33]) driver.out(3, value);
  assert.equal(driver.in(3), 0x33);
  driver.setControl(0x80);
  assert.equal(driver.in(3), 0x22);
  driver.out(3, 0x44);
  assert.equal(driver.in(3), 0x44, "a write ends it");
  driver.issue({ command: 0x20, count: 1, lba: 5 });
  driver.issue({ command: 0xec, lba: 9 });
  assert.deepEqual(driver.readData(), sectors(5, 1));
});

test("the data port: a byte access takes a word, no data reads as ones, and writes out of turn do nothing", () => {
  const driver = oneDisk();
  const { ports } = driver.bench;
  assert.equal(ports.read(0x1f0, 2), 0xffff);
  ports.write(0x1f0, 4, 0x12345678);
  driver.issue({ command: 0x20, count: 1, lba: 5 });
  driver.bench.settle();
  ports.write(0x1f0, 2, 0xffff);
  assert.equal(ports.read(0x1f0, 1), 5);
  assert.equal(ports.read(0x1f0, 2), 0);
  assert.equal(ports.read(0x1f0, 2), 5);
});

test("runs of the data port end with the block, as single accesses would, and other ports have none", () => {
  const medium = patternedDisk(SECTORS);
  const driver = new IdeDriver(new IdeBench([diskOn(medium)]));
  const { ports } = driver.bench;
  const into = new Uint8Array(2048);
  assert.equal(ports.readRun(0x1f0, 2, into), 0, "no data");
  driver.issue({ command: 0x20, count: 3, lba: 11 });
  driver.bench.settle();
  ports.read(0x1f0, 2);
  assert.equal(ports.readRun(0x1f0, 4, into.subarray(0, 7)), 4);
  assert.equal(ports.readRun(0x1f0, 4, into.subarray(4)), 504, "a word is left");
  assert.equal(ports.readRun(0x1f0, 4, into), 0);
  assert.deepEqual(into.subarray(0, 508), sectors(11, 1).subarray(2, 510));
  assert.equal(driver.irq.rises, 1);
  driver.status;
  ports.read(0x1f0, 2);
  assert.equal(driver.irq.rises, 2);
  assert.equal(ports.readRun(0x1f0, 2, into), 512);
  assert.equal(ports.writeRun(0x1f0, 2, into), 0, "the wrong direction");
  assert.equal(ports.readRun(0x1f0, 2, into), 512);
  assert.deepEqual(into.subarray(0, 512), sectors(13, 1));
  assert.equal(driver.status & (BSY | DRQ), 0);
  driver.issue({ command: 0x30, count: 2, lba: 20 });
  into.fill(0x77);
  assert.equal(ports.writeRun(0x1f0, 2, into), 512);
  assert.equal(ports.writeRun(0x1f0, 2, into), 512);
  driver.bench.settle();
  assert.ok(medium.contents.subarray(20 * 512, 22 * 512).every((byte) => byte === 0x77));
  for (const port of [0x1f1, 0x1f7, 0x3f6, BUS_MASTER_BASE, 0x80]) assert.equal(ports.readRun(port, 1, into), 0);
});

// ---- bus master ------------------------------------------------------------------------------------

const DMA_READ = { command: 0xc8, count: 8, lba: 40 };

test("a DMA read fills its regions, then interrupts", () => {
  const driver = oneDisk();
  driver.startDma("in", [{ base: 0x8000, length: 1000 }, { base: 0x20000, length: 3096 }]);
  assert.equal(driver.busMasterStatus & 7, ACTIVE);
  driver.issue(DMA_READ);
  assert.equal(driver.alternateStatus & BSY, BSY);
  driver.bench.settle();
  assert.equal(driver.busMasterStatus & 7, BM_INTERRUPT, "inactive: the table was just long enough");
  assert.ok(driver.irq.level);
  assert.equal(driver.status, DRDY | 0x10);
  const { bytes } = driver.bench.ram;
  assert.deepEqual(bytes.slice(0x8000, 0x8000 + 1000), sectors(40, 8).slice(0, 1000));
  assert.deepEqual(bytes.slice(0x20000, 0x20000 + 3096), sectors(40, 8).slice(1000));
  driver.clearBusMaster();
  assert.equal(driver.busMasterStatus & 7, 0);
});

test("the order of start and command does not matter; LBA48 DMA crosses chunks; writes go the other way", () => {
  const medium = patternedDisk(SECTORS);
  const driver = new IdeDriver(new IdeBench([diskOn(medium)]));
  driver.issue({ command: 0x25, count: 1200, lba: 100, isExtended: true });
  driver.bench.settle();
  driver.startDma("in", Array.from({ length: 10 }, (_, i) => ({ base: (i + 1) * 0x10000, length: 0x10000 })));
  driver.bench.settle();
  // The tenth region is in the hole at A0000h.
  assert.equal(driver.busMasterStatus & 7, BM_ERROR);
  assert.deepEqual(driver.bench.ram.bytes.slice(0x10000, 0xa0000), sectors(100, 1200).slice(0, 0x90000));

  const data = Uint8Array.from({ length: 4096 }, (_, i) => i * 5);
  const writer = new IdeDriver(new IdeBench([diskOn(medium)]));
  writer.bench.ram.bytes.set(data, 0x5000);
  writer.issue({ command: 0xca, count: 8, lba: 9 });
  writer.startDma("out", [{ base: 0x5000, length: 4096 }]);
  writer.bench.settle();
  assert.equal(writer.busMasterStatus & 7, BM_INTERRUPT);
  assert.deepEqual(medium.contents.slice(9 * 512, 17 * 512), data);
});

test("a table longer than the transfer stays active, one that is too short ends without an interrupt", () => {
  const long = oneDisk();
  long.startDma("in", [{ base: 0x8000, length: 0x2000 }]);
  long.issue(DMA_READ);
  long.bench.settle();
  assert.equal(long.busMasterStatus & 7, ACTIVE | BM_INTERRUPT);
  const short = oneDisk();
  short.startDma("in", [{ base: 0x8000, length: 512 }]);
  short.issue(DMA_READ);
  short.bench.settle();
  assert.equal(short.busMasterStatus & 7, 0);
  assert.ok(!short.irq.level);
  assert.equal(short.alternateStatus & BSY, BSY, "the drive waits for more");
  // A further table carries on where the first left off.
  short.startDma("in", [{ base: 0x9000, length: 3584 }]);
  assert.equal(short.busMasterStatus & 7, BM_INTERRUPT);
  assert.deepEqual(short.bench.ram.bytes.slice(0x9000, 0x9e00), sectors(41, 7));
});

test("nothing moves while bus mastering is off, in the wrong direction, or after a stop", () => {
  const driver = oneDisk();
  const { ide, ram } = driver.bench;
  ide.pci.writeConfig(4, 2, 1);
  driver.startDma("in", [{ base: 0x8000, length: 4096 }]);
  driver.issue(DMA_READ);
  driver.bench.settle();
  assert.equal(driver.busMasterStatus & 7, ACTIVE);
  assert.ok(ram.bytes.subarray(0x8000, 0x9000).every((byte) => byte === 0));
  ide.pci.writeConfig(4, 2, 5);
  assert.equal(driver.busMasterStatus & 7, BM_INTERRUPT);

  const wrong = oneDisk();
  wrong.startDma("out", [{ base: 0x8000, length: 4096 }]);
  wrong.issue(DMA_READ);
  wrong.bench.settle();
  assert.equal(wrong.busMasterStatus & 7, ACTIVE);
  wrong.clearBusMaster();
  assert.equal(wrong.busMasterStatus & 7, 0);
  wrong.setControl(4);
  wrong.setControl(0);
  assert.equal(wrong.read({ command: 0xec }).length, 512);
});

test("a failed DMA read interrupts with the error and the sector's address", () => {
  const medium = new FaultyBackend(patternedDisk(SECTORS), { seed: 3, errorPercent: 100 });
  const driver = new IdeDriver(new IdeBench([diskOn(medium)]));
  driver.startDma("in", [{ base: 0x8000, length: 4096 }]);
  assert.equal(driver.run(DMA_READ) & ERR, ERR);
  assert.equal(driver.error, 0x40);
  assert.equal(driver.lba(), 40);
  assert.equal(driver.busMasterStatus & 7, ACTIVE | BM_INTERRUPT);
});

test("descriptors: 0 is 64 KiB, odd addresses and lengths lose their lowest bit, the table wraps at 64 KiB", () => {
  const driver = oneDisk();
  driver.startDma("in", [{ base: 0x20001, length: 3 }, { base: 0x30000, length: 0 }], 0x1fff8);
  // The second descriptor is at 10000h, not 20000h.
  const { view, bytes } = driver.bench.ram;
  bytes.fill(0, 0x20000, 0x20008);
  view.setUint32(0x10000, 0x30000, true);
  view.setUint32(0x10004, 0x80000000, true);
  driver.issue({ command: 0xc8, count: 129, lba: 10 });
  driver.bench.settle();
  assert.equal(driver.busMasterStatus & 7, 0, "65538 bytes of 66048");
  assert.deepEqual(bytes.slice(0x20000, 0x20002), sectors(10, 129).slice(0, 2));
  assert.deepEqual(bytes.slice(0x30000, 0x40000), sectors(10, 129).slice(2, 2 + 0x10000));
});

test("tables and regions outside RAM end in a master abort", () => {
  for (const { table, base } of [
    { table: 0xfffffff8, base: 0 }, { table: RAM_BYTES, base: 0 }, { table: RAM_BYTES - 4, base: 0 }, { table: 0xa0000, base: 0 },
    { table: 0x1000, base: 0xa0000 }, { table: 0x1000, base: RAM_BYTES - 256 }, { table: 0x1000, base: 0xfffffe00 }, { table: 0x1000, base: 0xfebf0000 },
  ]) {
    const driver = oneDisk();
    driver.bench.ram.view.setUint32(0x1000, base, true);
    driver.bench.ram.view.setUint32(0x1004, 0x80001000, true);
    driver.startTable("in", table);
    driver.issue(DMA_READ);
    driver.bench.settle();
    assert.equal(driver.busMasterStatus & 7, BM_ERROR, `${table.toString(16)} ${base.toString(16)}`);
    driver.clearBusMaster();
    assert.equal(driver.busMasterStatus & 7, 0);
  }
});

test("random tables, also ones that overwrite themselves or never end, neither stop the host nor reach outside RAM", () => {
  const random = new SeededRandom(0x1de);
  for (let round = 0; round < 150; round++) {
    const medium = patternedDisk(SECTORS);
    const bench = new IdeBench([diskOn(medium), cdOn(patternedDisk(1024))]);
    const driver = new IdeDriver(bench);
    const { view } = bench.ram;
    for (let at = 0; at < 0x10000; at += 8) {
      view.setUint32(at, random.below(3) === 0 ? random.next() : random.below(RAM_BYTES + 0x10000), true);
      // No end of table in two rounds of three; mostly tiny regions.
      view.setUint32(at + 4, (random.below(40) === 0 ? random.next() & 0xffff : random.below(6)) + (round % 3 === 0 ? random.next() & 0xffff0000 : 0), true);
    }
    for (let step = 0; step < 10; step++) {
      const isWrite = random.below(2) === 0;
      driver.startTable(isWrite ? "out" : "in", random.below(0x10000) & ~3);
      driver.issue({ command: isWrite ? 0x35 : 0x25, count: random.below(2000), lba: random.below(2000), isExtended: true });
      if (random.below(3) > 0) bench.settle();
      if (random.below(3) === 0) driver.setControl(4);
      driver.setControl(0);
    }
    driver.setControl(4);
    driver.setControl(0);
    driver.clearBusMaster();
    assert.equal(driver.read({ command: 0xec }).length, 512, "the drive is still there");
  }
});

test("a guest that writes commands at random, with disks that fail and media that change, does no harm", () => {
  const commands = [
    0x06, 0x08, 0x20, 0x21, 0x24, 0x25, 0x29, 0x2f, 0x30, 0x34, 0x35, 0x39, 0x3d, 0x40, 0x42, 0x60, 0x61, 0x70, 0x90, 0x91, 0xa0, 0xa0, 0xa0, 0xa1,
    0xb0, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xce, 0xe0, 0xe5, 0xe7, 0xea, 0xec, 0xef, 0xf8,
  ] as const;
  const random = new SeededRandom(77);
  const faulty = (sectorCount: number): FaultyBackend =>
    new FaultyBackend(patternedDisk(sectorCount), { seed: random.next(), errorPercent: 5, maxDelay: 2 });
  for (let round = 0; round < 12; round++) {
    const bench = new IdeBench([diskOn(faulty(600)), cdOn(faulty(900)), undefined, cdOn(null)]);
    for (let at = 0; at < 0x4000; at += 4) bench.ram.view.setUint32(at, random.below(0x20000), true);
    for (let step = 0; step < 4000; step++) {
      const driver = new IdeDriver(bench, random.below(4));
      switch (random.below(16)) {
        case 0: case 1: case 2:
          driver.issue({
            command: random.pick(commands), features: random.below(4), count: random.below(20), lba: random.below(700),
            isExtended: random.below(2) === 0,
          });
          break;
        case 3: case 4: case 5:
          bench.deliver();
          break;
        case 6:
          driver.startTable(random.below(2) === 0 ? "in" : "out", random.below(0x4000) & ~3);
          break;
        case 7:
          driver.setControl(random.below(40) === 0 ? 4 : random.below(3));
          break;
        case 8:
          if (random.below(20) === 0) bench.insert(random.below(2) === 0 ? 1 : 3, random.below(3) === 0 ? null : faulty(random.below(900)));
          if (random.below(40) === 0) bench.ide.load(structuredClone(bench.ide.save()));
          break;
        default: {
          // A packet of some sense, or data.
          const opcode = random.pick([0x00, 0x03, 0x12, 0x1a, 0x28, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x52, 0x55, 0x5a, 0xa8, 0xad, 0xb9, 0xbe, 0x1b, 0x1e]);
          const packet = [opcode, 0x10, 0, 0, 0, random.below(250), 0, 0, random.below(40), random.below(256), 0, 0];
          for (let i = 0; i < 12; i += 2) bench.ports.write(0x1f0, 2, (packet[i] ?? 0) | ((packet[i + 1] ?? 0) << 8));
          for (let i = random.below(300); i > 0; i--) bench.ports.read(0x1f0, 4);
        }
      }
    }
    bench.insert(1, null);
    for (const place of [0, 1]) {
      const driver = new IdeDriver(bench, place);
      driver.setControl(4);
      driver.setControl(0);
      driver.clearBusMaster();
      assert.equal(driver.read({ command: place === 0 ? 0xec : 0xa1 }).length, 512, `round ${round}: drive ${place} is still there`);
    }
  }
});

// ---- saved state -------------------------------------------------------------------------------------

test("a transfer is carried on by a machine that loads it, in the middle of PIO and of DMA", () => {
  const start = (): IdeDriver => new IdeDriver(new IdeBench([diskOn(patternedDisk(SECTORS)), undefined, cdOn(patternedDisk(256))]));
  for (const bytesBefore of [-1, 0, 2, 512, 700 * 2]) {
    const one = start();
    one.issue({ command: 0x20, count: 4, lba: 60 });
    const before = bytesBefore >= 0 ? one.readData(bytesBefore) : new Uint8Array(0);
    if (bytesBefore === 0) one.bench.settle();
    const two = start();
    two.bench.ide.load(structuredClone(one.bench.ide.save()));
    assert.equal(two.irq.level, one.irq.level);
    assert.deepEqual(Uint8Array.from([...before, ...two.readData()]), sectors(60, 4));
  }
  const one = start();
  one.startDma("in", [{ base: 0x8000, length: 1024 }]);
  one.issue(DMA_READ);
  one.bench.settle();
  const two = start();
  two.bench.ide.load(structuredClone(one.bench.ide.save()));
  two.startDma("in", [{ base: 0x9000, length: 3072 }]);
  assert.equal(two.busMasterStatus & 7, BM_INTERRUPT);
  assert.deepEqual(two.bench.ram.bytes.slice(0x9000, 0x9c00), sectors(42, 6));
});

/** Answers at the bench's next moment, and is never changed by writes: what a twin reads does not depend on what was done before. */
class Timeless extends MemoryBackend {
  override submit(request: BlockRequest): void {
    const { operation, offset, length } = request;
    const isChange = operation === "write" || operation === "discard";
    super.submit(isChange ? { ...request, operation: "write", length, data: this.contents.slice(offset, offset + length) } : request);
  }
}

deviceConformance(
  "PIIX3 IDE",
  (bench) => {
    const media: Timeless[] = [];
    const pump = {
      onTimer: () => {
        for (const medium of media) medium.deliver();
      },
    };
    const timers = bench.timers(() => pump);
    const medium = (): Timeless => {
      const made = new Timeless(patternedBytes(300 * 512), { onReady: () => timers.arm("deliver", 0) });
      media.push(made);
      return made;
    };
    const irq = [bench.irq("irq14"), bench.irq("irq15")] as const;
    const drives = [diskOn(medium()), cdOn(medium()), diskOn(medium()), cdOn(medium())];
    return new IdeBench(drives, { isEnabled: false, irq }).ide;
  },
  (device) => {
    const packet = (bank: number, ...bytes: number[]): void => {
      device.writeReg(bank, 6, 1, 0xb0);
      device.writeReg(bank, 5, 1, 0x80);
      device.writeReg(bank, 7, 1, 0xa0);
      for (let at = 0; at < 12; at += 2) device.writeReg(bank, 0, 2, (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
    };
    device.enableChannels();
    // Under way on each drive: a write by PIO, a read of a disc, a flush, the answer to a packet.
    device.writeReg(0, 2, 1, 4);
    device.writeReg(0, 6, 1, 0xe0);
    device.writeReg(0, 7, 1, 0x30);
    device.writeReg(0, 0, 4, 0x12345678);
    packet(0, 0x00);
    packet(0, 0x28, 0, 0, 0, 0, 2, 0, 0, 3);
    device.writeReg(2, 6, 1, 0xe0);
    device.writeReg(2, 7, 1, 0xe7);
    packet(2, 0x12, 0, 0, 0, 36);
    device.readReg(2, 0, 2);
    device.writeReg(4, 4, 4, 0x12340);
    device.writeReg(4, 0, 1, 9);
  },
  { banks: PIIX3_IDE_BANKS },
);
