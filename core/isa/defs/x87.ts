// x87: Intel SDM vol. 2 escape opcodes D8 to DF, with the aliases that every processor takes although the manuals leave them
// out (FCOM2, FXCH4, FSTP8 and so on). Lifters are named by operation: memory and register forms share one. FWAIT is an
// instruction of its own, so only the FN names appear. Left out: FRSTPM (DB E5), which no processor since the 387 has.
import type { Row } from "../row.ts";
import { group } from "../row.ts";

/** D8 /n and DC /n take floats, DA /n and DE /n integers. In the register forms of DC and DE the reversed operations (`target`) swap. */
function arithmetic(index: number, name: string, target: string): Row[] {
  const compare = name.startsWith("com");
  const acc = compare ? "r,r" : "rw,r";
  const modrm = (row: number) => `/${(0xc0 + row * 8).toString(16).toUpperCase()}+i`;
  return [
    { enc: `D8 /${index}`, syn: `f${name} Md`, acc: "r" },
    { enc: `DC /${index}`, syn: `f${name} Mq`, acc: "r" },
    { enc: `DA /${index}`, syn: `fi${name} Md`, acc: "r" },
    { enc: `DE /${index}`, syn: `fi${name} Mw`, acc: "r" },
    ...(compare
      ? []
      : [
          { enc: `D8 ${modrm(index)}`, syn: `f${name} ST0,STi`, acc },
          { enc: `DC ${modrm(index)}`, syn: `f${target} STi,ST0`, acc },
          { enc: `DE ${modrm(index)}`, syn: `f${target}p STi,ST0`, acc },
        ]),
  ];
}

const CONSTANTS = ["fld1", "fldl2t", "fldl2e", "fldpi", "fldlg2", "fldln2", "fldz"];
const FUNCTIONS: readonly (readonly [string, string])[] = [
  ["E0", "fchs"], ["E1", "fabs"], ["E4", "ftst"], ["E5", "fxam"],
  ["F0", "f2xm1"], ["F1", "fyl2x"], ["F2", "fptan"], ["F3", "fpatan"], ["F4", "fxtract"], ["F5", "fprem1"], ["F6", "fdecstp"],
  ["F7", "fincstp"], ["F8", "fprem"], ["F9", "fyl2xp1"], ["FA", "fsqrt"], ["FB", "fsincos"], ["FC", "frndint"], ["FD", "fscale"],
  ["FE", "fsin"], ["FF", "fcos"],
];
/** FCMOVcc with the number of the condition it shares with Jcc. */
const MOVES: readonly (readonly [string, string, number, string])[] = [
  ["DA /C0+i", "fcmovb", 2, "c"], ["DA /C8+i", "fcmove", 4, "z"], ["DA /D0+i", "fcmovbe", 6, "cz"], ["DA /D8+i", "fcmovu", 10, "p"],
  ["DB /C0+i", "fcmovnb", 3, "c"], ["DB /C8+i", "fcmovne", 5, "z"], ["DB /D0+i", "fcmovnbe", 7, "cz"], ["DB /D8+i", "fcmovnu", 11, "p"],
];
/** ZF, PF and CF take the result; OF, SF and AF are cleared. */
const COMPARE_FLAGS = "w:oszapc";

export const x87: readonly Row[] = group({ unit: "x87", feature: "fpu" }, [
  ...arithmetic(0, "add", "add"),
  ...arithmetic(1, "mul", "mul"),
  ...arithmetic(2, "com", "com"),
  ...arithmetic(3, "comp", "comp"),
  ...arithmetic(4, "sub", "subr"),
  ...arithmetic(5, "subr", "sub"),
  ...arithmetic(6, "div", "divr"),
  ...arithmetic(7, "divr", "div"),
  { enc: "D8 /D0+i | DC /D0+i", syn: "fcom ST0,STi", acc: "r,r" },
  { enc: "D8 /D8+i | DC /D8+i | DE /D0+i", syn: "fcomp ST0,STi", acc: "r,r" },
  { enc: "DE /D9", syn: "fcompp" },
  { enc: "DD /E0+i", syn: "fucom ST0,STi", acc: "r,r" },
  { enc: "DD /E8+i", syn: "fucomp ST0,STi", acc: "r,r" },
  { enc: "DA /E9", syn: "fucompp" },
  ...group({ flags: COMPARE_FLAGS, feature: "cmov" }, [
    { enc: "DB /F0+i", syn: "fcomi ST0,STi", acc: "r,r" },
    { enc: "DB /E8+i", syn: "fucomi ST0,STi", acc: "r,r" },
    { enc: "DF /F0+i", syn: "fcomip ST0,STi", acc: "r,r" },
    { enc: "DF /E8+i", syn: "fucomip ST0,STi", acc: "r,r" },
  ]),

  { enc: "D9 /0", syn: "fld Md", acc: "r" },
  { enc: "DD /0", syn: "fld Mq", acc: "r" },
  { enc: "DB /5", syn: "fld Mt", acc: "r" },
  { enc: "D9 /C0+i", syn: "fld STi", acc: "r" },
  { enc: "D9 /2", syn: "fst Md", acc: "w" },
  { enc: "DD /2", syn: "fst Mq", acc: "w" },
  { enc: "DD /D0+i", syn: "fst STi", acc: "w" },
  { enc: "D9 /3", syn: "fstp Md", acc: "w" },
  { enc: "DD /3", syn: "fstp Mq", acc: "w" },
  { enc: "DB /7", syn: "fstp Mt", acc: "w" },
  { enc: "DD /D8+i | DF /D0+i | DF /D8+i", syn: "fstp STi", acc: "w" },
  // FSTPNCE: FSTP that raises no stack fault on an empty source.
  { enc: "D9 /D8+i", syn: "fstpnce STi", acc: "w" },
  { enc: "DF /0", syn: "fild Mw", acc: "r" },
  { enc: "DB /0", syn: "fild Md", acc: "r" },
  { enc: "DF /5", syn: "fild Mq", acc: "r" },
  { enc: "DF /2", syn: "fist Mw", acc: "w" },
  { enc: "DB /2", syn: "fist Md", acc: "w" },
  { enc: "DF /3", syn: "fistp Mw", acc: "w" },
  { enc: "DB /3", syn: "fistp Md", acc: "w" },
  { enc: "DF /7", syn: "fistp Mq", acc: "w" },
  { enc: "DF /1", syn: "fisttp Mw", acc: "w", feature: "sse3" },
  { enc: "DB /1", syn: "fisttp Md", acc: "w", feature: "sse3" },
  { enc: "DD /1", syn: "fisttp Mq", acc: "w", feature: "sse3" },
  { enc: "DF /4", syn: "fbld Mt", acc: "r" },
  { enc: "DF /6", syn: "fbstp Mt", acc: "w" },
  { enc: "D9 /C8+i | DD /C8+i | DF /C8+i", syn: "fxch ST0,STi", acc: "rw,rw" },
  ...group(
    { lift: "fcmov", feature: "cmov" },
    MOVES.map(([enc, name, arg, flags]): Row => ({ enc, syn: `${name} ST0,STi`, acc: "rw,r", arg, flags: `r:${flags}` })),
  ),
  ...CONSTANTS.map((name, index): Row => ({ enc: `D9 /${(0xe8 + index).toString(16).toUpperCase()}`, syn: name })),
  ...FUNCTIONS.map(([modrm, name]): Row => ({ enc: `D9 /${modrm}`, syn: name })),

  { enc: "DD /C0+i", syn: "ffree STi", acc: "w" },
  { enc: "DF /C0+i", syn: "ffreep STi", acc: "w" },
  { enc: "D9 /D0", syn: "fnop" },
  // 8087 and 287 control instructions, without effect since the 387.
  { enc: "DB /E0", syn: "feni", lift: "fnop" },
  { enc: "DB /E1", syn: "fdisi", lift: "fnop" },
  { enc: "DB /E4", syn: "fsetpm", lift: "fnop" },
  { enc: "9B", syn: "fwait" },
  { enc: "D9 /5", syn: "fldcw Mw", acc: "r" },
  { enc: "D9 /4", syn: "fldenv Me", acc: "r" },
  { enc: "DD /4", syn: "frstor Mst", acc: "r" },
  ...group({ noWait: true }, [
    { enc: "D9 /7", syn: "fnstcw Mw", acc: "w" },
    { enc: "D9 /6", syn: "fnstenv Me", acc: "w" },
    { enc: "DD /6", syn: "fnsave Mst", acc: "w" },
    { enc: "DD /7", syn: "fnstsw Mw", acc: "w" },
    { enc: "DF /E0", syn: "fnstsw AX", acc: "w" },
    { enc: "DB /E2", syn: "fnclex" },
    { enc: "DB /E3", syn: "fninit" },
  ]),
]);
