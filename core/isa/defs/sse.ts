// SSE and SSE2 floating point: moves, arithmetic, comparison, logic, shuffles and conversions. A scalar load zeroes the rest of
// the register, a scalar register move keeps it; the lifter tells them apart by D_IS_MEM.
import type { Row } from "../row.ts";
import { group } from "../row.ts";

const SSE = { unit: "sse", feature: "sse" } as const;
const SSE2 = { unit: "sse", feature: "sse2" } as const;

/** All four of ps, pd, ss, sd. */
function arithmetic(opcode: string, name: string, access: "rw" | "w" = "rw"): Row[] {
  return [
    { enc: `NP 0F ${opcode} /r`, syn: `${name}ps Vps,Wps`, acc: `${access},r`, ...SSE },
    { enc: `66 0F ${opcode} /r`, syn: `${name}pd Vpd,Wpd`, acc: `${access},r`, ...SSE2 },
    // Scalars keep the upper part of the destination.
    { enc: `F3 0F ${opcode} /r`, syn: `${name}ss Vss,Wss`, acc: "rw,r", ...SSE },
    { enc: `F2 0F ${opcode} /r`, syn: `${name}sd Vsd,Wsd`, acc: "rw,r", ...SSE2 },
  ];
}

/** The ps and pd forms of a whole-register operation. */
function packed(opcode: string, name: string): Row[] {
  return [
    { enc: `NP 0F ${opcode} /r`, syn: `${name}ps Vps,Wps`, acc: "rw,r", ...SSE },
    { enc: `66 0F ${opcode} /r`, syn: `${name}pd Vpd,Wpd`, acc: "rw,r", ...SSE2 },
  ];
}

const moveRows: Row[] = [
  ...group(SSE, [
    { enc: "NP 0F 10 /r", syn: "movups Vps,Wps", acc: "w,r", align: 0 },
    { enc: "NP 0F 11 /r", syn: "movups Wps,Vps", acc: "w,r", align: 0 },
    { enc: "F3 0F 10 /r", syn: "movss Vss,Wss", acc: "rw,r" },
    { enc: "F3 0F 11 /r", syn: "movss Wss,Vss", acc: "rw,r" },
    { enc: "NP 0F 12 /r mod=m", syn: "movlps Vq,Mq", acc: "rw,r" },
    { enc: "NP 0F 12 /r mod=3", syn: "movhlps Vq,Uq", acc: "rw,r" },
    { enc: "NP 0F 13 /r", syn: "movlps Mq,Vq", acc: "w,r" },
    { enc: "NP 0F 16 /r mod=m", syn: "movhps Vq,Mq", acc: "rw,r" },
    { enc: "NP 0F 16 /r mod=3", syn: "movlhps Vq,Uq", acc: "rw,r" },
    { enc: "NP 0F 17 /r", syn: "movhps Mq,Vq", acc: "w,r" },
    { enc: "NP 0F 28 /r", syn: "movaps Vps,Wps", acc: "w,r" },
    { enc: "NP 0F 29 /r", syn: "movaps Wps,Vps", acc: "w,r" },
    { enc: "NP 0F 2B /r", syn: "movntps Mps,Vps", acc: "w,r" },
    { enc: "NP 0F 50 /r", syn: "movmskps Gd,Ups", acc: "w,r" },
  ]),
  ...group(SSE2, [
    { enc: "66 0F 10 /r", syn: "movupd Vpd,Wpd", acc: "w,r", align: 0 },
    { enc: "66 0F 11 /r", syn: "movupd Wpd,Vpd", acc: "w,r", align: 0 },
    { enc: "F2 0F 10 /r", syn: "movsd Vsd,Wsd", acc: "rw,r" },
    { enc: "F2 0F 11 /r", syn: "movsd Wsd,Vsd", acc: "rw,r" },
    { enc: "66 0F 12 /r", syn: "movlpd Vq,Mq", acc: "rw,r" },
    { enc: "66 0F 13 /r", syn: "movlpd Mq,Vq", acc: "w,r" },
    { enc: "66 0F 16 /r", syn: "movhpd Vq,Mq", acc: "rw,r" },
    { enc: "66 0F 17 /r", syn: "movhpd Mq,Vq", acc: "w,r" },
    { enc: "66 0F 28 /r", syn: "movapd Vpd,Wpd", acc: "w,r" },
    { enc: "66 0F 29 /r", syn: "movapd Wpd,Vpd", acc: "w,r" },
    { enc: "66 0F 2B /r", syn: "movntpd Mpd,Vpd", acc: "w,r" },
    { enc: "66 0F 50 /r", syn: "movmskpd Gd,Upd", acc: "w,r" },
  ]),
];

const arithmeticRows: Row[] = [
  ...arithmetic("51", "sqrt", "w"),
  ...arithmetic("58", "add"),
  ...arithmetic("59", "mul"),
  ...arithmetic("5C", "sub"),
  ...arithmetic("5D", "min"),
  ...arithmetic("5E", "div"),
  ...arithmetic("5F", "max"),
  { enc: "NP 0F 52 /r", syn: "rsqrtps Vps,Wps", acc: "w,r", ...SSE },
  { enc: "F3 0F 52 /r", syn: "rsqrtss Vss,Wss", acc: "rw,r", ...SSE },
  { enc: "NP 0F 53 /r", syn: "rcpps Vps,Wps", acc: "w,r", ...SSE },
  { enc: "F3 0F 53 /r", syn: "rcpss Vss,Wss", acc: "rw,r", ...SSE },
  ...packed("14", "unpckl"),
  ...packed("15", "unpckh"),
  ...packed("54", "and"),
  ...packed("55", "andn"),
  ...packed("56", "or"),
  ...packed("57", "xor"),
  { enc: "NP 0F C6 /r", syn: "shufps Vps,Wps,Ib", acc: "rw,r,r", ...SSE },
  { enc: "66 0F C6 /r", syn: "shufpd Vpd,Wpd,Ib", acc: "rw,r,r", ...SSE2 },
  { enc: "NP 0F C2 /r", syn: "cmpps Vps,Wps,Ib", acc: "rw,r,r", ...SSE },
  { enc: "66 0F C2 /r", syn: "cmppd Vpd,Wpd,Ib", acc: "rw,r,r", ...SSE2 },
  { enc: "F3 0F C2 /r", syn: "cmpss Vss,Wss,Ib", acc: "rw,r,r", ...SSE },
  { enc: "F2 0F C2 /r", syn: "cmpsd Vsd,Wsd,Ib", acc: "rw,r,r", ...SSE2 },
  { enc: "NP 0F 2E /r", syn: "ucomiss Vss,Wss", acc: "r,r", flags: "w:oszapc", ...SSE },
  { enc: "66 0F 2E /r", syn: "ucomisd Vsd,Wsd", acc: "r,r", flags: "w:oszapc", ...SSE2 },
  { enc: "NP 0F 2F /r", syn: "comiss Vss,Wss", acc: "r,r", flags: "w:oszapc", ...SSE },
  { enc: "66 0F 2F /r", syn: "comisd Vsd,Wsd", acc: "r,r", flags: "w:oszapc", ...SSE2 },
];

const conversionRows: Row[] = [
  ...group(SSE, [
    { enc: "NP 0F 2A /r", syn: "cvtpi2ps Vq,Qq", acc: "rw,r" },
    { enc: "F3 0F 2A /r", syn: "cvtsi2ss Vss,Ey", acc: "rw,r" },
    { enc: "NP 0F 2C /r", syn: "cvttps2pi Pq,Wq", acc: "w,r" },
    { enc: "F3 0F 2C /r", syn: "cvttss2si Gy,Wss", acc: "w,r" },
    { enc: "NP 0F 2D /r", syn: "cvtps2pi Pq,Wq", acc: "w,r" },
    { enc: "F3 0F 2D /r", syn: "cvtss2si Gy,Wss", acc: "w,r" },
  ]),
  ...group(SSE2, [
    { enc: "66 0F 2A /r", syn: "cvtpi2pd Vpd,Qq", acc: "w,r" },
    { enc: "F2 0F 2A /r", syn: "cvtsi2sd Vsd,Ey", acc: "rw,r" },
    { enc: "66 0F 2C /r", syn: "cvttpd2pi Pq,Wpd", acc: "w,r" },
    { enc: "F2 0F 2C /r", syn: "cvttsd2si Gy,Wsd", acc: "w,r" },
    { enc: "66 0F 2D /r", syn: "cvtpd2pi Pq,Wpd", acc: "w,r" },
    { enc: "F2 0F 2D /r", syn: "cvtsd2si Gy,Wsd", acc: "w,r" },
    { enc: "NP 0F 5A /r", syn: "cvtps2pd Vpd,Wq", acc: "w,r" },
    { enc: "66 0F 5A /r", syn: "cvtpd2ps Vdq,Wpd", acc: "w,r" },
    { enc: "F3 0F 5A /r", syn: "cvtss2sd Vsd,Wss", acc: "rw,r" },
    { enc: "F2 0F 5A /r", syn: "cvtsd2ss Vss,Wsd", acc: "rw,r" },
    { enc: "NP 0F 5B /r", syn: "cvtdq2ps Vps,Wdq", acc: "w,r" },
    { enc: "66 0F 5B /r", syn: "cvtps2dq Vdq,Wps", acc: "w,r" },
    { enc: "F3 0F 5B /r", syn: "cvttps2dq Vdq,Wps", acc: "w,r" },
    { enc: "66 0F E6 /r", syn: "cvttpd2dq Vdq,Wpd", acc: "w,r" },
    { enc: "F3 0F E6 /r", syn: "cvtdq2pd Vpd,Wq", acc: "w,r" },
    { enc: "F2 0F E6 /r", syn: "cvtpd2dq Vdq,Wpd", acc: "w,r" },
  ]),
];

export const sse: readonly Row[] = [...moveRows, ...arithmeticRows, ...conversionRows];
