// Runs single lifters without the rest of the engine, for tests: one module with a handler per form, no paging, operands laid
// into the state block from a record and taken out again. Registers 1 and 2 are the operands, memory is at RDI.
import type { Form } from "../../../isa/form.ts";
import * as L from "../../state/layout.ts";
import { ModuleBuilder } from "../../wasm/module-builder.ts";
import { c32, I32, I64, i32, type Node } from "../../wasm/nodes.ts";
import { type Flavour, HANDLER_PARAMS, HANDLER_RESULTS, Lift, type Runtime } from "../lift.ts";
import { sseLifters } from "./registry.ts";
import { defineSseRuntime } from "./runtime.ts";
import { writeSseTables } from "./tables.ts";

/** Code 24, MXCSR, code length, XMM0-2, MM1-2, RAX RCX RDX, 8 unused, memory 32. */
export const OPERANDS_BYTES = 160;
/** Status (0 done, otherwise the exception's vector), MXCSR, EFLAGS, x87 TOP (10:8) and empty registers (7:0), then as above from XMM0 on. */
export const RESULT_BYTES = 144;

const PAGES = 16;
const RECORD = 0x90000;
const MEMORY = 0xa0000;
/** EFLAGS given to setArith(), with bit 31 set. */
const SET_ARITH = 0x90800;
const FINISHED = 0x90804;

export interface BenchForm {
  readonly form: Form;
  readonly isMemory: boolean;
  readonly flavour: Flavour;
}

export class LifterBench {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly handlers: ((record: number, left: number) => number)[];
  private readonly forms: readonly BenchForm[];

  constructor(forms: readonly BenchForm[]) {
    this.forms = forms;
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    writeSseTables(this.bytes);
    const module = new ModuleBuilder({ initial: PAGES, maximum: PAGES });
    const leaving = () => module.func(HANDLER_PARAMS, HANDLER_RESULTS, (f) => f.return(c32(0)));
    const host = module.func([I64, I32], [I32], (f) => f.return(i32.wrap(f.param(0))));
    const nothing = leaving();
    const finished = module.func(HANDLER_PARAMS, HANDLER_RESULTS, (f) => {
      f.store(c32(0), c32(1), FINISHED);
      f.return(c32(0));
    });
    module.tableSlot(finished);
    const rt = {
      readSlow: host, writeSlow: host, commitWrite: module.func([], [], () => {}), exitFault: leaving(), exitAgain: nothing, exitAt: nothing, dispatch: nothing, branch: nothing,
      system: nothing, segLinear: nothing, getArith: nothing,
      setArith: module.func([I32], [], (f) => f.store(c32(0), i32.or(f.param(0), c32(1 << 31)) as Node, SET_ARITH)),
      portRead: nothing, portWrite: nothing, setCpl: nothing,
      named: defineSseRuntime(module),
    } as unknown as Runtime; // what these lifters do not call may be anything
    forms.forEach(({ form, isMemory, flavour }, index) => {
      const handler = module.func(HANDLER_PARAMS, HANDLER_RESULTS, (f) => {
        const l = new Lift(f, form, flavour, isMemory, rt);
        sseLifters[form.lift]?.(l);
        l.next();
      });
      module.export(`h${index}`, handler);
    });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { env: { memory } });
    this.handlers = forms.map((_, index) => instance.exports[`h${index}`] as (record: number, left: number) => number);
  }

  /** `displacement` moves the memory operand; `cr4` is the control register. */
  run(index: number, operands: Uint8Array, displacement = 0, cr4 = L.CR4_OSXMMEXCPT): Uint8Array<ArrayBuffer> {
    const { bytes, view } = this;
    const entry = this.forms[index];
    const handler = this.handlers[index];
    if (!entry || !handler) throw new RangeError(`No form ${index}`);
    const { form, isMemory } = entry;
    const input = new DataView(operands.buffer, operands.byteOffset, operands.byteLength);
    bytes.fill(0, 0, 0x800);
    bytes.fill(0, RECORD, RECORD + 0x1000);
    view.setUint32(L.MXCSR, input.getUint32(24, true), true);
    view.setUint32(L.CR4, cr4, true);
    view.setUint32(L.FPU_TOP, 3, true);
    view.setUint32(L.FPU_EMPTY, 0xff, true);
    bytes.set(operands.subarray(32, 80), L.XMM);
    for (const n of [1, 2]) view.setBigUint64(L.FPU_REGS + n * 16, input.getBigUint64(72 + n * 8, true), true);
    for (let n = 0; n < 3; n++) view.setBigUint64(L.GPR + n * 8, input.getBigUint64(96 + n * 8, true), true);
    view.setBigUint64(L.GPR + 7 * 8, BigInt(MEMORY), true);
    bytes.set(operands.subarray(128, 160), MEMORY);

    const place = (kind: string, n: number) => (kind.startsWith("gpr") ? L.GPR + n * 8 : kind.startsWith("mmx") ? L.FPU_REGS + n * 16 : L.XMM + n * 16);
    for (const o of form.operands) {
      if (o.kind.endsWith("Reg")) view.setUint16(RECORD + L.REC_REG, place(o.kind, 1), true);
      if (o.kind.endsWith("Rm")) view.setUint16(RECORD + L.REC_RM, place(o.kind, 2), true);
    }
    view.setUint16(RECORD + L.REC_BASE, isMemory || form.lift.startsWith("maskmov") ? L.GPR + 7 * 8 : L.ZERO, true);
    view.setUint16(RECORD + L.REC_INDEX, L.ZERO, true);
    view.setUint16(RECORD + L.REC_SEGBASE, L.ZERO, true);
    view.setBigInt64(RECORD + L.REC_DISP, BigInt(displacement), true);
    view.setBigInt64(RECORD + L.REC_IMM, BigInt(operands[input.getUint32(28, true) - 1] ?? 0), true);
    handler(RECORD, 1);

    const result = new Uint8Array(RESULT_BYTES);
    const out = new DataView(result.buffer);
    out.setUint32(0, view.getUint32(FINISHED, true) ? 0 : view.getUint32(L.FAULT, true) - 1, true);
    out.setUint32(4, view.getUint32(L.MXCSR, true), true);
    out.setUint32(8, this.flags(), true);
    out.setUint32(12, (view.getUint32(L.FPU_TOP, true) << 8) | view.getUint32(L.FPU_EMPTY, true), true);
    result.set(bytes.subarray(L.XMM, L.XMM + 48), 16);
    for (const n of [1, 2]) out.setBigUint64(56 + n * 8, view.getBigUint64(L.FPU_REGS + n * 16, true), true);
    for (let n = 0; n < 3; n++) out.setBigUint64(80 + n * 8, view.getBigUint64(L.GPR + n * 8, true), true);
    result.set(bytes.subarray(MEMORY, MEMORY + 32), 112);
    return result;
  }

  /** The six arithmetic flags, from setArith() or from the lazy words. */
  private flags(): number {
    const given = this.view.getUint32(SET_ARITH, true);
    if (given) return given & 0x8d5;
    const result = this.view.getBigInt64(L.FLAG_RESULT, true);
    const aux = this.view.getBigUint64(L.FLAG_AUX, true);
    const bit = (n: bigint) => Number((aux >> n) & 1n);
    let parity = (Number(result & 0xffn) ^ Number((aux >> 8n) & 0xffn)) & 0xff;
    parity ^= parity >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    const sign = (result < 0n ? 1 : 0) ^ bit(0n);
    return bit(63n) | ((parity & 1) === 0 ? L.FL_PF : 0) | (bit(3n) ? L.FL_AF : 0) | (result === 0n ? L.FL_ZF : 0) | (sign ? L.FL_SF : 0) | (bit(62n) ^ bit(63n) ? L.FL_OF : 0);
  }
}
