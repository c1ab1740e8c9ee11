// Packs expanded rows into the decoder's typed tables. Each opcode of each map, outside and inside long mode, leads either
// straight to a leaf or through selector nodes (mandatory prefix, mod, reg, rm, REX.B, REX.W) to one; a leaf picks a form by
// operand size. Every combination is filled cell by cell first, so rows that overlap are found here and throw.
import type { Encoding, ExpandedRow } from "./expand.ts";
import { SIZE_SELECTION } from "./expand.ts";

/** Selector kinds in the order of testing; a node is [kind, one reference per value]. */
export const SELECT_PREFIX = 0;
export const SELECT_MOD = 1;
export const SELECT_REG = 2;
export const SELECT_RM = 3;
export const SELECT_REX_B = 4;
export const SELECT_REX_W = 5;
const SELECTOR_SIZES = [4, 2, 8, 8, 2, 2];
const CELLS = 4 * 2 * 8 * 8 * 2 * 2;

export interface DecodeTables {
  /** Index: long mode << 10 | map << 8 | opcode. Value: reference << 1 | has ModR/M. A reference is a node index, or ~leaf. */
  readonly top: Int32Array;
  readonly nodes: Int32Array;
  /** Three form ids per leaf: 16-bit, 32-bit, REX.W; -1 when invalid. Leaf 0 is the invalid opcode. */
  readonly leaves: Int32Array;
}

/** Bytes that the decoder consumes before it looks an opcode up, so no row may claim them. */
const LEGACY_PREFIXES = [0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];

/** The numbers in each set of up to eight, which is a bit mask. */
const VALUES = Array.from({ length: 256 }, (_, set) => [0, 1, 2, 3, 4, 5, 6, 7].filter((value) => (set & (1 << value)) !== 0));
const valuesOf = (set: number, count: number): readonly number[] => VALUES[set & ((1 << count) - 1)] ?? [];

/** One leaf whatever else is said: there is nothing to select by, and most opcodes are of this kind. */
function isWhole({ prefixes, mods, regs, rms, rexB, rexW }: Encoding): boolean {
  return (prefixes & 15) === 15 && (mods & 3) === 3 && (regs & rms & 255) === 255 && (rexB & rexW & 3) === 3;
}

function fillCells(cells: Int32Array, encoding: Encoding, leaf: number, overlap: (taken: number) => Error): void {
  const lows = [0, 1, 2, 3].filter((low) => (encoding.rexB & (1 << (low >> 1))) !== 0 && (encoding.rexW & (1 << (low & 1))) !== 0);
  const rms = valuesOf(encoding.rms, 8);
  for (const prefix of valuesOf(encoding.prefixes, 4)) {
    for (const mod of valuesOf(encoding.mods, 2)) {
      for (const reg of valuesOf(encoding.regs, 8)) {
        for (const rm of rms) {
          for (const low of lows) {
            const cell = (((prefix * 2 + mod) * 8 + reg) * 8 + rm) * 4 + low;
            const taken = cells[cell] as number; // within the cells
            if (taken !== 0) throw overlap(taken);
            cells[cell] = leaf;
          }
        }
      }
    }
  }
}

/** Whether all slices of `length` cells are the same. */
function repeats(cells: Int32Array, length: number): boolean {
  for (let cell = length; cell < cells.length; cell++) if (cells[cell] !== cells[cell - length]) return false;
  return true;
}

/** The reference for a slice of cells: a leaf when a selector cannot tell its values apart, otherwise a node. */
function packSelector(cells: Int32Array, selector: number, nodes: number[]): number {
  const count = SELECTOR_SIZES[selector];
  if (count === undefined) return ~(cells[0] ?? 0);
  const length = cells.length / count;
  const slice = (value: number): Int32Array => cells.subarray(value * length, (value + 1) * length);
  if (repeats(cells, length)) return packSelector(slice(0), selector + 1, nodes);
  const at = nodes.length;
  nodes.push(selector);
  for (let value = 0; value < count; value++) nodes.push(0);
  for (let value = 0; value < count; value++) nodes[at + 1 + value] = packSelector(slice(value), selector + 1, nodes);
  return at;
}

export function buildTables(rows: readonly ExpandedRow[]): DecodeTables {
  const top = new Int32Array(2048).fill(~0 << 1);
  const nodes: number[] = [];
  const leaves: number[] = [-1, -1, -1];
  const leafRows: (ExpandedRow | undefined)[] = [undefined];
  const describe = (leaf: number) => leafRows[leaf]?.row.syn ?? "";
  for (const mode of ["legacy", "long"] as const) {
    /** `whole` is the leaf of an opcode without a selection, in place of cells. */
    const cellsByOpcode = new Map<number, { cells: Int32Array | undefined; whole: number; hasModrm: boolean }>();
    for (const expanded of rows) {
      if (expanded.row.only === (mode === "long" ? "not64" : "64")) continue;
      const leaf = leafRows.length;
      leafRows.push(expanded);
      for (const size of SIZE_SELECTION[expanded.sizeRule][mode]) leaves.push(expanded.forms.get(size)?.id ?? -1);
      for (const encoding of expanded.encodings) {
        for (const opcode of encoding.opcodes) {
          if (encoding.map === 0 && (LEGACY_PREFIXES.includes(opcode) || (mode === "long" && (opcode & 0xf0) === 0x40))) {
            throw new Error(`Row "${expanded.row.syn}" takes a prefix byte`);
          }
          const index = (encoding.map << 8) | opcode;
          const known = cellsByOpcode.get(index);
          if (known && known.hasModrm !== encoding.hasModrm) throw new Error(`Rows of opcode ${opcode.toString(16)} disagree about ModR/M`);
          const overlap = (taken: number) => new Error(`Rows overlap at opcode ${opcode.toString(16)}: "${describe(taken)}" and "${describe(leaf)}"`);
          if (known && known.whole !== 0) throw overlap(known.whole);
          if (!known && isWhole(encoding)) {
            cellsByOpcode.set(index, { cells: undefined, whole: leaf, hasModrm: encoding.hasModrm });
            continue;
          }
          const cells = known?.cells ?? new Int32Array(CELLS);
          if (!known) cellsByOpcode.set(index, { cells, whole: 0, hasModrm: encoding.hasModrm });
          fillCells(cells, encoding, leaf, overlap);
        }
      }
    }
    for (const [index, entry] of cellsByOpcode) {
      const reference = entry.cells ? packSelector(entry.cells, 0, nodes) : ~entry.whole;
      top[(mode === "long" ? 1024 : 0) | index] = (reference << 1) | (entry.hasModrm ? 1 : 0);
    }
  }
  return { top, nodes: Int32Array.from(nodes), leaves: Int32Array.from(leaves) };
}
