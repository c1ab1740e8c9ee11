// Runs single soft-float functions without the rest of the engine, for tests.
import * as L from "../state/layout.ts";
import { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, call, I32, I64 } from "../wasm/nodes.ts";
import { FLOAT_FLAGS } from "./format.ts";
import { defineSoftFloat } from "./softfloat.ts";

/** Two operands as bits; the second is the control number of "toInt" and unused by "sqrt" and "narrow". */
type BenchFunction = (a: bigint, b: bigint | number) => bigint;

export class SoftFloatBench {
  private readonly view: DataView;
  private readonly exports: Record<string, unknown>;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    this.view = new DataView(memory.buffer);
    const module = new ModuleBuilder({ initial: 1, maximum: 1 });
    const soft = defineSoftFloat(module);
    const unary = (name: string, callee: Callee) => module.export(name, module.func([I64, I64], [I64], (f) => f.return(call(callee, f.param(0)))));
    for (const functions of [soft.f32, soft.f64]) {
      for (const name of ["add", "sub", "mul", "div"] as const) module.export(`${name}${functions.format.width}`, functions[name]);
      unary(`sqrt${functions.format.width}`, functions.sqrt);
    }
    unary("narrow", soft.narrow);
    module.export("toInt", module.func([I64, I32], [I64], (f) => f.return(call(soft.f64.toInt64, f.param(0), f.param(1)))));
    this.exports = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { env: { memory } }).exports;
  }

  set mxcsr(value: number) {
    this.view.setUint32(L.MXCSR, value, true);
  }
  /** Exceptions of the last run. */
  get flags(): number {
    return this.view.getUint32(FLOAT_FLAGS, true);
  }
  run(name: string, a: bigint, b: bigint | number): bigint {
    this.view.setUint32(FLOAT_FLAGS, 0, true);
    return BigInt.asUintN(64, (this.exports[name] as BenchFunction)(a, b));
  }
}
