// Makes the interpreter: one WebAssembly module with a handler for every form, addressing flavour and operand place, all
// generated from the lifters. The module is the same for every machine; only memory and callbacks differ.
import type { Form } from "../../isa/form.ts";
import { forms } from "../../isa/forms.ts";
import { type Flavour, HANDLER_PARAMS, HANDLER_RESULTS, Lift, type Lifter, type Runtime } from "../lift/lift.ts";
import { isFlavoured, lifterOf } from "../lift/registry.ts";
import { defineSseRuntime } from "../lift/sse/runtime.ts";
import { defineFlags, defineWide } from "../lift/wide.ts";
import { defineX87Runtime } from "../lift/x87/runtime.ts";
import { defineMemory } from "../mmu/translate.ts";
import { defineInvalidation } from "../mmu/invalidate.ts";
import { defineRefill } from "../mmu/refill.ts";
import { definePageEntry, defineWalk } from "../mmu/walker.ts";
import * as L from "../state/layout.ts";
import { ModuleBuilder } from "../wasm/module-builder.ts";
import type { Signature } from "../wasm/module-format.ts";
import { c32, c64, call, I32, i32, i64 } from "../wasm/nodes.ts";
import { defineFindPages } from "../translate/find-pages.ts";
import { defineKeepFlags } from "../translate/keep-flags.ts";
import { defineEvents } from "../system/native-events.ts";
import { defineTransfers } from "./transfer.ts";

export const FLAVOURS: readonly Flavour[] = ["long", "flat", "seg"];
/** Variants of a form: flavour + 3 if the ModRM operand is memory. */
const VARIANTS = 6;

/** Table slots of the handlers that are not instructions. */
export interface PseudoSlots {
  /** Back to the region that has called a handler. */
  back: number;
  stale: number;
  chain: number;
  cross: number;
  raise: number;
  address: number;
}

/** The interpreter before it is compiled. */
export interface InterpreterParts {
  /** WebAssembly module. */
  wire: Uint8Array<ArrayBuffer>;
  /** [form id * 6 + variant] -> table slot, -1 where there is none. */
  slots: Int32Array;
  pseudo: PseudoSlots;
  /** Handlers in the table; translated regions come after them. */
  slotCount: number;
  /** What regions may call, by export name. */
  runtime: ReadonlyMap<string, Signature>;
  /** Names of the system operations by the number that generated code passes. */
  systemNames: string[];
}
export interface InterpreterImage extends Omit<InterpreterParts, "wire"> {
  module: WebAssembly.Module;
  byteLength: number;
}

/** REC_EXTRA of an address record: segment 7:0, address size code 9:8 (0: 16, 1: 32, 2: 64 bits), no segment 10, bytes 23:16, write 24. */
export const EXTRA_NO_SEGMENT = 0x400;
export const EXTRA_WRITE = 0x1000000;

export const MEMORY_PAGES_MAX = 65536;
/** Slots of the table that handlers and translated regions share. */
export const TABLE_SIZE = 0x8000;

export function buildInterpreter(): InterpreterImage {
  return compileInterpreter(writeInterpreter());
}

export function compileInterpreter({ wire, ...rest }: InterpreterParts, module = new WebAssembly.Module(wire)): InterpreterImage {
  return { ...rest, module, byteLength: wire.length };
}

export function writeInterpreter(): InterpreterParts {
  const m = new ModuleBuilder({ initial: L.RAM >>> 16, maximum: MEMORY_PAGES_MAX }, TABLE_SIZE);
  const imports = {
    mmioRead: m.import("mmioRead", [I32, I32, I32], []),
    mmioWrite: m.import("mmioWrite", [I32, I32, I32], []),
    codeWritten: m.import("codeWritten", [I32, I32], []),
  };
  const pagesMoved = m.import("pagesMoved", [I32, I32], [I32]);
  const system = m.import("system", [I32, I32], [I32]);
  const pageEntry = definePageEntry(m);
  const walk = defineWalk(m);
  const invalidation = defineInvalidation(m);
  const { noteFill } = invalidation;
  const memory = defineMemory(m, walk, pageEntry, noteFill, imports);
  const refill = defineRefill(m, walk, pageEntry, noteFill);
  const findPages = defineFindPages(m, walk, noteFill, pagesMoved);
  const flags = defineFlags(m);
  const events = defineEvents(m, walk, pageEntry, noteFill, flags.getArith);
  const transfers = defineTransfers(m, walk, noteFill, events.deliver);
  const { forgetPrivate, forgetPage } = invalidation;
  const named = new Map([...Object.entries({ ...events, forgetPrivate, forgetPage }), ...defineWide(m), ...defineSseRuntime(m), ...defineX87Runtime(m)]);
  const systemNames: string[] = [];
  const systemNumber = (name: string): number => {
    const at = systemNames.indexOf(name);
    return at >= 0 ? at : systemNames.push(name) - 1;
  };
  const rt: Runtime = { ...memory, ...transfers, ...flags, system, named, systemNumber };

  const slots = new Int32Array(forms.length * VARIANTS).fill(-1);
  for (const form of forms) {
    const lifter = lifterOf(form);
    if (!lifter) continue;
    const make = (flavour: Flavour, isMemory: boolean): number =>
      m.tableSlot(
        m.func(HANDLER_PARAMS, HANDLER_RESULTS, (f) => {
          liftForm(new Lift(f, form, flavour, isMemory, rt), lifter);
        }),
      );
    const { register, memory: inMemory } = places(form);
    FLAVOURS.forEach((flavour, n) => {
      if (flavour === "long" ? form.row.only === "not64" : form.row.only === "64") return;
      if (flavour === "flat" && form.opSize === 8 && form.operands.some((o) => o.kind.startsWith("gpr") && o.size === 8)) return;
      if (register) {
        // A register form that no flavour changes is made once.
        const same = isFlavoured(form) ? undefined : firstSlot(slots, form.id * VARIANTS);
        slots[form.id * VARIANTS + n] = same ?? make(flavour, false);
      }
      if (inMemory) slots[form.id * VARIANTS + 3 + n] = make(flavour, true);
    });
    // Address-size overrides in 64-bit mode use the flavour with checks.
    if (form.row.only === "64") {
      if (inMemory) slots[form.id * VARIANTS + 5] = make("seg", true);
      if (register) slots[form.id * VARIANTS + 2] = make("seg", false);
    }
  }

  const address = m.func(HANDLER_PARAMS, HANDLER_RESULTS, (f) => {
    const rec = f.param(0);
    const extra = f.let(i32.load(rec, L.REC_EXTRA));
    const base = i64.load(i32.load16u(rec, L.REC_BASE));
    const index = i64.shl(i64.load(i32.load16u(rec, L.REC_INDEX)), i64.load8u(rec, L.REC_SCALE));
    const sum = i64.add(i64.add(base, index), i64.load(rec, L.REC_DISP));
    // The mask of 16, 32 or 64 bits: all ones shifted right by 48, 32 or 0.
    const code = i64.extendU(i32.and(i32.shrU(extra, c32(8)), c32(3)));
    const shift = i64.sub(c64(48), i64.mul(code, i64.add(c64(8), i64.mul(code, c64(8)))));
    const offset = f.let(i64.and(sum, i64.shrU(c64(-1), shift)));
    f.if(
      i32.and(extra, c32(EXTRA_NO_SEGMENT)),
      () => f.store(c32(L.TMP_EA), offset),
      () => {
        const info = i32.or(i32.and(i32.shrU(extra, c32(16)), c32(255)), i32.shrU(i32.and(extra, c32(EXTRA_WRITE)), c32(16)));
        f.store(c32(L.TMP_EA), call(transfers.segLinear, i32.and(extra, c32(255)), offset, info));
        f.if(i32.load(c32(L.FAULT)), () => f.tailCall(transfers.exitFault, rec, f.param(1)));
      },
    );
    const next = i32.add(rec, c32(L.REC_SIZE));
    f.tailCallTable(i32.load(next), HANDLER_PARAMS, HANDLER_RESULTS, next, f.param(1));
  });
  const back = m.func(HANDLER_PARAMS, HANDLER_RESULTS, (f) => {
    f.store(c32(L.LEFT), f.param(1));
    f.return(c32(1));
  });
  const pseudo = {
    back: m.tableSlot(back),
    stale: m.tableSlot(transfers.stale),
    chain: m.tableSlot(transfers.chain),
    cross: m.tableSlot(transfers.cross),
    raise: m.tableSlot(transfers.raiseRecord),
    address: m.tableSlot(address),
  };
  m.export("enter", transfers.enter);
  /** (linear low, linear high, ACCESS_*) -> 0 if translated, the physical address in SCRATCH + 16; 1 if FAULT is set. */
  m.export(
    "translate",
    m.func([I32, I32, I32], [I32], (f) => {
      const linear = i64.or(i64.extendU(f.param(0)), i64.shl(i64.extendU(f.param(1)), c64(32)));
      const gpa = f.let(call(walk, linear, f.param(2)));
      f.store(c32(L.SCRATCH + 16), gpa);
      f.return(i64.eq(gpa, c64(-1)));
    }),
  );
  /** (record, left): runs the record. */
  m.export(
    "enterAt",
    m.func([I32, I32], [I32], (f) =>
      f.tailCallTable(i32.load(f.param(0)), HANDLER_PARAMS, HANDLER_RESULTS, f.param(0), f.param(1)),
    ),
  );
  /** (linear low, linear high) */
  m.export(
    "forgetPageAt",
    m.func([I32, I32], [], (f) => f.call(forgetPage, i64.or(i64.extendU(f.param(0)), i64.shl(i64.extendU(f.param(1)), c64(32))))),
  );
  /** (vector, EVENT_* bits) -> 1 if entered, RIP being where the handler will return to. */
  m.export(
    "deliverAtRip",
    m.func([I32, I32], [I32], (f) => f.return(call(events.deliver, f.param(0), i64.load(c32(L.RIP)), c32(0), f.param(1)))),
  );
  const runtime = new Map<string, Signature>();
  for (const [name, callee] of [...named, ...Object.entries({ ...flags, ...refill, ...defineKeepFlags(m), findPages, dispatch: transfers.dispatch })]) {
    m.export(name, callee);
    runtime.set(name, { params: callee.params, results: callee.results });
  }
  return { wire: m.build(), slots, slotCount: m.slotCount, pseudo, runtime, systemNames };
}

function liftForm(l: Lift, lifter: Lifter): void {
  if (l.form.cpl0) l.requireCpl0();
  lifter(l);
  l.next();
}

function firstSlot(slots: Int32Array, at: number): number | undefined {
  for (let n = 0; n < 3; n++) if ((slots[at + n] as number) >= 0) return slots[at + n];
  return undefined;
}

/** Whether the form has a variant without and with a memory operand. */
function places(form: Form): { register: boolean; memory: boolean } {
  const hasRm = form.operands.some((o) => o.kind === "gprRm" || o.kind === "mmxRm" || o.kind === "xmmRm");
  const hasMemory = form.operands.some((o) => o.kind === "mem" || o.kind === "moffs");
  const syntax = form.row.syn;
  const registerOnly = /\b[RNU][a-z]/.test(syntax.slice(syntax.indexOf(" ")));
  return { register: !hasMemory, memory: hasMemory || (hasRm && !registerOnly) };
}
