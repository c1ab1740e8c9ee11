// Which arithmetic flags are still wanted where: backwards over a region's blocks. Whatever lies outside the region may want all
// of them. Masks are EFLAGS bits.
import * as L from "../state/layout.ts";
import type { BasicBlock, Instruction } from "./region.ts";

const reads = (i: Instruction): number => i.form.flagsRead & L.FL_ARITH;
/** What is undefined afterwards may in truth be left as it was, so that it does not end a flag's life. */
const writes = (i: Instruction): number => i.form.flagsWritten & ~i.form.flagsUndefined & L.FL_ARITH;

export interface FlagLiveness {
  /** Wanted at the start of each block, by its number. */
  readonly liveIn: Int32Array;
  /** Wanted after each instruction of the block that ends with `liveOut`. */
  after(block: BasicBlock, liveOut: number): number[];
  liveOut(block: number): number;
}

/** `successors`: within the region; `leaves`: blocks from which a way leads out. */
export function flagLiveness(blocks: readonly BasicBlock[], successors: readonly (readonly number[])[], leaves: readonly boolean[]): FlagLiveness {
  const liveIn = new Int32Array(blocks.length);
  const liveOut = (n: number): number =>
    (successors[n] as readonly number[]).reduce((mask, to) => mask | (liveIn[to] as number), leaves[n] ? L.FL_ARITH : 0);
  for (let changed = true; changed; ) {
    changed = false;
    for (let n = blocks.length - 1; n >= 0; n--) {
      let live = liveOut(n);
      const { instructions } = blocks[n] as BasicBlock;
      for (let k = instructions.length - 1; k >= 0; k--) {
        const i = instructions[k] as Instruction;
        live = (live & ~writes(i)) | reads(i);
      }
      if (live !== liveIn[n]) {
        liveIn[n] = live;
        changed = true;
      }
    }
  }
  return {
    liveIn,
    liveOut,
    after: (block, out) => {
      const result: number[] = [];
      let live = out;
      for (let k = block.instructions.length - 1; k >= 0; k--) {
        const i = block.instructions[k] as Instruction;
        result[k] = live;
        live = (live & ~writes(i)) | reads(i);
      }
      return result;
    },
  };
}
