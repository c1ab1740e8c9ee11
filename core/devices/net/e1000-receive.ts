// Reception of the 82540EM (8254x manual, 3.2 and 13.4.22): filters by address, multicast hash and VLAN, tag stripping, one or several
// buffers for a frame. Short frames are padded as on a wire; the frame check sequence, where the driver wants one, is zero.
// Checksums are left to the driver (IXSM). Delays of the interrupt (RDTR, RADV) are not modelled.
import { FRAME_HEADER_BYTES, FRAME_MAX_BYTES } from "../../network/port.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import { FrameBuffer } from "../../network/offload/frame-buffer.ts";
import * as reg from "./e1000-registers.ts";

const DESCRIPTOR_BYTES = 16;
const ENABLE = 0x02, BAD_PACKETS = 0x04, ALL_UNICAST = 0x08, ALL_MULTICAST = 0x10, LONG = 0x20, BROADCAST = 0x8000;
const FILTER_VLAN = 0x40000, LARGE_BUFFERS = 0x02000000, STRIP_CRC = 0x04000000;
const DONE = 0x01, END = 0x02, IGNORE_CHECKSUM = 0x04, HAS_TAG = 0x08;
const CRC_BYTES = 4, TAG_BYTES = 4;
const SHORTEST = 60, LONGEST_NORMAL = 1518;
const ADDRESSES = 16;
const ADDRESS_VALID = 0x80000000, ADDRESS_SELECT = 0x30000;
/** How far the upper 16 bits of the address are shifted for the hash, by RCTL.MO. */
const HASH_SHIFTS = [4, 3, 2, 0];

export class E1000Receiver {
  private readonly registers: reg.E1000Registers;
  private readonly memory: DmaView;
  private readonly frame = new FrameBuffer(FRAME_MAX_BYTES + CRC_BYTES);
  private readonly descriptor = new Uint8Array(DESCRIPTOR_BYTES);
  private readonly fields = new DataView(this.descriptor.buffer);

  constructor(registers: reg.E1000Registers, memory: DmaView) {
    this.registers = registers;
    this.memory = memory;
  }

  private get bufferBytes(): number {
    const rctl = this.registers.get(reg.RCTL);
    const size = 2048 >> ((rctl >>> 16) & 3);
    return rctl & LARGE_BUFFERS && size < 2048 ? 16 * size : size;
  }

  private get descriptors(): number {
    return this.registers.get(reg.RDLEN) / DESCRIPTOR_BYTES;
  }

  private get head(): number {
    const head = this.registers.get(reg.RDH);
    return head < this.descriptors ? head : 0;
  }

  /** Descriptors that the driver has given and the card has not used; a tail outside the ring gives none. */
  private get free(): number {
    const { head, descriptors } = this;
    const tail = this.registers.get(reg.RDT);
    if (tail >= descriptors) return 0;
    return tail >= head ? tail - head : tail - head + descriptors;
  }

  get isEnabled(): boolean {
    return (this.registers.get(reg.RCTL) & ENABLE) !== 0;
  }

  /** There is room for any frame that the driver wants. */
  hasRoom(): boolean {
    const longest = this.registers.get(reg.RCTL) & LONG ? FRAME_MAX_BYTES + CRC_BYTES : LONGEST_NORMAL + CRC_BYTES;
    return this.isEnabled && this.free * this.bufferBytes >= longest;
  }

  /** Gives interrupt causes. */
  receive(frame: Uint8Array): number {
    const { registers, bufferBytes } = this;
    const rctl = registers.get(reg.RCTL);
    if (!this.isEnabled || frame.length < FRAME_HEADER_BYTES || frame.length > FRAME_MAX_BYTES) return 0;
    registers.count(reg.TPR);
    registers.countLong(reg.TOR, frame.length + CRC_BYTES);
    const isTagged = (((frame[12] as number) << 8) | (frame[13] as number)) === registers.get(reg.VET) && frame.length >= FRAME_HEADER_BYTES + TAG_BYTES;
    if (frame.length > LONGEST_NORMAL && (rctl & (LONG | BAD_PACKETS)) === 0) return 0;
    if (!this.accepts(frame, rctl, isTagged)) return 0;
    const isStripped = isTagged && (registers.get(reg.CTRL) & reg.CTRL_VLAN) !== 0;
    const tag = isStripped ? ((frame[14] as number) << 8) | (frame[15] as number) : 0;
    const length = this.copy(frame, isStripped, (rctl & STRIP_CRC) === 0);
    const needed = Math.ceil(length / bufferBytes);
    if (needed > this.free) {
      registers.count(reg.MPC);
      return reg.INT_RX_OVERRUN;
    }
    if (!this.fill(length, needed, isStripped ? HAS_TAG : 0, tag)) return 0;
    this.countGood(frame);
    const threshold = this.descriptors >> (((rctl >>> 8) & 3) + 1);
    return reg.INT_RX | (this.free <= threshold ? reg.INT_RX_LOW : 0);
  }

  /** Puts the frame together as the driver gets it; gives its length. */
  private copy(frame: Uint8Array, isStripped: boolean, hasCrc: boolean): number {
    const { bytes } = this.frame;
    bytes.set(frame);
    let { length } = frame;
    if (isStripped) {
      bytes.copyWithin(12, 12 + TAG_BYTES, length);
      length -= TAG_BYTES;
    }
    if (length < SHORTEST) {
      bytes.fill(0, length, SHORTEST);
      length = SHORTEST;
    }
    if (!hasCrc) return length;
    bytes.fill(0, length, length + CRC_BYTES);
    return length + CRC_BYTES;
  }

  /** Writes the frame into the next buffers. False if the ring is not in RAM. */
  private fill(length: number, needed: number, status: number, tag: number): boolean {
    const { registers, memory, descriptor, fields, bufferBytes, descriptors } = this;
    let { head } = this;
    for (let i = 0, at = 0; i < needed; i++, at += bufferBytes) {
      const gpa = reg.descriptorAddress(registers, reg.RDBAL, head);
      if (gpa < 0 || !memory.isRam(gpa, DESCRIPTOR_BYTES)) return false;
      memory.read(gpa, descriptor);
      const count = Math.min(bufferBytes, length - at);
      if (fields.getUint32(4, true) === 0) memory.write(fields.getUint32(0, true), at === 0 ? this.frame.frame(count) : this.frame.bytes.subarray(at, at + count));
      fields.setUint16(8, count, true);
      fields.setUint16(10, 0, true);
      descriptor[12] = DONE | IGNORE_CHECKSUM | status | (i === needed - 1 ? END : 0);
      descriptor[13] = 0;
      fields.setUint16(14, tag, true);
      memory.write(gpa, descriptor);
      head = head + 1 === descriptors ? 0 : head + 1;
    }
    registers.set(reg.RDH, head);
    return true;
  }

  private accepts(frame: Uint8Array, rctl: number, isTagged: boolean): boolean {
    const { registers } = this;
    if (isTagged && (rctl & FILTER_VLAN) !== 0) {
      const id = (((frame[14] as number) & 0xf) << 8) | (frame[15] as number);
      if (((registers.get(reg.VFTA + 4 * (id >> 5)) >>> (id & 31)) & 1) === 0) return false;
    }
    const low = ((frame[0] as number) | ((frame[1] as number) << 8) | ((frame[2] as number) << 16) | ((frame[3] as number) << 24)) >>> 0;
    const high = (frame[4] as number) | ((frame[5] as number) << 8);
    if (low === 0xffffffff && high === 0xffff && (rctl & BROADCAST) !== 0) return true;
    const isGroup = (low & 1) !== 0;
    if ((rctl & (isGroup ? ALL_MULTICAST : ALL_UNICAST)) !== 0) return true;
    for (let i = 0; i < ADDRESSES; i++) {
      const upper = registers.get(reg.RAH + 8 * i);
      if (upper >= ADDRESS_VALID && (upper & ADDRESS_SELECT) === 0 && (upper & 0xffff) === high && registers.get(reg.RAL + 8 * i) === low) return true;
    }
    if (!isGroup) return false;
    const hash = (high >> (HASH_SHIFTS[(rctl >>> 12) & 3] as number)) & 0xfff;
    return ((registers.get(reg.MTA + 4 * (hash >> 5)) >>> (hash & 31)) & 1) !== 0;
  }

  private countGood(frame: Uint8Array): void {
    const { registers } = this;
    registers.count(reg.GPRC);
    registers.countLong(reg.GORC, frame.length + CRC_BYTES);
    if (frame[0] === 0xff) registers.count(reg.BPRC);
    else if ((frame[0] as number) & 1) registers.count(reg.MPRC);
  }
}
