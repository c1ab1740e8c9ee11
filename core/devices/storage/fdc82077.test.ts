import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DmaChannel, DmaTransfer } from "../../bus/dma-channel.ts";
import { MemoryBackend } from "../../storage/memory-backend.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { Fdc82077 } from "./fdc82077.ts";
import { FloppyDrive } from "./floppy-drive.ts";
import { floppyFormatOf, formatBytes } from "./floppy-media.ts";

const SIZE_1440 = 1_474_560;
const DOR = 2;
const MSR = 4;
const FIFO = 5;
const DIR_BANK = 1;
const MS = 1_000_000;

/** A channel whose memory is a list of bytes, until its count runs out. */
class FakeDma implements DmaChannel {
  memory: number[] = [];
  left = 0;
  isOpen = true;
  isVerify = false;
  level = false;
  request(level: boolean): void {
    this.level = level;
  }
  isReady(): boolean {
    return this.isOpen && this.left > 0;
  }
  toMemory(data: Uint8Array): DmaTransfer {
    const bytes = this.take(data.length);
    if (!this.isVerify) this.memory.push(...data.subarray(0, bytes));
    return { bytes, isTerminal: bytes > 0 && this.left === 0 };
  }
  fromMemory(into: Uint8Array): DmaTransfer {
    const bytes = this.take(into.length);
    into.set(this.memory.splice(0, bytes));
    return { bytes, isTerminal: bytes > 0 && this.left === 0 };
  }
  private take(wanted: number): number {
    if (!this.isReady()) return 0;
    const bytes = Math.min(wanted, this.left);
    this.left -= bytes;
    return bytes;
  }
}

/** A medium that answers at the next full 10 us of the bench's clock. */
function mediumOn(bench: DeviceBench, contents: Uint8Array, isReadOnly = false): MemoryBackend {
  const timers = bench.timers(() => ({ onTimer: () => void medium.deliver() }));
  const onReady = (): void => timers.arm("deliver", Math.ceil((timers.nowNs() + 1) / 10_000) * 10_000);
  const medium: MemoryBackend = new MemoryBackend(contents, { isReadOnly, onReady });
  return medium;
}

/** Every sector holds its own number, low byte first, then the same again. */
function numbered(sizeBytes: number): Uint8Array {
  const words = new Uint16Array(sizeBytes / 2);
  for (let i = 0; i < words.length; i++) words[i] = Math.floor(i / 256);
  return new Uint8Array(words.buffer);
}

class Bench {
  readonly bench = new DeviceBench();
  readonly dma = new FakeDma();
  readonly drives = [new FloppyDrive(), new FloppyDrive()] as const;
  readonly fdc: Fdc82077;
  medium: MemoryBackend;

  constructor(contents: Uint8Array = numbered(SIZE_1440), isReadOnly = false) {
    const { bench } = this;
    const fdc: Fdc82077 = new Fdc82077("fdc", { irq: bench.irq(), dma: this.dma, timers: bench.timers(() => fdc), drives: this.drives });
    this.fdc = fdc;
    this.medium = mediumOn(bench, contents, isReadOnly);
    this.drives[0].setMedium(this.medium);
    this.write(DOR, 0x1c);
    this.bench.clock.advance(MS);
    for (let i = 0; i < 4; i++) this.command(8);
    this.fdc.writeReg(1, 0, 1, 0); // 500 kbit/s
  }
  write(register: number, value: number): void {
    this.fdc.writeReg(0, register, 1, value);
  }
  read(register: number): number {
    return this.fdc.readReg(0, register, 1);
  }
  /** Sends a command and gives its results, or nothing if it has none (yet). */
  command(...bytes: number[]): number[] {
    for (const byte of bytes) {
      assert.equal(this.read(MSR) & 0xc0, 0x80, "the controller takes a command byte");
      this.write(FIFO, byte);
    }
    return this.results();
  }
  results(): number[] {
    const results: number[] = [];
    while ((this.read(MSR) & 0xd0) === 0xd0) results.push(this.read(FIFO));
    return results;
  }
  /** A command with an interrupt at its end. */
  run(...bytes: number[]): number[] {
    assert.deepEqual(this.command(...bytes), []);
    this.bench.clock.advance(200 * MS);
    assert.equal(this.bench.irq().level, true, "INT at the end");
    return this.results();
  }
  seek(cylinder: number, unit = 0): number[] {
    this.command(0x0f, unit, cylinder);
    this.bench.clock.advance(20 * MS);
    return this.command(8);
  }
  /** READ DATA of `count` bytes by DMA from C, H, R. */
  readData(c: number, h: number, r: number, count: number, opcode = 0xe6, eot = 18): number[] {
    this.dma.memory = [];
    this.dma.left = count;
    return this.run(opcode, h << 2, c, h, r, 2, eot, 0x1b, 0xff);
  }
  /** The numbers of the sectors that DMA has brought. */
  sectors(): number[] {
    const numbers: number[] = [];
    for (let i = 0; i < this.dma.memory.length; i += 512) numbers.push((this.dma.memory[i] ?? 0) | ((this.dma.memory[i + 1] ?? 0) << 8));
    return numbers;
  }
}

deviceConformance(
  "fdc82077",
  (bench) => {
    const drives = [new FloppyDrive(), new FloppyDrive()] as const;
    drives[0].setMedium(mediumOn(bench, numbered(SIZE_1440), true));
    const fdc: Fdc82077 = new Fdc82077("fdc", { irq: bench.irq(), dma: new FakeDma(), timers: bench.timers(() => fdc), drives });
    return fdc;
  },
  (fdc, bench) => {
    const command = (...bytes: number[]): void => {
      for (const byte of bytes) fdc.writeReg(0, FIFO, 1, byte);
    };
    fdc.writeReg(0, DOR, 1, 0x1c);
    bench.clock.advance(MS);
    fdc.writeReg(1, 0, 1, 0);
    command(0x03, 0xdf, 0x03); // no DMA
    command(0x13, 0, 0x57, 0x10);
    command(0x0f, 1, 40);
    command(0x46, 0, 5, 0, 3, 2, 18, 0x1b, 0xff);
    bench.clock.advance(MS);
    for (let i = 0; i < 700; i++) fdc.readReg(0, FIFO, 1);
  },
  { banks: [6, 1] },
);

describe("fdc82077 control", () => {
  test("leaving reset interrupts, and four senses tell of the drives", () => {
    const b = new Bench();
    b.write(DOR, 0x08);
    assert.equal(b.read(MSR), 0);
    b.write(DOR, 0x0c);
    b.bench.clock.advance(MS);
    assert.equal(b.bench.irq().level, true);
    assert.deepEqual([b.command(8), b.command(8), b.command(8), b.command(8)], [[0xc0, 0], [0xc1, 0], [0xc2, 0], [0xc3, 0]]);
    assert.equal(b.bench.irq().level, false);
    assert.deepEqual(b.command(8), [0x80]);
  });

  test("without polling a reset does not interrupt", () => {
    const b = new Bench();
    b.command(0x13, 0, 0x10, 0);
    b.command(0x94); // LOCK keeps the configuration
    b.write(4, 0x80);
    b.bench.clock.advance(MS);
    assert.equal(b.bench.irq().level, false);
    assert.equal(b.command(0x14).length, 1);
  });

  test("the gate in DOR holds INT back", () => {
    const b = new Bench();
    b.write(DOR, 0x14);
    b.seek(3);
    b.command(0x07, 0);
    b.bench.clock.advance(20 * MS);
    assert.equal(b.bench.irq().level, false);
    b.write(DOR, 0x1c);
    assert.equal(b.bench.irq().level, true);
  });

  test("it says that it is an 82077, and refuses what that does not know", () => {
    const b = new Bench();
    assert.deepEqual(b.command(0x10), [0x90]);
    assert.deepEqual(b.command(0x18), [0x80]);
    assert.deepEqual(b.command(0xff), [0x80]);
  });

  test("DUMPREG gives back what the commands set", () => {
    const b = new Bench();
    b.command(0x03, 0xdf, 0x02);
    b.command(0x13, 0, 0x57, 0x21);
    b.command(0x12, 0x85);
    assert.deepEqual(b.command(0x94), [0x10]);
    b.seek(7);
    assert.deepEqual(b.command(0x0e), [7, 0, 0, 0, 0xdf, 0x02, 0, 0x85, 0x57, 0x21]);
  });

  test("the drive is busy from SEEK until it is sensed", () => {
    const b = new Bench();
    b.command(0x0f, 0, 10);
    assert.equal(b.read(MSR), 0x81);
    assert.deepEqual(b.command(8), [0x80]);
    b.bench.clock.advance(20 * MS);
    assert.equal(b.bench.irq().level, true);
    assert.deepEqual(b.command(8), [0x20, 10]);
    assert.equal(b.read(MSR), 0x80);
  });

  test("two seeks at once interrupt one after the other", () => {
    const b = new Bench();
    b.command(0x0f, 0, 10);
    b.command(0x0f, 1, 12);
    b.bench.clock.advance(20 * MS);
    assert.deepEqual(b.command(8), [0x20, 10]);
    assert.equal(b.bench.irq().level, true);
    assert.deepEqual(b.command(8), [0x21, 12]);
    assert.equal(b.bench.irq().level, false);
  });

  test("RECALIBRATE finds track 0, and says so of a drive that is not there", () => {
    const b = new Bench();
    b.seek(30);
    assert.equal(b.command(0x04, 0)[0], 0x28);
    b.command(0x07, 0);
    b.bench.clock.advance(20 * MS);
    assert.deepEqual(b.command(8), [0x20, 0]);
    assert.equal(b.command(0x04, 4)[0], 0x3c);
    b.command(0x07, 2);
    b.bench.clock.advance(20 * MS);
    assert.deepEqual(b.command(8), [0x72, 0]);
  });

  test("the disk change line falls with the first step that finds a disk", () => {
    const b = new Bench();
    const isChanged = (): boolean => (b.fdc.readReg(DIR_BANK, 0, 1) & 0x80) !== 0;
    assert.equal(isChanged(), true);
    b.seek(1);
    assert.equal(isChanged(), false);
    b.drives[0].setMedium(null);
    b.seek(2);
    assert.equal(isChanged(), true);
    b.drives[0].setMedium(mediumOn(b.bench, numbered(SIZE_1440)));
    assert.equal(isChanged(), true);
    b.seek(0);
    assert.equal(isChanged(), false);
  });
});

describe("fdc82077 data by DMA", () => {
  test("READ DATA ends with the terminal count and names the next sector", () => {
    const b = new Bench();
    b.seek(2);
    assert.deepEqual(b.readData(2, 1, 3, 1024), [0x04, 0, 0, 2, 1, 5, 2]);
    assert.deepEqual(b.sectors(), [(2 * 2 + 1) * 18 + 2, (2 * 2 + 1) * 18 + 3]);
    assert.equal(b.bench.irq().level, false);
  });

  test("multi-track goes on with the other side", () => {
    const b = new Bench();
    assert.deepEqual(b.readData(0, 0, 18, 1536), [0x04, 0, 0, 0, 1, 3, 2]);
    assert.deepEqual(b.sectors(), [17, 18, 19]);
    assert.deepEqual(b.readData(0, 1, 18, 512), [0x04, 0, 0, 1, 0, 1, 2]);
  });

  test("the end of the track without a terminal count is abnormal, and names the last sector", () => {
    const b = new Bench();
    assert.deepEqual(b.readData(0, 0, 17, 4096, 0x46), [0x40, 0x80, 0, 0, 0, 18, 2]);
    assert.deepEqual(b.sectors(), [16, 17]);
  });

  test("a sector, side or cylinder that is not there gives no data", () => {
    const b = new Bench();
    assert.deepEqual(b.readData(0, 0, 19, 512, 0xe6, 20), [0x40, 0x04, 0, 0, 0, 19, 2]);
    assert.deepEqual(b.readData(0, 0, 0, 512), [0x40, 0x04, 0, 0, 0, 0, 2]);
    assert.deepEqual(b.readData(5, 0, 1, 512), [0x40, 0x04, 0x10, 5, 0, 1, 2]);
    b.dma.left = 512;
    assert.deepEqual(b.run(0xe6, 0, 0, 1, 1, 2, 18, 0x1b, 0xff), [0x40, 0x04, 0, 0, 1, 1, 2]);
    assert.deepEqual(b.run(0xe6, 0, 0, 0, 1, 3, 18, 0x1b, 0xff), [0x40, 0x04, 0, 0, 0, 1, 3]);
  });

  test("the wrong data rate, FM or an empty drive give no address mark", () => {
    const b = new Bench();
    b.fdc.writeReg(1, 0, 1, 2);
    assert.deepEqual(b.readData(0, 0, 1, 512).slice(0, 3), [0x40, 0x01, 0]);
    b.fdc.writeReg(1, 0, 1, 0);
    assert.deepEqual(b.readData(0, 0, 1, 512, 0xa6).slice(0, 3), [0x40, 0x01, 0]);
    b.drives[0].setMedium(null);
    assert.deepEqual(b.readData(0, 0, 1, 512).slice(0, 3), [0x40, 0x01, 0]);
  });

  test("an implied seek goes to the cylinder first", () => {
    const b = new Bench();
    b.command(0x13, 0, 0x40, 0);
    assert.deepEqual(b.readData(40, 0, 1, 512), [0x20, 0, 0, 40, 0, 2, 2]);
    assert.deepEqual(b.sectors(), [40 * 36]);
  });

  test("WRITE DATA reaches the medium; a sector cut short is filled with zeroes", () => {
    const b = new Bench();
    b.dma.memory = new Array<number>(600).fill(0xaa);
    b.dma.left = 600;
    assert.deepEqual(b.run(0xc5, 4, 0, 1, 1, 2, 18, 0x1b, 0xff), [0x04, 0, 0, 0, 1, 3, 2]);
    const at = 18 * 512;
    assert.ok(b.medium.contents.subarray(at, at + 600).every((byte) => byte === 0xaa));
    assert.ok(b.medium.contents.subarray(at + 600, at + 1024).every((byte) => byte === 0));
    assert.equal(b.medium.contents[at + 1024], 20);
  });

  test("a write-protected disk is not written", () => {
    const b = new Bench(numbered(SIZE_1440), true);
    b.dma.memory = new Array<number>(512).fill(1);
    b.dma.left = 512;
    assert.deepEqual(b.run(0xc5, 0, 0, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3), [0x40, 0x02, 0]);
    assert.equal(b.dma.left, 512);
    assert.equal(b.command(0x04, 0)[0], 0x78);
  });

  test("READ DELETED marks the first ordinary sector that it reads", () => {
    const b = new Bench();
    assert.deepEqual(b.readData(0, 0, 2, 2048, 0x4c), [0, 0, 0x40, 0, 0, 3, 2]);
    assert.deepEqual(b.sectors(), [1]);
    assert.deepEqual(b.readData(0, 0, 2, 2048, 0x6c).slice(0, 3), [0x40, 0x80, 0]);
  });

  test("READ TRACK begins at the index and compares the address", () => {
    const b = new Bench();
    assert.deepEqual(b.readData(0, 0, 5, 512 * 20, 0x42, 4).slice(0, 3), [0, 0, 0]);
    assert.deepEqual(b.sectors(), [0, 1, 2, 3]);
    assert.deepEqual(b.readData(0, 0, 55, 512, 0x42, 4).slice(0, 3), [0, 4, 0]);
  });

  test("VERIFY moves nothing and counts sectors if it is told to", () => {
    const b = new Bench();
    b.dma.left = 5000;
    assert.deepEqual(b.run(0x56, 0, 0, 0, 1, 2, 18, 0x1b, 0xff), [0, 0, 0, 1, 0, 1, 2]);
    assert.deepEqual(b.run(0xd6, 0x80, 0, 0, 17, 2, 18, 0x1b, 4), [0x04, 0, 0, 0, 1, 3, 2]);
    assert.equal(b.dma.left, 5000);
  });

  test("READ ID names a sector of the cylinder under the head", () => {
    const b = new Bench();
    b.seek(9);
    const [st0, st1, st2, c, h, r, n] = b.run(0x4a, 4);
    assert.deepEqual([st0, st1, st2, c, h, n], [4, 0, 0, 9, 1, 2]);
    assert.ok(r !== undefined && r >= 1 && r <= 18);
  });

  test("FORMAT fills a track that is laid out as the image is, and refuses another", () => {
    const b = new Bench();
    const ids = (count: number): number[] => Array.from({ length: count }, (_, i) => [0, 1, count - i, 2]).flat();
    b.dma.memory = ids(18);
    b.dma.left = 72;
    assert.deepEqual(b.run(0x4d, 4, 2, 18, 0x6c, 0xf6).slice(0, 3), [4, 0, 0]);
    const track = b.medium.contents.subarray(18 * 512, 36 * 512);
    assert.ok(track.every((byte) => byte === 0xf6));
    b.dma.memory = ids(9);
    b.dma.left = 36;
    assert.deepEqual(b.run(0x4d, 4, 2, 9, 0x6c, 0).slice(0, 3), [0x44, 0x20, 0]);
    assert.ok(track.every((byte) => byte === 0xf6));
  });

  test("a masked channel is waited for, but not for ever", () => {
    const b = new Bench();
    b.dma.isOpen = false;
    b.dma.left = 512;
    b.command(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    b.bench.clock.advance(20 * MS);
    assert.equal(b.dma.level, true);
    b.dma.isOpen = true;
    b.bench.clock.advance(MS);
    assert.deepEqual(b.results().slice(0, 3), [0, 0, 0]);
    b.dma.isOpen = false;
    assert.deepEqual(b.run(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3), [0x40, 0x10, 0]);
    assert.equal(b.dma.level, false);
  });

  test("an error of the host is a data error", () => {
    const b = new Bench(numbered(SIZE_1440));
    b.medium.submit = (request) => b.drives[0].onDone(request.operation === "read" ? "io" : null);
    assert.deepEqual(b.readData(0, 0, 1, 512), [0x40, 0x20, 0x20, 0, 0, 1, 2]);
  });

  test("a disk pulled while it is read ends the command", () => {
    const b = new Bench();
    b.dma.left = 512;
    b.command(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    b.bench.clock.advance(205_000);
    b.drives[0].setMedium(null);
    b.bench.clock.advance(MS);
    assert.deepEqual(b.results().slice(0, 3), [0x40, 0x01, 0]);
  });

  test("a reset forgets the command", () => {
    const b = new Bench();
    b.dma.left = 512;
    b.command(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    b.bench.clock.advance(205_000);
    b.write(4, 0x80);
    b.bench.clock.advance(20 * MS);
    assert.deepEqual(b.command(8), [0xc0, 0]);
    assert.equal(b.dma.left, 512);
  });

  test("what was under way when the machine was saved is done after it is loaded", () => {
    const b = new Bench();
    b.dma.left = 1024;
    b.command(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    b.bench.clock.advance(201_000);
    const other = new Bench();
    other.bench.clock.advance(b.bench.clock.nowNs() - other.bench.clock.nowNs());
    other.fdc.load(structuredClone(b.fdc.save()));
    other.dma.left = 1024;
    other.bench.clock.advance(20 * MS);
    assert.deepEqual(other.results(), [0, 0, 0, 0, 0, 3, 2]);
    assert.deepEqual(other.sectors(), [0, 1]);
  });
});

describe("fdc82077 data through the FIFO", () => {
  const nonDma = (): Bench => {
    const b = new Bench();
    b.command(0x03, 0xdf, 0x03);
    return b;
  };

  test("the processor reads the track up to its last sector", () => {
    const b = nonDma();
    b.command(0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff);
    b.bench.clock.advance(MS);
    assert.equal(b.read(MSR), 0xf0);
    assert.equal(b.bench.irq().level, true);
    const { rises } = b.bench.irq();
    const bytes = Array.from({ length: 1024 }, () => b.read(FIFO));
    assert.deepEqual([bytes[0], bytes[512]], [16, 17]);
    assert.equal(b.read(MSR), 0x30);
    assert.equal(b.bench.irq().level, false);
    b.bench.clock.advance(MS);
    assert.equal(b.read(MSR), 0xd0);
    assert.equal(b.bench.irq().rises, rises + 1, "another edge for the results");
    assert.deepEqual(b.results().slice(0, 2), [0x40, 0x80]);
  });

  test("the processor writes sectors one by one", () => {
    const b = nonDma();
    b.command(0x45, 0, 0, 0, 17, 2, 18, 0x1b, 0xff);
    for (const value of [0x11, 0x22]) {
      b.bench.clock.advance(MS);
      assert.equal(b.read(MSR), 0xb0);
      for (let i = 0; i < 512; i++) b.write(FIFO, value);
    }
    b.bench.clock.advance(MS);
    assert.deepEqual(b.results().slice(0, 2), [0x40, 0x80]);
    assert.deepEqual([b.medium.contents[16 * 512], b.medium.contents[17 * 512 + 511]], [0x11, 0x22]);
  });

  test("a processor that has had enough gets an overrun, with the sector at which it stopped", () => {
    const b = nonDma();
    b.command(0x46, 0, 0, 0, 3, 2, 18, 0x1b, 0xff);
    b.bench.clock.advance(MS);
    for (let i = 0; i < 1024; i++) b.read(FIFO);
    const { rises } = b.bench.irq();
    b.bench.clock.advance(100 * MS);
    assert.equal(b.bench.irq().rises, rises + 1);
    assert.deepEqual(b.results(), [0x40, 0x10, 0, 0, 0, 5, 2]);
    b.command(0x45, 0, 0, 0, 3, 2, 18, 0x1b, 0xff);
    b.bench.clock.advance(MS);
    for (let i = 0; i < 512; i++) b.write(FIFO, 0x33);
    b.bench.clock.advance(100 * MS);
    assert.deepEqual(b.results(), [0x40, 0x10, 0, 0, 0, 4, 2]);
    assert.deepEqual([b.medium.contents[2 * 512], b.medium.contents[3 * 512]], [0x33, 3]);
  });
});

test("fdc82077: random commands with any parameters all come to an end, and leave the controller usable", () => {
  const b = new Bench();
  const random = new SeededRandom(77);
  const first = [0x42, 0x03, 0x04, 0xc5, 0x45, 0xe6, 0x66, 0x07, 0x08, 0x49, 0x4a, 0x4c, 0x4d, 0x0e, 0x0f, 0x10, 0x12, 0x13, 0x14, 0x94, 0x56, 0xd6, 0xcf] as const;
  for (let i = 0; i < 4000; i++) {
    b.dma.left = random.below(3) * random.below(20_000);
    b.dma.memory = new Array<number>(b.dma.left).fill(random.below(256));
    const opcode = random.pick(first);
    b.write(FIFO, opcode);
    while ((b.read(MSR) & 0xf0) === 0x90) b.write(FIFO, random.below(3) ? random.below(4) : random.below(256));
    for (let polls = 0; (b.read(MSR) & 0xd0) !== 0xd0 && (b.read(MSR) & 0x10) !== 0; polls++) {
      assert.ok(polls < 200_000, `command ${opcode.toString(16)}h ends`);
      const status = b.read(MSR);
      if ((status & 0x80) === 0) b.bench.clock.advance(10 * MS);
      else if (status & 0x40) b.read(FIFO);
      else b.write(FIFO, random.below(256));
    }
    b.results();
    b.bench.clock.advance(20 * MS);
    if (random.below(100) === 0) b.drives[0].setMedium(random.below(2) ? mediumOn(b.bench, numbered(SIZE_1440)) : null);
  }
  b.write(4, 0x80);
  b.bench.clock.advance(MS);
  assert.equal(b.bench.irq().level, ((b.command(0x0e)[8] ?? 0) & 0x10) === 0);
});

describe("floppy media", () => {
  test("images are known by their size, and each format comes back", () => {
    for (const [bytes, name] of [[368_640, "360K"], [737_280, "720K"], [1_228_800, "1.2M"], [SIZE_1440, "1.44M"], [2_949_120, "2.88M"]] as const) {
      const format = floppyFormatOf(bytes);
      assert.equal(format?.name, name);
      assert.equal(format && formatBytes(format), bytes);
    }
  });

  test("odd sizes are the next larger high-density disk, and what is too large is none", () => {
    assert.equal(floppyFormatOf(512)?.name, "1.44M");
    assert.equal(floppyFormatOf(SIZE_1440 + 512)?.name, "2.88M");
    assert.equal(floppyFormatOf(2_949_121), null);
    assert.equal(floppyFormatOf(0), null);
    assert.throws(() => new FloppyDrive().setMedium(new MemoryBackend(4_000_000)), RangeError);
  });

  test("an image that ends early reads as zeroes there and cannot be written", () => {
    const b = new Bench(new Uint8Array(700).fill(7));
    assert.deepEqual(b.readData(0, 0, 2, 1024).slice(0, 3), [0, 0, 0]);
    assert.deepEqual([b.dma.memory[187], b.dma.memory[188], b.dma.memory[1023]], [7, 0, 0]);
    b.dma.memory = new Array<number>(512).fill(1);
    b.dma.left = 512;
    assert.deepEqual(b.run(0xc5, 0, 0, 0, 3, 2, 18, 0x1b, 0xff).slice(0, 2), [0x40, 0x20]);
  });

  test("a 360K disk is found with and without double steps, at either of its rates", () => {
    for (const rate of [1, 2]) {
      for (const step of [1, 2]) {
        const b = new Bench(numbered(368_640));
        b.fdc.writeReg(1, 0, 1, rate);
        b.seek(30 * step);
        assert.deepEqual(b.readData(30, 1, 9, 512, 0xe6, 9).slice(0, 3), [4, 0, 0]);
        assert.deepEqual(b.sectors(), [(30 * 2 + 1) * 9 + 8]);
      }
    }
  });

  test("2.88M wants 1 Mbit/s", () => {
    const b = new Bench(numbered(2_949_120));
    b.fdc.writeReg(1, 0, 1, 3);
    assert.deepEqual(b.readData(0, 1, 36, 512, 0xe6, 36), [4, 0, 0, 1, 0, 1, 2]);
    assert.deepEqual(b.sectors(), [71]);
  });
});
