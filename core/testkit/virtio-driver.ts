// A virtio driver for tests, of both ages: it finds the structures through PCI capabilities as Linux does, or uses the legacy I/O
// BAR, negotiates features, sets up split rings in the bench's RAM and exchanges buffers. Tests also write rings by hand with it.
import type { VirtioBench } from "./virtio-bench.ts";
import { DriverQueue } from "./virtio-driver-queue.ts";

const ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8;
const NO_VECTOR = 0xffff;

export interface StartOptions {
  /** Feature bits by number, besides VERSION_1; those not offered are left out. Default: everything offered. */
  features?: readonly number[];
  /** Without MSI-X the pin is used. */
  msix?: boolean;
  /** Makes queues smaller than the device offers. */
  queueSize?: number;
}

interface Structure {
  base: number;
  length: number;
}

export class VirtioDriver {
  readonly bench: VirtioBench;
  readonly isLegacy: boolean;
  readonly queues: DriverQueue[] = [];
  private readonly structures = new Map<number, Structure>();
  private notifyMultiplier = 0;
  private usesMsix = false;
  /** Rings and buffers are taken from here on. */
  private nextFree = 0x10000;

  constructor(bench: VirtioBench, kind: "modern" | "legacy" = "modern") {
    this.bench = bench;
    this.isLegacy = kind === "legacy";
    bench.fn.writeConfig(0x04, 2, bench.fn.readConfig(0x04, 2) | 4);
    if (!this.isLegacy) this.findStructures();
  }

  private findStructures(): void {
    const { fn } = this.bench;
    for (let at = fn.readConfig(0x34, 1); at !== 0; at = fn.readConfig(at + 1, 1)) {
      if (fn.readConfig(at, 1) !== 0x09) continue;
      const type = fn.readConfig(at + 3, 1);
      const base = fn.decodedBase(fn.readConfig(at + 4, 1));
      if (type === 5 || base === null || this.structures.has(type)) continue;
      this.structures.set(type, { base: base + fn.readConfig(at + 8, 4), length: fn.readConfig(at + 12, 4) });
      if (type === 2) this.notifyMultiplier = fn.readConfig(at + 16, 4);
    }
  }

  /** Guest-physical address of a register: structure 1 common, 2 notify, 3 ISR, 4 device configuration. */
  private at(type: number, offset: number): number {
    const structure = this.structures.get(type);
    if (!structure) throw new Error(`the device has no structure ${type}`);
    return structure.base + offset;
  }

  private get io(): number {
    const base = this.bench.fn.decodedBase(0);
    if (base === null) throw new Error("the device has no legacy registers");
    return base;
  }

  common(offset: number, size: 1 | 2 | 4): number {
    return this.bench.read(this.at(1, offset), size);
  }

  setCommon(offset: number, size: 1 | 2 | 4, value: number): void {
    this.bench.write(this.at(1, offset), size, value);
  }

  legacy(offset: number, size: 1 | 2 | 4): number {
    return this.bench.portBus.read(this.io + offset, size);
  }

  setLegacy(offset: number, size: 1 | 2 | 4, value: number): void {
    this.bench.portBus.write(this.io + offset, size, value);
  }

  get status(): number {
    return this.isLegacy ? this.legacy(18, 1) : this.common(20, 1);
  }

  set status(value: number) {
    if (this.isLegacy) this.setLegacy(18, 1, value);
    else this.setCommon(20, 1, value);
  }

  get needsReset(): boolean {
    return (this.status & 0x40) !== 0;
  }

  readIsr(): number {
    return this.isLegacy ? this.legacy(19, 1) : this.bench.read(this.at(3, 0), 1);
  }

  private get legacyHeader(): number {
    return this.usesMsix ? 24 : 20;
  }

  config(offset: number, size: 1 | 2 | 4): number {
    return this.isLegacy ? this.legacy(this.legacyHeader + offset, size) : this.bench.read(this.at(4, offset), size);
  }

  setConfig(offset: number, size: 1 | 2 | 4, value: number): void {
    if (this.isLegacy) this.setLegacy(this.legacyHeader + offset, size, value);
    else this.bench.write(this.at(4, offset), size, value);
  }

  /** Offered features, bits 31:0 or 63:32. */
  offered(word: 0 | 1): number {
    if (this.isLegacy) return word === 0 ? this.legacy(0, 4) : 0;
    this.setCommon(0, 4, word);
    return this.common(4, 4);
  }

  isOffered(bit: number): boolean {
    return ((this.offered(bit >> 5 ? 1 : 0) >>> (bit & 31)) & 1) !== 0;
  }

  setFeatures(low: number, high: number): void {
    if (this.isLegacy) {
      this.setLegacy(4, 4, low);
      return;
    }
    [low, high].forEach((bits, word) => {
      this.setCommon(8, 4, word);
      this.setCommon(12, 4, bits >>> 0);
    });
  }

  reset(): void {
    this.status = 0;
    this.queues.length = 0;
    this.nextFree = 0x10000;
  }

  /** Reset, negotiation, queues, DRIVER_OK. */
  start(options: StartOptions = {}): this {
    this.reset();
    this.status = ACKNOWLEDGE;
    this.status = ACKNOWLEDGE | DRIVER;
    const offered = this.offered(0);
    const wanted = options.features?.reduce((bits, bit) => bits | (bit < 32 ? 1 << bit : 0), 0) ?? offered;
    this.setFeatures(offered & wanted, this.offered(1) & 1);
    if (!this.isLegacy) this.status |= FEATURES_OK;
    if (!this.isLegacy && (this.status & FEATURES_OK) === 0) throw new Error("the device refused the features");
    if (options.msix) this.enableMsix();
    else this.bench.fn.writeConfig(0x9a, 2, 0);
    this.usesMsix = options.msix ?? false;
    const usesEventIndex = ((offered & wanted) >>> 29 & 1) !== 0;
    for (let index = 0, count = this.queueCount(); index < count; index++) this.queues.push(this.setUpQueue(index, usesEventIndex, options));
    if (this.usesMsix) this.setVector(this.isLegacy ? 20 : 16, 0);
    this.status |= DRIVER_OK;
    return this;
  }

  private queueCount(): number {
    if (!this.isLegacy) return this.common(18, 2);
    for (let index = 0; ; index++) {
      this.setLegacy(14, 2, index);
      if (this.legacy(12, 2) === 0) return index;
    }
  }

  /** Vector 0 for configuration changes and n + 1 for queue n, each sending 40h + its number. */
  private enableMsix(): void {
    const { fn } = this.bench;
    const table = fn.decodedBase(1) ?? 0;
    const vectors = (fn.readConfig(0x9a, 2) & 0x7ff) + 1;
    for (let vector = 0; vector < vectors; vector++) {
      for (const [i, value] of [0xfee00000, 0, 0x40 + vector, 0].entries()) this.bench.write(table + 16 * vector + 4 * i, 4, value);
    }
    fn.writeConfig(0x9a, 2, 0x8000);
  }

  private setVector(register: number, vector: number): void {
    if (this.isLegacy) this.setLegacy(register, 2, vector);
    else this.setCommon(register, 2, vector);
    const got = this.isLegacy ? this.legacy(register, 2) : this.common(register, 2);
    if (got !== vector && vector !== NO_VECTOR) throw new Error(`the device refused vector ${vector}`);
  }

  private setUpQueue(index: number, usesEventIndex: boolean, options: StartOptions): DriverQueue {
    this.selectQueue(index);
    if (options.queueSize && !this.isLegacy) this.setCommon(24, 2, options.queueSize);
    const size = this.isLegacy ? this.legacy(12, 2) : this.common(24, 2);
    const table = this.allocate(16 * size + 6 + 2 * size, 4096);
    const driver = table + 16 * size;
    const device = this.allocate(6 + 8 * size, 4096);
    if (options.msix) this.setVector(this.isLegacy ? 22 : 26, index + 1);
    if (this.isLegacy) {
      this.setLegacy(8, 4, table / 4096);
    } else {
      [table, driver, device].forEach((gpa, i) => {
        this.setCommon(32 + 8 * i, 4, gpa);
        this.setCommon(36 + 8 * i, 4, 0);
      });
      this.setCommon(28, 2, 1);
    }
    const notify = (): void => this.notify(index);
    return new DriverQueue(this.bench.ram, { size, table, driver, device }, usesEventIndex, notify);
  }

  selectQueue(index: number): void {
    if (this.isLegacy) this.setLegacy(14, 2, index);
    else this.setCommon(22, 2, index);
  }

  notify(index: number): void {
    if (this.isLegacy) {
      this.setLegacy(16, 2, index);
      return;
    }
    this.selectQueue(index);
    this.bench.write(this.at(2, this.common(30, 2) * this.notifyMultiplier), 2, index);
  }

  /** Zeroed RAM of the driver's own. Never given back; a reset starts over. */
  allocate(length: number, alignment = 16): number {
    let gpa = Math.ceil(this.nextFree / alignment) * alignment;
    if (gpa < 0x100000 && gpa + length > 0xa0000) gpa = 0x100000;
    if (gpa + length > this.bench.ram.sizeBytes) throw new Error("the driver has no RAM left");
    this.nextFree = gpa + length;
    this.bench.ram.bytes.fill(0, gpa, gpa + length);
    return gpa;
  }

  queue(index: number): DriverQueue {
    const queue = this.queues[index];
    if (!queue) throw new Error(`the device has no queue ${index}`);
    return queue;
  }
}
