// All soft-float functions of both formats in one module, and the step that hands their exceptions to MXCSR.
import * as L from "../state/layout.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, i32, select } from "../wasm/nodes.ts";
import { type Arithmetic, defineArithmetic } from "./arithmetic.ts";
import { type Comparison, defineComparison } from "./compare.ts";
import { type Conversion, defineConversion, defineFormatChange } from "./convert.ts";
import { DE, DOUBLE, FLOAT_FLAGS, type Format, IE, mxcsr, SINGLE, ZE } from "./format.ts";
import { defineRoundPack } from "./round-pack.ts";

export interface FloatFunctions extends Arithmetic, Comparison, Conversion {
  readonly format: Format;
}

export interface SoftFloat {
  readonly f32: FloatFunctions;
  readonly f64: FloatFunctions;
  /** Single to double, double to single. */
  readonly widen: Callee;
  readonly narrow: Callee;
  /** (): merges the gathered exceptions into MXCSR and clears them; an unmasked one sets FAULT: #XM, or #UD without CR4.OSXMMEXCPT. */
  readonly commit: Callee;
}

const PRECOMPUTATION = IE | DE | ZE;

export function defineSoftFloat(module: ModuleBuilder): SoftFloat {
  const round32 = defineRoundPack(module, SINGLE);
  const round64 = defineRoundPack(module, DOUBLE);
  const all = (format: Format, roundPack: Callee): FloatFunctions => ({
    format,
    ...defineArithmetic(module, format, roundPack),
    ...defineComparison(module, format),
    ...defineConversion(module, format, roundPack),
  });
  const commit = module.func([], [], (f) => {
    const flags = f.let(i32.load(c32(FLOAT_FLAGS)));
    f.store(c32(0), c32(0), FLOAT_FLAGS);
    const control = f.let(mxcsr());
    const unmasked = f.let(i32.and(flags, i32.xor(i32.shrU(control, c32(7)), c32(63))));
    // An exception found before computing keeps the others from being found.
    const seen = select(i32.and(unmasked, c32(PRECOMPUTATION)), i32.and(flags, c32(PRECOMPUTATION)), flags);
    f.store(c32(0), i32.or(control, seen), L.MXCSR);
    f.if(unmasked, () => {
      const isEnabled = i32.and(i32.load(c32(L.CR4)), c32(L.CR4_OSXMMEXCPT));
      f.store(c32(0), select(isEnabled, c32(19 + 1), c32(6 + 1)), L.FAULT);
      f.store(c32(0), c32(0), L.FAULT_HAS_CODE);
    });
  });
  return {
    f32: all(SINGLE, round32),
    f64: all(DOUBLE, round64),
    widen: defineFormatChange(module, SINGLE, DOUBLE, round64),
    narrow: defineFormatChange(module, DOUBLE, SINGLE, round32),
    commit,
  };
}
