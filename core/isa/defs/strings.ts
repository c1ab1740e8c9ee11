// String instructions. The source segment can be overridden, the destination is always ES. REP and REPNE both repeat the
// plain ones; for CMPS and SCAS they stop by ZF. With a count of zero nothing happens, and the flags stay.
import type { Row } from "../row.ts";
import { group } from "../row.ts";

const COMPARE = "r:d w:oszapc m:oszapc";

export const strings: readonly Row[] = [
  ...group({ rep: "string", flags: "r:d" }, [
    { enc: "A4", syn: "movsb Yb,Xb", acc: "w,r", lift: "movs" },
    { enc: "A5", syn: "movsw/movsd/movsq Yv,Xv", acc: "w,r", lift: "movs" },
    { enc: "AA", syn: "stosb Yb,AL", acc: "w,r", lift: "stos" },
    { enc: "AB", syn: "stosw/stosd/stosq Yv,rAX", acc: "w,r", lift: "stos" },
    { enc: "AC", syn: "lodsb AL,Xb", acc: "w,r", lift: "lods" },
    { enc: "AD", syn: "lodsw/lodsd/lodsq rAX,Xv", acc: "w,r", lift: "lods" },
    // Port instructions are subject to IOPL and the I/O bitmap, and what they reach may change the memory map.
    { enc: "6C", syn: "insb Yb,DX", acc: "w,r", lift: "ins", ends: true },
    { enc: "6D", syn: "insw/insd Yz,DX", acc: "w,r", lift: "ins", ends: true },
    { enc: "6E", syn: "outsb DX,Xb", acc: "r,r", lift: "outs", ends: true },
    { enc: "6F", syn: "outsw/outsd DX,Xz", acc: "r,r", lift: "outs", ends: true },
  ]),
  ...group({ rep: "stringcc", flags: COMPARE }, [
    { enc: "A6", syn: "cmpsb Xb,Yb", acc: "r,r", lift: "cmps" },
    { enc: "A7", syn: "cmpsw/cmpsd/cmpsq Xv,Yv", acc: "r,r", lift: "cmps" },
    { enc: "AE", syn: "scasb AL,Yb", acc: "r,r", lift: "scas" },
    { enc: "AF", syn: "scasw/scasd/scasq rAX,Yv", acc: "r,r", lift: "scas" },
  ]),
];
