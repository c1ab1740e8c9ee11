// A PIIX3 IDE function on buses of its own, and the smallest driver that talks to a drive by its registers, as a BIOS would.
import assert from "node:assert/strict";
import { PciBus } from "../bus/pci-bus.ts";
import { PortBus } from "../bus/port-bus.ts";
import type { BlockBackend } from "../storage/block.ts";
import type { Deliverable } from "../storage/completions.ts";
import { IrqRecorder } from "./irq-recorder.ts";
import { TestRam } from "./test-ram.ts";
import { type IdeDriveSpec, Piix3Ide } from "../devices/storage/piix3-ide.ts";

export const RAM_BYTES = 1 << 20;
export const BUS_MASTER_BASE = 0xc000;
export const BSY = 0x80, DRDY = 0x40, DF = 0x20, DRQ = 0x08, ERR = 0x01;

export type TestMedium = BlockBackend & Deliverable;

export function diskOn(medium: BlockBackend): IdeDriveSpec {
  return { kind: "disk", medium, serialNumber: "DISK-1" };
}
export function cdOn(medium: BlockBackend | null): IdeDriveSpec {
  return { kind: "cd", medium, serialNumber: "CD-1" };
}

export class IdeBench {
  readonly ports = new PortBus();
  readonly ram = new TestRam(RAM_BYTES);
  readonly irq: readonly [IrqRecorder, IrqRecorder];
  readonly pci: PciBus;
  readonly ide: Piix3Ide;
  private readonly media: TestMedium[] = [];

  constructor(drives: readonly (IdeDriveSpec | undefined)[], options: { isEnabled?: boolean; irq?: readonly [IrqRecorder, IrqRecorder] } = {}) {
    this.irq = options.irq ?? [new IrqRecorder(), new IrqRecorder()];
    this.pci = new PciBus({ memoryWindow: { base: 0xe0000000, end: 0xfec00000 }, setPirq: () => {} });
    this.ide = new Piix3Ide("ide", { drives, irq: this.irq, memory: this.ram, ports: this.ports });
    this.pci.plug(1, 1, this.ide.pci);
    for (const drive of drives) if (drive?.medium) this.media.push(drive.medium as TestMedium);
    if (options.isEnabled === false) return;
    this.ide.pci.writeConfig(0x20, 4, BUS_MASTER_BASE);
    this.ide.enableChannels();
  }

  insert(place: number, medium: TestMedium | null): void {
    if (medium) this.media.push(medium);
    this.ide.drive(place)?.setMedium(medium);
  }

  /** Between slices: lets the media answer, once or until they have no more to say. */
  deliver(): number {
    return this.media.reduce((sum, medium) => sum + medium.deliver(), 0);
  }
  settle(): void {
    for (let tries = 0; this.deliver() > 0 || tries < 8; tries++) assert.ok(tries < 10_000, "the media never come to rest");
  }
}

export interface IdeCommand {
  command: number;
  features?: number;
  count?: number;
  lba?: number;
  /** LBA48: every register is written twice. */
  isExtended?: boolean;
  /** Cylinder, head and sector instead of an LBA. */
  chs?: readonly [number, number, number];
}

export class IdeDriver {
  readonly bench: IdeBench;
  private readonly base: number;
  private readonly control: number;
  private readonly drive: 0 | 1;
  private readonly busMaster: number;
  readonly irq: IrqRecorder;

  /** `place`: 0 primary master to 3 secondary slave. */
  constructor(bench: IdeBench, place = 0) {
    this.bench = bench;
    this.base = place < 2 ? 0x1f0 : 0x170;
    this.control = place < 2 ? 0x3f6 : 0x376;
    this.busMaster = BUS_MASTER_BASE + (place < 2 ? 0 : 8);
    this.drive = place % 2 === 0 ? 0 : 1;
    this.irq = bench.irq[place < 2 ? 0 : 1];
  }

  in(register: number): number {
    return this.bench.ports.read(this.base + register, 1);
  }
  out(register: number, value: number): void {
    this.bench.ports.write(this.base + register, 1, value);
  }
  /** Status, which takes the interrupt. */
  get status(): number {
    return this.in(7);
  }
  get alternateStatus(): number {
    return this.bench.ports.read(this.control, 1);
  }
  get error(): number {
    return this.in(1);
  }
  setControl(value: number): void {
    this.bench.ports.write(this.control, 1, value);
  }
  /** LBA registers, low 24 bits or all 48. */
  lba(isExtended = false): number {
    const low = this.in(3) + this.in(4) * 0x100 + this.in(5) * 0x10000;
    if (!isExtended) return low + (this.in(6) & 15) * 2 ** 24;
    this.setControl(0x80);
    const high = this.in(3) + this.in(4) * 0x100 + this.in(5) * 0x10000;
    this.setControl(0);
    return low + high * 2 ** 24;
  }

  select(): void {
    this.out(6, 0xa0 | (this.drive << 4));
  }

  /** Features, count, LBA low, mid and high. */
  private outAll(values: readonly number[]): void {
    for (const [i, value] of values.entries()) this.out(1 + i, value);
  }

  issue(c: IdeCommand): void {
    const { features = 0, count = 0, lba = 0 } = c;
    const byte = (n: number): number => Math.floor(lba / 2 ** (8 * n)) & 0xff;
    if (c.chs) {
      const [cylinder, head, sector] = c.chs;
      this.out(6, 0xa0 | (this.drive << 4) | head);
      this.outAll([features, count, sector, cylinder & 0xff, cylinder >> 8]);
    } else {
      this.out(6, 0xe0 | (this.drive << 4) | (c.isExtended ? 0 : byte(3) & 15));
      if (c.isExtended) this.outAll([features >> 8, count >> 8, byte(3), byte(4), byte(5)]);
      this.outAll([features & 0xff, count & 0xff, byte(0), byte(1), byte(2)]);
    }
    this.out(7, c.command);
  }

  /** Issues a command and lets the medium work. Returns the status. */
  run(c: IdeCommand): number {
    this.issue(c);
    this.bench.settle();
    return this.status;
  }

  /** Reads data while DRQ is set, at most `limit` bytes, in accesses of `size`. */
  readData(limit = Infinity, size: 2 | 4 = 2): Uint8Array {
    const data: number[] = [];
    while (data.length < limit) {
      this.bench.settle();
      if ((this.alternateStatus & (BSY | DRQ)) !== DRQ) break;
      const value = this.bench.ports.read(this.base, size);
      for (let i = 0; i < size; i++) data.push((value >>> (8 * i)) & 0xff);
    }
    return Uint8Array.from(data);
  }

  writeData(data: Uint8Array, size: 2 | 4 = 2): void {
    for (let at = 0; at < data.length; at += size) {
      this.bench.settle();
      assert.equal(this.alternateStatus & (BSY | DRQ), DRQ, `drive takes no data at ${at}`);
      let value = 0;
      for (let i = 0; i < size; i++) value += (data[at + i] ?? 0) * 2 ** (8 * i);
      this.bench.ports.write(this.base, size, value);
    }
    this.bench.settle();
  }

  /** READ SECTORS and the like. */
  read(c: IdeCommand, size: 2 | 4 = 2): Uint8Array {
    this.issue(c);
    return this.readData(Infinity, size);
  }

  // ---- bus master ----------------------------------------------------------------------------

  get busMasterStatus(): number {
    return this.bench.ports.read(this.busMaster + 2, 1);
  }
  clearBusMaster(): void {
    this.bench.ports.write(this.busMaster, 1, 0);
    this.bench.ports.write(this.busMaster + 2, 1, 0x06);
  }
  /** Writes a descriptor table to RAM at `at` and starts on it. */
  startDma(direction: "in" | "out", regions: readonly { base: number; length: number }[], at = 0x1000): void {
    const { view } = this.bench.ram;
    for (const [i, { base, length }] of regions.entries()) {
      view.setUint32(at + 8 * i, base, true);
      view.setUint16(at + 8 * i + 4, length & 0xffff, true);
      view.setUint16(at + 8 * i + 6, i === regions.length - 1 ? 0x8000 : 0, true);
    }
    this.startTable(direction, at);
  }
  startTable(direction: "in" | "out", at: number): void {
    const { ports } = this.bench;
    this.clearBusMaster();
    ports.write(this.busMaster + 4, 4, at);
    ports.write(this.busMaster, 1, direction === "in" ? 8 : 0);
    ports.write(this.busMaster, 1, direction === "in" ? 9 : 1);
  }

  // ---- packets -------------------------------------------------------------------------------

  /** PACKET with a byte count limit. The drive has the packet then; the medium has not yet answered. */
  packet(bytes: readonly number[], options: { limit?: number; dma?: boolean } = {}): void {
    this.issue({ command: 0xa0, features: options.dma ? 1 : 0, lba: (options.limit ?? 0xfffe) << 8 });
    assert.equal(this.alternateStatus & (BSY | DRQ | ERR), DRQ, "the drive asks for the packet");
    assert.equal(this.in(2) & 3, 1, "and says that it is a command");
    for (let at = 0; at < 12; at += 2) this.bench.ports.write(this.base, 2, (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
  }

  /** A packet command that answers: its data. */
  ask(bytes: readonly number[], options: { limit?: number } = {}): Uint8Array {
    this.packet(bytes, options);
    return this.readData();
  }

  /** Key, code and qualifier of the last failure. */
  sense(): [number, number, number] {
    const data = this.ask([0x03, 0, 0, 0, 18]);
    return [data[2] ?? 0, data[12] ?? 0, data[13] ?? 0];
  }
}
