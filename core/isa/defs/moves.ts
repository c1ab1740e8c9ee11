// Data movement between registers, memory, immediates and segment registers; flag moves; NOP and the hint space.
import type { Row } from "../row.ts";

export const moves: readonly Row[] = [
  { enc: "88 /r", syn: "mov Eb,Gb", acc: "w,r" },
  { enc: "89 /r", syn: "mov Ev,Gv", acc: "w,r" },
  { enc: "8A /r", syn: "mov Gb,Eb", acc: "w,r" },
  { enc: "8B /r", syn: "mov Gv,Ev", acc: "w,r" },
  // A register takes the operand size (zero-extended), memory always 16 bits.
  { enc: "8C /0-5", syn: "mov Ev/w,Sw", acc: "w,r" },
  // CS cannot be loaded this way. Loading SS also holds off interrupts for one instruction.
  { enc: "8E /0,2-5", syn: "mov Sw,Ew", acc: "w,r", lift: "movSeg" },
  { enc: "A0", syn: "mov AL,Ob", acc: "w,r" },
  { enc: "A1", syn: "mov rAX,Ov", acc: "w,r" },
  { enc: "A2", syn: "mov Ob,AL", acc: "w,r" },
  { enc: "A3", syn: "mov Ov,rAX", acc: "w,r" },
  { enc: "B0+r", syn: "mov Zb,Ib", acc: "w,r" },
  { enc: "B8+r", syn: "mov Zv,Iv", acc: "w,r" },
  { enc: "C6 /0", syn: "mov Eb,Ib", acc: "w,r" },
  { enc: "C7 /0", syn: "mov Ev,Iz", acc: "w,r" },
  // XCHG with memory locks without a prefix.
  { enc: "86 /r", syn: "xchg Eb,Gb", acc: "rw,rw", lock: true },
  { enc: "87 /r", syn: "xchg Ev,Gv", acc: "rw,rw", lock: true },
  // 90 is NOP and does not clear the upper half of RAX; with REX.B it is XCHG R8,rAX.
  { enc: "91-97 | 90 B=1", syn: "xchg Zv,rAX", acc: "rw,rw" },
  { enc: "!F3 90 B=0", syn: "nop" },
  { enc: "F3 90 B=0", syn: "pause" },

  { enc: "8D /r", syn: "lea Gv,M", acc: "w,-" },
  { enc: "0F B6 /r", syn: "movzx Gv,Eb", acc: "w,r" },
  { enc: "0F B7 /r", syn: "movzx Gv,Ew", acc: "w,r" },
  { enc: "0F BE /r", syn: "movsx Gv,Eb", acc: "w,r" },
  { enc: "0F BF /r", syn: "movsx Gv,Ew", acc: "w,r" },
  { enc: "63 /r", syn: "movsxd Gv,Ez", acc: "w,r", only: "64" },
  { enc: "0F 40+cc /r", syn: "cmovcc Gv,Ev", acc: "rw,r", flags: "r:cc", feature: "cmov" },
  { enc: "NP 0F C3 /r", syn: "movnti My,Gy", acc: "w,r", feature: "sse2" },

  { enc: "C4 /r", syn: "les Gz,Mp", acc: "w,r", only: "not64", arg: 0, ends: true },
  { enc: "C5 /r", syn: "lds Gz,Mp", acc: "w,r", only: "not64", arg: 3, ends: true },
  { enc: "0F B2 /r", syn: "lss Gv,Mp", acc: "w,r", arg: 2, ends: true },
  { enc: "0F B4 /r", syn: "lfs Gv,Mp", acc: "w,r", arg: 4, ends: true },
  { enc: "0F B5 /r", syn: "lgs Gv,Mp", acc: "w,r", arg: 5, ends: true },

  { enc: "D7", syn: "xlat" },
  { enc: "9E", syn: "sahf", flags: "w:szapc" },
  { enc: "9F", syn: "lahf", flags: "r:szapc" },
  { enc: "D6", syn: "salc", flags: "r:c", only: "not64" },
  { enc: "F5", syn: "cmc", flags: "r:c w:c" },
  { enc: "F8", syn: "clc", flags: "w:c" },
  { enc: "F9", syn: "stc", flags: "w:c" },
  { enc: "FC", syn: "cld", flags: "w:d" },
  { enc: "FD", syn: "std", flags: "w:d" },

  // Hints read nothing. The reserved hint space 0F 18 to 0F 1F is NOP without the extensions that live in it (ENDBR, MPX, …).
  { enc: "0F 18 /0", syn: "prefetchnta M", acc: "-", lift: "nop", feature: "sse" },
  { enc: "0F 18 /1", syn: "prefetcht0 M", acc: "-", lift: "nop", feature: "sse" },
  { enc: "0F 18 /2", syn: "prefetcht1 M", acc: "-", lift: "nop", feature: "sse" },
  { enc: "0F 18 /3", syn: "prefetcht2 M", acc: "-", lift: "nop", feature: "sse" },
  { enc: "0F 0D /0,2-7", syn: "prefetch M", acc: "-", lift: "nop" },
  { enc: "0F 0D /1", syn: "prefetchw M", acc: "-", lift: "nop" },
  { enc: "0F 18 /4-7 mod=m | 0F 18 /r mod=3 | 0F 19-1F /r", syn: "nop Ev", acc: "-" },
];
