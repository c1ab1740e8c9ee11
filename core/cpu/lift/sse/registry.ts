// Every MMX to SSE4.2 lifter by the name in its instruction row. Left out: FXSAVE and FXRSTOR (x87 state), POPCNT and CRC32
// (integer), the AES and PCLMULQDQ extensions.
import type { Lifter } from "../lift.ts";
import { floatArithmetic } from "./float-arithmetic.ts";
import { floatConvert } from "./float-convert.ts";
import { moves } from "./moves.ts";
import { packedInteger } from "./packed-integer.ts";
import { shuffles } from "./shuffles.ts";
import { stringCompare } from "./string-compare.ts";

export const sseLifters: Record<string, Lifter> = { ...packedInteger, ...shuffles, ...moves, ...floatArithmetic, ...floatConvert, ...stringCompare };
