// The driver's side of a split virtqueue, for tests.
import type { TestRam } from "./test-ram.ts";

export interface QueuePlace {
  size: number;
  table: number;
  driver: number;
  device: number;
}

export interface Buffer {
  gpa: number;
  length: number;
  isWritable?: boolean;
}

export interface Used {
  head: number;
  written: number;
}

const NEXT = 1, WRITE = 2, INDIRECT = 4;

export class DriverQueue {
  readonly place: QueuePlace;
  readonly ram: TestRam;
  private readonly usesEventIndex: boolean;
  private readonly notifyDevice: () => void;
  private readonly free: number[];
  private readonly chains = new Map<number, number[]>();
  private available = 0;
  private kicked = 0;
  private used = 0;

  constructor(ram: TestRam, place: QueuePlace, usesEventIndex: boolean, notify: () => void) {
    this.ram = ram;
    this.place = place;
    this.usesEventIndex = usesEventIndex;
    this.notifyDevice = notify;
    this.free = Array.from({ length: place.size }, (_, i) => place.size - 1 - i);
  }

  /** Writes one descriptor, of the ring's table or of another. */
  describe(index: number, gpa: number, length: number, flags: number, next: number, table: number = this.place.table): void {
    const at = table + 16 * index;
    const { view } = this.ram;
    view.setUint32(at, gpa >>> 0, true);
    view.setUint32(at + 4, Math.floor(gpa / 2 ** 32), true);
    view.setUint32(at + 8, length, true);
    view.setUint16(at + 12, flags, true);
    view.setUint16(at + 14, next, true);
  }

  /** Makes buffers available as one request without telling the device; gives its head. */
  add(...buffers: Buffer[]): number {
    const indices = buffers.map(() => {
      const index = this.free.pop();
      if (index === undefined) throw new Error("the ring is full");
      return index;
    });
    buffers.forEach((buffer, i) => {
      const next = indices[i + 1];
      this.describe(indices[i] ?? 0, buffer.gpa, buffer.length, (buffer.isWritable ? WRITE : 0) | (next === undefined ? 0 : NEXT), next ?? 0);
    });
    const head = indices[0] ?? 0;
    this.chains.set(head, indices);
    this.offer(head);
    return head;
  }

  /** The same through an indirect table at `table`. */
  addIndirect(table: number, ...buffers: Buffer[]): number {
    buffers.forEach((buffer, i) => {
      const isLast = i === buffers.length - 1;
      this.describe(i, buffer.gpa, buffer.length, (buffer.isWritable ? WRITE : 0) | (isLast ? 0 : NEXT), isLast ? 0 : i + 1, table);
    });
    const head = this.free.pop();
    if (head === undefined) throw new Error("the ring is full");
    this.describe(head, table, 16 * buffers.length, INDIRECT, 0);
    this.chains.set(head, [head]);
    this.offer(head);
    return head;
  }

  /** Puts a head, whatever it is, into the available ring. */
  offer(head: number): void {
    const { driver, size } = this.place;
    this.ram.view.setUint16(driver + 4 + 2 * (this.available % size), head, true);
    this.available = (this.available + 1) & 0xffff;
    this.ram.view.setUint16(driver + 2, this.available, true);
  }

  /** Tells the device, if it wants to hear. True if it did. */
  kick(): boolean {
    const { device, size } = this.place;
    if (this.usesEventIndex) {
      const event = this.ram.view.getUint16(device + 4 + 8 * size, true);
      const isWanted = ((this.available - event - 1) & 0xffff) < ((this.available - this.kicked) & 0xffff);
      this.kicked = this.available;
      if (!isWanted) return false;
    } else if (this.ram.view.getUint16(device, true) & 1) {
      return false;
    }
    this.notifyDevice();
    return true;
  }

  notify(): void {
    this.notifyDevice();
  }

  /** Requests that the device has given back since the last call, in its order. */
  takeUsed(): Used[] {
    const { device, driver, size } = this.place;
    const { view } = this.ram;
    const taken: Used[] = [];
    for (const end = view.getUint16(device + 2, true); this.used !== end; this.used = (this.used + 1) & 0xffff) {
      const at = device + 4 + 8 * (this.used % size);
      const head = view.getUint32(at, true);
      this.free.push(...(this.chains.get(head) ?? []));
      this.chains.delete(head);
      taken.push({ head, written: view.getUint32(at + 4, true) });
    }
    if (this.usesEventIndex) view.setUint16(driver + 4 + 2 * size, this.used, true);
    return taken;
  }

  /** Asks for an interrupt only when `count` more requests than the next have been used (event index), or for none (flag). */
  suppressInterrupts(count: number): void {
    const { driver, size } = this.place;
    if (this.usesEventIndex) this.ram.view.setUint16(driver + 4 + 2 * size, this.used + count, true);
    else this.ram.view.setUint16(driver, 1, true);
  }
}
