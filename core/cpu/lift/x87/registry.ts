// Every x87 lifter by the name that instruction rows give.
import type { Lifter } from "../lift.ts";
import { arithmeticLifters } from "./arithmetic.ts";
import { compareLifters } from "./compare.ts";
import { controlLifters } from "./control.ts";
import { moveLifters } from "./moves.ts";

export const x87Lifters: Record<string, Lifter> = { ...arithmeticLifters, ...compareLifters, ...controlLifters, ...moveLifters };
