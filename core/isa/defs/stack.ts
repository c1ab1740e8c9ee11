// PUSH, POP, ENTER, LEAVE and their all-register and flags forms. In long mode they default to 64 bits, and 66 selects 16.
import type { Row } from "../row.ts";
import { group } from "../row.ts";

const IN_LEGACY_MODES: readonly [string, string, number][] = [["06", "ES", 0], ["0E", "CS", 1], ["16", "SS", 2], ["1E", "DS", 3]];
const IN_ALL_MODES: readonly [string, string, number][] = [["0F A0", "FS", 4], ["0F A8", "GS", 5]];

const pushSegment = ([enc, name]: readonly [string, string, number]): Row => ({ enc, syn: `push ${name}`, acc: "r" });
/** POP CS does not exist: its opcode is the 0F escape. */
const popSegment = ([enc, name]: readonly [string, string, number]): Row => ({
  enc: enc.replace(/.$/, (digit) => (Number.parseInt(digit, 16) + 1).toString(16).toUpperCase()),
  syn: `pop ${name}`,
  acc: "w",
  lift: "popSeg",
});

export const stack: readonly Row[] = group({ size: "d64" }, [
  { enc: "50+r", syn: "push Zv", acc: "r" },
  { enc: "58+r", syn: "pop Zv", acc: "w" },
  { enc: "68", syn: "push Iz", acc: "r" },
  { enc: "6A", syn: "push Ibs", acc: "r" },
  { enc: "FF /6", syn: "push Ev", acc: "r" },
  // A memory destination based on rSP is addressed with the value after the increment.
  { enc: "8F /0", syn: "pop Ev", acc: "w" },
  ...group({ only: "not64" }, IN_LEGACY_MODES.map(pushSegment)),
  ...group({ only: "not64" }, IN_LEGACY_MODES.filter(([, name]) => name !== "CS").map(popSegment)),
  ...IN_ALL_MODES.map(pushSegment),
  ...IN_ALL_MODES.map(popSegment),
  { enc: "60", syn: "pusha/pushad", only: "not64" },
  { enc: "61", syn: "popa/popad", only: "not64" },
  { enc: "9C", syn: "pushf/pushfd/pushfq", flags: "r:oszapctidlnfvk" },
  { enc: "9D", syn: "popf/popfd/popfq", flags: "r:lifvk w:oszapctidlnk" },
  { enc: "C8", syn: "enter Iw,Ib", acc: "r,r" },
  { enc: "C9", syn: "leave" },
]);
