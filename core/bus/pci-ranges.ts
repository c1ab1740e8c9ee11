// The ranges that one PCI function answers in (PCI Local Bus 3.0, 6.2.5): base address registers of 32 and 64 bits with sizing by write
// masks, and the expansion ROM's. Says to the devices behind them where they are.

const COMMAND_IO = 0x0001;
const COMMAND_MEMORY = 0x0002;
export const BAR0 = 0x10;
export const BAR_COUNT = 6;
export const ROM_BAR = 0x30;
const ROM_ENABLE = 0x01;

export interface PciBar {
  index: 0 | 1 | 2 | 3 | 4 | 5;
  space: "memory" | "io";
  /** A power of two: at least 16 for memory, 4 for I/O. */
  sizeBytes: number;
  prefetchable?: boolean;
  /** Takes two registers, this index and the next. Memory only. */
  is64Bit?: boolean;
  /** The guest has put the range at `base`, or (null) turned it off. False if `base` cannot be taken: the range then stays off
   *  and is offered again when something else on the bus moves. */
  decode(base: number | null): boolean;
}

/** An expansion ROM: decoded while its own enable bit and the command register's memory bit are set. */
export interface PciRom {
  /** A power of two, at least 2048. */
  sizeBytes: number;
  decode(base: number | null): boolean;
}

interface Range {
  space: "memory" | "io";
  sizeBytes: number;
  decode(base: number | null): boolean;
  /** Where its register is, and the bits of the register and of COMMAND that must be set for it to answer. */
  register: number;
  enable: number;
  command: number;
  is64Bit: boolean;
  /** Where it answers now. */
  base: number | null;
}

/** What decides besides the registers. */
export interface RangeSlot {
  readonly memoryWindow: { base: number; end: number };
  rangesFreed(): void;
}

export class PciRanges {
  private readonly name: string;
  private readonly initial: Uint8Array;
  private readonly writable: Uint8Array;
  private readonly readDword: (offset: number) => number;
  private readonly ranges: Range[] = [];

  /** Puts reset values and write masks of its registers into `initial` and `writable`. Throws RangeError for a BAR that cannot be. */
  constructor(
    spec: { name: string; bars?: readonly PciBar[]; rom?: PciRom }, initial: Uint8Array, writable: Uint8Array, readDword: (offset: number) => number,
  ) {
    this.name = spec.name;
    this.initial = initial;
    this.writable = writable;
    this.readDword = readDword;
    for (const bar of spec.bars ?? []) this.addBar(bar);
    if (spec.rom) this.addRom(spec.rom);
  }

  private addBar(bar: PciBar): void {
    const { space, sizeBytes, is64Bit = false } = bar;
    this.checkSize(`BAR ${bar.index}`, sizeBytes, space === "io" ? 4 : 16);
    if (is64Bit && (space === "io" || bar.index === BAR_COUNT - 1)) throw new RangeError(`BAR ${bar.index} of ${this.name} cannot be 64 bits wide`);
    const register = BAR0 + 4 * bar.index;
    put(this.initial, register, 4, space === "io" ? 1 : (bar.prefetchable ? 8 : 0) | (is64Bit ? 4 : 0));
    put(this.writable, register, 4, 2 ** 32 - sizeBytes);
    if (is64Bit) put(this.writable, register + 4, 4, 0xffffffff);
    const decode = (base: number | null): boolean => bar.decode(base);
    this.ranges.push({ space, sizeBytes, decode, register, enable: 0, command: space === "io" ? COMMAND_IO : COMMAND_MEMORY, is64Bit, base: null });
  }

  private addRom(rom: PciRom): void {
    this.checkSize("The ROM", rom.sizeBytes, 2048);
    put(this.writable, ROM_BAR, 4, 2 ** 32 - rom.sizeBytes + ROM_ENABLE);
    const decode = (base: number | null): boolean => rom.decode(base);
    const { sizeBytes } = rom;
    this.ranges.push({ space: "memory", sizeBytes, decode, register: ROM_BAR, enable: ROM_ENABLE, command: COMMAND_MEMORY, is64Bit: false, base: null });
  }

  private checkSize(what: string, sizeBytes: number, least: number): void {
    if (sizeBytes >= least && 2 ** Math.round(Math.log2(sizeBytes)) === sizeBytes) return;
    throw new RangeError(`${what} of ${this.name} cannot be ${sizeBytes} bytes`);
  }

  /** Brings what answers on the buses in line with the registers. */
  update(command: number, slot: RangeSlot): void {
    let hasFreed = false;
    for (const range of this.ranges) {
      if (range.base === null || range.base === this.wantedBase(range, command, slot)) continue;
      range.decode(null);
      range.base = null;
      hasFreed = true;
    }
    for (const range of this.ranges) {
      if (range.base !== null) continue;
      const wanted = this.wantedBase(range, command, slot);
      if (wanted !== null && range.decode(wanted)) range.base = wanted;
    }
    if (hasFreed) slot.rangesFreed();
  }

  /** Where the registers put a range, or null where nothing may answer. An address of 0 is one not assigned yet. */
  private wantedBase(range: Range, command: number, { memoryWindow }: RangeSlot): number | null {
    if ((command & range.command) === 0) return null;
    const low = this.readDword(range.register);
    if ((low & range.enable) !== range.enable) return null;
    const { space, sizeBytes } = range;
    const base = ((low & -sizeBytes) >>> 0) + (range.is64Bit ? this.readDword(range.register + 4) * 2 ** 32 : 0);
    const [lowest, end] = space === "io" ? [1, 0x10000] : [memoryWindow.base, memoryWindow.end];
    return base >= lowest && base + sizeBytes <= end ? base : null;
  }

  /** Where the range of that register answers now. */
  baseOf(register: number): number | null {
    return this.ranges.find((range) => range.register === register)?.base ?? null;
  }
}

/** Little-endian. */
export function put(into: Uint8Array, offset: number, size: number, value: number): void {
  for (let i = 0; i < size; i++) into[offset + i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
}
