// The register file of an IBM VGA (IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem"): miscellaneous output,
// sequencer, CRT controller, graphics and attribute controllers, the palette DAC, input status with retrace from the clock.
// Not modelled: the vertical retrace interrupt, light pen, feature bits, write protection of attribute registers.
import { z } from "zod";
import type { Clock } from "../../time/clock.ts";
import { bytes, u8 } from "../../state/field-schemas.ts";

const SEQUENCER_MASKS = [0x03, 0x3d, 0x0f, 0x3f, 0x0e];
const GRAPHICS_MASKS = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff];
const ATTRIBUTE_MASKS = [...new Array<number>(16).fill(0x3f), 0xef, 0xff, 0x3f, 0x0f, 0x0f];
const CRTC_COUNT = 25;
/** Bits that the picture depends on; the rest only says how the processor's accesses work. */
const SEQUENCER_SHOWN = [0, 0x29, 0, 0x3f, 0];
const GRAPHICS_SHOWN = [0, 0, 0, 0, 0, 0x60, 0x01, 0, 0];
const CURSOR_REGISTERS = [0x0a, 0x0b, 0x0e, 0x0f];
const DAC_BYTES = 768;
const DOT_CLOCKS_HZ = [25_175_000, 28_322_000, 25_175_000, 25_175_000];

export const VgaRegistersState = z.strictObject({
  misc: u8,
  feature: u8,
  sequencerIndex: u8,
  sequencer: bytes(SEQUENCER_MASKS.length),
  crtcIndex: u8,
  crtc: bytes(CRTC_COUNT),
  graphicsIndex: u8,
  graphics: bytes(GRAPHICS_MASKS.length),
  attributeIndex: u8,
  attribute: bytes(ATTRIBUTE_MASKS.length),
  isAttributeData: z.boolean(),
  dacMask: u8,
  dacReadIndex: u8,
  dacWriteIndex: u8,
  dacComponent: z.int().min(0).max(2),
  isDacReading: z.boolean(),
  dac: bytes(DAC_BYTES),
});
export type VgaRegistersState = z.infer<typeof VgaRegistersState>;

/** A complete set of values, as mode tables give them. */
export interface VgaModeTable {
  misc: number;
  sequencer: readonly number[];
  crtc: readonly number[];
  graphics: readonly number[];
  attribute: readonly number[];
}

export class VgaRegisters {
  readonly sequencer: Uint8Array = new Uint8Array(SEQUENCER_MASKS.length);
  readonly crtc: Uint8Array = new Uint8Array(CRTC_COUNT);
  readonly graphics: Uint8Array = new Uint8Array(GRAPHICS_MASKS.length);
  readonly attribute: Uint8Array = new Uint8Array(ATTRIBUTE_MASKS.length);
  /** Red, green, blue of 256 entries, as written: 6 bits each, or 8 when the adapter's DAC is set so. */
  readonly dac: Uint8Array = new Uint8Array(DAC_BYTES);
  misc = 0;
  dacMask = 0xff;
  /** Set when a value changed that the whole picture may depend on. */
  isChanged = true;
  /** Set when the text cursor's place or shape changed. */
  isCursorChanged = true;
  /** True while the DAC takes 8 bits a component (a VBE setting). */
  isDac8Bit = false;
  private feature = 0;
  private sequencerIndex = 0;
  private crtcIndex = 0;
  private graphicsIndex = 0;
  /** Bit 5: the palette drives the screen rather than the processor. */
  private attributeIndex = 0;
  private isAttributeData = false;
  private dacReadIndex = 0;
  private dacWriteIndex = 0;
  private dacComponent = 0;
  private isDacReading = false;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** False while the attribute controller shows only the overscan colour, or the sequencer has the screen off. */
  get isScreenOn(): boolean {
    return (this.attributeIndex & 0x20) !== 0 && ((this.sequencer[1] ?? 0) & 0x20) === 0;
  }

  get isGraphics(): boolean {
    return ((this.graphics[6] ?? 0) & 1) !== 0;
  }

  /** `port` is 3B0h to 3DFh. */
  readPort(port: number): number {
    switch (port) {
      case 0x3c0:
        return this.attributeIndex;
      case 0x3c1:
        return this.attribute[this.attributeIndex & 0x1f] ?? 0;
      case 0x3c2:
        return 0x10; // switch sense: a colour display is attached
      case 0x3c4:
        return this.sequencerIndex;
      case 0x3c5:
        return this.sequencer[this.sequencerIndex] ?? 0;
      case 0x3c6:
        return this.dacMask;
      case 0x3c7:
        return this.isDacReading ? 3 : 0;
      case 0x3c8:
        return this.dacWriteIndex;
      case 0x3c9:
        return this.readDac();
      case 0x3ca:
        return this.feature;
      case 0x3cc:
        return this.misc;
      case 0x3ce:
        return this.graphicsIndex;
      case 0x3cf:
        return this.graphics[this.graphicsIndex] ?? 0;
      default:
        return this.readCrtcPort(port);
    }
  }

  /** The CRT controller and input status 1 answer at 3Bxh or 3Dxh, as miscellaneous output bit 0 says. */
  private readCrtcPort(port: number): number {
    if ((port & 0xf0) !== this.crtcBase) return 0xff;
    if ((port & 0x0f) === 0x4) return this.crtcIndex;
    if ((port & 0x0f) === 0x5) return this.crtc[this.crtcIndex] ?? 0;
    if ((port & 0x0f) === 0xa) return this.readStatus1();
    return 0xff;
  }

  private get crtcBase(): number {
    return this.misc & 1 ? 0xd0 : 0xb0;
  }

  writePort(port: number, value: number): void {
    switch (port) {
      case 0x3c0:
        this.writeAttribute(value);
        break;
      case 0x3c2:
        this.isChanged ||= this.misc !== value;
        this.misc = value;
        break;
      case 0x3c4:
        this.sequencerIndex = value & 7;
        break;
      case 0x3c5:
        this.store(this.sequencer, this.sequencerIndex, value & (SEQUENCER_MASKS[this.sequencerIndex] ?? 0), SEQUENCER_SHOWN[this.sequencerIndex]);
        break;
      case 0x3c6:
        this.isChanged ||= this.dacMask !== value;
        this.dacMask = value;
        break;
      case 0x3c7:
        this.dacReadIndex = value;
        this.dacComponent = 0;
        this.isDacReading = true;
        break;
      case 0x3c8:
        this.dacWriteIndex = value;
        this.dacComponent = 0;
        this.isDacReading = false;
        break;
      case 0x3c9:
        this.writeDac(value);
        break;
      case 0x3ce:
        this.graphicsIndex = value & 0x0f;
        break;
      case 0x3cf:
        this.store(this.graphics, this.graphicsIndex, value & (GRAPHICS_MASKS[this.graphicsIndex] ?? 0), GRAPHICS_SHOWN[this.graphicsIndex]);
        break;
      default:
        this.writeCrtcPort(port, value);
    }
  }

  private writeCrtcPort(port: number, value: number): void {
    if ((port & 0xf0) !== this.crtcBase) return;
    if ((port & 0x0f) === 0x4) this.crtcIndex = value & 0x1f;
    else if ((port & 0x0f) === 0x5) this.writeCrtc(value);
    else if ((port & 0x0f) === 0xa) this.feature = value;
  }

  private writeCrtc(value: number): void {
    const index = this.crtcIndex;
    // Bit 7 of register 11h protects 0 to 7, but for the line compare bit in 7.
    if (index <= 7 && (this.crtc[0x11] ?? 0) & 0x80) {
      if (index === 7) this.store(this.crtc, 7, ((this.crtc[7] ?? 0) & ~0x10) | (value & 0x10));
    } else if (CURSOR_REGISTERS.includes(index)) {
      this.isCursorChanged ||= this.crtc[index] !== value;
      this.crtc[index] = value;
    } else {
      this.store(this.crtc, index, value);
    }
  }

  private writeAttribute(value: number): void {
    if (this.isAttributeData) {
      const index = this.attributeIndex & 0x1f;
      this.store(this.attribute, index, value & (ATTRIBUTE_MASKS[index] ?? 0));
    } else {
      this.isChanged ||= ((this.attributeIndex ^ value) & 0x20) !== 0;
      this.attributeIndex = value & 0x3f;
    }
    this.isAttributeData = !this.isAttributeData;
  }

  /** `shown`: the bits that the picture depends on. */
  private store(file: Uint8Array, index: number, value: number, shown = 0xff): void {
    const old = file[index];
    if (old === undefined || old === value) return;
    file[index] = value;
    this.isChanged ||= ((old ^ value) & shown) !== 0;
  }

  private readDac(): number {
    const value = this.dac[this.dacReadIndex * 3 + this.dacComponent] ?? 0;
    this.dacComponent = (this.dacComponent + 1) % 3;
    if (this.dacComponent === 0) this.dacReadIndex = (this.dacReadIndex + 1) & 0xff;
    return value;
  }

  private writeDac(value: number): void {
    this.store(this.dac, this.dacWriteIndex * 3 + this.dacComponent, this.isDac8Bit ? value : value & 0x3f);
    this.dacComponent = (this.dacComponent + 1) % 3;
    if (this.dacComponent === 0) this.dacWriteIndex = (this.dacWriteIndex + 1) & 0xff;
  }

  /** Input status 1: bit 0 while nothing is displayed, bit 3 in vertical retrace. Reading it resets the attribute flip-flop. */
  private readStatus1(): number {
    this.isAttributeData = false;
    const crtc = (index: number): number => this.crtc[index] ?? 0;
    const clocking = this.sequencer[1] ?? 0;
    const dotsPerSecond = (DOT_CLOCKS_HZ[(this.misc >> 2) & 3] ?? 25_175_000) / (clocking & 8 ? 2 : 1);
    const lineNs = ((crtc(0) + 5) * (clocking & 1 ? 8 : 9) * 1e9) / dotsPerSecond;
    // With mode control bit 2 the vertical counter moves on every second line.
    const vertical = crtc(0x17) & 4 ? 2 : 1;
    const lineTotal = (this.vertical(0x06, 0, 5) + 2) * vertical;
    const retraceStart = this.vertical(0x10, 2, 7) * vertical;
    const retraceLines = ((crtc(0x11) - this.vertical(0x10, 2, 7)) & 15 || 16) * vertical;
    const inLines = this.clock.nowNs() / lineNs;
    const line = Math.floor(inLines) % lineTotal;
    const isInRetrace = line >= retraceStart && line < retraceStart + retraceLines;
    const isPastLine = (inLines % 1) * (crtc(0) + 5) > crtc(1) + 1;
    return (isInRetrace ? 8 : 0) | (isPastLine || line >= (this.vertical(0x12, 1, 6) + 1) * vertical ? 1 : 0);
  }

  /** A 10-bit vertical count: a register, and its bits 8 and 9 in the overflow register. */
  vertical(index: number, overflowBit8: number, overflowBit9: number): number {
    const overflow = this.crtc[7] ?? 0;
    return (this.crtc[index] ?? 0) | (((overflow >> overflowBit8) & 1) << 8) | (((overflow >> overflowBit9) & 1) << 9);
  }

  /** Sets every register as a mode table says, with the screen on. */
  setMode(table: VgaModeTable): void {
    this.misc = table.misc;
    this.sequencer.set(table.sequencer);
    this.crtc.set(table.crtc);
    this.graphics.set(table.graphics);
    this.attribute.set(table.attribute);
    this.attributeIndex = 0x20;
    this.isAttributeData = false;
    this.isChanged = true;
  }

  /** All indexes and state machines as after power-on; registers come from a mode. */
  reset(): void {
    this.feature = this.sequencerIndex = this.crtcIndex = this.graphicsIndex = 0;
    this.dacReadIndex = this.dacWriteIndex = this.dacComponent = 0;
    this.isDacReading = this.isDac8Bit = false;
    this.dacMask = 0xff;
    this.dac.fill(0);
  }

  save(): VgaRegistersState {
    const { misc, feature, sequencerIndex, crtcIndex, graphicsIndex, attributeIndex, isAttributeData } = this;
    const { dacMask, dacReadIndex, dacWriteIndex, dacComponent, isDacReading } = this;
    return {
      ...{ misc, feature, sequencerIndex, crtcIndex, graphicsIndex, attributeIndex, isAttributeData },
      ...{ dacMask, dacReadIndex, dacWriteIndex, dacComponent, isDacReading },
      sequencer: Uint8Array.from(this.sequencer),
      crtc: Uint8Array.from(this.crtc),
      graphics: Uint8Array.from(this.graphics),
      attribute: Uint8Array.from(this.attribute),
      dac: Uint8Array.from(this.dac),
    };
  }

  load(saved: VgaRegistersState): void {
    this.misc = saved.misc;
    this.feature = saved.feature;
    this.sequencerIndex = saved.sequencerIndex & 7;
    this.crtcIndex = saved.crtcIndex & 0x1f;
    this.graphicsIndex = saved.graphicsIndex & 0x0f;
    this.attributeIndex = saved.attributeIndex & 0x3f;
    this.isAttributeData = saved.isAttributeData;
    this.dacMask = saved.dacMask;
    this.dacReadIndex = saved.dacReadIndex;
    this.dacWriteIndex = saved.dacWriteIndex;
    this.dacComponent = saved.dacComponent;
    this.isDacReading = saved.isDacReading;
    this.sequencer.set(saved.sequencer.map((value, i) => value & (SEQUENCER_MASKS[i] ?? 0)));
    this.crtc.set(saved.crtc);
    this.graphics.set(saved.graphics.map((value, i) => value & (GRAPHICS_MASKS[i] ?? 0)));
    this.attribute.set(saved.attribute.map((value, i) => value & (ATTRIBUTE_MASKS[i] ?? 0)));
    this.dac.set(saved.dac);
    this.isChanged = true;
  }
}
