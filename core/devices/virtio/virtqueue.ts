// The device's side of a split virtqueue (virtio 1.1, 2.6): available descriptors in, used ones out, indirect tables, event indices.
// Everything in guest memory is hostile. What breaks the rules (loops, descriptors outside RAM, a read after a write, an indirect
// table in another, more requests than the ring holds) is reported once as broken, and the queue gives nothing more until reset.
// Accesses of one notification are bounded by ring size times chain length, and a chain's bytes by `maxChainBytes`.
import type { DirectDmaView } from "../../memory/guest-memory.ts";
import { DescriptorChain } from "./descriptor-chain.ts";

export const NO_VECTOR = 0xffff;
const DESCRIPTOR_BYTES = 16;
const NEXT = 1, WRITE = 2, INDIRECT = 4;
const AVAILABLE_NO_INTERRUPT = 1;
const DEFAULT_MAX_CHAIN_BYTES = 64 << 20;

export interface QueueSpec {
  /** A power of two up to 32768. */
  size: number;
  /** Longer chains count as broken. */
  maxChainBytes?: number;
}

/** What a queue needs of its device. */
export interface QueueHost {
  readonly memory: DirectDmaView;
  readonly usesIndirect: boolean;
  readonly usesEventIndex: boolean;
  /** The device may touch memory and has not failed. */
  readonly isRunning: boolean;
  queueInterrupt(queue: Virtqueue): void;
  queueBroken(queue: Virtqueue, reason: string): void;
}

export interface SavedQueue {
  size: number;
  isEnabled: boolean;
  vector: number;
  /** Addresses of descriptor table, driver area and device area, as three pairs of low and high half. */
  areas: number[];
  nextAvailable: number;
  nextUsed: number;
  signalled: number;
  outstanding: number;
}

export class Virtqueue {
  readonly index: number;
  readonly maxSize: number;
  size: number;
  isEnabled = false;
  vector = NO_VECTOR;
  /** Low and high half of the addresses of descriptor table, driver area and device area. */
  readonly areas: Uint32Array = new Uint32Array(6);
  /** Requests that the device holds. */
  outstanding = 0;
  private readonly host: QueueHost;
  private readonly maxChainBytes: number;
  private table = -1;
  private driver = -1;
  private device = -1;
  /** The next slot of the available ring, the driver's index when last looked at, and the next slot of the used ring. */
  private nextAvailable = 0;
  private seenAvailable = 0;
  private nextUsed = 0;
  /** The used index that the driver has last been told of. */
  private signalled = 0;
  private readonly idle: DescriptorChain[] = [];
  private readonly descriptor = new Uint8Array(DESCRIPTOR_BYTES);
  private readonly fields = new DataView(this.descriptor.buffer);
  private readonly word = new Uint8Array(2);
  private readonly usedElement = new Uint8Array(8);
  private readonly usedFields = new DataView(this.usedElement.buffer);

  constructor(index: number, spec: QueueSpec, host: QueueHost) {
    this.index = index;
    this.maxSize = this.size = spec.size;
    this.maxChainBytes = spec.maxChainBytes ?? DEFAULT_MAX_CHAIN_BYTES;
    this.host = host;
  }

  reset(): void {
    this.size = this.maxSize;
    this.isEnabled = false;
    this.vector = NO_VECTOR;
    this.areas.fill(0);
    this.table = this.driver = this.device = -1;
    this.outstanding = 0;
    this.nextAvailable = this.seenAvailable = this.nextUsed = this.signalled = 0;
  }

  /** The driver sets the number of descriptors; what is no power of two, too large or too late has no effect. */
  setSize(size: number): void {
    if (!this.isEnabled && size > 0 && size <= this.maxSize && (size & (size - 1)) === 0) this.size = size;
  }

  enable(): void {
    if (this.isEnabled) return;
    this.isEnabled = true;
    this.locate();
    const { memory } = this.host;
    if (
      !isMemory(memory, this.table, DESCRIPTOR_BYTES * this.size) ||
      !isMemory(memory, this.driver, 6 + 2 * this.size) ||
      !isMemory(memory, this.device, 6 + 8 * this.size)
    ) {
      this.broken("its rings are not in RAM");
    }
  }

  private locate(): void {
    [this.table, this.driver, this.device] = [0, 2, 4].map((at) => (this.areas[at + 1] ? -1 : (this.areas[at] as number))) as [number, number, number];
  }

  private broken(reason: string): null {
    this.host.queueBroken(this, reason);
    return null;
  }

  private readWord(gpa: number): number {
    this.host.memory.read(gpa, this.word);
    return (this.word[0] as number) | ((this.word[1] as number) << 8);
  }

  private writeWord(gpa: number, value: number): void {
    this.word[0] = value & 0xff;
    this.word[1] = value >> 8;
    this.host.memory.write(gpa, this.word);
  }

  /** How many requests wait in the ring; 0 of a queue that is off or broken. */
  available(): number {
    if (!this.isEnabled || !this.host.isRunning) return 0;
    this.seenAvailable = this.readWord(this.driver + 2);
    const count = (this.seenAvailable - this.nextAvailable) & 0xffff;
    if (count <= this.size) return count;
    this.broken("its available index runs ahead of the ring");
    return 0;
  }

  /** The next request, or null. The device gives it back with push(), now or later. */
  pop(): DescriptorChain | null {
    if (!this.isEnabled || !this.host.isRunning) return null;
    if (this.seenAvailable === this.nextAvailable && this.available() === 0) return null;
    if (this.outstanding >= this.size) return this.broken("more requests are under way than it has descriptors");
    const head = this.readWord(this.driver + 4 + 2 * (this.nextAvailable & (this.size - 1)));
    const chain = this.walk(head);
    if (!chain) return null;
    this.nextAvailable = (this.nextAvailable + 1) & 0xffff;
    this.outstanding++;
    return chain;
  }

  /** Finds a request again that was under way when the device was saved. It is counted already. */
  again(head: number): DescriptorChain | null {
    return this.isEnabled && this.host.isRunning ? this.walk(head) : null;
  }

  private walk(head: number): DescriptorChain | null {
    const chain = this.idle.pop() ?? new DescriptorChain(this.host.memory);
    chain.begin(head);
    const reason = this.collect(chain, head);
    if (reason === null) return chain;
    this.idle.push(chain);
    return this.broken(reason);
  }

  /** Adds the descriptors from `index` on to the chain. Gives what is wrong with them, or null. */
  private collect(chain: DescriptorChain, index: number): string | null {
    const { fields, host } = this;
    let table = this.table;
    let entries = this.size;
    let isIndirect = false;
    for (let length = 1, limit = this.size; ; length++) {
      if (index >= entries) return "a descriptor index is too large";
      if (length > limit) return "a chain is longer than the queue";
      host.memory.read(table + DESCRIPTOR_BYTES * index, this.descriptor);
      const bytes = fields.getUint32(8, true);
      const flags = fields.getUint16(12, true);
      const gpa = fields.getUint32(4, true) === 0 ? fields.getUint32(0, true) : -1;
      if (flags & INDIRECT) {
        if (isIndirect || (flags & NEXT) !== 0 || !host.usesIndirect) return "an indirect descriptor is out of place";
        if (bytes === 0 || bytes % DESCRIPTOR_BYTES !== 0 || bytes > DESCRIPTOR_BYTES * 0x10000 || !isMemory(host.memory, gpa, bytes)) {
          return "an indirect table is not usable";
        }
        isIndirect = true;
        table = gpa;
        entries = bytes / DESCRIPTOR_BYTES;
        index = 0;
        // Linux makes indirect chains as long as the queue could be, though it has made the queue smaller.
        limit = length + this.maxSize;
        continue;
      }
      if (bytes > this.maxChainBytes - chain.readableBytes - chain.writableBytes) return "a chain is too large";
      if (bytes > 0 && !isMemory(host.memory, gpa, bytes)) return "a descriptor points outside RAM";
      if (!chain.add(gpa, bytes, (flags & WRITE) !== 0)) return "a readable descriptor follows a writable one";
      if ((flags & NEXT) === 0) return null;
      index = fields.getUint16(14, true);
    }
  }

  /** Gives a request back to the driver, which hears of it with signal(). `written`: bytes of its writable part, from the start. */
  push(chain: DescriptorChain, written: number): void {
    this.pushHead(chain.head, written);
    this.idle.push(chain);
  }

  /** As push(), for a request whose chain is not held. */
  pushHead(head: number, written: number): void {
    if (this.outstanding > 0) this.outstanding--;
    if (!this.isEnabled || !this.host.isRunning) return;
    this.usedFields.setUint32(0, head, true);
    this.usedFields.setUint32(4, written, true);
    this.host.memory.write(this.device + 4 + 8 * (this.nextUsed & (this.size - 1)), this.usedElement);
    this.nextUsed = (this.nextUsed + 1) & 0xffff;
    this.writeWord(this.device + 2, this.nextUsed);
  }

  /** Keeps the chain's object for later, when the request is held by its head alone. */
  forget(chain: DescriptorChain): void {
    this.idle.push(chain);
  }

  /** Interrupts the driver if it wants to hear of what has been pushed since the last time. */
  signal(): void {
    if (this.nextUsed === this.signalled || !this.isEnabled || !this.host.isRunning) return;
    let isWanted: boolean;
    if (this.host.usesEventIndex) {
      const event = this.readWord(this.driver + 4 + 2 * this.size);
      isWanted = ((this.nextUsed - event - 1) & 0xffff) < ((this.nextUsed - this.signalled) & 0xffff);
    } else {
      isWanted = (this.readWord(this.driver) & AVAILABLE_NO_INTERRUPT) === 0;
    }
    this.signalled = this.nextUsed;
    if (isWanted) this.host.queueInterrupt(this);
  }

  /** Asks to be notified of the next request after those that wait already. True if any do. */
  rearm(): boolean {
    if (!this.isEnabled || !this.host.isRunning) return false;
    if (!this.host.usesEventIndex) return this.available() > 0;
    this.available();
    this.writeWord(this.device + 4 + 8 * this.size, this.seenAvailable);
    return this.available() > 0;
  }

  save(): SavedQueue {
    const { size, isEnabled, vector, nextAvailable, nextUsed, signalled, outstanding } = this;
    return { size, isEnabled, vector, areas: [...this.areas], nextAvailable, nextUsed, signalled, outstanding };
  }

  /** Takes what save() gave and its schema has accepted. */
  load(saved: SavedQueue): void {
    this.size = saved.size;
    this.isEnabled = saved.isEnabled;
    this.vector = saved.vector;
    this.areas.set(saved.areas);
    this.nextAvailable = this.seenAvailable = saved.nextAvailable;
    this.nextUsed = saved.nextUsed;
    this.signalled = saved.signalled;
    this.outstanding = saved.outstanding;
    this.locate();
  }
}

function isMemory(memory: DirectDmaView, gpa: number, length: number): boolean {
  return gpa >= 0 && gpa + length <= 0x1_0000_0000 && memory.isRam(gpa, length);
}
