import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MmioBus } from "../../bus/mmio-bus.ts";
import { PciBus } from "../../bus/pci-bus.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import type { BlockBackend } from "../../storage/block.ts";
import type { Deliverable } from "../../storage/completions.ts";
import { MemoryBackend } from "../../storage/memory-backend.ts";
import type { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { FaultyBackend } from "../../testkit/faulty-disk.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { Ahci, AHCI_REGISTER_BYTES } from "./ahci.ts";
import { AtaDisk } from "./ata-disk.ts";
import { AtapiCd } from "./atapi-cd.ts";

const RAM_BYTES = 1 << 20;
const SECTORS = 4096;
const CD_BLOCKS = 100;
const ABAR = 0xe0000000;
const LIST = 0x1000;
const FRAMES = 0x2000;
const TABLES = 0x4000;
const DATA = 0x40000;
const GHC = 0x04;
const IS = 0x08;
// Of a port.
const PX_IS = 0x10;
const PX_IE = 0x14;
const PX_CMD = 0x18;
const PX_TFD = 0x20;
const PX_SIG = 0x24;
const PX_SSTS = 0x28;
const PX_SCTL = 0x2c;
const PX_SERR = 0x30;
const PX_SACT = 0x34;
const PX_CI = 0x38;
const CONNECT = 0x40;

class Ram implements DmaView {
  readonly sizeBytes = RAM_BYTES;
  readonly bytes = new Uint8Array(RAM_BYTES);
  readonly view = new DataView(this.bytes.buffer);
  isRam(gpa: number, length: number): boolean {
    return gpa >= 0 && gpa + length <= RAM_BYTES;
  }
  read(gpa: number, into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.bytes[gpa + i] ?? 0xff;
  }
  write(gpa: number, from: Uint8Array): void {
    assert.ok(this.isRam(gpa, from.length), "the controller writes to RAM only");
    this.bytes.set(from, gpa);
  }
}

interface Command {
  fis: number[];
  /** PRD entries: address and bytes. */
  regions?: [number, number][];
  packet?: number[];
  headerFlags?: number;
}

/** A register FIS for `command`; `rest` sets single bytes. */
function fis(command: number, rest: Record<number, number> = {}): number[] {
  const bytes = new Array<number>(20).fill(0);
  bytes.splice(0, 3, 0x27, 0x80, command);
  for (const [at, value] of Object.entries(rest)) bytes[Number(at)] = value;
  return bytes;
}

function dma48(command: number, lba: number, sectors: number): number[] {
  return fis(command, { 4: lba & 0xff, 5: (lba >> 8) & 0xff, 7: 0x40, 12: sectors & 0xff, 13: sectors >> 8 });
}

function queued(command: number, lba: number, sectors: number, tag: number): number[] {
  return fis(command, { 3: sectors & 0xff, 11: sectors >> 8, 4: lba & 0xff, 5: (lba >> 8) & 0xff, 7: 0x40, 12: tag << 3 });
}

class Bench {
  readonly ram = new Ram();
  readonly disk: MemoryBackend = new MemoryBackend(numbered(SECTORS * 512));
  readonly cd: AtapiCd;
  readonly ahci: Ahci;
  readonly pci: PciBus;
  readonly mmio = new MmioBus();
  pirq = false;
  messages: number[] = [];

  private readonly medium: BlockBackend & Deliverable;

  constructor(
    cdContents: MemoryBackend | null = new MemoryBackend(numbered(CD_BLOCKS * 2048), { isReadOnly: true }),
    medium?: BlockBackend & Deliverable,
  ) {
    this.medium = medium ?? this.disk;
    let cd: AtapiCd | undefined;
    this.ahci = new Ahci("ahci", {
      memory: this.ram,
      mmio: this.mmio,
      drives: [
        (transport) => new AtaDisk("disk0", { medium: this.medium, interface: "serial", serialNumber: "RF0" }, transport),
        (transport) => (cd = new AtapiCd("cd0", { medium: cdContents, interface: "serial", serialNumber: "RF1" }, transport)),
      ],
    });
    assert.ok(cd);
    this.cd = cd;
    this.pci = new PciBus({
      memoryWindow: { base: ABAR, end: 0xf0000000 },
      setPirq: (_n, level) => {
        this.pirq = level;
      },
      messages: {
        sendMsi: (_address, data) => {
          this.messages.push(data);
          return true;
        },
      },
    });
    this.pci.plug(3, 0, this.ahci.pci);
    this.ahci.pci.writeConfig(0x24, 4, ABAR);
    this.ahci.pci.writeConfig(0x04, 2, 0x06);
    this.write(GHC, 2);
  }
  read(offset: number): number {
    return this.mmio.read(ABAR + offset, 4);
  }
  write(offset: number, value: number): void {
    this.mmio.write(ABAR + offset, 4, value);
  }
  port(n: number, register: number): number {
    return this.read(0x100 + 0x80 * n + register);
  }
  setPort(n: number, register: number, value: number): void {
    this.write(0x100 + 0x80 * n + register, value);
  }
  /** As a driver starts a port. */
  start(n = 0): this {
    this.setPort(n, 0x00, LIST);
    this.setPort(n, 0x08, FRAMES);
    this.setPort(n, PX_CMD, 0x10);
    this.setPort(n, PX_SERR, 0xffffffff);
    this.setPort(n, PX_IS, 0xffffffff);
    this.setPort(n, PX_IE, 0xffffffff);
    this.setPort(n, PX_CMD, 0x11);
    return this;
  }
  prepare(slot: number, { fis: frame, regions = [], packet, headerFlags = 0 }: Command): void {
    const table = TABLES + slot * 0x1000;
    const { view, bytes } = this.ram;
    view.setUint32(LIST + slot * 32, 5 | headerFlags | (packet ? 0x20 : 0) | (regions.length << 16), true);
    view.setUint32(LIST + slot * 32 + 8, table, true);
    view.setUint32(LIST + slot * 32 + 12, 0, true);
    bytes.set(frame, table);
    if (packet) bytes.set(packet, table + 0x40);
    for (const [i, [address, count]] of regions.entries()) {
      view.setUint32(table + 0x80 + 16 * i, address, true);
      view.setUint32(table + 0x84 + 16 * i, 0, true);
      view.setUint32(table + 0x8c + 16 * i, count - 1, true);
    }
  }
  issue(slot: number, command: Command, port = 0): void {
    this.prepare(slot, command);
    this.setPort(port, PX_CI, 1 << slot);
    this.settle();
  }
  settle(): void {
    for (let idle = 0; idle < 20; idle++) while (this.medium.deliver() > 0) idle = 0;
  }
  prdbc(slot: number): number {
    return this.ram.view.getUint32(LIST + slot * 32 + 4, true);
  }
  /** The first number in a sector's worth of memory. */
  numberAt(gpa: number): number {
    return this.ram.view.getUint16(gpa, true);
  }
}

/** Every 512 bytes hold their own number, over and over. */
function numbered(sizeBytes: number): Uint8Array {
  const words = new Uint16Array(sizeBytes / 2);
  for (let i = 0; i < words.length; i++) words[i] = Math.floor(i / 256);
  return new Uint8Array(words.buffer);
}

/** One memory for all of the suite's devices: they work on the same guest. */
const sharedRam = new Ram();

function conformanceDevice(bench: DeviceBench): Ahci {
  const timers = bench.timers(() => ({ onTimer: () => void medium.deliver() }));
  const onReady = (): void => timers.arm("deliver", Math.ceil((timers.nowNs() + 1) / 10_000) * 10_000);
  const medium: MemoryBackend = new MemoryBackend(numbered(64 * 512), { isReadOnly: true, onReady });
  const ahci = new Ahci("ahci", {
    memory: sharedRam,
    mmio: new MmioBus(),
    drives: [(transport) => new AtaDisk("disk0", { medium, interface: "serial", serialNumber: "RF0" }, transport)],
  });
  new PciBus({ memoryWindow: { base: ABAR, end: 0xf0000000 }, setPirq: (_n, level) => bench.irq("pirq").set(level) }).plug(3, 0, ahci.pci);
  return ahci;
}

deviceConformance(
  "ahci",
  conformanceDevice,
  (ahci) => {
    const { view, bytes } = sharedRam;
    ahci.pci.writeConfig(0x04, 2, 0x06);
    const write = (offset: number, value: number): void => ahci.writeReg(0, offset, 4, value);
    write(GHC, 2);
    write(0x100, LIST);
    write(0x108, FRAMES);
    write(0x114, 0x7fffffff);
    write(0x118, 0x11);
    write(0x280, 0x2000); // another port's list
    view.setUint32(LIST, 5 | (1 << 16), true);
    view.setUint32(LIST + 8, TABLES, true);
    bytes.set(dma48(0x25, 3, 1), TABLES);
    view.setUint32(TABLES + 0x80, DATA, true);
    view.setUint32(TABLES + 0x8c, 511, true);
    write(0x138, 1);
  },
  { banks: [AHCI_REGISTER_BYTES] },
);

describe("ahci registers", () => {
  test("it is an ICH9 in AHCI mode with six ports, 32 slots and queueing", () => {
    const b = new Bench();
    assert.equal(b.ahci.pci.readConfig(0, 4), 0x29228086);
    assert.equal(b.ahci.pci.readConfig(8, 4) >>> 8, 0x010601);
    assert.equal(b.read(0x00) & 0x1f, 5);
    assert.equal((b.read(0x00) >>> 8) & 0x1f, 31);
    assert.notEqual(b.read(0x00) & (1 << 30), 0);
    assert.equal(b.read(0x0c), 0x3f);
    assert.equal(b.read(0x10), 0x10300);
    assert.equal(b.read(GHC) >>> 0, 0x80000002);
  });

  test("a port shows its drive's signature, and one without a drive nothing", () => {
    const b = new Bench();
    assert.deepEqual([b.port(0, PX_SSTS), b.port(0, PX_SIG), b.port(0, PX_TFD) & 0x89], [0x123, 0x00000101, 0]);
    assert.deepEqual([b.port(1, PX_SSTS), b.port(1, PX_SIG)], [0x123, 0xeb140101]);
    assert.deepEqual([b.port(2, PX_SSTS), b.port(2, PX_SIG), b.port(2, PX_TFD)], [0, 0xffffffff, 0x7f]);
  });

  test("the signature FIS waits until frames are received", () => {
    const b = new Bench();
    b.setPort(1, 0x08, FRAMES);
    assert.equal(b.ram.bytes[FRAMES + 0x40], 0);
    b.setPort(1, PX_CMD, 0x10);
    assert.deepEqual([...b.ram.bytes.subarray(FRAMES + 0x40, FRAMES + 0x4e)], [0x34, 0, 0, 1, 1, 0x14, 0xeb, 0, 0, 0, 0, 0, 1, 0]);
  });

  test("COMRESET takes the link down and up and reports the connection", () => {
    const b = new Bench().start();
    assert.equal(b.port(0, PX_IS) & CONNECT, 0);
    b.setPort(0, PX_CMD, 0x10);
    b.setPort(0, PX_SCTL, 0x301);
    assert.equal(b.port(0, PX_SSTS), 0);
    assert.equal(b.port(0, PX_TFD), 0x7f);
    b.setPort(0, PX_SCTL, 0x300);
    assert.equal(b.port(0, PX_SSTS), 0x123);
    assert.equal(b.port(0, PX_TFD), 0x150);
    assert.equal(b.port(0, PX_IS) & CONNECT, CONNECT);
    assert.equal(b.pirq, true);
    b.setPort(0, PX_SERR, 0xffffffff);
    b.write(IS, 1);
    assert.equal(b.pirq, false);
    b.setPort(0, PX_SCTL, 4);
    assert.equal(b.port(0, PX_SSTS), 4);
  });

  test("a reset of the controller leaves where the lists are", () => {
    const b = new Bench().start();
    b.write(GHC, 1);
    assert.equal(b.read(GHC) >>> 0, 0x80000000);
    assert.deepEqual([b.port(0, 0x00), b.port(0, 0x08)], [LIST, FRAMES]);
    assert.equal(b.port(0, PX_CMD) & 0xc011, 0);
    assert.equal(b.port(0, PX_IE), 0);
  });

  test("the PCI window is 2 KiB and answers only while decoded", () => {
    const b = new Bench();
    b.ahci.pci.writeConfig(0x24, 4, 0xffffffff);
    assert.equal(b.ahci.pci.readConfig(0x24, 4), 0x100000000 - AHCI_REGISTER_BYTES);
    b.ahci.pci.writeConfig(0x04, 2, 0);
    assert.equal(b.read(0x0c), 0xffffffff);
  });
});

describe("ahci commands", () => {
  test("READ DMA EXT scatters over its regions and ends with a register FIS", () => {
    const b = new Bench().start();
    b.issue(3, { fis: dma48(0x25, 7, 3), regions: [[DATA, 512], [DATA + 0x2000, 100], [DATA + 0x3000, 1024]] });
    assert.equal(b.port(0, PX_CI), 0);
    assert.deepEqual([b.numberAt(DATA), b.numberAt(DATA + 0x2000), b.numberAt(DATA + 0x3000), b.numberAt(DATA + 0x3000 + 412)], [7, 8, 8, 9]);
    assert.equal(b.prdbc(3), 1536);
    assert.equal(b.port(0, PX_IS), 1);
    assert.deepEqual([b.ram.bytes[FRAMES + 0x40], b.ram.bytes[FRAMES + 0x41], b.port(0, PX_TFD)], [0x34, 0x40, 0x50]);
    assert.equal(b.pirq, true);
    b.setPort(0, PX_IS, 1);
    assert.equal(b.pirq, true, "until IS is cleared too");
    b.write(IS, 1);
    assert.equal(b.pirq, false);
  });

  test("WRITE DMA EXT gathers, and FLUSH CACHE EXT follows", () => {
    const b = new Bench().start();
    b.ram.bytes.fill(0x77, DATA, DATA + 1024);
    b.issue(0, { fis: dma48(0x35, 100, 2), regions: [[DATA, 1000], [DATA + 1000, 24]], headerFlags: 0x40 });
    assert.ok(b.disk.contents.subarray(51200, 52224).every((byte) => byte === 0x77));
    b.issue(1, { fis: fis(0xea) });
    assert.equal(b.port(0, PX_CI), 0);
    assert.equal(b.port(0, PX_TFD), 0x50);
  });

  test("a transfer longer than the drive's chunks goes on through the table", () => {
    const b = new Bench().start();
    b.issue(0, { fis: dma48(0x25, 0, 1200), regions: [[DATA, 300_000], [DATA + 300_000, 314_400]] });
    assert.equal(b.prdbc(0), 614_400);
    assert.deepEqual([0, 599, 600, 1199].map((n) => b.numberAt(DATA + n * 512)), [0, 599, 600, 1199]);
  });

  test("IDENTIFY DEVICE comes by PIO: a setup FIS with its own interrupt, no register FIS", () => {
    const b = new Bench().start();
    b.issue(0, { fis: fis(0xec), regions: [[DATA, 512]] });
    assert.equal(b.port(0, PX_IS), 2);
    assert.deepEqual([b.ram.bytes[FRAMES + 0x20], b.ram.bytes[FRAMES + 0x21], b.ram.bytes[FRAMES + 0x2f]], [0x5f, 0x60, 0x50]);
    assert.equal(b.ram.view.getUint32(DATA + 2 * 100, true), SECTORS);
    assert.notEqual(b.ram.view.getUint16(DATA + 2 * 76, true) & 0x100, 0, "queueing");
  });

  test("commands in several slots run one after the other", () => {
    const b = new Bench().start();
    for (const slot of [0, 1, 2]) b.prepare(slot, { fis: dma48(0x25, 10 + slot, 1), regions: [[DATA + slot * 512, 512]] });
    b.setPort(0, PX_CI, 7);
    assert.equal(b.port(0, PX_CI), 7);
    assert.equal(b.port(0, PX_TFD) & 0x80, 0x80);
    b.settle();
    assert.equal(b.port(0, PX_CI), 0);
    assert.deepEqual([0, 1, 2].map((n) => b.numberAt(DATA + n * 512)), [10, 11, 12]);
  });

  test("32 queued commands are under way at once and end with set device bits", () => {
    const b = new Bench().start();
    for (let tag = 0; tag < 32; tag++) b.prepare(tag, { fis: queued(0x60, tag * 3, 1, tag), regions: [[DATA + tag * 512, 512]] });
    b.setPort(0, PX_SACT, 0xffffffff);
    b.setPort(0, PX_CI, 0xffffffff);
    assert.equal(b.port(0, PX_CI), 0, "all accepted");
    assert.equal(b.port(0, PX_SACT), 0xffffffff);
    b.settle();
    assert.equal(b.port(0, PX_SACT), 0);
    assert.deepEqual([0, 1, 31].map((n) => b.numberAt(DATA + n * 512)), [0, 3, 93]);
    assert.equal(b.port(0, PX_IS), 8);
    assert.equal(b.ram.bytes[FRAMES + 0x58], 0xa1);
  });

  test("queued writes reach the disk", () => {
    const b = new Bench().start();
    b.ram.bytes.fill(0x55, DATA, DATA + 512);
    b.prepare(5, { fis: queued(0x61, 9, 1, 5), regions: [[DATA, 512]], headerFlags: 0x40 });
    b.setPort(0, PX_SACT, 1 << 5);
    b.setPort(0, PX_CI, 1 << 5);
    b.settle();
    assert.equal(b.port(0, PX_SACT), 0);
    assert.equal(b.disk.contents[9 * 512], 0x55);
  });

  test("a refused command reports a task file error and stands until ST is cleared", () => {
    const b = new Bench().start();
    b.issue(0, { fis: dma48(0x25, SECTORS, 1), regions: [[DATA, 512]] });
    assert.equal(b.port(0, PX_IS), 0x40000001);
    assert.equal(b.port(0, PX_TFD) & 1, 1);
    assert.equal(b.port(0, PX_TFD) >> 8, 0x10);
    assert.equal(b.port(0, PX_CI), 1);
    b.issue(1, { fis: dma48(0x25, 1, 1), regions: [[DATA, 512]] });
    assert.equal(b.port(0, PX_CI), 3);
    b.setPort(0, PX_CMD, 0x10);
    assert.equal(b.port(0, PX_CI), 0);
    b.setPort(0, PX_CMD, 0x11);
    b.issue(1, { fis: dma48(0x25, 1, 1), regions: [[DATA, 512]] });
    assert.equal(b.port(0, PX_CI), 0);
    assert.equal(b.numberAt(DATA), 1);
  });

  test("a failed queued command is named by log 10h, and its fellows stay in SACT", () => {
    const b = new Bench().start();
    b.prepare(2, { fis: queued(0x60, 5, 1, 2), regions: [[DATA, 512]] });
    b.prepare(4, { fis: queued(0x60, SECTORS, 1, 4), regions: [[DATA, 512]] });
    b.setPort(0, PX_SACT, 0x14);
    b.setPort(0, PX_CI, 0x14);
    b.settle();
    assert.notEqual(b.port(0, PX_IS) & 0x40000000, 0);
    assert.equal(b.port(0, PX_SACT), 0x14);
    b.setPort(0, PX_CMD, 0x10);
    b.setPort(0, PX_CMD, 0x11);
    b.issue(0, { fis: fis(0x2f, { 4: 0x10, 7: 0x40, 12: 1 }), regions: [[DATA, 512]] });
    assert.equal((b.ram.bytes[DATA] ?? 0) & 0x1f, 4);
  });

  test("a bad sector ends the queue with set device bits, the log names it, and the drive goes on after that", () => {
    const faulty = new FaultyBackend(new MemoryBackend(numbered(SECTORS * 512)), { seed: 1 });
    const b = new Bench(null, faulty).start();
    for (const tag of [1, 6]) b.prepare(tag, { fis: queued(0x60, 40 + tag, 1, tag), regions: [[DATA + tag * 512, 512]] });
    faulty.failNext("read", "io");
    b.setPort(0, PX_SACT, 0x42);
    b.setPort(0, PX_CI, 0x42);
    b.settle();
    assert.equal(b.port(0, PX_IS), 0x40000008);
    assert.equal(b.port(0, PX_TFD), 0x4051);
    assert.equal((b.port(0, PX_SACT) >> 1) & 1, 1);
    b.setPort(0, PX_CMD, 0x10);
    b.setPort(0, PX_IS, 0xffffffff);
    b.setPort(0, PX_CMD, 0x11);
    b.issue(0, { fis: fis(0x2f, { 4: 0x10, 7: 0x40, 12: 1 }), regions: [[DATA, 512]] });
    assert.deepEqual([b.ram.bytes[DATA], b.ram.bytes[DATA + 3], b.ram.bytes[DATA + 4]], [1, 0x40, 41]);
    b.prepare(1, { fis: queued(0x60, 41, 1, 1), regions: [[DATA, 512]] });
    b.setPort(0, PX_SACT, 2);
    b.setPort(0, PX_CI, 2);
    b.settle();
    assert.equal(b.port(0, PX_SACT), 0);
    assert.equal(b.numberAt(DATA), 41);
  });

  test("answers in any order complete the tags that they belong to", () => {
    const faulty = new FaultyBackend(new MemoryBackend(numbered(SECTORS * 512)), { seed: 5, maxDelay: 6, reorder: true });
    const b = new Bench(null, faulty).start();
    for (let round = 0; round < 20; round++) {
      for (let tag = 0; tag < 32; tag++) b.prepare(tag, { fis: queued(0x60, round * 64 + tag * 2, 2, tag), regions: [[DATA + tag * 1024, 1024]] });
      b.setPort(0, PX_SACT, 0xffffffff);
      b.setPort(0, PX_CI, 0xffffffff);
      b.settle();
      assert.equal(b.port(0, PX_SACT), 0);
      for (let tag = 0; tag < 32; tag++) assert.equal(b.numberAt(DATA + tag * 1024 + 512), round * 64 + tag * 2 + 1);
    }
  });

  test("SRST by two control FIS brings the signature back", () => {
    const b = new Bench().start();
    b.ram.bytes[FRAMES + 0x40] = 0;
    b.issue(0, { fis: fis(0, { 1: 0, 15: 4 }), headerFlags: 0x500 });
    assert.equal(b.port(0, PX_CI), 0);
    b.issue(1, { fis: fis(0, { 1: 0, 15: 0 }) });
    assert.equal(b.port(0, PX_CI), 0);
    assert.equal(b.port(0, PX_TFD), 0x150);
    assert.equal(b.ram.bytes[FRAMES + 0x40], 0x34);
  });

  test("clearing ST forgets what is under way", () => {
    const b = new Bench().start();
    b.prepare(0, { fis: dma48(0x25, 1, 1), regions: [[DATA, 512]] });
    b.setPort(0, PX_CI, 1);
    b.setPort(0, PX_CMD, 0x10);
    b.settle();
    assert.equal(b.numberAt(DATA), 0);
    assert.equal(b.port(0, PX_TFD) & 0x80, 0x80);
    b.setPort(0, PX_CMD, 0x18); // command list override
    assert.equal(b.port(0, PX_TFD) & 0x88, 0);
    b.setPort(0, PX_CMD, 0x11);
    b.issue(0, { fis: dma48(0x25, 2, 1), regions: [[DATA, 512]] });
    assert.equal(b.numberAt(DATA), 2);
  });

  test("nothing runs before the function may be a bus master", () => {
    const b = new Bench().start();
    b.ahci.pci.writeConfig(0x04, 2, 0x02);
    b.issue(0, { fis: dma48(0x25, 2, 1), regions: [[DATA, 512]] });
    assert.equal(b.port(0, PX_CI), 1);
    b.ahci.pci.writeConfig(0x04, 2, 0x06);
    b.settle();
    assert.equal(b.port(0, PX_CI), 0);
    assert.equal(b.numberAt(DATA), 2);
  });

  test("with MSI each new event sends one message, and the pin is silent", () => {
    const b = new Bench().start();
    b.ahci.pci.writeConfig(0x84, 4, 0xfee00000);
    b.ahci.pci.writeConfig(0x8c, 2, 0x41);
    b.ahci.pci.writeConfig(0x82, 2, 1);
    b.issue(0, { fis: dma48(0x25, 2, 1), regions: [[DATA, 512]] });
    assert.deepEqual(b.messages, [0x41]);
    assert.equal(b.pirq, false);
    b.setPort(0, PX_IS, 0xffffffff);
    b.write(IS, 1);
    assert.deepEqual(b.messages, [0x41]);
    b.issue(0, { fis: dma48(0x25, 2, 1), regions: [[DATA, 512]] });
    assert.deepEqual(b.messages, [0x41, 0x41]);
    b.write(IS, 1); // the port's own bits are still there
    assert.deepEqual(b.messages, [0x41, 0x41, 0x41]);
  });

  test("what was under way when the machine was saved ends after it is loaded", () => {
    const b = new Bench().start();
    for (const tag of [0, 1]) b.prepare(tag, { fis: queued(0x60, 20 + tag, 1, tag), regions: [[DATA + tag * 512, 512]] });
    b.setPort(0, PX_SACT, 3);
    b.setPort(0, PX_CI, 3);
    const other = new Bench();
    other.ram.bytes.set(b.ram.bytes);
    other.ahci.load(structuredClone(b.ahci.save()));
    other.settle();
    assert.equal(other.port(0, PX_SACT), 0);
    assert.deepEqual([other.numberAt(DATA), other.numberAt(DATA + 512)], [20, 21]);
    assert.equal(other.pirq, true);
  });
});

describe("ahci packet commands", () => {
  const read10 = (lba: number, blocks: number): number[] => [0x28, 0, 0, 0, 0, lba, 0, 0, blocks, 0, 0, 0];
  const run = (b: Bench, command: Command, medium?: MemoryBackend): void => {
    b.issue(0, command, 1);
    for (let rounds = 0; rounds < 100 && medium && medium.deliver() > 0; rounds++);
  };

  test("READ (10) by DMA moves blocks of the CD", () => {
    const medium = new MemoryBackend(numbered(CD_BLOCKS * 2048), { isReadOnly: true });
    const b = new Bench(medium).start(1);
    for (let i = 0; i < 3; i++) {
      // A new medium first reports that it has changed.
      run(b, { fis: fis(0xa0), packet: new Array<number>(12).fill(0) }, medium);
      b.setPort(1, PX_CMD, 0x10);
      b.setPort(1, PX_CMD, 0x11);
    }
    run(b, { fis: fis(0xa0, { 3: 1 }), packet: read10(5, 2), regions: [[DATA, 4096]] }, medium);
    assert.equal(b.port(1, PX_CI), 0);
    assert.deepEqual([b.numberAt(DATA), b.numberAt(DATA + 2048)], [20, 24]);
    assert.equal(b.prdbc(0), 4096);
  });

  test("IDENTIFY DEVICE is refused with the packet signature's error, IDENTIFY PACKET DEVICE answered", () => {
    const b = new Bench().start(1);
    run(b, { fis: fis(0xec), regions: [[DATA, 512]] });
    assert.notEqual(b.port(1, PX_IS) & 0x40000000, 0);
    b.setPort(1, PX_CMD, 0x10);
    b.setPort(1, PX_CMD, 0x11);
    run(b, { fis: fis(0xa1), regions: [[DATA, 512]] });
    assert.equal(b.port(1, PX_CI), 0);
    assert.equal((b.ram.bytes[DATA + 1] ?? 0) & 0xc0, 0x80);
  });

  test("an empty tray is a check condition that REQUEST SENSE explains, and a CD put in while running is found", () => {
    const b = new Bench(null).start(1);
    const status = (): number => {
      run(b, { fis: fis(0xa0), packet: new Array<number>(12).fill(0) });
      const tfd = b.port(1, PX_TFD);
      b.setPort(1, PX_CMD, 0x10);
      b.setPort(1, PX_CMD, 0x11);
      return tfd;
    };
    for (let i = 0; i < 3; i++) assert.equal(status() & 1, 1);
    run(b, { fis: fis(0xa0, { 5: 0xfe, 6: 0xff }), packet: [0x03, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0], regions: [[DATA, 18]] });
    assert.deepEqual([(b.ram.bytes[DATA + 2] ?? 0) & 15, b.ram.bytes[DATA + 12]], [2, 0x3a]);
    b.cd.setMedium(new MemoryBackend(numbered(CD_BLOCKS * 2048), { isReadOnly: true }));
    let tries = 0;
    while (status() & 1) assert.ok(tries++ < 4, "the CD becomes ready");
  });
});

describe("ahci with a hostile driver", () => {
  test("a list, table or frame area that is not RAM is a host bus error", () => {
    for (const break_ of [
      (b: Bench) => b.setPort(0, 0x00, 0x80000000),
      (b: Bench) => b.setPort(0, 0x04, 1),
      (b: Bench) => b.ram.view.setUint32(LIST + 8, 0xfffffc00, true),
      (b: Bench) => b.ram.view.setUint32(LIST + 12, 1, true),
    ]) {
      const b = new Bench().start();
      b.prepare(0, { fis: dma48(0x25, 2, 1), regions: [[DATA, 512]] });
      break_(b);
      b.setPort(0, PX_CI, 1);
      b.settle();
      assert.equal(b.port(0, PX_IS), 0x20000000);
      assert.equal(b.numberAt(DATA), 0);
    }
  });

  test("regions at device memory are a bus data error and nothing is moved", () => {
    const b = new Bench().start();
    b.issue(0, { fis: dma48(0x25, 2, 1), regions: [[ABAR, 512]] });
    assert.equal(b.port(0, PX_IS), 0x10000000);
    b.setPort(0, PX_CMD, 0x10);
    b.setPort(0, PX_CMD, 0x19);
    b.setPort(0, PX_CMD, 0x11);
  });

  test("a table that is too short drops what is read, and writes nothing", () => {
    const b = new Bench().start();
    b.issue(0, { fis: dma48(0x25, 2, 2), regions: [[DATA, 512]] });
    assert.equal(b.port(0, PX_IS), 0x01000001);
    assert.equal(b.port(0, PX_CI), 0);
    assert.equal(b.prdbc(0), 512);
    b.setPort(0, PX_IS, 0xffffffff);
    const before = Uint8Array.from(b.disk.contents);
    b.issue(0, { fis: dma48(0x35, 2, 2), regions: [[DATA, 512]], headerFlags: 0x40 });
    assert.notEqual(b.port(0, PX_IS) & 0x01000000, 0);
    assert.deepEqual(b.disk.contents, before);
  });

  test("a header that claims no FIS, or another kind, is an interface error", () => {
    const b = new Bench().start();
    b.prepare(0, { fis: dma48(0x25, 2, 1), regions: [[DATA, 512]] });
    b.ram.view.setUint32(LIST, 0, true);
    b.setPort(0, PX_CI, 1);
    assert.equal(b.port(0, PX_IS), 0x08000000);
  });

  test("a table of 65,535 regions is used as far as it is needed, and a bus error where it leaves RAM", () => {
    const b = new Bench().start();
    b.prepare(0, { fis: dma48(0x25, 3, 8) });
    b.ram.view.setUint32(LIST, 5 | 0xffff0000, true);
    b.setPort(0, PX_CI, 1);
    b.settle();
    assert.equal(b.port(0, PX_IS), 1);
    assert.equal(b.prdbc(0), 4096, "two bytes each");
    b.ram.bytes.copyWithin(RAM_BYTES - 512, TABLES, TABLES + 64);
    b.ram.view.setUint32(LIST + 8, RAM_BYTES - 512, true);
    b.setPort(0, PX_CI, 1);
    b.settle();
    assert.equal(b.port(0, PX_IS), 0x20000001);
  });

  test("random lists, tables and register writes never throw, and the port comes back", () => {
    const b = new Bench().start();
    const random = new SeededRandom(0xac1);
    const opcodes = [0x25, 0x35, 0x60, 0x61, 0xec, 0xa0, 0xa1, 0x20, 0x30, 0xea, 0xef, 0x2f, 0x06, 0xb0, 0xc4, 0xe6] as const;
    for (let i = 0; i < 3000; i++) {
      const slot = random.below(32);
      const port = random.below(3);
      const regions = Array.from({ length: random.below(6) }, (): [number, number] => [random.below(5) ? random.below(RAM_BYTES) : random.next(), 2 + random.below(9000)]);
      const opcode = random.pick(opcodes);
      const frame = random.below(2)
        ? queued(opcode, random.below(SECTORS + 50), random.below(20), random.below(8) ? slot : random.below(32))
        : dma48(opcode, random.below(SECTORS + 50), random.below(20));
      const packet = random.below(3) ? Array.from({ length: 12 }, () => random.below(256)) : [0x28, 0, 0, 0, 0, random.below(120), 0, 0, random.below(8), 0, 0, 0];
      b.prepare(slot, { fis: frame, regions: regions.filter(([at]) => at < DATA - 2 * 9000 || at >= DATA), packet });
      if (random.below(8) === 0) b.ram.view.setUint32(LIST + 32 * slot + 4 * random.below(4), random.next(), true);
      if (random.below(2)) b.setPort(port, PX_SACT, 1 << slot);
      b.setPort(port, PX_CI, 1 << slot);
      if (random.below(3) === 0) b.settle();
      if (random.below(3) === 0) b.setPort(port, 4 * random.below(16), random.next());
      if (random.below(6) === 0) b.ahci.load(structuredClone(b.ahci.save()));
      if (random.below(4) === 0) {
        b.setPort(port, PX_CMD, 0);
        b.setPort(port, PX_SCTL, 0);
        b.setPort(port, PX_CMD, 8);
        b.setPort(port, 0x04, 0);
        b.setPort(port, 0x0c, 0);
        b.start(port);
      }
    }
    b.settle();
    b.write(GHC, 1);
    b.write(GHC, 2);
    b.setPort(0, 0x04, 0);
    b.setPort(0, 0x0c, 0);
    b.start();
    b.issue(0, { fis: fis(0xec), regions: [[DATA, 512]] });
    assert.equal(b.port(0, PX_CI), 0);
    assert.equal(b.ram.view.getUint32(DATA + 2 * 100, true), SECTORS);
  });
});
