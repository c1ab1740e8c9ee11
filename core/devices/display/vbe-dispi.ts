// The "dispi" registers of Bochs and QEMU's standard VGA (Bochs: "VBE Display Interface", QEMU: docs/specs/standard-vga.rst): 16-bit
// registers by index at ports 1CEh/1CFh. Values that do not fit the memory are brought to the nearest that does, as QEMU does.
// Not modelled: 4 bits a pixel, the DDC register.
import { z } from "zod";
import { u16 } from "../../state/field-schemas.ts";
import { type LinearMode, storedBits } from "./linear-framebuffer.ts";

const ID = 0;
const XRES = 1;
const YRES = 2;
const BPP = 3;
const ENABLE = 4;
const BANK = 5;
const VIRT_WIDTH = 6;
const VIRT_HEIGHT = 7;
const X_OFFSET = 8;
const Y_OFFSET = 9;
const VIDEO_MEMORY_64K = 10;
const REGISTER_COUNT = 10;

const FIRST_ID = 0xb0c0;
const LAST_ID = 0xb0c5;
const ENABLED = 0x01;
const GETCAPS = 0x02;
const DAC_8BIT = 0x20;
const NOCLEARMEM = 0x80;

export const MAX_WIDTH = 2560;
export const MAX_HEIGHT = 1600;
const MAX_BITS = 32;
const BANK_BYTES = 0x10000;

export const VbeDispiState = z.strictObject({ index: u16, registers: z.array(u16).length(REGISTER_COUNT) });
export type VbeDispiState = z.infer<typeof VbeDispiState>;

export class VbeDispi {
  private index = 0;
  private registers: number[] = [];
  private readonly memory: Uint8Array;
  /** Set when something that the picture depends on has been written. */
  isChanged = true;

  constructor(memory: Uint8Array) {
    this.memory = memory;
    this.reset();
  }

  private at(register: number): number {
    return this.registers[register] ?? 0;
  }

  get isEnabled(): boolean {
    return (this.at(ENABLE) & ENABLED) !== 0;
  }

  get isDac8Bit(): boolean {
    return (this.at(ENABLE) & DAC_8BIT) !== 0;
  }

  /** Byte offset of the 64 KiB that the window at A0000h shows. */
  get bankBytes(): number {
    return this.at(BANK) * BANK_BYTES;
  }

  /** The mode shown, or null while VGA modes are. */
  mode(): LinearMode | null {
    if (!this.isEnabled) return null;
    const bitsPerPixel = this.at(BPP) as LinearMode["bitsPerPixel"]; // fit() lets nothing else in
    const pitchBytes = this.pitchBytes(this.at(VIRT_WIDTH));
    const startBytes = this.at(Y_OFFSET) * pitchBytes + ((this.at(X_OFFSET) * storedBits({ bitsPerPixel })) >> 3);
    return { width: this.at(XRES), height: this.at(YRES), bitsPerPixel, pitchBytes, startBytes };
  }

  private pitchBytes(width: number): number {
    return (width * storedBits({ bitsPerPixel: this.at(BPP) })) >> 3;
  }

  readIndex(): number {
    return this.index;
  }

  writeIndex(value: number): void {
    this.index = value & 0xffff;
  }

  readData(): number {
    return this.read(this.index);
  }

  read(register: number): number {
    if (register === VIDEO_MEMORY_64K) return Math.min(this.memory.length >> 16, 0xffff);
    if (this.at(ENABLE) & GETCAPS) {
      if (register === XRES) return MAX_WIDTH;
      if (register === YRES) return MAX_HEIGHT;
      if (register === BPP) return MAX_BITS;
    }
    return this.at(register);
  }

  writeData(value: number): void {
    this.write(this.index, value & 0xffff);
  }

  write(register: number, value: number): void {
    if (register === ID) {
      if (value >= FIRST_ID && value <= LAST_ID) this.registers[ID] = value;
    } else if (register === ENABLE) {
      this.writeEnable(value);
    } else if (register < REGISTER_COUNT && register !== VIRT_HEIGHT) {
      this.registers[register] = value;
      if (register === BANK) this.registers[BANK] = Math.min(value, Math.max(0, (this.memory.length >> 16) - 1));
      else this.fit();
    } else {
      return;
    }
    this.isChanged = true;
  }

  private writeEnable(value: number): void {
    const wasEnabled = this.isEnabled;
    this.registers[ENABLE] = value & (ENABLED | GETCAPS | DAC_8BIT | 0x40 | NOCLEARMEM);
    if (this.isEnabled && this.memory.length < BANK_BYTES) this.registers[ENABLE] = this.at(ENABLE) & ~ENABLED;
    if (!this.isEnabled || wasEnabled) return;
    this.registers[VIRT_WIDTH] = this.at(XRES);
    this.registers[X_OFFSET] = 0;
    this.registers[Y_OFFSET] = 0;
    this.fit();
    if ((value & NOCLEARMEM) === 0) this.memory.fill(0, 0, this.at(YRES) * this.pitchBytes(this.at(VIRT_WIDTH)));
  }

  /** Brings mode registers that the guest wrote into bounds, so that the picture always lies inside the memory. */
  private fit(): void {
    const size = this.memory.length;
    if (![8, 15, 16, 24, 32].includes(this.at(BPP))) this.registers[BPP] = 8;
    const bytesPerPixel = storedBits({ bitsPerPixel: this.at(BPP) }) >> 3;
    const width = clamp(this.at(XRES) & ~7, 8, MAX_WIDTH);
    const virtualWidth = clamp(this.at(VIRT_WIDTH) & ~7, width, Math.max(width, Math.min(0xfff8, Math.floor(size / bytesPerPixel) & ~7)));
    const linesThatFit = Math.floor(size / (virtualWidth * bytesPerPixel));
    const height = clamp(this.at(YRES), 1, Math.min(MAX_HEIGHT, Math.max(1, linesThatFit)));
    this.registers[XRES] = width;
    this.registers[YRES] = height;
    this.registers[VIRT_WIDTH] = virtualWidth;
    this.registers[VIRT_HEIGHT] = Math.min(0xffff, Math.max(height, linesThatFit));
    this.registers[X_OFFSET] = clamp(this.at(X_OFFSET), 0, virtualWidth - width);
    this.registers[Y_OFFSET] = clamp(this.at(Y_OFFSET), 0, Math.max(0, linesThatFit - height));
  }

  reset(): void {
    this.index = 0;
    this.registers = [LAST_ID, 640, 480, 8, 0, 0, 640, 0, 0, 0];
    this.fit();
    this.isChanged = true;
  }

  save(): VbeDispiState {
    return { index: this.index, registers: [...this.registers] };
  }

  load(saved: VbeDispiState): void {
    this.index = saved.index;
    this.registers = [...saved.registers];
    if (this.at(ID) < FIRST_ID || this.at(ID) > LAST_ID) this.registers[ID] = LAST_ID;
    this.registers[BANK] = Math.min(this.at(BANK), Math.max(0, (this.memory.length >> 16) - 1));
    if (this.memory.length < BANK_BYTES) this.registers[ENABLE] = this.at(ENABLE) & ~ENABLED;
    this.fit();
    this.isChanged = true;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
