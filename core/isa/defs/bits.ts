// Bit tests and scans, shifts and rotates, byte swaps, POPCNT. The v2 level has neither LZCNT nor TZCNT, so that F3 0F BC and
// F3 0F BD are BSF and BSR, as on processors of that level.
import type { Row } from "../row.ts";

/** Counts by immediate and CL are masked, and a count of zero keeps every flag. */
function shift(index: number, name: string, defined: string, undefinedFlags: string, read = ""): Row[] {
  const flags = `${read}w:${defined} u:${undefinedFlags}`.replace(/ u:$/, "");
  const counted = `${flags} m:${defined}${undefinedFlags}`;
  // Shift group 2 takes /6 for SHL as well (undocumented, the same on all processors).
  const digit = index === 4 ? "4,6" : String(index);
  return [
    { enc: `C0 /${digit}`, syn: `${name} Eb,Ib`, acc: "rw,r", flags: counted },
    { enc: `C1 /${digit}`, syn: `${name} Ev,Ib`, acc: "rw,r", flags: counted },
    { enc: `D0 /${digit}`, syn: `${name} Eb,1`, acc: "rw,r", flags },
    { enc: `D1 /${digit}`, syn: `${name} Ev,1`, acc: "rw,r", flags },
    { enc: `D2 /${digit}`, syn: `${name} Eb,CL`, acc: "rw,r", flags: counted },
    { enc: `D3 /${digit}`, syn: `${name} Ev,CL`, acc: "rw,r", flags: counted },
  ];
}

const SHIFT_DOUBLE = "w:oszpc u:a m:oszapc";
const BIT_TEST = "w:c u:osap";

export const bits: readonly Row[] = [
  ...shift(0, "rol", "oc", ""),
  ...shift(1, "ror", "oc", ""),
  ...shift(2, "rcl", "oc", "", "r:c "),
  ...shift(3, "rcr", "oc", "", "r:c "),
  ...shift(4, "shl", "oszpc", "a"),
  ...shift(5, "shr", "oszpc", "a"),
  ...shift(7, "sar", "oszpc", "a"),
  { enc: "0F A4 /r", syn: "shld Ev,Gv,Ib", acc: "rw,r,r", flags: SHIFT_DOUBLE },
  { enc: "0F A5 /r", syn: "shld Ev,Gv,CL", acc: "rw,r,r", flags: SHIFT_DOUBLE },
  { enc: "0F AC /r", syn: "shrd Ev,Gv,Ib", acc: "rw,r,r", flags: SHIFT_DOUBLE },
  { enc: "0F AD /r", syn: "shrd Ev,Gv,CL", acc: "rw,r,r", flags: SHIFT_DOUBLE },

  // With a register offset and a memory operand, the byte accessed lies beyond the operand's address by the offset / 8.
  { enc: "0F A3 /r", syn: "bt Ev,Gv", acc: "r,r", flags: BIT_TEST },
  { enc: "0F AB /r", syn: "bts Ev,Gv", acc: "rw,r", flags: BIT_TEST, lock: true },
  { enc: "0F B3 /r", syn: "btr Ev,Gv", acc: "rw,r", flags: BIT_TEST, lock: true },
  { enc: "0F BB /r", syn: "btc Ev,Gv", acc: "rw,r", flags: BIT_TEST, lock: true },
  { enc: "0F BA /4", syn: "bt Ev,Ib", acc: "r,r", flags: BIT_TEST },
  { enc: "0F BA /5", syn: "bts Ev,Ib", acc: "rw,r", flags: BIT_TEST, lock: true },
  { enc: "0F BA /6", syn: "btr Ev,Ib", acc: "rw,r", flags: BIT_TEST, lock: true },
  { enc: "0F BA /7", syn: "btc Ev,Ib", acc: "rw,r", flags: BIT_TEST, lock: true },
  // The destination keeps its value when the source is zero.
  { enc: "0F BC /r", syn: "bsf Gv,Ev", acc: "rw,r", flags: "w:z u:osapc" },
  { enc: "0F BD /r", syn: "bsr Gv,Ev", acc: "rw,r", flags: "w:z u:osapc" },
  { enc: "F3 0F B8 /r", syn: "popcnt Gv,Ev", acc: "w,r", flags: "w:oszapc", feature: "popcnt" },

  { enc: "0F C8+r", syn: "bswap Zv", acc: "rw" },
  { enc: "NP/66 0F 38 F0 /r", syn: "movbe Gv,Mv", acc: "w,r", feature: "movbe" },
  { enc: "NP/66 0F 38 F1 /r", syn: "movbe Mv,Gv", acc: "w,r", feature: "movbe" },

  { enc: "0F 90+cc /r", syn: "setcc Eb", acc: "w", flags: "r:cc" },
];
