// One 8237A: registers and the counting of its four channels (Intel 8237A data sheet, register description). `shift` is 0 where a
// cycle moves a byte and 1 where it moves a word.
// Not modelled: memory-to-memory transfers (the PC uses channel 0 of the first unit for refresh), priorities, cycle timing. A
// transfer is one run of cycles whether the mode says demand, single or block.
import type { DmaTransfer } from "../../bus/dma-channel.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import { type DmaChannelState, type DmaUnitState, powerOnDmaUnit } from "./dma8237.state.ts";

const COMMAND_DISABLE = 0x04;
/** The mode register without its channel number. */
const MODE_TYPE = 0x03;
const MODE_AUTO_INIT = 0x04;
const MODE_DECREMENT = 0x08;
const MODE_CASCADE = 0x30;
const TYPE_VERIFY = 0;
const TYPE_TO_MEMORY = 1;
const TYPE_FROM_MEMORY = 2;

export class Dma8237Unit {
  s: DmaUnitState = powerOnDmaUnit();
  private readonly memory: DmaView;
  private readonly shift: 0 | 1;

  constructor(memory: DmaView, shift: 0 | 1) {
    this.memory = memory;
    this.shift = shift;
  }

  read(register: number): number {
    const { s } = this;
    if (register < 8) {
      const channel = s.channels[register >> 1] as DmaChannelState; // 0 to 3
      return this.takeBytePointer() ? at(channel, register) >> 8 : at(channel, register) & 0xff;
    }
    if (register === 8) {
      const status = s.reached | ((s.softwareRequests | s.pinRequests) << 4);
      s.reached = 0;
      return status;
    }
    return register === 15 ? s.mask | 0xf0 : 0; // 13 is the temporary register, which only memory-to-memory fills
  }

  write(register: number, value: number): void {
    const { s } = this;
    const bit = 1 << (value & 3);
    switch (register) {
      case 8:
        s.command = value;
        break;
      case 9:
        s.softwareRequests = value & 4 ? s.softwareRequests | bit : s.softwareRequests & ~bit;
        break;
      case 10:
        s.mask = value & 4 ? s.mask | bit : s.mask & ~bit;
        break;
      case 11:
        (s.channels[value & 3] as DmaChannelState).mode = value >> 2; // 0 to 3
        s.reached &= ~bit;
        break;
      case 12:
        s.isHighByte = false;
        break;
      case 13:
        this.masterClear();
        break;
      case 14:
        s.mask = 0;
        break;
      case 15:
        s.mask = value & 15;
        break;
      default:
        this.writeWord(register, value);
    }
  }

  /** Base and current registers are written together, a byte at a time. */
  private writeWord(register: number, value: number): void {
    const channel = this.s.channels[register >> 1] as DmaChannelState; // registers 0 to 7
    const isHigh = this.takeBytePointer();
    const merge = (old: number): number => (isHigh ? (old & 0xff) | (value << 8) : (old & 0xff00) | value);
    if (register & 1) {
      channel.baseCount = merge(channel.baseCount);
      channel.count = merge(channel.count);
    } else {
      channel.baseAddress = merge(channel.baseAddress);
      channel.address = merge(channel.address);
    }
  }

  private takeBytePointer(): boolean {
    const was = this.s.isHighByte;
    this.s.isHighByte = !was;
    return was;
  }

  private masterClear(): void {
    const { channels, pinRequests } = this.s;
    this.s = { ...powerOnDmaUnit(), channels, pinRequests };
  }

  setRequest(index: number, level: boolean): void {
    const bit = 1 << index;
    this.s.pinRequests = level ? this.s.pinRequests | bit : this.s.pinRequests & ~bit;
  }

  /** Channel `index` would run if its device asked. */
  isReady(index: number): boolean {
    const { command, mask, channels } = this.s;
    return (command & COMMAND_DISABLE) === 0 && (mask & (1 << index)) === 0 && (channels[index]?.mode ?? MODE_CASCADE) < MODE_CASCADE;
  }

  /** The second unit's request passes through channel 0 here, which must be in cascade mode and not masked. */
  isCascadeOpen(): boolean {
    const { command, mask, channels } = this.s;
    return (command & COMMAND_DISABLE) === 0 && (mask & 1) === 0 && channels[0].mode >= MODE_CASCADE;
  }

  /** Runs channel `index` until `data` or the count is used up. */
  transfer(index: number, page: number, isToMemory: boolean, data: Uint8Array): DmaTransfer {
    const channel = this.s.channels[index];
    if (!channel || !this.isReady(index)) return { bytes: 0, isTerminal: false };
    const type = channel.mode & MODE_TYPE;
    if (type !== TYPE_VERIFY && type !== (isToMemory ? TYPE_TO_MEMORY : TYPE_FROM_MEMORY)) return { bytes: 0, isTerminal: false };
    const left = channel.count + 1;
    const cycles = Math.min(left, data.length >> this.shift);
    if (cycles === 0) return { bytes: 0, isTerminal: false };
    if (type !== TYPE_VERIFY) this.move(channel, page, isToMemory, data.subarray(0, cycles << this.shift));
    channel.address = (channel.address + (channel.mode & MODE_DECREMENT ? -cycles : cycles)) & 0xffff;
    channel.count = (channel.count - cycles) & 0xffff;
    if (cycles === left) this.endCount(index, channel);
    return { bytes: cycles << this.shift, isTerminal: cycles === left };
  }

  /** The page register does not count: addresses wrap within 64 Ki cycles. */
  private move(channel: DmaChannelState, page: number, isToMemory: boolean, data: Uint8Array): void {
    const { shift } = this;
    const base = shift ? (page & 0xfe) << 16 : page << 16;
    const isDown = (channel.mode & MODE_DECREMENT) !== 0;
    let cycle = channel.address;
    for (let done = 0; done < data.length; ) {
      const run = isDown ? 1 << shift : Math.min(data.length - done, (0x10000 - cycle) << shift);
      const part = data.subarray(done, done + run);
      if (isToMemory) this.memory.write(base + (cycle << shift), part);
      else this.memory.read(base + (cycle << shift), part);
      cycle = (cycle + (isDown ? -1 : run >> shift)) & 0xffff;
      done += run;
    }
  }

  private endCount(index: number, channel: DmaChannelState): void {
    const bit = 1 << index;
    this.s.reached |= bit;
    this.s.softwareRequests &= ~bit;
    if (channel.mode & MODE_AUTO_INIT) {
      channel.address = channel.baseAddress;
      channel.count = channel.baseCount;
    } else {
      this.s.mask |= bit;
    }
  }
}

function at(channel: DmaChannelState, register: number): number {
  return register & 1 ? channel.count : channel.address;
}
