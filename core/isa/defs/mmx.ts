// MMX, its SSE2 widening to XMM registers, and the MMX instructions that came with SSE and SSE2. One lifter serves both
// register files; the operand kinds tell which. 64-bit memory operands need no alignment, 128-bit ones 16 bytes.
import type { Row } from "../row.ts";
import { group } from "../row.ts";

/** Opcode (after 0F), mnemonic, and the feature of the MMX form when that is not MMX itself. */
const BINARY: readonly (readonly [string, string, string?])[] = [
  ["63", "packsswb"], ["64", "pcmpgtb"], ["65", "pcmpgtw"], ["66", "pcmpgtd"], ["67", "packuswb"], ["68", "punpckhbw"], ["69", "punpckhwd"],
  ["6A", "punpckhdq"], ["6B", "packssdw"], ["74", "pcmpeqb"], ["75", "pcmpeqw"], ["76", "pcmpeqd"],
  ["D1", "psrlw"], ["D2", "psrld"], ["D3", "psrlq"], ["D4", "paddq", "sse2"], ["D5", "pmullw"], ["D8", "psubusb"], ["D9", "psubusw"],
  ["DA", "pminub", "sse"], ["DB", "pand"], ["DC", "paddusb"], ["DD", "paddusw"], ["DE", "pmaxub", "sse"], ["DF", "pandn"],
  ["E0", "pavgb", "sse"], ["E1", "psraw"], ["E2", "psrad"], ["E3", "pavgw", "sse"], ["E4", "pmulhuw", "sse"], ["E5", "pmulhw"],
  ["E8", "psubsb"], ["E9", "psubsw"], ["EA", "pminsw", "sse"], ["EB", "por"], ["EC", "paddsb"], ["ED", "paddsw"], ["EE", "pmaxsw", "sse"],
  ["EF", "pxor"], ["F1", "psllw"], ["F2", "pslld"], ["F3", "psllq"], ["F4", "pmuludq", "sse2"], ["F5", "pmaddwd"], ["F6", "psadbw", "sse"],
  ["F8", "psubb"], ["F9", "psubw"], ["FA", "psubd"], ["FB", "psubq", "sse2"], ["FC", "paddb"], ["FD", "paddw"], ["FE", "paddd"],
];
/** Their MMX source is 32 bits in memory. */
const UNPACK_LOW: readonly (readonly [string, string])[] = [["60", "punpcklbw"], ["61", "punpcklwd"], ["62", "punpckldq"]];
const SHIFTS: readonly (readonly [string, string])[] = [
  ["71 /2", "psrlw"], ["71 /4", "psraw"], ["71 /6", "psllw"], ["72 /2", "psrld"], ["72 /4", "psrad"], ["72 /6", "pslld"],
  ["73 /2", "psrlq"], ["73 /6", "psllq"],
];

const mmxRows: Row[] = group({ unit: "mmx", feature: "mmx" }, [
  ...BINARY.map(([opcode, name, feature = "mmx"]): Row => ({ enc: `NP 0F ${opcode} /r`, syn: `${name} Pq,Qq`, acc: "rw,r", feature })),
  ...UNPACK_LOW.map(([opcode, name]): Row => ({ enc: `NP 0F ${opcode} /r`, syn: `${name} Pq,Qq/d`, acc: "rw,r" })),
  ...SHIFTS.map(([opcode, name]): Row => ({ enc: `NP 0F ${opcode}`, syn: `${name} Nq,Ib`, acc: "rw,r" })),
  { enc: "NP 0F 6E /r", syn: "movd/movd/movq Pq,Ey", acc: "w,r", lift: "movd" },
  { enc: "NP 0F 7E /r", syn: "movd/movd/movq Ey,Py", acc: "w,r", lift: "movd" },
  { enc: "NP 0F 6F /r", syn: "movq Pq,Qq", acc: "w,r" },
  { enc: "NP 0F 7F /r", syn: "movq Qq,Pq", acc: "w,r" },
  { enc: "NP 0F 77", syn: "emms" },
  ...group({ feature: "sse" }, [
    { enc: "NP 0F 70 /r", syn: "pshufw Pq,Qq,Ib", acc: "w,r,r" },
    { enc: "NP 0F C4 /r", syn: "pinsrw Pq,Ed/w,Ib", acc: "rw,r,r" },
    { enc: "NP 0F C5 /r", syn: "pextrw Gd,Nq,Ib", acc: "w,r,r" },
    { enc: "NP 0F D7 /r", syn: "pmovmskb Gd,Nq", acc: "w,r" },
    { enc: "NP 0F E7 /r", syn: "movntq Mq,Pq", acc: "w,r" },
    // The destination is DS:rDI (the segment can be overridden).
    { enc: "NP 0F F7 /r", syn: "maskmovq Pq,Nq", acc: "r,r" },
  ]),
]);

const wideRows: Row[] = group({ unit: "sse", feature: "sse2" }, [
  ...[...BINARY, ...UNPACK_LOW].map(([opcode, name]): Row => ({ enc: `66 0F ${opcode} /r`, syn: `${name} Vdq,Wdq`, acc: "rw,r" })),
  ...SHIFTS.map(([opcode, name]): Row => ({ enc: `66 0F ${opcode}`, syn: `${name} Udq,Ib`, acc: "rw,r" })),
  { enc: "66 0F 6C /r", syn: "punpcklqdq Vdq,Wdq", acc: "rw,r" },
  { enc: "66 0F 6D /r", syn: "punpckhqdq Vdq,Wdq", acc: "rw,r" },
  { enc: "66 0F 73 /3", syn: "psrldq Udq,Ib", acc: "rw,r" },
  { enc: "66 0F 73 /7", syn: "pslldq Udq,Ib", acc: "rw,r" },
  { enc: "66 0F 6E /r", syn: "movd/movd/movq Vdq,Ey", acc: "w,r", lift: "movd" },
  { enc: "66 0F 7E /r", syn: "movd/movd/movq Ey,Vy", acc: "w,r", lift: "movd" },
  { enc: "66 0F 6F /r", syn: "movdqa Vdq,Wdq", acc: "w,r" },
  { enc: "66 0F 7F /r", syn: "movdqa Wdq,Vdq", acc: "w,r" },
  { enc: "F3 0F 6F /r", syn: "movdqu Vdq,Wdq", acc: "w,r", align: 0 },
  { enc: "F3 0F 7F /r", syn: "movdqu Wdq,Vdq", acc: "w,r", align: 0 },
  { enc: "F3 0F 7E /r", syn: "movq Vdq,Wq", acc: "w,r" },
  { enc: "66 0F D6 /r", syn: "movq Wq,Vq", acc: "w,r" },
  { enc: "F3 0F D6 /r", syn: "movq2dq Vdq,Nq", acc: "w,r" },
  { enc: "F2 0F D6 /r", syn: "movdq2q Pq,Uq", acc: "w,r" },
  { enc: "66 0F 70 /r", syn: "pshufd Vdq,Wdq,Ib", acc: "w,r,r" },
  { enc: "F3 0F 70 /r", syn: "pshufhw Vdq,Wdq,Ib", acc: "w,r,r" },
  { enc: "F2 0F 70 /r", syn: "pshuflw Vdq,Wdq,Ib", acc: "w,r,r" },
  { enc: "66 0F C4 /r", syn: "pinsrw Vdq,Ed/w,Ib", acc: "rw,r,r" },
  { enc: "66 0F C5 /r", syn: "pextrw Gd,Udq,Ib", acc: "w,r,r" },
  { enc: "66 0F D7 /r", syn: "pmovmskb Gd,Udq", acc: "w,r" },
  { enc: "66 0F E7 /r", syn: "movntdq Mdq,Vdq", acc: "w,r" },
  { enc: "66 0F F7 /r", syn: "maskmovdqu Vdq,Udq", acc: "r,r" },
]);

export const mmx: readonly Row[] = [...mmxRows, ...wideRows];
