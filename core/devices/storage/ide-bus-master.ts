// The bus master of one IDE channel: command, status and descriptor table registers, and the walk through physical region
// descriptors. Intel 82371SB (PIIX3) datasheet 290550, 2.5; Programming Interface for Bus Master IDE Controller 1.0.
//
// The table is the guest's: each descriptor moves 2 bytes or more, so that even one without an end cannot hold the host up for longer
// than the data of one chunk lasts. What is not RAM ends in a master abort, as on a bus where nothing answers.
import { z } from "zod";
import type { DmaView } from "../../memory/guest-memory.ts";
import { u32, u8 } from "../../state/field-schemas.ts";

export const BUS_MASTER_BYTES = 8;
const COMMAND = 0;
const STATUS = 2;
const TABLE = 4;
const START = 0x01;
/** Towards memory: the drive is read. */
const TO_MEMORY = 0x08;
const ACTIVE = 0x01;
const ERROR = 0x02;
const INTERRUPT = 0x04;
/** "Drive can do DMA", for drives 0 and 1: firmware tells drivers. */
const CAPABLE = 0x60;
const END_OF_TABLE = 0x8000;

export const BusMasterState = z.strictObject({
  command: u8,
  status: u8,
  table: u32,
  /** Next descriptor, and what is left of the region in work. */
  next: u32,
  base: u32,
  left: z.int().min(0).max(0x10000),
  isLast: z.boolean(),
});
export type BusMasterState = z.infer<typeof BusMasterState>;

export class IdeBusMaster {
  private readonly memory: DmaView;
  /** Called when a transfer may go on: the guest started the engine. */
  private readonly onStart: () => void;
  private state: BusMasterState = idle();

  constructor(memory: DmaView, onStart: () => void) {
    this.memory = memory;
    this.onStart = onStart;
  }

  reset(): void {
    this.state = idle();
  }

  /** The drive's interrupt line has risen. */
  interruptRose(): void {
    this.state.status |= INTERRUPT;
  }

  readByte(offset: number): number {
    const { state } = this;
    if (offset === COMMAND) return state.command;
    if (offset === STATUS) return state.status;
    return offset >= TABLE && offset < BUS_MASTER_BYTES ? (state.table >>> (8 * (offset - TABLE))) & 0xff : 0;
  }

  writeByte(offset: number, value: number): void {
    const { state } = this;
    if (offset === COMMAND) {
      this.writeCommand(value & (START | TO_MEMORY));
    } else if (offset === STATUS) {
      state.status = (state.status & ~CAPABLE & ~(value & (ERROR | INTERRUPT))) | (value & CAPABLE);
    } else if (offset >= TABLE && offset < BUS_MASTER_BYTES) {
      const shift = 8 * (offset - TABLE);
      state.table = ((state.table & ~(0xff << shift)) | (value << shift & ~3)) >>> 0;
    }
  }

  private writeCommand(value: number): void {
    const { state } = this;
    const wasStarted = (state.command & START) !== 0;
    state.command = value;
    if ((value & START) === 0) {
      // Stopping forgets how far it was: the next start begins at the head of the table.
      state.status &= ~ACTIVE;
    } else if (!wasStarted) {
      state.status |= ACTIVE;
      state.next = state.table;
      state.left = 0;
      state.isLast = false;
      this.onStart();
    }
  }

  /** Moves `data` from `position` on, as far as the engine runs and its table lasts. Returns the new position. */
  transfer(data: Uint8Array, position: number, direction: "in" | "out"): number {
    const { state, memory } = this;
    if (((state.command & TO_MEMORY) !== 0) !== (direction === "in")) return position;
    while ((state.status & ACTIVE) !== 0 && position < data.length) {
      if (state.left === 0 && !this.nextRegion()) break;
      const length = Math.min(state.left, data.length - position);
      if (!memory.isRam(state.base, length)) {
        this.fail();
        break;
      }
      const part = data.subarray(position, position + length);
      if (direction === "in") memory.write(state.base, part);
      else memory.read(state.base, part);
      position += length;
      state.base += length;
      state.left -= length;
      if (state.left === 0 && state.isLast) state.status &= ~ACTIVE;
    }
    return position;
  }

  /** Loads the next descriptor. */
  private nextRegion(): boolean {
    const { state, memory } = this;
    if (!memory.isRam(state.next, 8)) {
      this.fail();
      return false;
    }
    const bytes = new Uint8Array(8);
    memory.read(state.next, bytes);
    const view = new DataView(bytes.buffer);
    state.base = (view.getUint32(0, true) & ~1) >>> 0;
    state.left = (view.getUint16(4, true) & ~1) || 0x10000;
    state.isLast = (view.getUint16(6, true) & END_OF_TABLE) !== 0;
    // A table lies within 64 KiB: the counter has 16 bits.
    state.next = ((state.next & 0xffff0000) | ((state.next + 8) & 0xffff)) >>> 0;
    return true;
  }

  private fail(): void {
    this.state.status = (this.state.status & ~ACTIVE) | ERROR;
  }

  get isActive(): boolean {
    return (this.state.status & ACTIVE) !== 0;
  }

  save(): BusMasterState {
    return { ...this.state };
  }

  load(saved: BusMasterState): void {
    this.state = {
      ...saved, command: saved.command & (START | TO_MEMORY), status: saved.status & (ACTIVE | ERROR | INTERRUPT | CAPABLE),
      table: (saved.table & ~3) >>> 0,
    };
  }
}

function idle(): BusMasterState {
  return { command: 0, status: 0, table: 0, next: 0, base: 0, left: 0, isLast: false };
}
