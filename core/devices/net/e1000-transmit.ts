// Transmission of the 82540EM (8254x manual, 3.3 to 3.5): legacy and extended descriptors, checksum and segmentation offload as the last
// context descriptor says, VLAN tag insertion. A packet that the port does not take all of stays at its last descriptor. Descriptors
// outside RAM stop the ring; packets too long are let pass unseen. Delays of the interrupt (IDE, TIDV, TADV) are not modelled.
import { z } from "zod";
import { FRAME_HEADER_BYTES, FRAME_MAX_BYTES, type NetPort } from "../../network/port.ts";
import { FrameBuffer } from "../../network/offload/frame-buffer.ts";
import { TcpSegmenter, completeChecksum } from "../../network/offload/tcp-segmenter.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import { bytes, u32 } from "../../state/field-schemas.ts";
import * as reg from "./e1000-registers.ts";

const DESCRIPTOR_BYTES = 16;
const END = 0x01, SEGMENT = 0x04, INSERT_CHECKSUM = 0x04, REPORT = 0x08, EXTENDED = 0x20, TAG = 0x40;
const TYPE_CONTEXT = 0;
const OPTION_IP = 0x01, OPTION_TCP = 0x02;
const DONE = 0x01;
const TCTL_ENABLE = 0x02;
const PACKET_MAX_BYTES = 0xffff + FRAME_HEADER_BYTES + 8;
const TAG_BYTES = 4;

export const TransmitState = z.strictObject({
  /** What descriptors have brought of a packet whose last one is still to come or to be finished. */
  packet: z.union([bytes(1, PACKET_MAX_BYTES + TAG_BYTES), z.null()]),
  isTooLong: z.boolean(),
  isFirst: z.boolean(),
  /** Command and option bytes of the packet's first descriptor. */
  command: z.int().min(0).max(0xff),
  options: z.int().min(0).max(0xff),
  /** The last context descriptor. */
  context: z.array(u32).length(4),
  /** Segments sent of a packet that the port has not taken all of, or null. */
  sent: z.union([z.int().min(0).max(0x10000), z.null()]),
  hasTag: z.boolean(),
});

export class E1000Transmitter {
  private readonly registers: reg.E1000Registers;
  private readonly memory: DmaView;
  private readonly packet = new FrameBuffer(PACKET_MAX_BYTES + TAG_BYTES);
  private readonly segmenter = new TcpSegmenter();
  private readonly descriptor = new Uint8Array(DESCRIPTOR_BYTES);
  private readonly fields = new DataView(this.descriptor.buffer);
  private readonly context = new Uint32Array(4);
  private readonly status = new Uint8Array(1);
  private length = 0;
  private isTooLong = false;
  private isFirst = true;
  private command = 0;
  private options = 0;
  private sent: number | null = null;
  private hasTag = false;
  private isRunning = false;

  constructor(registers: reg.E1000Registers, memory: DmaView) {
    this.registers = registers;
    this.memory = memory;
  }

  reset(): void {
    this.beginPacket();
    this.context.fill(0);
  }

  private beginPacket(): void {
    this.length = 0;
    this.isTooLong = this.hasTag = false;
    this.isFirst = true;
    this.command = this.options = 0;
    this.sent = null;
  }

  /** Sends what lies between head and tail, as far as the port takes it. Gives interrupt causes. */
  run(port: NetPort | null): number {
    const { registers } = this;
    const count = registers.get(reg.TDLEN) / DESCRIPTOR_BYTES;
    if (this.isRunning || (registers.get(reg.TCTL) & TCTL_ENABLE) === 0 || count === 0) return 0;
    this.isRunning = true;
    let causes = 0;
    let head = registers.get(reg.TDH) < count ? registers.get(reg.TDH) : 0;
    // A tail beyond the ring is never met: once round is enough.
    for (let done = 0; done < count && head !== registers.get(reg.TDT); done++) {
      const gpa = reg.descriptorAddress(registers, reg.TDBAL, head);
      if (gpa < 0 || !this.memory.isRam(gpa, DESCRIPTOR_BYTES)) break;
      this.memory.read(gpa, this.descriptor);
      if (!this.serve(port)) break;
      if ((this.descriptor[11] as number) & REPORT) {
        this.status[0] = (this.descriptor[12] as number) | DONE;
        this.memory.write(gpa + 12, this.status);
        causes |= reg.INT_TX_WRITTEN;
      }
      head = head + 1 === count ? 0 : head + 1;
      if (head === registers.get(reg.TDT)) causes |= reg.INT_TX_EMPTY;
    }
    registers.set(reg.TDH, head);
    this.isRunning = false;
    return causes;
  }

  /** Does one descriptor. False if it has to wait. */
  private serve(port: NetPort | null): boolean {
    const { descriptor, fields } = this;
    const command = descriptor[11] as number;
    const isExtended = (command & EXTENDED) !== 0;
    if (isExtended && (descriptor[10] as number) >> 4 === TYPE_CONTEXT) {
      for (let i = 0; i < 4; i++) this.context[i] = fields.getUint32(4 * i, true);
      return true;
    }
    if (this.sent === null) {
      if (this.isFirst && !isReady(port)) return false;
      this.gather(isExtended ? fields.getUint32(8, true) & 0xfffff : fields.getUint16(8, true));
      if (this.isFirst) {
        this.isFirst = false;
        this.command = command;
        this.options = isExtended ? (descriptor[13] as number) : 0;
      }
    }
    if ((command & END) === 0) return true;
    if (port !== null && !this.finish(port, command, isExtended)) return false;
    this.beginPacket();
    return true;
  }

  private gather(count: number): void {
    if (this.isTooLong || count > PACKET_MAX_BYTES - this.length) {
      this.isTooLong = true;
      return;
    }
    const gpa = this.fields.getUint32(4, true) === 0 ? this.fields.getUint32(0, true) : -1;
    const into = this.length === 0 ? this.packet.frame(count) : this.packet.bytes.subarray(this.length, this.length + count);
    if (gpa >= 0 && this.memory.isRam(gpa, count)) this.memory.read(gpa, into);
    else into.fill(0xff);
    this.length += count;
  }

  /** Sends the packet. False if the port is full before its end. */
  private finish(port: NetPort, command: number, isExtended: boolean): boolean {
    if (this.isTooLong || this.length < FRAME_HEADER_BYTES) return true;
    if (this.sent === null && (command & TAG) !== 0 && (this.registers.get(reg.CTRL) & reg.CTRL_VLAN) !== 0) this.insertTag();
    const shift = this.hasTag ? TAG_BYTES : 0;
    const { packet, length, context, segmenter } = this;
    if (isExtended && (this.command & SEGMENT) !== 0) {
      const segmentBytes = (context[3] as number) >>> 16;
      if (!segmenter.begin(packet.bytes, packet.view, length, ((context[1] as number) & 0xff) + shift, segmentBytes)) return true;
      for (let i = this.sent ?? 0; i < segmenter.count; i++) {
        if (!isReady(port)) {
          this.sent = i;
          return false;
        }
        this.send(port, segmenter.segment(i));
      }
      this.registers.count(reg.TSCTC);
      return true;
    }
    if (length > FRAME_MAX_BYTES) return true;
    if (isExtended) {
      if (this.options & OPTION_IP) this.insertChecksum(context[0] as number, shift);
      if (this.options & OPTION_TCP) this.insertChecksum(context[1] as number, shift);
    } else if (command & INSERT_CHECKSUM) {
      const from = (this.descriptor[13] as number) + shift;
      completeChecksum(packet.view, length, from, (this.descriptor[10] as number) + shift);
    }
    this.send(port, packet.frame(length));
    return true;
  }

  /** A context's word: start, place of the field, and last byte (0: the packet's end). */
  private insertChecksum(word: number, shift: number): void {
    const last = word >>> 16;
    const end = last === 0 ? this.length : Math.min(this.length, last + 1 + shift);
    completeChecksum(this.packet.view, end, (word & 0xff) + shift, ((word >>> 8) & 0xff) + shift);
  }

  private insertTag(): void {
    const { bytes: packet, view } = this.packet;
    packet.copyWithin(12 + TAG_BYTES, 12, this.length);
    view.setUint16(12, this.registers.get(reg.VET));
    view.setUint16(14, this.fields.getUint16(14, true));
    this.length += TAG_BYTES;
    this.hasTag = true;
  }

  private send(port: NetPort, frame: Uint8Array): void {
    const { registers } = this;
    registers.count(reg.TPT);
    registers.count(reg.GPTC);
    registers.countLong(reg.GOTC, frame.length + 4);
    registers.countLong(reg.TOT, frame.length + 4);
    if (frame[0] === 0xff) registers.count(reg.BPTC);
    else if ((frame[0] as number) & 1) registers.count(reg.MPTC);
    port.send(frame);
  }

  save(): z.infer<typeof TransmitState> {
    const { isTooLong, isFirst, command, options, sent, hasTag } = this;
    const packet = this.length === 0 ? null : this.packet.bytes.slice(0, this.length);
    return { packet, isTooLong, isFirst, command, options, context: [...this.context], sent, hasTag };
  }

  load(saved: z.infer<typeof TransmitState>): void {
    if (saved.packet) this.packet.bytes.set(saved.packet);
    this.length = saved.packet?.length ?? 0;
    this.isTooLong = saved.isTooLong;
    this.isFirst = saved.isFirst;
    this.command = saved.command;
    this.options = saved.options;
    this.context.set(saved.context);
    this.sent = saved.sent;
    this.hasTag = saved.hasTag;
  }
}

/** Without carrier frames go nowhere, but they go. */
function isReady(port: NetPort | null): boolean {
  return port === null || !port.linkUp || port.canSend();
}
