// The display adapter: a VGA with the Bochs/QEMU "dispi" extension, as QEMU's standard VGA. Registers, planes and drawing have files
// of their own; this one ties them to ports, the window at A0000h-BFFFFh, PCI and the picture.
// After reset it stands in 80 by 25 text mode, as a video BIOS would leave it, because a kernel started directly expects that.
import type { AccessSize, BusDevice, Device, ResetKind } from "../../bus/device.ts";
import type { MmioBus } from "../../bus/mmio-bus.ts";
import type { PciFunction, PciRom } from "../../bus/pci-function.ts";
import type { DisplaySource, MemoryComparison, RowRange, TextScreen } from "../../display/display.ts";
import { type DeviceState, parseState, StateError } from "../../state/device-state.ts";
import type { Clock } from "../../time/clock.ts";
import { LinearFramebuffer } from "./linear-framebuffer.ts";
import { VbeDispi } from "./vbe-dispi.ts";
import { doGraphicsBlink, drawGraphics, graphicsSize } from "./vga-graphics.ts";
import { MODE_3, textFont, textPalette } from "./vga-modes.ts";
import { vgaPciFunction } from "./vga.pci.ts";
import { VgaPlanes } from "./vga-planes.ts";
import { VgaRegisters } from "./vga-registers.ts";
import { blinkPhase, dacColours } from "./vga-scan.ts";
import { VgaState } from "./vga.state.ts";
import { readTextScreen, TextPainter, textSize } from "./vga-text.ts";

const MONO_BANK = 0;
const COLOUR_BANK = 1;
const DISPI_BANK = 2;
const WINDOW_BANK = 3;
const MMIO_BANK = 4;

/** The ports, for the port bus. The dispi index and data registers are words; the third port is the data word's upper half. */
export const VGA_PORTS = [
  { base: 0x3b0, length: 12, bank: MONO_BANK },
  { base: 0x3c0, length: 32, bank: COLOUR_BANK },
  { base: 0x1ce, length: 3, bank: DISPI_BANK },
] as const;

/** The window into display memory, for the memory-mapped bus. */
export const VGA_WINDOW = { base: 0xa0000, length: 0x20000, bank: WINDOW_BANK } as const;

/** Below this ratio of height to width a picture's lines are doubled. */
const FLATTEST = 0.45;

const MMIO_PORTS = 0x400;
const MMIO_DISPI = 0x500;
const MMIO_DISPI_END = 0x516;

export interface VgaOptions {
  clock: Clock;
  /** Linear framebuffer memory, which the guest's processor also writes directly: a power of two, at least 64 KiB; or empty. */
  framebuffer: Uint8Array;
  mmio: MmioBus;
  /** See vga.pci.ts. */
  mapFramebuffer(base: number | null): boolean;
  /** The video BIOS as the card's expansion ROM. */
  rom?: PciRom;
}

export class Vga implements Device, BusDevice, DisplaySource {
  readonly id: string;
  readonly kind = "vga";
  readonly pci: PciFunction;
  private readonly registers: VgaRegisters;
  private readonly planes: VgaPlanes;
  private readonly dispi: VbeDispi;
  private readonly linear: LinearFramebuffer;
  private readonly painter = new TextPainter();
  /** Blink phase of the graphics drawn last, or -1 if they do not blink. */
  private drawnPhase = -1;
  /** The kind of picture drawn last: another is drawn whole. */
  private drawnKind = "";
  /** The picture in its own dots, where what is shown has them stretched. */
  private unstretched = new Uint32Array(0);

  constructor(id: string, options: VgaOptions) {
    this.id = id;
    this.registers = new VgaRegisters(options.clock);
    this.planes = new VgaPlanes(this.registers);
    this.dispi = new VbeDispi(options.framebuffer);
    this.linear = new LinearFramebuffer(options.framebuffer);
    this.pci = vgaPciFunction(id, this, {
      framebufferBytes: options.framebuffer.length,
      mmio: options.mmio,
      mmioBank: MMIO_BANK,
      mapFramebuffer: (base) => options.mapFramebuffer(base),
      ...(options.rom ? { rom: options.rom } : {}),
    });
    this.enterTextMode();
  }

  /** 80 by 25 text, cleared, cursor at the top left: what INT 10h function 0, mode 3 does. */
  enterTextMode(): void {
    this.dispi.write(4, 0);
    this.registers.reset();
    this.registers.setMode(MODE_3);
    this.registers.dac.set(textPalette());
    const { bytes } = this.planes;
    bytes.fill(0);
    for (let cell = 0; cell < 0x8000; cell += 2) {
      bytes[cell * 4] = 0x20;
      bytes[cell * 4 + 1] = 0x07;
    }
    textFont().forEach((row, i) => {
      bytes[((i >> 4) * 32 + (i & 15)) * 4 + 2] = row;
    });
    this.planes.latch = 0;
    this.planes.markAll();
  }

  /** A VBE mode with the linear framebuffer, cleared: what VBE function 4F02h does. */
  enterLinearMode(width: number, height: number, bitsPerPixel: 8 | 15 | 16 | 24 | 32): void {
    this.dispi.write(4, 0);
    for (const [i, value] of [width, height, bitsPerPixel].entries()) this.dispi.write(1 + i, value);
    this.dispi.write(4, 0x41);
    this.syncDacWidth();
  }

  readReg(bank: number, offset: number, size: AccessSize): number {
    if (bank === DISPI_BANK) return this.readDispiPort(offset, size);
    if (bank === MMIO_BANK && offset >= MMIO_DISPI && offset < MMIO_DISPI_END) return this.readDispiMmio(offset - MMIO_DISPI, size);
    let value = 0;
    for (let i = 0; i < size; i++) value += this.readByte(bank, offset + i) * 2 ** (8 * i);
    return value;
  }

  writeReg(bank: number, offset: number, size: AccessSize, value: number): void {
    if (bank === DISPI_BANK) this.writeDispiPort(offset, size, value);
    else if (bank === MMIO_BANK && offset >= MMIO_DISPI && offset < MMIO_DISPI_END) this.writeDispiMmio(offset - MMIO_DISPI, size, value);
    else for (let i = 0; i < size; i++) this.writeByte(bank, offset + i, (value >>> (8 * i)) & 0xff);
  }

  private readByte(bank: number, offset: number): number {
    switch (bank) {
      case MONO_BANK:
        return this.registers.readPort(0x3b0 + offset);
      case COLOUR_BANK:
        return this.registers.readPort(0x3c0 + offset);
      case WINDOW_BANK:
        return this.readWindow(offset);
      case MMIO_BANK:
        if (offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20) return this.registers.readPort(0x3c0 + offset - MMIO_PORTS);
        return offset < MMIO_DISPI ? 0xff : 0; // no EDID block; no extended registers (their size register reads 0)
      default:
        return 0xff;
    }
  }

  private writeByte(bank: number, offset: number, value: number): void {
    if (bank === WINDOW_BANK) this.writeWindow(offset, value);
    else if (bank === MONO_BANK) this.registers.writePort(0x3b0 + offset, value);
    else if (bank === COLOUR_BANK) this.registers.writePort(0x3c0 + offset, value);
    else if (bank === MMIO_BANK && offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20) {
      this.registers.writePort(0x3c0 + offset - MMIO_PORTS, value);
    }
  }

  /** In a VBE mode the first 64 KiB of the window are a bank of the framebuffer. */
  private readWindow(offset: number): number {
    if (!this.dispi.isEnabled) return this.planes.read(offset);
    return offset < 0x10000 ? (this.linear.memory[this.dispi.bankBytes + offset] ?? 0xff) : 0xff;
  }

  private writeWindow(offset: number, value: number): void {
    if (!this.dispi.isEnabled) this.planes.write(offset, value);
    else if (offset < 0x10000) this.linear.memory[this.dispi.bankBytes + offset] = value;
  }

  /** Word registers: a byte access sees or sets the low byte. */
  private readDispiPort(offset: number, size: AccessSize): number {
    const word = offset === 0 ? this.dispi.readIndex() : offset === 1 ? this.dispi.readData() : 0xff;
    return size === 1 ? word & 0xff : word;
  }

  private writeDispiPort(offset: number, size: AccessSize, value: number): void {
    const word = size === 1 ? value & 0xff : value & 0xffff;
    if (offset === 0) this.dispi.writeIndex(word);
    else if (offset === 1) this.dispi.writeData(word);
    this.syncDacWidth();
  }

  private readDispiMmio(offset: number, size: AccessSize): number {
    const low = this.dispi.read(offset >> 1);
    if (size === 1) return (low >> (8 * (offset & 1))) & 0xff;
    return size === 2 ? low : low + this.dispi.read((offset >> 1) + 1) * 0x10000;
  }

  private writeDispiMmio(offset: number, size: AccessSize, value: number): void {
    if (size === 1) return; // the registers are words
    this.dispi.write(offset >> 1, value & 0xffff);
    if (size === 4) this.dispi.write((offset >> 1) + 1, value >>> 16);
    this.syncDacWidth();
  }

  private syncDacWidth(): void {
    this.registers.isDac8Bit = this.dispi.isDac8Bit;
  }

  isDirty(nowNs: number, isFrameDue = false): boolean {
    const { registers, planes } = this;
    if (registers.isChanged || this.dispi.isChanged) return true;
    const mode = this.dispi.mode();
    if (mode) return this.linear.isChanged(mode, isFrameDue ? 4 : 16);
    if (planes.isChanged) return true;
    if (registers.isGraphics) return this.drawnPhase >= 0 && this.drawnPhase !== blinkPhase(nowNs);
    return registers.isCursorChanged || this.painter.isPhaseStale(nowNs);
  }

  size(): { width: number; height: number } {
    const { width, height } = this.ownSize();
    const stretch = this.stretch(width, height);
    return { width: width * stretch.x, height: height * stretch.y };
  }

  /** The picture's own dots. */
  private ownSize(): { width: number; height: number } {
    const mode = this.dispi.mode();
    if (mode) return { width: mode.width, height: mode.height };
    if (!this.registers.isGraphics) return textSize(this.registers);
    const { width, height } = graphicsSize(this.registers);
    return { width, height };
  }

  /** Dots of 640 by 200 are twice as high as wide and those of 360 by 400 twice as wide as high: these are shown twice. */
  private stretch(width: number, height: number): { x: 1 | 2; y: 1 | 2 } {
    if (this.dispi.isEnabled) return { x: 1, y: 1 };
    return { x: height > width ? 2 : 1, y: height < width * FLATTEST ? 2 : 1 };
  }

  render(into: Uint8Array | Uint8ClampedArray, nowNs: number): void {
    const { width, height } = this.size();
    if (into.length !== width * height * 4) throw new RangeError(`A picture of ${width} by ${height} does not fit ${into.length} bytes`);
    // Words need an aligned start; a caller's buffer need not have one.
    const isAligned = (into.byteOffset & 3) === 0;
    const words = isAligned ? new Uint32Array(into.buffer, into.byteOffset, width * height) : new Uint32Array(width * height);
    this.update(words, true, nowNs);
    if (!isAligned) into.set(new Uint8Array(words.buffer));
  }

  update(into: Uint32Array, isWhole: boolean, nowNs: number): RowRange | null {
    const { width, height } = this.ownSize();
    const stretch = this.stretch(width, height);
    if (into.length < width * stretch.x * height * stretch.y) throw new RangeError(`A picture of ${width} by ${height} dots does not fit`);
    if (stretch.x === 1 && stretch.y === 1) return this.draw(into, width, height, isWhole, nowNs);
    if (this.unstretched.length !== width * height) {
      this.unstretched = new Uint32Array(width * height);
      isWhole = true;
    }
    const rows = this.draw(this.unstretched, width, height, isWhole, nowNs);
    if (!rows) return null;
    const range = { first: rows.first * stretch.y, last: rows.last * stretch.y + stretch.y - 1 };
    const shownWidth = width * stretch.x;
    for (let y = range.first; y <= range.last; y++) {
      const from = Math.floor(y / stretch.y) * width;
      for (let x = 0; x < shownWidth; x++) into[y * shownWidth + x] = this.unstretched[from + (stretch.x === 2 ? x >> 1 : x)] as number;
    }
    return range;
  }

  compareWith(differs: MemoryComparison): void {
    this.linear.differs = differs;
  }

  private draw(words: Uint32Array, width: number, height: number, isWhole: boolean, nowNs: number): RowRange | null {
    const { registers, planes } = this;
    const mode = this.dispi.mode();
    const kind = mode ? "linear" : !registers.isScreenOn ? "off" : registers.isGraphics ? "graphics" : "text";
    isWhole ||= registers.isChanged || this.dispi.isChanged || kind !== this.drawnKind;
    this.drawnKind = kind;
    let rows: RowRange | null = null;
    if (mode) {
      rows = this.linear.draw(mode, dacColours(registers), words, isWhole);
    } else if (kind === "off") {
      if (isWhole) rows = { first: 0, last: height - 1 };
      if (isWhole) words.fill(0xff000000, 0, width * height);
    } else if (kind === "graphics") {
      const phase = doGraphicsBlink(registers) ? blinkPhase(nowNs) : -1;
      rows = drawGraphics(registers, planes, words, isWhole || phase !== this.drawnPhase, nowNs);
      this.drawnPhase = phase;
    } else {
      const isNewFont = (planes.changedPlanes & 0b1100) !== 0;
      rows = this.painter.draw(registers, planes.bytes, words, isWhole || isNewFont, nowNs);
    }
    registers.isChanged = registers.isCursorChanged = this.dispi.isChanged = false;
    planes.markDrawn();
    return rows;
  }

  text(): TextScreen | null {
    if (this.dispi.isEnabled || this.registers.isGraphics) return null;
    return readTextScreen(this.registers, this.planes.bytes);
  }

  reset(kind: ResetKind): void {
    if (kind === "power") this.linear.memory.fill(0);
    this.dispi.reset();
    this.enterTextMode();
    this.pci.reset();
  }

  save(): DeviceState {
    return {
      kind: "vga",
      version: 2,
      registers: this.registers.save(),
      planes: Uint8Array.from(this.planes.bytes),
      latch: this.planes.latch,
      dispi: this.dispi.save(),
      framebuffer: withoutZeros(this.linear.memory),
      pci: this.pci.save(),
    };
  }

  load(state: unknown): void {
    const saved = parseState(VgaState, state, this.id);
    this.pci.check(saved.pci);
    const { memory } = this.linear;
    if (saved.framebuffer.length > memory.length) throw new StateError(`Saved state of ${this.id} is not usable: framebuffer: too large`);
    this.registers.load(saved.registers);
    this.planes.bytes.set(saved.planes);
    this.planes.latch = saved.latch;
    this.planes.markAll();
    memory.set(saved.framebuffer);
    memory.fill(0, saved.framebuffer.length);
    this.dispi.load(saved.dispi);
    this.syncDacWidth();
    this.pci.load(saved.pci);
  }

  describe(): Record<string, string> {
    const { width, height } = this.size();
    const mode = this.dispi.mode();
    const what = mode ? `linear, ${mode.bitsPerPixel} bits` : this.registers.isGraphics ? "graphics" : "text";
    return { mode: `${what}, ${width} x ${height}` };
  }
}

/** A copy up to the last byte that is not 0: most of a framebuffer is never drawn to. */
function withoutZeros(memory: Uint8Array): Uint8Array {
  let end = memory.length;
  while (end > 0 && memory[end - 1] === 0) end--;
  return memory.slice(0, end);
}
