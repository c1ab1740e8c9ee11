import assert from "node:assert/strict";
import { test } from "node:test";
import { StateError } from "../../state/device-state.ts";
import { MemoryBackend } from "../../storage/memory-backend.ts";
import { FaultyBackend } from "../../testkit/faulty-disk.ts";
import { BSY, cdOn, DRQ, ERR, IdeBench, IdeDriver, type TestMedium } from "../../testkit/ide-bench.ts";
import { patternedBytes } from "../../testkit/memory-disk.ts";

const SECTORS = 1000;
const BYTES = patternedBytes(SECTORS * 2048);
const iso = (): MemoryBackend => new MemoryBackend(BYTES.slice(), { isReadOnly: true });
const sectors = (from: number, count: number): Uint8Array => BYTES.subarray(from * 2048, (from + count) * 2048);
const u16 = (data: Uint8Array, at: number): number => ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
const u32 = (data: Uint8Array, at: number): number => u16(data, at) * 65536 + u16(data, at + 2);
const be = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const read10 = (lba: number, count: number): number[] => [0x28, 0, ...be(lba), 0, count >> 8, count & 255, 0];

/** A CD drive that has been asked for its power-on attention. */
function drive(medium: TestMedium | null = iso(), onEjected?: () => void): IdeDriver {
  const events = { onActivity() {}, ...(onEjected ? { onEjected } : {}) };
  const driver = new IdeDriver(new IdeBench([{ ...cdOn(medium), events }]));
  driver.sense();
  return driver;
}

function failsWith(driver: IdeDriver, packet: readonly number[], sense: readonly [number, number, number], why?: string): void {
  driver.packet(packet);
  driver.bench.settle();
  const status = driver.status;
  assert.equal(status & (BSY | DRQ | ERR), ERR, why ?? packet.map((b) => b.toString(16)).join(" "));
  assert.equal(driver.error >> 4, sense[0]);
  assert.deepEqual(driver.sense(), sense, why);
}

test("IDENTIFY PACKET DEVICE names a CD drive with 12-byte packets; IDENTIFY DEVICE is refused with the signature", () => {
  const driver = drive();
  const data = driver.read({ command: 0xa1 });
  assert.equal(data.length, 512);
  assert.equal((data[0] ?? 0) | ((data[1] ?? 0) << 8), 0x85c0);
  assert.equal(data.reduce((sum, byte) => sum + byte, 0) & 0xff, 0);
  assert.equal(driver.run({ command: 0xec }) & ERR, ERR);
  assert.deepEqual([driver.error, driver.in(4), driver.in(5)], [4, 0x14, 0xeb]);
});

test("INQUIRY, READ CAPACITY and MECHANISM STATUS", () => {
  const driver = drive();
  const inquiry = driver.ask([0x12, 0, 0, 0, 36]);
  assert.deepEqual([...inquiry.subarray(0, 5)], [5, 0x80, 0, 0x32, 31]);
  assert.equal(new TextDecoder().decode(inquiry.subarray(8)), "RINGFNCECD/DVD-ROM      1.0 ");
  assert.equal(driver.ask([0x12, 0, 0, 0, 5]).length, 6, "an odd length is padded to a word");
  assert.deepEqual([...driver.ask([0x12, 1, 0x80, 0, 255]).subarray(4, 8)], [..."CD-1"].map((c) => c.charCodeAt(0)));
  failsWith(driver, [0x12, 1, 0x55, 0, 255], [5, 0x24, 0]);
  const capacity = driver.ask([0x25]);
  assert.deepEqual([u32(capacity, 0), u32(capacity, 4)], [SECTORS - 1, 2048]);
  assert.equal(driver.ask([0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8])[1], 0);
});

test("the power-on attention is told once, and not by INQUIRY", () => {
  const driver = new IdeDriver(new IdeBench([cdOn(iso())]));
  assert.equal(driver.ask([0x12, 0, 0, 0, 36]).length, 36);
  failsWith(driver, [0x00], [6, 0x29, 0]);
  driver.packet([0x00]);
  assert.equal(driver.status & ERR, 0);
  assert.deepEqual(driver.sense(), [0, 0, 0]);
});

test("reading by PIO: blocks of whole sectors within the byte count limit, an interrupt for each and one at the end", () => {
  const driver = drive();
  const before = driver.irq.rises;
  driver.packet(read10(5, 5), { limit: 5000 });
  driver.bench.settle();
  for (const bytes of [4096, 4096, 2048]) {
    assert.equal(driver.status & (BSY | DRQ), DRQ);
    assert.equal(driver.in(2) & 3, 2, "data, to the host");
    assert.equal(driver.in(4) + driver.in(5) * 256, bytes);
    driver.readData(bytes);
  }
  assert.equal(driver.irq.rises - before, 4);
  assert.equal(driver.status & (BSY | DRQ | ERR), 0);
  assert.equal(driver.in(2) & 3, 3, "done");
  assert.deepEqual(driver.ask(read10(5, 5)), sectors(5, 5));
  assert.deepEqual(driver.ask(read10(0, SECTORS)), BYTES, "across chunks");
  assert.deepEqual(driver.ask([0xa8, 0, ...be(7), ...be(3)], { limit: 100 }), sectors(7, 3), "a limit below a sector");
  assert.deepEqual(driver.ask([0xa8, 0, ...be(7), ...be(3)], { limit: 0xffff }), sectors(7, 3));
  assert.deepEqual(driver.ask(read10(5, 0)), new Uint8Array(0));
});

test("reading by DMA", () => {
  const driver = drive();
  driver.startDma("in", [{ base: 0x8000, length: 0x5000 }, { base: 0x20000, length: 0x3000 }]);
  driver.packet(read10(100, 16), { dma: true });
  driver.bench.settle();
  assert.equal(driver.busMasterStatus & 7, 4);
  assert.equal(driver.status & (BSY | DRQ | ERR), 0);
  const { bytes } = driver.bench.ram;
  assert.deepEqual(Uint8Array.from([...bytes.subarray(0x8000, 0xd000), ...bytes.subarray(0x20000, 0x23000)]), sectors(100, 16));
});

test("what is not on the disc is out of range; an empty byte count limit aborts", () => {
  const driver = drive();
  for (const packet of [read10(SECTORS, 1), read10(SECTORS - 1, 2), read10(0xffffffff, 1), [0xa8, 0, ...be(0), ...be(0xffffffff)], [0x2b, 0, ...be(SECTORS)]]) {
    failsWith(driver, packet, [5, 0x21, 0]);
  }
  driver.packet(read10(0, 1), { limit: 0 });
  driver.bench.settle();
  assert.equal(driver.status & (BSY | DRQ | ERR), ERR);
  assert.equal(driver.error, 4);
  failsWith(driver, [0xff], [5, 0x20, 0]);
});

test("READ CD gives the parts asked for, with right error detection and correction", () => {
  const driver = drive();
  const readCd = (lba: number, count: number, parts: number): number[] => [0xbe, 0, ...be(lba), 0, 0, count, parts, 0];
  assert.deepEqual(driver.ask(readCd(20, 2, 0x10)), sectors(20, 2));
  assert.deepEqual(driver.ask(readCd(20, 2, 0)), new Uint8Array(0));
  const raw = driver.ask(readCd(20, 2, 0xf8));
  assert.equal(raw.length, 2 * 2352);
  const sector = raw.subarray(2352);
  assert.deepEqual([...sector.subarray(0, 16)], [0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0x00, 0x02, 0x21, 1]);
  assert.deepEqual(sector.subarray(16, 2064), sectors(21, 1));
  assert.deepEqual(driver.ask(readCd(21, 1, 0xa0)), sector.subarray(0, 16));
  assert.equal(edcRemainder(sector.subarray(0, 2068)), 0);
  for (let column = 0; column < 86; column++) assert.ok(isCodeword(Array.from({ length: 26 }, (_, i) => sector[12 + column + 86 * i] ?? 0)), `P ${column}`);
  for (let diagonal = 0; diagonal < 26; diagonal++) {
    for (const half of [0, 1]) {
      const data = Array.from({ length: 43 }, (_, i) => sector[12 + ((diagonal * 86 + i * 88) % 2236) + half] ?? 0);
      const checks = [0, 52].map((at) => sector[2248 + at + 2 * diagonal + half] ?? 0);
      assert.ok(isCodeword([...data, ...checks]), `Q ${diagonal}`);
    }
  }
  assert.deepEqual(driver.ask([0xb9, 0, 0, 0, 2, 20, 0, 2, 22, 0x10]), sectors(20, 2), "by minute, second and frame");
  failsWith(driver, [0xbe, 0x04, ...be(0), 0, 0, 1, 0x10], [5, 0x64, 0], "as audio");
  failsWith(driver, readCd(0, 1, 0x12), [5, 0x24, 0]);
});

/** Remainder of a sector's bytes with its check word, bit by bit as the standard draws it. */
function edcRemainder(bytes: Uint8Array): number {
  let remainder = 0;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const feedback = (remainder ^ (byte >> bit)) & 1;
      remainder = (remainder >>> 1) ^ (feedback ? 0xd8018001 : 0);
    }
  }
  return remainder >>> 0;
}

/** Both syndromes of the Reed-Solomon code over GF(256) are 0. */
function isCodeword(bytes: readonly number[]): boolean {
  const times2 = (v: number): number => (v << 1) ^ (v & 0x80 ? 0x11d : 0);
  const sum = bytes.reduce((s, byte) => s ^ byte, 0);
  const weighted = bytes.reduce((s, byte) => times2(s) ^ byte, 0);
  return sum === 0 && weighted === 0;
}

test("the table of contents: one data track and the lead-out", () => {
  const driver = drive();
  const toc = (format: number, msf: number, start = 0): Uint8Array => driver.ask([0x43, msf, format, 0, 0, 0, start, 1, 0]);
  assert.deepEqual([...toc(0, 0)], [0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 3, 0xe8]);
  assert.deepEqual([...toc(0, 2)].slice(8), [0, 0, 2, 0, 0, 0x14, 0xaa, 0, 0, 0, 15, 25]);
  assert.deepEqual([...toc(0, 0, 0xaa)].slice(0, 8), [0, 10, 1, 1, 0, 0x14, 0xaa, 0]);
  assert.deepEqual([...toc(1, 0)], [0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0]);
  assert.deepEqual([...toc(2, 0)].slice(2, 15), [1, 1, 1, 0x14, 0, 0xa0, 0, 0, 0, 0, 1, 0, 0]);
  assert.equal(toc(2, 0).length, 4 + 4 * 11);
  assert.deepEqual([...driver.ask([0x43, 0, 0, 0, 0, 0, 0, 1, 0, 0x40])].slice(0, 4), [0, 10, 1, 1], "the format where older drives had it");
  assert.equal(driver.ask([0x43, 0, 0, 0, 0, 0, 0, 0, 4]).length, 4, "as much as was asked for");
  failsWith(driver, [0x43, 0, 5, 0, 0, 0, 0, 1, 0], [5, 0x24, 0]);
  failsWith(driver, [0x43, 0, 0, 0, 0, 0, 2, 1, 0], [5, 0x24, 0]);
});

test("disc, track, header, sub-channel", () => {
  const driver = drive();
  assert.equal(driver.ask([0x51, 0, 0, 0, 0, 0, 0, 0, 34])[2], 0x0e);
  assert.equal(u32(driver.ask([0x52, 1, ...be(1), 0, 0, 36]), 24), SECTORS);
  failsWith(driver, [0x52, 1, ...be(2), 0, 0, 36], [5, 0x24, 0]);
  assert.deepEqual([...driver.ask([0x44, 0, ...be(77), 0, 0, 8])], [1, 0, 0, 0, 0, 0, 0, 77]);
  const position = driver.ask([0x42, 2, 0x40, 1, 0, 0, 0, 0, 16]);
  assert.deepEqual([...position], [0, 0x15, 0, 12, 1, 0x14, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0]);
  failsWith(driver, [0xad, 0, 0, 0, 0, 0, 0, 0, 8, 0], [5, 0x30, 2], "a CD has no DVD structures");
});

test("GET CONFIGURATION: the profile follows the medium, a large one is a DVD", () => {
  const configuration = (driver: IdeDriver, request: number, start: number): Uint8Array =>
    driver.ask([0x46, request, start >> 8, start & 255, 0, 0, 0, 4, 0]);
  const driver = drive();
  const all = configuration(driver, 0, 0);
  assert.equal(u32(all, 0), all.length - 4);
  assert.equal(u16(all, 6), 0x0008);
  const one = configuration(driver, 2, 3);
  assert.deepEqual([...one.subarray(8)], [0, 3, 3, 4, 0x29, 0, 0, 0]);
  assert.ok(configuration(driver, 1, 0).length < all.length);
  assert.equal(u16(configuration(drive(null), 0, 0), 6), 0);

  class Huge extends MemoryBackend {
    override get sizeBytes(): number {
      return 4.5e9;
    }
  }
  const dvd = drive(new Huge(0));
  assert.equal(u16(configuration(dvd, 0, 0), 6), 0x0010);
  const structure = dvd.ask([0xad, 0, 0, 0, 0, 0, 0, 0, 0x10, 0]);
  assert.equal(u32(structure, 12) - u32(structure, 8) + 1, Math.ceil(4.5e9 / 2048));
});

test("mode pages: current, changeable and default values; what may change can be set, anything else cannot", () => {
  const driver = drive();
  const sense = (page: number): number[] => [...driver.ask([0x5a, 0, page, 0, 0, 0, 0, 1, 0])];
  assert.equal(u16(Uint8Array.from(sense(0x2a)), 0), sense(0x2a).length - 2);
  assert.deepEqual(sense(0x01), [0, 14, 1, 0, 0, 0, 0, 0, 0x01, 6, 0, 5, 0, 0, 0, 0]);
  assert.deepEqual(sense(0x41).slice(8), [0x01, 6, 0x3f, 0xff, 0, 0, 0, 0]);
  const select = (list: readonly number[]): void => {
    driver.packet([0x55, 0x10, 0, 0, 0, 0, 0, 0, list.length]);
    driver.writeData(Uint8Array.from(list));
  };
  const header = [0, 0, 0, 0, 0, 0, 0, 0];
  select([...header, 0x01, 6, 0x20, 9, 0, 0, 0, 0]);
  assert.equal(driver.status & ERR, 0);
  assert.deepEqual(sense(0x01).slice(8), [0x01, 6, 0x20, 9, 0, 0, 0, 0]);
  assert.deepEqual(sense(0x81).slice(8), [0x01, 6, 0, 5, 0, 0, 0, 0]);
  select([...header, 0x01, 6, 0x20, 9, 1, 0, 0, 0]);
  assert.equal(driver.status & ERR, ERR);
  assert.deepEqual(driver.sense(), [5, 0x26, 0]);
  select([...header, 0x01, 6, 0x20]);
  assert.deepEqual(driver.sense(), [5, 0x1a, 0]);
  failsWith(driver, [0x55, 0x10, 0, 0, 0, 0, 0, 0xff, 0xff], [5, 0x1a, 0]);
  failsWith(driver, [0x5a, 0, 0xc1, 0, 0, 0, 0, 1, 0], [5, 0x39, 0]);
  failsWith(driver, [0x5a, 0, 0x07, 0, 0, 0, 0, 1, 0], [5, 0x24, 0]);
  assert.deepEqual([...driver.ask([0x1a, 0, 0x0e, 0, 255])].slice(0, 6), [19, 1, 0, 0, 0x0e, 14]);
  assert.ok(driver.ask([0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0]).length > 60);
});

// ---- the medium ------------------------------------------------------------------------------------

test("an empty drive is not ready, and says whether its tray is open", () => {
  const driver = drive(null);
  failsWith(driver, [0x00], [2, 0x3a, 1]);
  failsWith(driver, read10(0, 1), [2, 0x3a, 1]);
  failsWith(driver, [0x25], [2, 0x3a, 1]);
  driver.packet([0x1b, 0, 0, 0, 2]);
  failsWith(driver, [0x00], [2, 0x3a, 2]);
  driver.packet([0x1b, 0, 0, 0, 3]);
  failsWith(driver, [0x00], [2, 0x3a, 1]);
});

test("a new medium is told by a unit attention and by an event, each once", () => {
  const driver = drive();
  const event = (): number[] => [...driver.ask([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8])];
  assert.deepEqual(event(), [0, 6, 4, 0x10, 0, 2, 0, 0]);
  driver.bench.insert(0, null);
  assert.deepEqual(event(), [0, 6, 4, 0x10, 3, 0, 0, 0]);
  failsWith(driver, [0x00], [2, 0x3a, 1]);
  driver.bench.insert(0, new MemoryBackend(new Uint8Array(10 * 2048)));
  assert.deepEqual(event(), [0, 6, 4, 0x10, 2, 2, 0, 0]);
  assert.deepEqual(event(), [0, 6, 4, 0x10, 0, 2, 0, 0]);
  failsWith(driver, [0x25], [6, 0x28, 0]);
  assert.equal(u32(driver.ask([0x25]), 0), 9);
  driver.bench.ide.drive(0)?.requestEject();
  assert.equal(event()[4], 1);
  assert.deepEqual([...driver.ask([0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8])], [0, 2, 0x80, 0x10], "other events are not reported");
  failsWith(driver, [0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8], [5, 0x24, 0]);
});

test("the guest ejects, unless it has locked the tray itself", () => {
  let ejected = 0;
  const driver = drive(iso(), () => ejected++);
  const removable = driver.bench.ide.drive(0);
  driver.packet([0x1e, 0, 0, 0, 1]);
  assert.ok(removable?.isLocked);
  failsWith(driver, [0x1b, 0, 0, 0, 2], [5, 0x53, 2]);
  assert.equal(ejected, 0);
  driver.packet([0x1e, 0, 0, 0, 0]);
  driver.packet([0x1b, 0, 0, 0, 2]);
  assert.equal(driver.status & ERR, 0);
  assert.equal(ejected, 1);
  failsWith(driver, read10(0, 1), [2, 0x3a, 2]);
  driver.packet([0x1b, 0, 0, 0, 2]);
  assert.equal(ejected, 1, "there was nothing left to eject");
  driver.bench.insert(0, iso());
  failsWith(driver, [0x00], [6, 0x28, 0]);
  assert.deepEqual(driver.ask(read10(3, 1)), sectors(3, 1));
});

test("a medium pulled while it is read: the command fails at once, or after the data that had been read", () => {
  const driver = drive();
  driver.packet(read10(0, 4));
  driver.bench.insert(0, null);
  assert.equal(driver.status & (BSY | DRQ | ERR), ERR);
  assert.deepEqual(driver.sense(), [2, 0x3a, 1]);
  driver.bench.settle();

  const slow = drive();
  slow.packet(read10(0, 300));
  slow.readData(2048);
  slow.bench.insert(0, new MemoryBackend(new Uint8Array(2048 * SECTORS)));
  const rest = slow.readData();
  assert.deepEqual(Uint8Array.from(rest), BYTES.subarray(2048, 2048 + rest.length), "nothing of the new medium");
  assert.equal(slow.status & (BSY | DRQ | ERR), ERR);
  assert.deepEqual(slow.sense(), [6, 0x28, 0]);
  slow.packet([0x00]);
  assert.equal(slow.status & ERR, 0, "told once");
});

test("an unreadable sector: those before it arrive, and its address is in the sense data", () => {
  class Scratched extends MemoryBackend {
    override submit(request: Parameters<MemoryBackend["submit"]>[0]): void {
      const isBad = request.offset <= 50 * 2048 && 50 * 2048 < request.offset + request.length;
      super.submit(isBad ? { ...request, offset: 1e9 } : request);
    }
  }
  const driver = drive(new Scratched(BYTES.slice()));
  assert.deepEqual(driver.ask(read10(47, 10)), sectors(47, 3));
  assert.equal(driver.status & ERR, ERR);
  const sense = driver.ask([0x03, 0, 0, 0, 18]);
  assert.deepEqual([sense[0], sense[2], sense[12], u32(sense, 3)], [0xf0, 3, 0x11, 50]);
});

test("an image cut off within a sector ends in zeros, an empty one is no medium", () => {
  const driver = drive(new MemoryBackend(BYTES.slice(0, 3 * 2048 + 700)));
  assert.equal(u32(driver.ask([0x25]), 0), 3);
  const last = driver.ask(read10(3, 1));
  assert.deepEqual(last.subarray(0, 700), sectors(3, 1).subarray(0, 700));
  assert.ok(last.subarray(700).every((byte) => byte === 0));
  failsWith(drive(new MemoryBackend(0)), [0x00], [2, 0x3a, 1]);
});

test("DEVICE RESET ends a command and keeps settings; a hard reset unlocks and tells of itself", () => {
  const driver = drive();
  driver.packet([0x1e, 0, 0, 0, 1]);
  driver.packet(read10(0, 4));
  driver.issue({ command: 0x08 });
  driver.bench.settle();
  assert.equal(driver.status, 0);
  assert.ok(!driver.irq.level);
  assert.deepEqual([driver.in(4), driver.in(5)], [0x14, 0xeb]);
  assert.ok(driver.bench.ide.drive(0)?.isLocked);
  driver.bench.ide.reset("warm");
  driver.bench.ide.enableChannels();
  assert.ok(!driver.bench.ide.drive(0)?.isLocked);
  failsWith(driver, [0x00], [6, 0x29, 0]);
});

test("a read is carried on by a machine that loads it; with another medium the state is refused", () => {
  for (const delivered of [0, 1, 2]) {
    const one = drive(new FaultyBackend(iso(), { seed: 4 }));
    one.packet(read10(10, 300));
    let before: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < delivered; i++) one.bench.deliver();
    if (delivered === 2) before = one.readData(3000);
    const saved = structuredClone(one.bench.ide.save());
    const two = new IdeDriver(new IdeBench([cdOn(iso())]));
    two.bench.ide.load(saved);
    assert.deepEqual(two.bench.ide.save(), saved);
    assert.deepEqual(Uint8Array.from([...before, ...two.readData()]), sectors(10, 300));
    assert.equal(two.status & ERR, 0);
    assert.throws(() => new IdeBench([cdOn(new MemoryBackend(2048))]).ide.load(saved), StateError);
  }
  const idle = drive().bench.ide.save();
  const other = new IdeDriver(new IdeBench([cdOn(new MemoryBackend(2048))]));
  other.bench.ide.load(idle);
  failsWith(other, [0x00], [6, 0x28, 0], "between commands, it is a medium change");
});
