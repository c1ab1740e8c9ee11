// The DP8390 network controller with the memory, address PROM and ports of an NE2000 card (National DP8390D data sheet, NE2000 port map):
// registers at 0 to 0Fh in pages, the data port of remote DMA at 10h, the reset port at 18h. Frames lie in 16 KiB of the card's own
// memory. Not modelled: loopback modes (a frame sent in one goes nowhere), the send-packet command, collisions and other line errors.
import { z } from "zod";
import type { AccessSize } from "../../bus/device.ts";
import { FRAME_HEADER_BYTES, type NetPort } from "../../network/port.ts";
import { bytes, u8, u16 } from "../../state/field-schemas.ts";

export const NE2000_PORTS = 32;
const DATA = 0x10, RESET = 0x18;
const MEMORY_AT = 0x4000, MEMORY_BYTES = 0x4000, MEMORY_END = MEMORY_AT + MEMORY_BYTES;
const CR_STOP = 0x01, CR_START = 0x02, CR_SEND = 0x04, CR_READ = 0x08, CR_WRITE = 0x10, CR_ABORT = 0x20, CR_REMOTE = 0x38;
const ISR_RECEIVED = 0x01, ISR_SENT = 0x02, ISR_OVERWRITE = 0x10, ISR_REMOTE_DONE = 0x40, ISR_RESET = 0x80;
const RCR_BROADCAST = 0x04, RCR_MULTICAST = 0x08, RCR_ALL = 0x10, RCR_MONITOR = 0x20;
const TCR_LOOPBACK = 0x06, DCR_WORDS = 0x01;
const RSR_INTACT = 0x01, RSR_GROUP = 0x20;
const SHORTEST = 60, LONGEST = 1518, CRC_BYTES = 4, RING_HEADER = 4;
const PAGES_OF_LONGEST = Math.ceil((LONGEST + CRC_BYTES + RING_HEADER) / 256);
/** Offsets of page 0 (written) whose content is only kept. */
const PSTART = 1, PSTOP = 2, BNRY = 3, TPSR = 4, TBCR = 5, ISR = 7, RSAR = 8, RBCR = 10, RCR = 12, TCR = 13, DCR = 14, IMR = 15;
/** The RTL8029's identification, on page 0 where others have nothing. */
const ID = [0x50, 0x43];

export const Dp8390State = z.strictObject({
  command: u8,
  /** Page 0 as written, page 1, and what the guest reads of transmission and reception. */
  page0: bytes(16),
  page1: bytes(16),
  tsr: u8,
  rsr: u8,
  address: u16,
  memory: bytes(MEMORY_BYTES),
});

export class Dp8390 {
  private readonly memory = new Uint8Array(MEMORY_BYTES);
  private readonly prom = new Uint8Array(32);
  private readonly page0 = new Uint8Array(16);
  private readonly page1 = new Uint8Array(16);
  private readonly setIrq: (level: boolean) => void;
  private readonly roomFreed: () => void;
  private readonly padded = new Uint8Array(SHORTEST);
  private command = CR_STOP | CR_ABORT;
  private tsr = 0;
  private rsr = 0;
  /** Where remote DMA goes on. */
  private address = 0;
  port: NetPort | null = null;

  /** `roomFreed` is called when the driver may have made room in the receive ring. */
  constructor(mac: Uint8Array, setIrq: (level: boolean) => void, roomFreed: () => void) {
    this.setIrq = setIrq;
    this.roomFreed = roomFreed;
    this.prom.fill(0x57, 28);
    for (let i = 0; i < 12; i++) this.prom[i] = mac[i >> 1] ?? 0;
    this.page0[ISR] = ISR_RESET;
  }

  /** As after power-on. */
  reset(): void {
    this.memory.fill(0);
    this.page0.fill(0);
    this.page1.fill(0);
    this.tsr = this.rsr = this.address = 0;
    this.softReset();
  }

  private softReset(): void {
    this.command = CR_STOP | CR_ABORT;
    this.page0[ISR] = ISR_RESET;
    this.updateIrq();
  }

  private at(register: number): number {
    return this.page0[register] as number;
  }

  private word(register: number): number {
    return this.at(register) | (this.at(register + 1) << 8);
  }

  private setWord(register: number, value: number): void {
    this.page0[register] = value & 0xff;
    this.page0[register + 1] = value >> 8;
  }

  private raise(causes: number): void {
    this.page0[ISR] = this.at(ISR) | causes;
    this.updateIrq();
  }

  /** Drives the line to its level. */
  updateIrq(): void {
    this.setIrq((this.at(ISR) & this.at(IMR) & ~ISR_RESET) !== 0);
  }

  // ---- ports ----------------------------------------------------------------------------------

  read(offset: number, size: AccessSize): number {
    if (offset >= DATA && offset < RESET) return this.readData(size);
    let value = 0;
    for (let i = 0; i < size; i++) value += this.readByte(offset + i) * 2 ** (8 * i);
    return value;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (offset >= DATA && offset < RESET) this.writeData(size, value);
    else for (let i = 0; i < size && offset + i < DATA; i++) this.writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }

  private readByte(offset: number): number {
    if (offset >= RESET) {
      this.softReset();
      return 0;
    }
    if (offset >= DATA) return 0xff;
    if (offset === 0) return this.command;
    const page = this.command >> 6;
    if (page === 1) return this.page1[offset] as number;
    if (page === 2) return this.at(offset);
    if (page === 3) return 0;
    if (offset === BNRY || offset === ISR) return this.at(offset);
    if (offset === 4) return this.tsr;
    if (offset === 8 || offset === 9) return (this.address >> (8 * (offset - 8))) & 0xff;
    if (offset === 10 || offset === 11) return ID[offset - 10] as number;
    return offset === 12 ? this.rsr : 0;
  }

  private writeByte(offset: number, value: number): void {
    const page = this.command >> 6;
    if (offset === 0) {
      this.writeCommand(value);
    } else if (page === 1) {
      this.page1[offset] = value;
    } else if (page === 0) {
      if (offset === ISR) this.acknowledge(value);
      else this.page0[offset] = value;
      if (offset === RSAR || offset === RSAR + 1) this.address = this.word(RSAR);
      if (offset === ISR || offset === IMR) this.updateIrq();
      else if (offset === BNRY || offset === PSTOP || offset === RCR) this.roomFreed();
    }
  }

  /** Drivers take ten frames or so and acknowledge; a wire would soon bring another, but here frames come at once, and then wait for room.
   *  So reception stays pending while frames are unread. */
  private acknowledge(causes: number): void {
    const unread = (causes & ISR_RECEIVED) !== 0 && this.hasUnread ? ISR_RECEIVED : 0;
    this.page0[ISR] = (this.at(ISR) & (~causes | ISR_RESET)) | (this.at(ISR) & unread);
  }

  private writeCommand(value: number): void {
    // The send bit stays until the frame is gone, and what has been started runs until it is stopped: drivers write neither bit meanwhile.
    this.command = value | (this.command & (CR_SEND | CR_START));
    if (value & CR_STOP) {
      this.command = value & ~CR_SEND;
      this.page0[ISR] = this.at(ISR) | ISR_RESET;
      return;
    }
    if (value & CR_START) this.page0[ISR] = this.at(ISR) & ~ISR_RESET;
    if ((value & (CR_READ | CR_WRITE)) !== 0 && (value & CR_ABORT) === 0 && this.word(RBCR) === 0) this.raise(ISR_REMOTE_DONE);
    this.transmit();
    this.roomFreed();
  }

  // ---- remote DMA -----------------------------------------------------------------------------

  private isRemote(direction: number): boolean {
    return (this.command & CR_REMOTE) === direction && this.word(RBCR) > 0;
  }

  /** In word mode a byte access moves a word. */
  private remoteBytes(size: AccessSize): number {
    return size === 1 && this.at(DCR) & DCR_WORDS ? 2 : size;
  }

  private readData(size: AccessSize): number {
    let value = 0;
    for (let i = 0, count = this.remoteBytes(size); i < count; i++) {
      let byte = 0xff;
      if (this.isRemote(CR_READ)) {
        byte = this.memoryByte(this.address);
        this.advance();
      }
      if (i < size) value += byte * 2 ** (8 * i);
    }
    return value;
  }

  private writeData(size: AccessSize, value: number): void {
    for (let i = 0, count = this.remoteBytes(size); i < count && this.isRemote(CR_WRITE); i++) {
      if (this.address >= MEMORY_AT && this.address < MEMORY_END) this.memory[this.address - MEMORY_AT] = i < 4 ? (value >>> (8 * i)) & 0xff : 0;
      this.advance();
    }
  }

  private memoryByte(address: number): number {
    if (address < 32) return this.prom[address] as number;
    return address >= MEMORY_AT && address < MEMORY_END ? (this.memory[address - MEMORY_AT] as number) : 0xff;
  }

  /** On to the next byte; a read that meets the end of the receive ring goes on at its start. */
  private advance(): void {
    this.address = (this.address + 1) & 0xffff;
    if (this.address === this.at(PSTOP) << 8) this.address = this.at(PSTART) << 8;
    const left = this.word(RBCR) - 1;
    this.setWord(RBCR, left);
    if (left === 0) this.raise(ISR_REMOTE_DONE);
  }

  // ---- frames ---------------------------------------------------------------------------------

  /** Sends the frame that waits, if one does and the port takes it. */
  transmit(): void {
    const { port } = this;
    if ((this.command & (CR_SEND | CR_START | CR_STOP)) !== (CR_SEND | CR_START)) return;
    if (port?.linkUp && !port.canSend()) return;
    const from = (this.at(TPSR) << 8) - MEMORY_AT;
    const length = this.word(TBCR);
    this.command &= ~CR_SEND;
    const isFrame = from >= 0 && length >= FRAME_HEADER_BYTES && length <= LONGEST && from + length <= MEMORY_BYTES;
    if (isFrame && (this.at(TCR) & TCR_LOOPBACK) === 0) port?.send(this.memory.subarray(from, from + length));
    this.tsr = 0x01;
    this.raise(ISR_SENT);
  }

  private get isReceiving(): boolean {
    return (this.command & (CR_START | CR_STOP)) === CR_START;
  }

  /** Pages that may be written, all but the last of which a frame may take; 0 for a ring that is none. */
  private get freePages(): number {
    const start = this.at(PSTART), stop = this.at(PSTOP), boundary = this.at(BNRY);
    const current = this.page1[7] as number;
    if (start < MEMORY_AT >> 8 || stop > MEMORY_END >> 8 || current < start || current >= stop) return 0;
    return Math.min(stop - start, current < boundary ? boundary - current : stop - start - (current - boundary));
  }

  /** By either custom: the boundary is the last page read, or the first one not read. */
  private get hasUnread(): boolean {
    const start = this.at(PSTART), stop = this.at(PSTOP), boundary = this.at(BNRY);
    const current = this.page1[7] as number;
    return this.isReceiving && this.freePages > 0 && current !== boundary && current !== (boundary + 1 >= stop ? start : boundary + 1);
  }

  hasRoom(): boolean {
    return this.isReceiving && this.freePages > PAGES_OF_LONGEST;
  }

  receive(frame: Uint8Array): void {
    if (!this.isReceiving || frame.length < FRAME_HEADER_BYTES || frame.length > LONGEST || !this.accepts(frame)) return;
    if (this.at(RCR) & RCR_MONITOR) return;
    let whole = frame;
    if (frame.length < SHORTEST) {
      this.padded.fill(0, frame.length);
      this.padded.set(frame);
      whole = this.padded;
    }
    const start = this.at(PSTART), stop = this.at(PSTOP);
    const current = this.page1[7] as number;
    const count = whole.length + CRC_BYTES;
    const pages = Math.ceil((count + RING_HEADER) / 256);
    if (pages >= this.freePages) {
      this.raise(ISR_OVERWRITE);
      return;
    }
    const next = current + pages >= stop ? current + pages - stop + start : current + pages;
    this.rsr = RSR_INTACT | ((frame[0] as number) & 1 ? RSR_GROUP : 0);
    const at = (current << 8) - MEMORY_AT;
    this.memory[at] = this.rsr;
    this.memory[at + 1] = next;
    this.memory[at + 2] = count & 0xff;
    this.memory[at + 3] = count >> 8;
    const room = ((stop - current) << 8) - RING_HEADER;
    this.memory.set(whole.length <= room ? whole : whole.subarray(0, room), at + RING_HEADER);
    if (whole.length > room) this.memory.set(whole.subarray(room), (start << 8) - MEMORY_AT);
    this.page1[7] = next;
    this.raise(ISR_RECEIVED);
  }

  private accepts(frame: Uint8Array): boolean {
    const rcr = this.at(RCR);
    if (((frame[0] as number) & 1) === 0) {
      if (rcr & RCR_ALL) return true;
      for (let i = 0; i < 6; i++) if (frame[i] !== this.page1[1 + i]) return false;
      return true;
    }
    let isBroadcast = true;
    for (let i = 0; i < 6; i++) if (frame[i] !== 0xff) isBroadcast = false;
    if (isBroadcast) return (rcr & RCR_BROADCAST) !== 0;
    if ((rcr & RCR_MULTICAST) === 0) return false;
    const hash = addressHash(frame);
    return (((this.page1[8 + (hash >> 3)] as number) >> (hash & 7)) & 1) !== 0;
  }

  // ---- state ----------------------------------------------------------------------------------

  save(): z.infer<typeof Dp8390State> {
    const { command, tsr, rsr, address } = this;
    return { command, tsr, rsr, address, page0: this.page0.slice(), page1: this.page1.slice(), memory: this.memory.slice() };
  }

  /** Takes what save() gave; the owner drives the interrupt afterwards. */
  load(saved: z.infer<typeof Dp8390State>): void {
    this.command = saved.command;
    this.tsr = saved.tsr;
    this.rsr = saved.rsr;
    this.address = saved.address;
    this.page0.set(saved.page0);
    this.page1.set(saved.page1);
    this.memory.set(saved.memory);
  }
}

/** The upper six bits of the Ethernet CRC over the destination address. */
function addressHash(frame: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < 6; i++) {
    for (let bit = 0, byte = frame[i] as number; bit < 8; bit++, byte >>= 1) {
      const isSet = ((crc >>> 31) ^ (byte & 1)) !== 0;
      crc = (crc << 1) ^ (isSet ? 0x04c11db7 : 0);
    }
  }
  return crc >>> 26;
}
