// Slots of the shared table and pieces of REGION_DATA for translated regions: given one by one, taken back when many are dropped.
import { TABLE_SIZE } from "../interp/build.ts";
import * as L from "../state/layout.ts";

const ALIGNMENT = 16;
const END = L.REGION_DATA + L.REGION_DATA_BYTES;

/** What a region has. */
export interface RegionPlace {
  slot: number;
  /** Host address of its data. */
  data: number;
}

export class RegionSpace {
  private readonly firstSlot: number;
  private freeSlots: number[] = [];
  private nextSlot: number;
  /** Pieces that are free, in order. */
  private free = [{ from: L.REGION_DATA, to: END }];

  constructor(firstSlot: number) {
    this.firstSlot = firstSlot;
    this.nextSlot = firstSlot;
  }

  /** A slot and the first piece of data that is large enough; null if there is none. */
  take(dataBytes: number): RegionPlace | null {
    const bytes = rounded(dataBytes);
    const piece = this.free.find(({ from, to }) => to - from >= bytes);
    if (!piece || (this.freeSlots.length === 0 && this.nextSlot >= TABLE_SIZE)) return null;
    const data = piece.from;
    piece.from += bytes;
    return { data, slot: this.freeSlots.pop() ?? this.nextSlot++ };
  }

  /** Everything is free but the places of these. */
  keepOnly(kept: Iterable<RegionPlace & { dataBytes: number }>): void {
    const inOrder = [...kept].sort((a, b) => a.data - b.data);
    this.free = [];
    let from = L.REGION_DATA;
    for (const { data, dataBytes } of inOrder) {
      if (data > from) this.free.push({ from, to: data });
      from = data + rounded(dataBytes);
    }
    if (from < END) this.free.push({ from, to: END });
    const used = new Set(inOrder.map((place) => place.slot));
    this.nextSlot = Math.max(this.firstSlot - 1, ...used) + 1;
    this.freeSlots = [];
    for (let slot = this.firstSlot; slot < this.nextSlot; slot++) if (!used.has(slot)) this.freeSlots.push(slot);
  }
}
const rounded = (bytes: number): number => (bytes + ALIGNMENT - 1) & -ALIGNMENT;
