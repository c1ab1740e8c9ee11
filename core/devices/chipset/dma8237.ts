// The PC's two 8237A DMA controllers and their page registers: channels 0 to 3 move bytes within 64 KiB, channels 5 to 7 words
// within 128 KiB, channel 4 joins the first unit to the second (IBM PC/AT technical reference, system board).
// Banks: 0 = 00h-0Fh, 1 = 80h-8Fh, 2 = C0h-DFh (one register for every two ports). A write to 80h is a power-on self-test code as
// well, and goes to `onPost`. Not modelled: what dma8237-unit.ts leaves out.
import { ByteRegisters } from "../../bus/byte-registers.ts";
import type { Device, ResetKind } from "../../bus/device.ts";
import type { DmaChannel } from "../../bus/dma-channel.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { Dma8237Unit } from "./dma8237-unit.ts";
import { Dma8237State, powerOnDmaUnit } from "./dma8237.state.ts";

/** Page register of each channel, as an offset from 80h. */
const PAGE_OF = [0x07, 0x03, 0x01, 0x02, 0x0f, 0x0b, 0x09, 0x0a] as const;
const POST_CODE = 0;

export class Dma8237Pair extends ByteRegisters implements Device {
  readonly id: string;
  readonly kind = "dma8237";
  private readonly onPost: (code: number) => void;
  private readonly units: readonly [Dma8237Unit, Dma8237Unit];
  private readonly pages = new Uint8Array(16);

  constructor(id: string, memory: DmaView, onPost: (code: number) => void = () => {}) {
    super();
    this.id = id;
    this.onPost = onPost;
    this.units = [new Dma8237Unit(memory, 0), new Dma8237Unit(memory, 1)];
  }

  /** The pins of channel 0 to 7 (not 4). */
  channel(number: 0 | 1 | 2 | 3 | 5 | 6 | 7): DmaChannel {
    const unit = this.units[number >> 2] as Dma8237Unit; // 0 or 1
    const index = number & 3;
    const isReady = (): boolean => unit.isReady(index) && (number >= 4 || this.units[1].isCascadeOpen());
    const run = (isToMemory: boolean, data: Uint8Array): ReturnType<DmaChannel["toMemory"]> =>
      isReady() ? unit.transfer(index, this.pages[PAGE_OF[number]] ?? 0, isToMemory, data) : { bytes: 0, isTerminal: false };
    return {
      request: (level) => unit.setRequest(index, level),
      isReady,
      toMemory: (data) => run(true, data),
      fromMemory: (into) => run(false, into),
    };
  }

  /** The last code written to port 80h. */
  get postCode(): number {
    return this.pages[POST_CODE] ?? 0;
  }

  protected override readByte(bank: number, offset: number): number {
    if (bank === 1) return this.pages[offset] ?? 0xff;
    if (bank === 0) return offset < 16 ? this.units[0].read(offset) : 0xff;
    return offset < 32 ? this.units[1].read(offset >> 1) : 0xff;
  }

  protected override writeByte(bank: number, offset: number, value: number): void {
    if (bank === 1) {
      if (offset >= 16) return;
      this.pages[offset] = value;
      if (offset === POST_CODE) this.onPost(value);
    } else if (bank === 0) {
      if (offset < 16) this.units[0].write(offset, value);
    } else if (offset < 32) {
      this.units[1].write(offset >> 1, value);
    }
  }

  /** Firmware's part: channel 4 in cascade mode and open, which every driver takes for granted. */
  openCascade(): void {
    this.units[1].write(11, 0xc0);
    this.units[1].write(10, 0);
  }

  reset(_kind: ResetKind): void {
    for (const unit of this.units) unit.s = powerOnDmaUnit();
    this.pages.fill(0);
  }

  save(): DeviceState {
    const state: Dma8237State = {
      kind: "dma8237",
      version: 1,
      units: [structuredClone(this.units[0].s), structuredClone(this.units[1].s)],
      pages: Uint8Array.from(this.pages),
    };
    return state;
  }

  load(state: unknown): void {
    const saved = parseState(Dma8237State, state, this.id);
    for (const [i, unit] of this.units.entries()) unit.s = structuredClone(saved.units[i] ?? powerOnDmaUnit());
    this.pages.set(saved.pages);
  }

  describe(): Record<string, string> {
    const channels = [0, 1, 2, 3, 5, 6, 7].map((number): [string, string] => {
      const { s } = this.units[number >> 2] as Dma8237Unit; // 0 or 1
      const channel = s.channels[number & 3];
      const at = ((this.pages[PAGE_OF[number] ?? 0] ?? 0) << 16) + (channel?.address ?? 0);
      return [`channel ${number}`, `${at.toString(16)}h, count ${channel?.count ?? 0}${s.mask & (1 << (number & 3)) ? ", masked" : ""}`];
    });
    return { ...Object.fromEntries(channels), "POST code": `${this.postCode.toString(16)}h` };
  }
}
