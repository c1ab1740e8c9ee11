// SSE4.1 and SSE4.2 (CRC32 and POPCNT are with the integer instructions).
import type { Row } from "../row.ts";
import { group } from "../row.ts";

/** Opcode after 66 0F 38, mnemonic. */
const BINARY: readonly (readonly [string, string])[] = [
  ["28", "pmuldq"], ["29", "pcmpeqq"], ["2B", "packusdw"], ["38", "pminsb"], ["39", "pminsd"], ["3A", "pminuw"], ["3B", "pminud"],
  ["3C", "pmaxsb"], ["3D", "pmaxsd"], ["3E", "pmaxuw"], ["3F", "pmaxud"], ["40", "pmulld"],
];
/** Widening moves: low opcode digit, element sizes, bytes of the source. */
const WIDENING: readonly (readonly [string, string, string])[] = [
  ["0", "bw", "q"], ["1", "bd", "d"], ["2", "bq", "w"], ["3", "wd", "q"], ["4", "wq", "d"], ["5", "dq", "q"],
];

export const sse4: readonly Row[] = [
  ...group({ unit: "sse", feature: "sse41" }, [
    ...BINARY.map(([opcode, name]): Row => ({ enc: `66 0F 38 ${opcode} /r`, syn: `${name} Vdq,Wdq`, acc: "rw,r" })),
    ...WIDENING.map(([digit, kind, size]): Row => ({ enc: `66 0F 38 2${digit} /r`, syn: `pmovsx${kind} Vdq,W${size}`, acc: "w,r" })),
    ...WIDENING.map(([digit, kind, size]): Row => ({ enc: `66 0F 38 3${digit} /r`, syn: `pmovzx${kind} Vdq,W${size}`, acc: "w,r" })),
    { enc: "66 0F 38 10 /r", syn: "pblendvb Vdq,Wdq,XMM0", acc: "rw,r,r" },
    { enc: "66 0F 38 14 /r", syn: "blendvps Vdq,Wdq,XMM0", acc: "rw,r,r" },
    { enc: "66 0F 38 15 /r", syn: "blendvpd Vdq,Wdq,XMM0", acc: "rw,r,r" },
    { enc: "66 0F 38 17 /r", syn: "ptest Vdq,Wdq", acc: "r,r", flags: "w:oszapc" },
    { enc: "66 0F 38 2A /r", syn: "movntdqa Vdq,Mdq", acc: "w,r" },
    { enc: "66 0F 38 41 /r", syn: "phminposuw Vdq,Wdq", acc: "w,r" },
    { enc: "66 0F 3A 08 /r", syn: "roundps Vps,Wps,Ib", acc: "w,r,r" },
    { enc: "66 0F 3A 09 /r", syn: "roundpd Vpd,Wpd,Ib", acc: "w,r,r" },
    { enc: "66 0F 3A 0A /r", syn: "roundss Vss,Wss,Ib", acc: "rw,r,r" },
    { enc: "66 0F 3A 0B /r", syn: "roundsd Vsd,Wsd,Ib", acc: "rw,r,r" },
    { enc: "66 0F 3A 0C /r", syn: "blendps Vps,Wps,Ib", acc: "rw,r,r" },
    { enc: "66 0F 3A 0D /r", syn: "blendpd Vpd,Wpd,Ib", acc: "rw,r,r" },
    { enc: "66 0F 3A 0E /r", syn: "pblendw Vdq,Wdq,Ib", acc: "rw,r,r" },
    // A register destination is 32 bits, zero-extended; memory gets the element.
    { enc: "66 0F 3A 14 /r", syn: "pextrb Ed/b,Vdq,Ib", acc: "w,r,r" },
    { enc: "66 0F 3A 15 /r", syn: "pextrw Ed/w,Vdq,Ib", acc: "w,r,r" },
    { enc: "66 0F 3A 16 /r", syn: "pextrd/pextrd/pextrq Ey,Vdq,Ib", acc: "w,r,r" },
    { enc: "66 0F 3A 17 /r", syn: "extractps Ed,Vdq,Ib", acc: "w,r,r" },
    { enc: "66 0F 3A 20 /r", syn: "pinsrb Vdq,Ed/b,Ib", acc: "rw,r,r" },
    // A memory source is one element, whatever the source field of the immediate says.
    { enc: "66 0F 3A 21 /r", syn: "insertps Vdq,Wdq/d,Ib", acc: "rw,r,r" },
    { enc: "66 0F 3A 22 /r", syn: "pinsrd/pinsrd/pinsrq Vdq,Ey,Ib", acc: "rw,r,r" },
    { enc: "66 0F 3A 40 /r", syn: "dpps Vps,Wps,Ib", acc: "rw,r,r" },
    { enc: "66 0F 3A 41 /r", syn: "dppd Vpd,Wpd,Ib", acc: "rw,r,r" },
    { enc: "66 0F 3A 42 /r", syn: "mpsadbw Vdq,Wdq,Ib", acc: "rw,r,r" },
  ]),
  ...group({ unit: "sse", feature: "sse42" }, [
    { enc: "66 0F 38 37 /r", syn: "pcmpgtq Vdq,Wdq", acc: "rw,r" },
    // The string comparisons need no alignment. Explicit lengths are in EAX and EDX, or RAX and RDX with REX.W.
    ...group({ align: 0, flags: "w:oszapc" }, [
      { enc: "66 0F 3A 60 /r", syn: "pcmpestrm Vdq,Wdq,Ib", acc: "r,r,r", size: "y" },
      { enc: "66 0F 3A 61 /r", syn: "pcmpestri Vdq,Wdq,Ib", acc: "r,r,r", size: "y" },
      { enc: "66 0F 3A 62 /r", syn: "pcmpistrm Vdq,Wdq,Ib", acc: "r,r,r" },
      { enc: "66 0F 3A 63 /r", syn: "pcmpistri Vdq,Wdq,Ib", acc: "r,r,r" },
    ]),
  ]),
];
