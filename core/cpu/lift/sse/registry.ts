// Every MMX to SSE4.2 lifter by the name in its instruction row. Left out: FXSAVE and FXRSTOR (x87 state), POPCNT and CRC32
// (integer), the AES and PCLMULQDQ extensions.
import type { Lifter } from "../lift.ts";
import { moves } from "./moves.ts";
import { packedInteger } from "./packed-integer.ts";
import { shuffles } from "./shuffles.ts";

export const sseLifters: Record<string, Lifter> = { ...packedInteger, ...shuffles, ...moves };
