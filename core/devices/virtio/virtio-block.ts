// Block device (virtio 1.1, 5.2): read, write, flush, discard, write zeroes, get id; one or more queues; write-back or write-through.
// Requests wait in the ring while those under way hold more than a limit of bytes. A request in one piece of guest RAM moves
// without a copy of ours; others go through a bounce buffer. Saved while requests are under way: they are found again in the ring
// by their heads and submitted anew. Left out: SCSI passthrough (legacy), lifetime and secure erase.
import { z } from "zod";
import type { BlockBackend, BlockClient, BlockError, BlockOperation, DriveEvents } from "../../storage/block.ts";
import { BounceBuffers } from "./bounce-buffers.ts";
import type { DescriptorChain } from "./descriptor-chain.ts";
import { BLOCK_CONFIG_BYTES, MAX_ZERO_SECTORS, SECTOR, WRITEBACK, blockConfig } from "./virtio-block-config.ts";
import { VirtioDevice, type VirtioPorts } from "./virtio-device.ts";
import type { Virtqueue } from "./virtqueue.ts";

const QUEUE_SIZE = 256;
const MAX_QUEUES = 16;
/** Requests under way hold about this much at most; one request may exceed it. */
const MAX_BYTES_UNDER_WAY = 32 << 20;

const F_SEG_MAX = 2, F_GEOMETRY = 4, F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_TOPOLOGY = 10, F_CONFIG_WCE = 11, F_MQ = 12;
const F_DISCARD = 13, F_WRITE_ZEROES = 14;
const IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13;
const OK = 0, IOERR = 1, UNSUPPORTED = 2;
const HEADER_BYTES = 16, SEGMENT_BYTES = 16, ID_BYTES = 20;
const FLAG_UNMAP = 1;

const BlockModel = z.strictObject({
  writeback: z.boolean(),
  /** Queue and head of each request under way, in the order in which they were made. */
  underWay: z.array(z.strictObject({ queue: z.int().min(0).max(MAX_QUEUES - 1), head: z.int().min(0).max(QUEUE_SIZE - 1) })).max(MAX_QUEUES * QUEUE_SIZE),
});
type BlockModel = z.infer<typeof BlockModel>;

export interface VirtioBlockOptions {
  backend: BlockBackend;
  /** Up to 20 bytes of ASCII. */
  serial?: string;
  events?: DriveEvents;
  /** 1 to 16. */
  queueCount?: number;
}

/** One request under way; kept and used again. */
interface Slot {
  tag: number;
  queue: Virtqueue;
  chain: DescriptorChain;
  type: number;
  length: number;
  /** Where a read's data arrive, if not in guest RAM itself. */
  bounce: Uint8Array | null;
  sequence: number;
  /** A write-through write whose data are written and wait for the flush. */
  isFlushing: boolean;
}

export class VirtioBlock extends VirtioDevice<BlockModel> implements BlockClient {
  private readonly backend: BlockBackend;
  private readonly events: DriveEvents | undefined;
  private readonly serial = new Uint8Array(ID_BYTES);
  private readonly config: Uint8Array;
  private readonly slots: (Slot | null)[] = [];
  private readonly idleSlots: Slot[] = [];
  private readonly bounces = new BounceBuffers();
  private bytesUnderWay = 0;
  private sequence = 0;
  /** Queues with requests that had to wait, by bit. */
  private stalled = 0;
  private writeback = true;
  /** Requests of a loaded state that have not been submitted again yet. */
  private loaded: BlockModel["underWay"] = [];
  private readonly header = new Uint8Array(HEADER_BYTES);
  private readonly fields = new DataView(this.header.buffer);
  private readonly segment = new Uint8Array(SEGMENT_BYTES);
  private readonly segmentFields = new DataView(this.segment.buffer);
  private readonly statusByte = new Uint8Array(1);

  constructor(id: string, ports: VirtioPorts, options: VirtioBlockOptions) {
    const { backend, queueCount = 1 } = options;
    if (queueCount < 1 || queueCount > MAX_QUEUES) throw new RangeError(`${id} cannot have ${queueCount} queues`);
    const features = [F_SEG_MAX, F_GEOMETRY, F_BLK_SIZE, F_FLUSH, F_TOPOLOGY, F_CONFIG_WCE];
    if (backend.isReadOnly) features.push(F_RO);
    else features.push(F_DISCARD, F_WRITE_ZEROES);
    if (queueCount > 1) features.push(F_MQ);
    super(
      id,
      ports,
      {
        kind: "virtio-block", deviceType: 2, transitionalId: 0x1001, classCode: 0x010000, features,
        queues: Array.from({ length: queueCount }, () => ({ size: QUEUE_SIZE })), configBytes: BLOCK_CONFIG_BYTES,
      },
      BlockModel,
    );
    this.backend = backend;
    this.events = options.events;
    this.serial.set([...(options.serial ?? "")].slice(0, ID_BYTES).map((c) => c.charCodeAt(0) & 0x7f));
    this.config = blockConfig(this.sectorCount, QUEUE_SIZE - 2, queueCount);
    backend.attach(this);
  }

  private get sectorCount(): number {
    return Math.floor(this.backend.sizeBytes / SECTOR);
  }

  // ---- configuration --------------------------------------------------------------------------

  override readConfigByte(offset: number): number {
    return offset === WRITEBACK ? Number(this.writeback) : (this.config[offset] ?? 0);
  }

  override writeConfigByte(offset: number, value: number): void {
    if (offset === WRITEBACK && this.has(F_CONFIG_WCE)) this.writeback = (value & 1) !== 0;
  }

  /** A driver that cannot flush expects every write to be on the disk when it ends. */
  private get isWriteThrough(): boolean {
    return !this.has(F_FLUSH) || !this.writeback;
  }

  // ---- requests -------------------------------------------------------------------------------

  protected override processQueue(queue: Virtqueue): void {
    if (this.loaded.length > 0) this.submitLoaded();
    const bit = 1 << queue.index;
    if (this.drain(queue, this.begin, this.hasRoom)) this.stalled &= ~bit;
    else this.stalled |= bit;
  }

  private readonly hasRoom = (): boolean => this.bytesUnderWay < MAX_BYTES_UNDER_WAY;

  private readonly begin = (chain: DescriptorChain, queue: Virtqueue): void => {
    if (chain.writableBytes < 1 || chain.read(0, this.header) < HEADER_BYTES) {
      this.fail("a request has no header or no place for its status");
      return;
    }
    const type = this.fields.getUint32(0, true);
    const sector = this.fields.getUint32(8, true) + this.fields.getUint32(12, true) * 2 ** 32;
    switch (type) {
      case IN:
        this.transfer(queue, chain, type, sector, chain.writableBytes - 1);
        return;
      case OUT:
        this.transfer(queue, chain, type, sector, chain.readableBytes - HEADER_BYTES);
        return;
      case FLUSH:
        this.submit(this.slotFor(queue, chain, type, 0), "flush", 0);
        return;
      case GET_ID:
        this.finish(queue, chain, OK, chain.write(0, this.serial.subarray(0, Math.min(ID_BYTES, chain.writableBytes - 1))));
        return;
      case DISCARD:
      case WRITE_ZEROES:
        this.clear(queue, chain, type);
        return;
      default:
        this.finish(queue, chain, UNSUPPORTED, 0);
    }
  };

  private isOnMedium(sector: number, sectors: number): boolean {
    return sector <= this.sectorCount && sectors <= this.sectorCount - sector;
  }

  private transfer(queue: Virtqueue, chain: DescriptorChain, type: number, sector: number, length: number): void {
    const isRead = type === IN;
    if (length % SECTOR !== 0 || !this.isOnMedium(sector, length / SECTOR) || (!isRead && this.backend.isReadOnly)) {
      this.finish(queue, chain, IOERR, 0);
      return;
    }
    if (length === 0) {
      this.finish(queue, chain, OK, 0);
      return;
    }
    const slot = this.slotFor(queue, chain, type, length);
    const direct = isRead ? chain.directWritable(0, length) : chain.directReadable(HEADER_BYTES, length);
    const bounce = direct ? null : this.bounces.take(length);
    if (isRead) slot.bounce = bounce;
    else if (bounce) chain.read(HEADER_BYTES, bounce);
    this.events?.onActivity(isRead ? "read" : "write");
    this.submit(slot, isRead ? "read" : "write", sector * SECTOR, direct ?? bounce ?? undefined);
    if (!isRead && bounce) this.bounces.give(bounce); // the data have been copied
  }

  /** Discard and write zeroes: one range, as the configuration says. */
  private clear(queue: Virtqueue, chain: DescriptorChain, type: number): void {
    const { segmentFields } = this;
    chain.read(HEADER_BYTES, this.segment);
    const sector = segmentFields.getUint32(0, true) + segmentFields.getUint32(4, true) * 2 ** 32;
    const sectors = segmentFields.getUint32(8, true);
    const flags = segmentFields.getUint32(12, true);
    const isDiscard = type === DISCARD;
    const isGood = chain.readableBytes === HEADER_BYTES + SEGMENT_BYTES && this.isOnMedium(sector, sectors);
    if (this.backend.isReadOnly || !this.has(isDiscard ? F_DISCARD : F_WRITE_ZEROES) || (flags & ~(isDiscard ? 0 : FLAG_UNMAP)) !== 0) {
      this.finish(queue, chain, UNSUPPORTED, 0);
    } else if (!isGood || (!isDiscard && sectors > MAX_ZERO_SECTORS)) {
      this.finish(queue, chain, IOERR, 0);
    } else if (sectors === 0) {
      this.finish(queue, chain, OK, 0);
    } else if (isDiscard) {
      this.submit(this.slotFor(queue, chain, type, 0), "discard", sector * SECTOR, undefined, sectors * SECTOR);
    } else {
      this.events?.onActivity("write");
      this.submit(this.slotFor(queue, chain, type, 0), "write", sector * SECTOR, zeroes().subarray(0, sectors * SECTOR));
    }
  }

  private slotFor(queue: Virtqueue, chain: DescriptorChain, type: number, length: number): Slot {
    const sequence = this.sequence++;
    const slot = this.idleSlots.pop() ?? { tag: this.slots.length, queue, chain, type, length, bounce: null, sequence, isFlushing: false };
    slot.queue = queue;
    slot.chain = chain;
    slot.type = type;
    slot.length = length;
    slot.sequence = sequence;
    this.slots[slot.tag] = slot;
    this.bytesUnderWay += length;
    return slot;
  }

  private submit(slot: Slot, operation: BlockOperation, offset: number, data?: Uint8Array, length = data?.length ?? 0): void {
    const { tag } = slot;
    this.backend.submit(data ? { tag, operation, offset, length, data } : { tag, operation, offset, length });
  }

  blockDone(tag: number, error: BlockError | null): void {
    const slot = this.slots[tag];
    if (!slot) return;
    const isWrite = slot.type === OUT || slot.type === WRITE_ZEROES;
    if (isWrite && error === null && !slot.isFlushing && this.isWriteThrough) {
      slot.isFlushing = true;
      this.submit(slot, "flush", 0);
      return;
    }
    const { queue, chain, type, length } = slot;
    if (type === IN) this.takeData(slot);
    this.release(slot);
    this.finish(queue, chain, error === null ? OK : IOERR, type === IN && error === null ? length : 0);
    queue.signal();
    if (this.stalled !== 0 && this.hasRoom()) for (const each of this.queues) if (this.stalled & (1 << each.index)) this.processQueue(each);
  }

  /** A read's data have come, or part of them and an error. */
  private takeData(slot: Slot): void {
    if (slot.bounce) slot.chain.write(0, slot.bounce);
    else slot.chain.writableChanged(0, slot.length);
  }

  private release(slot: Slot): void {
    if (slot.bounce) this.bounces.give(slot.bounce);
    slot.bounce = null;
    slot.isFlushing = false;
    this.bytesUnderWay -= slot.length;
    this.slots[slot.tag] = null;
    this.idleSlots.push(slot);
  }

  private finish(queue: Virtqueue, chain: DescriptorChain, status: number, written: number): void {
    this.statusByte[0] = status;
    chain.write(chain.writableBytes - 1, this.statusByte);
    queue.push(chain, written + 1);
  }

  // ---- reset and state ------------------------------------------------------------------------

  protected override resetModel(): void {
    this.backend.drop();
    for (const slot of this.slots) {
      if (!slot) continue;
      if (slot.type === IN && !slot.bounce) this.takeData(slot); // some of it may be there already
      this.release(slot);
    }
    this.loaded = [];
    this.stalled = 0;
    this.writeback = true;
  }

  protected override saveModel(): BlockModel {
    const slots = this.slots.filter((slot) => slot !== null).sort((a, b) => a.sequence - b.sequence);
    const underWay = slots.map(({ queue, chain }) => ({ queue: queue.index, head: chain.head }));
    return { writeback: this.writeback, underWay: [...this.loaded.map((request) => ({ ...request })), ...underWay] };
  }

  protected override loadModel(model: BlockModel): void {
    this.resetModel();
    this.writeback = model.writeback;
    this.loaded = model.underWay.map((request) => ({ ...request }));
    this.resumeLater();
  }

  protected override resume(): void {
    for (const queue of this.queues) this.notify(queue.index);
  }

  private submitLoaded(): void {
    const { loaded } = this;
    this.loaded = [];
    for (const { queue: index, head } of loaded) {
      const queue = this.queues[index];
      const chain = queue?.again(head);
      if (queue && chain) this.begin(chain, queue);
    }
  }

  override describe(): Record<string, string> {
    return { ...super.describe(), "under way": String(this.slots.filter((slot) => slot !== null).length) };
  }
}

let shared: Uint8Array | undefined;
/** What a write of zeroes writes; made when first needed. */
function zeroes(): Uint8Array {
  shared ??= new Uint8Array(MAX_ZERO_SECTORS * SECTOR);
  return shared;
}
