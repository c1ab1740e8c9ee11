// Memory round a region's head as the guest has it mapped now, by pages counted from the head's.
import type { BlockCache, CodePlace } from "../interp/block-cache.ts";
import { MODE_CODE_64, MODE_CODE_SIZE } from "../system/mode.ts";

const PAGE = 4096;
const TWO_32 = 0x1_0000_0000;

export const isCode64 = (mode: number): boolean => (mode & MODE_CODE_SIZE) === MODE_CODE_64;

/** What the view asks. */
export interface CodeViewParts {
  blocks: BlockCache;
  /** Physical address of code at a linear address, or -1. */
  fetch(linear: number): number;
}

export class CodeView {
  private readonly place: CodePlace;
  private readonly hostOfPage: (gpa: number) => number;
  private readonly p: CodeViewParts;
  private readonly pages = new Map<number, { gpa: number; host: number; starts: Set<number> }>();

  constructor(place: CodePlace, hostOfPage: (gpa: number) => number, p: CodeViewParts) {
    this.place = place;
    this.hostOfPage = hostOfPage;
    this.p = p;
  }
  private page(delta: number): { gpa: number; host: number; starts: Set<number> } {
    let page = this.pages.get(delta);
    if (!page) {
      const headPage = this.place.linear - mod(this.place.linear, PAGE);
      const linear = headPage + delta * PAGE;
      const isInside = isCode64(this.place.mode) || (linear >= 0 && linear < TWO_32);
      const gpa = delta === 0 ? this.place.gpa - (this.place.gpa % PAGE) : isInside ? this.p.fetch(linear) : -1;
      const host = gpa < 0 ? 0 : this.hostOfPage(gpa);
      page = { gpa, host, starts: host === 0 ? new Set() : this.p.blocks.startsIn(gpa) };
      this.pages.set(delta, page);
    }
    return page;
  }
  private deltaOf(offset: number): number {
    return Math.floor(((this.place.gpa % PAGE) + offset) / PAGE);
  }
  /** Host address of a page whose code has run, as the head's has or is about to, or 0. */
  hostOf(delta: number): number {
    const page = this.page(delta);
    return delta === 0 || page.starts.size > 0 ? page.host : 0;
  }
  gpaOf(delta: number): number {
    return this.page(delta).gpa;
  }
  isKnown(offset: number): boolean {
    return this.page(this.deltaOf(offset)).starts.has(mod((this.place.gpa % PAGE) + offset, PAGE));
  }
  hostAt(offset: number): number {
    const { host } = this.page(this.deltaOf(offset));
    return host === 0 ? 0 : host + mod((this.place.gpa % PAGE) + offset, PAGE);
  }
  gpaAt(offset: number): number {
    return this.page(this.deltaOf(offset)).gpa + mod((this.place.gpa % PAGE) + offset, PAGE);
  }
  bytesAt(memory: Uint8Array, from: number, to: number): Uint8Array {
    const host = this.hostAt(from);
    return memory.slice(host, host + to - from);
  }
}
export function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}
