// Integer arithmetic and logic: ALU group, INC, DEC, NEG, NOT, TEST, MUL, DIV, conversions, BCD, XADD, CMPXCHG, CRC32.
// Intel SDM vol. 2; flags that the SDM calls undefined are listed as such even where processors agree.
import type { Row } from "../row.ts";

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(2, "0");

/** The eight operations that share one encoding pattern. */
function alu(index: number, name: string, flags: string, access: "rw" | "r"): Row[] {
  const acc = `${access},r`;
  const opcode = (low: number) => hex(index * 8 + low);
  const locked = access === "rw" ? ({ lock: true } as const) : {};
  return [
    { enc: `${opcode(0)} /r`, syn: `${name} Eb,Gb`, acc, flags, ...locked },
    { enc: `${opcode(1)} /r`, syn: `${name} Ev,Gv`, acc, flags, ...locked },
    { enc: `${opcode(2)} /r`, syn: `${name} Gb,Eb`, acc, flags },
    { enc: `${opcode(3)} /r`, syn: `${name} Gv,Ev`, acc, flags },
    { enc: opcode(4), syn: `${name} AL,Ib`, acc, flags },
    { enc: opcode(5), syn: `${name} rAX,Iz`, acc, flags },
    { enc: `80 /${index}`, syn: `${name} Eb,Ib`, acc, flags, ...locked },
    { enc: `81 /${index}`, syn: `${name} Ev,Iz`, acc, flags, ...locked },
    { enc: `82 /${index}`, syn: `${name} Eb,Ib`, acc, flags, ...locked, only: "not64" },
    { enc: `83 /${index}`, syn: `${name} Ev,Ibs`, acc, flags, ...locked },
  ];
}

const LOGIC = "w:oszpc u:a";

export const arithmetic: readonly Row[] = [
  ...alu(0, "add", "w:oszapc", "rw"),
  ...alu(1, "or", LOGIC, "rw"),
  ...alu(2, "adc", "r:c w:oszapc", "rw"),
  ...alu(3, "sbb", "r:c w:oszapc", "rw"),
  ...alu(4, "and", LOGIC, "rw"),
  ...alu(5, "sub", "w:oszapc", "rw"),
  ...alu(6, "xor", LOGIC, "rw"),
  ...alu(7, "cmp", "w:oszapc", "r"),
  { enc: "84 /r", syn: "test Eb,Gb", acc: "r,r", flags: LOGIC },
  { enc: "85 /r", syn: "test Ev,Gv", acc: "r,r", flags: LOGIC },
  { enc: "A8", syn: "test AL,Ib", acc: "r,r", flags: LOGIC },
  { enc: "A9", syn: "test rAX,Iz", acc: "r,r", flags: LOGIC },
  // The SDM lists only /0; processors take /1 for the same.
  { enc: "F6 /0-1", syn: "test Eb,Ib", acc: "r,r", flags: LOGIC },
  { enc: "F7 /0-1", syn: "test Ev,Iz", acc: "r,r", flags: LOGIC },
  { enc: "F6 /2", syn: "not Eb", acc: "rw", lock: true },
  { enc: "F7 /2", syn: "not Ev", acc: "rw", lock: true },
  { enc: "F6 /3", syn: "neg Eb", acc: "rw", flags: "w:oszapc", lock: true },
  { enc: "F7 /3", syn: "neg Ev", acc: "rw", flags: "w:oszapc", lock: true },
  { enc: "40+r", syn: "inc Zv", acc: "rw", flags: "w:oszap", only: "not64" },
  { enc: "48+r", syn: "dec Zv", acc: "rw", flags: "w:oszap", only: "not64" },
  { enc: "FE /0", syn: "inc Eb", acc: "rw", flags: "w:oszap", lock: true },
  { enc: "FF /0", syn: "inc Ev", acc: "rw", flags: "w:oszap", lock: true },
  { enc: "FE /1", syn: "dec Eb", acc: "rw", flags: "w:oszap", lock: true },
  { enc: "FF /1", syn: "dec Ev", acc: "rw", flags: "w:oszap", lock: true },

  // One-operand forms use the accumulator (and DX) besides the operand.
  { enc: "F6 /4", syn: "mul Eb", acc: "r", flags: "w:oc u:szap" },
  { enc: "F7 /4", syn: "mul Ev", acc: "r", flags: "w:oc u:szap" },
  { enc: "F6 /5", syn: "imul Eb", acc: "r", flags: "w:oc u:szap", lift: "imul1" },
  { enc: "F7 /5", syn: "imul Ev", acc: "r", flags: "w:oc u:szap", lift: "imul1" },
  { enc: "0F AF /r", syn: "imul Gv,Ev", acc: "rw,r", flags: "w:oc u:szap", lift: "imul2" },
  { enc: "69 /r", syn: "imul Gv,Ev,Iz", acc: "w,r,r", flags: "w:oc u:szap", lift: "imul3" },
  { enc: "6B /r", syn: "imul Gv,Ev,Ibs", acc: "w,r,r", flags: "w:oc u:szap", lift: "imul3" },
  { enc: "F6 /6", syn: "div Eb", acc: "r", flags: "u:oszapc" },
  { enc: "F7 /6", syn: "div Ev", acc: "r", flags: "u:oszapc" },
  { enc: "F6 /7", syn: "idiv Eb", acc: "r", flags: "u:oszapc" },
  { enc: "F7 /7", syn: "idiv Ev", acc: "r", flags: "u:oszapc" },
  { enc: "98", syn: "cbw/cwde/cdqe", size: "v" },
  { enc: "99", syn: "cwd/cdq/cqo", size: "v" },

  { enc: "27", syn: "daa", flags: "r:ac w:szapc u:o", only: "not64" },
  { enc: "2F", syn: "das", flags: "r:ac w:szapc u:o", only: "not64" },
  { enc: "37", syn: "aaa", flags: "r:a w:ac u:oszp", only: "not64" },
  { enc: "3F", syn: "aas", flags: "r:a w:ac u:oszp", only: "not64" },
  { enc: "D4", syn: "aam Ib", acc: "r", flags: "w:szp u:oac", only: "not64" },
  { enc: "D5", syn: "aad Ib", acc: "r", flags: "w:szp u:oac", only: "not64" },

  { enc: "0F C0 /r", syn: "xadd Eb,Gb", acc: "rw,rw", flags: "w:oszapc", lock: true },
  { enc: "0F C1 /r", syn: "xadd Ev,Gv", acc: "rw,rw", flags: "w:oszapc", lock: true },
  { enc: "0F B0 /r", syn: "cmpxchg Eb,Gb", acc: "rw,r", flags: "w:oszapc", lock: true },
  { enc: "0F B1 /r", syn: "cmpxchg Ev,Gv", acc: "rw,r", flags: "w:oszapc", lock: true },
  { enc: "0F C7 /1 W=0", syn: "cmpxchg8b Mq", acc: "rw", flags: "w:z", lock: true, feature: "cx8" },
  { enc: "0F C7 /1 W=1", syn: "cmpxchg16b Mdq", acc: "rw", flags: "w:z", lock: true, only: "64", align: 16, feature: "cx16" },

  { enc: "F2 0F 38 F0 /r", syn: "crc32 Gy,Eb", acc: "rw,r", feature: "sse42" },
  { enc: "F2 0F 38 F1 /r", syn: "crc32 Gy,Ev", acc: "rw,r", feature: "sse42" },
];
