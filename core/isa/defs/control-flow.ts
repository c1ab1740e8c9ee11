// Branches, calls, returns, loops and software interrupts. Near branches are 64 bits wide in long mode whatever the prefixes
// (Intel's behaviour; AMD honours 66 and truncates RIP).
import type { Row } from "../row.ts";
import { group } from "../row.ts";

const ALL_FLAGS = "oszapctidlnfvk";

export const controlFlow: readonly Row[] = [
  ...group({ size: "f64" }, [
    { enc: "70+cc", syn: "jcc Jb", acc: "r", flags: "r:cc", flow: "jcc" },
    { enc: "0F 80+cc", syn: "jcc Jz", acc: "r", flags: "r:cc", flow: "jcc" },
    { enc: "EB", syn: "jmp Jb", acc: "r", flow: "jump" },
    { enc: "E9", syn: "jmp Jz", acc: "r", flow: "jump" },
    { enc: "E8", syn: "call Jz", acc: "r", flow: "call" },
    { enc: "FF /2", syn: "call Ev", acc: "r", lift: "callInd", flow: "call" },
    { enc: "FF /4", syn: "jmp Ev", acc: "r", lift: "jmpInd", flow: "indirect" },
    { enc: "C2", syn: "ret Iw", acc: "r", flow: "ret" },
    { enc: "C3", syn: "ret", flow: "ret" },
    // The count register has the address size, the target the operand size.
    { enc: "E0", syn: "loopne Jb", acc: "r", flags: "r:z", flow: "jcc" },
    { enc: "E1", syn: "loope Jb", acc: "r", flags: "r:z", flow: "jcc" },
    { enc: "E2", syn: "loop Jb", acc: "r", flow: "jcc" },
    { enc: "E3", syn: "jcxz Jb", acc: "r", flow: "jcc" },
  ]),
  { enc: "FF /3", syn: "call Mp", acc: "r", lift: "callFar", flow: "call" },
  { enc: "FF /5", syn: "jmp Mp", acc: "r", lift: "jmpFar", flow: "indirect" },
  { enc: "9A", syn: "call Ap", acc: "r", lift: "callFar", flow: "call", only: "not64" },
  { enc: "EA", syn: "jmp Ap", acc: "r", lift: "jmpFar", flow: "indirect", only: "not64" },
  { enc: "CA", syn: "retf Iw", acc: "r", lift: "retFar", flow: "ret", size: "v" },
  { enc: "CB", syn: "retf", lift: "retFar", flow: "ret", size: "v" },
  { enc: "CF", syn: "iret/iretd/iretq", flags: `r:lifvkn w:${ALL_FLAGS}`, flow: "ret", size: "v" },
  { enc: "CC", syn: "int3", flags: `r:${ALL_FLAGS} w:tifkn`, flow: "trap" },
  { enc: "CD", syn: "int Ib", acc: "r", flags: `r:${ALL_FLAGS} w:tifkn`, flow: "trap" },
  { enc: "CE", syn: "into", flags: `r:${ALL_FLAGS} w:tifkn`, flow: "trap", only: "not64" },
  { enc: "F1", syn: "int1", flags: `r:${ALL_FLAGS} w:tifkn`, flow: "trap" },
  { enc: "62 /r", syn: "bound Gz,Ma", acc: "r,r", only: "not64" },
  { enc: "0F 0B", syn: "ud2", lift: "ud", flow: "trap" },
  { enc: "0F B9 /r", syn: "ud1 Gv,Ev", acc: "-,-", lift: "ud", flow: "trap" },
  { enc: "0F FF /r", syn: "ud0 Gv,Ev", acc: "-,-", lift: "ud", flow: "trap" },
];
