// One CPU: the generated interpreter, its block cache and memory, and the loop that goes round them: runs blocks, decodes what
// is new, delivers faults and interrupts, single-steps where a trap flag, a breakpoint or an interrupt shadow asks for it.
// Knows memory and buses, no device.
import type { InterruptSource } from "../../bus/device.ts";
import type { CpuModel } from "../models/cpu-model.ts";
import { hasFeature } from "../models/cpu-model.ts";
import { writeSseTables } from "../lift/sse/tables.ts";
import { x87Operations } from "../lift/x87/transcendental.ts";
import { type LinearMemoryHooks, type PhysicalAccess, WalkedMemory } from "../mmu/linear-memory.ts";
import { ACCESS_FETCH, ACCESS_USER } from "../mmu/walker.ts";
import * as L from "../state/layout.ts";
import { Cpu, type CpuHooks } from "../system/cpu.ts";
import { type GuestFault, raise } from "../system/guest-fault.ts";
import { hasBreakpoints, matchBreakpoints, watchesData } from "../system/debug-registers.ts";
import { deliver, deliverDebugTrap } from "../system/interrupts.ts";
import { forgetSites, MODE_CODE_64, MODE_CODE_SIZE, newAddressSpace } from "../system/mode.ts";
import { operations } from "../system/operations.ts";
import type { CodeCache, GeneratedCode } from "../translate/code-cache.ts";
import { DEFAULT_TIERING, type Tiering, Translator } from "../translate/translator.ts";
import { type InterpreterImage, TABLE_SIZE } from "./build.ts";
import { BlockCache } from "./block-cache.ts";
import { EXIT_BUDGET, EXIT_DECODE, EXIT_FAULT, EXIT_STALE } from "./transfer.ts";

const TWO_32 = 0x1_0000_0000;
const DR6 = L.DR + 6 * 8;
const RUNS_A_SWEEP = 64;

export interface EngineHooks extends Omit<CpuHooks, "halt"> {
  /** During a run, the time-stamp counter without TSC_OFFSET is floor(start + step * instructions since its start), for `limit` of them. */
  tscScale?(): TscScale | undefined;
  physical: PhysicalAccess;
  /** A store of `size` bytes at device address `gpa`, the bytes being at `host`. */
  mmioRead(gpa: number, size: number, host: number): void;
  mmioWrite(gpa: number, size: number, host: number): void;
  interrupts: InterruptSource;
}

export interface TscScale {
  start: number;
  step: number;
  limit: number;
}

/** `translator`: the interpreter, with hot code translated. */
export type EngineKind = "interpreter" | "translator";
export type RunOutcome = "budget" | "halted" | "shutdown";

interface Exports {
  enter(left: number): number;
  enterAt(record: number, left: number): number;
  translate(lo: number, hi: number, access: number): number;
  forgetPrivate(): void;
  forgetPageAt(lo: number, hi: number): void;
  deliverAtRip(vector: number, info: number): number;
}

/** An exception found by runOne(), for tests that look at single instructions. */
export interface FoundFault {
  vector: number;
  errorCode: number | null;
  address: number;
}

export class Engine {
  readonly cpu: Cpu;
  readonly blocks: BlockCache;
  readonly translator: Translator | undefined;
  /** Instructions retired since power-on. */
  retired = 0;
  /** The CPU sleeps in HLT until an interrupt. */
  isHalted = false;
  private nmiPending = false;
  private readonly words: Int32Array;
  private readonly ticks: Float64Array;
  private readonly exports: Exports;
  private readonly hooks: EngineHooks;
  private readonly translateCode = (linear: number): number => {
    const user = this.words[L.CPL >> 2] === 3 ? ACCESS_USER : 0;
    if (this.exports.translate(linear % TWO_32 | 0, Math.floor(linear / TWO_32), ACCESS_FETCH | user) !== 0) return -1;
    return this.cpu.get(L.SCRATCH + 16) + this.cpu.getHigh(L.SCRATCH + 16) * TWO_32;
  };

  constructor(memory: WebAssembly.Memory, image: InterpreterImage, model: CpuModel, hooks: EngineHooks, engine: EngineKind | Tiering = "interpreter", cache?: CodeCache) {
    const buffer = memory.buffer as SharedArrayBuffer;
    this.words = new Int32Array(buffer);
    this.ticks = new Float64Array(buffer);
    writeSseTables(new Uint8Array(buffer));
    this.hooks = hooks;
    const linearHooks: LinearMemoryHooks = {
      translate: (lo, hi, access) => this.exports.translate(lo, hi, access),
      physical: hooks.physical,
      takeFault: () => this.raiseNoted(),
      forgetPage: (linear) => this.exports.forgetPageAt(linear % TWO_32 | 0, Math.floor(linear / TWO_32)),
      forgetAll: () => newAddressSpace(this.cpu),
      forgetPrivate: () => this.exports.forgetPrivate(),
    };
    // The hooks object itself is handed on, so that its accessors (CR8) stay live.
    const cpuHooks: CpuHooks = Object.assign(Object.create(hooks) as EngineHooks, { halt: () => this.halt() });
    this.cpu = new Cpu(buffer, new WalkedMemory(buffer, linearHooks), cpuHooks, model);
    this.blocks = new BlockCache(buffer, image, (name) => hasFeature(model, name));
    const table = image.systemNames.map((name) => operations[name] ?? x87Operations[name]);
    const sharedTable = new WebAssembly.Table({ element: "anyfunc", initial: TABLE_SIZE, maximum: TABLE_SIZE });
    const instance = new WebAssembly.Instance(image.module, {
      env: {
        memory,
        table: sharedTable,
        mmioRead: (gpa: number, size: number, host: number) => hooks.mmioRead(gpa >>> 0, size, host),
        mmioWrite: (gpa: number, size: number, host: number) => hooks.mmioWrite(gpa >>> 0, size, host),
        codeWritten: (gpa: number, size: number) => this.blocks.written(gpa >>> 0, size),
        pagesMoved: (rec: number, data: number) => (this.translator?.pagesMoved(rec, data) ? 1 : 0),
        system: (number: number, rec: number): number => {
          const operation = table[number];
          return operation ? operation(this.cpu, rec) : this.refuse();
        },
      },
    });
    this.exports = instance.exports as unknown as Exports;
    this.blocks.onWritesForgotten = () => forgetSites(this.cpu);
    this.blocks.onRegionDropped = () => this.requestExit();
    if (engine !== "interpreter") {
      const { blocks } = this;
      const fetch = (linear: number): number => {
        const gpa = this.translateCode(linear);
        if (gpa < 0) this.words[L.FAULT >> 2] = 0;
        return gpa;
      };
      const peek = (linear: number): number => {
        const user = this.words[L.CPL >> 2] === 3 ? ACCESS_USER : 0;
        const lo = linear % TWO_32 | 0;
        const isThere = this.exports.translate(lo, Math.floor(linear / TWO_32), user) === 0;
        this.words[L.FAULT >> 2] = 0;
        if (!isThere || this.cpu.getHigh(L.SCRATCH + 16) !== 0) return 0;
        const gpa = this.cpu.get(L.SCRATCH + 16);
        const entry = this.words[(L.PAGE_MAP >> 2) + (gpa >>> 12)] as number;
        return entry === 0 ? 0 : ((entry & -4096) >>> 0) + (gpa & 4095);
      };
      const parts = { memory, table: sharedTable, image, exports: instance.exports, blocks, predecoder: blocks.predecoder, fetch, peek, forgetAll: () => newAddressSpace(this.cpu), cache };
      this.translator = new Translator(parts, engine === "translator" ? DEFAULT_TIERING : engine);
      blocks.listener = this.translator;
    }
    this.flushTlbs();
  }

  generatedCode(): GeneratedCode {
    return { interpreter: this.exports.enter as () => unknown, translations: this.translator?.made() ?? [] };
  }
  /** What the tiers have done since power-on, by name. */
  counters(): Record<string, number> {
    const { blocks, translator } = this;
    const decoded = Object.entries(blocks.counters).map(([name, value]) => [`interpreter.${name}`, value] as const);
    const translated = Object.entries(translator?.snapshot() ?? {}).map(([name, value]) => [`translator.${name}`, value] as const);
    return { retired: this.retired, ...Object.fromEntries([...decoded, ...translated]) };
  }

  /** Instructions of the current run() that have been retired so far, as far as TypeScript can know in its middle. */
  retiredInRun(): number {
    return this.isInRun ? this.runBudget - this.beyondSlice - (this.words[L.LEFT >> 2] as number) : 0;
  }
  /** Instructions of the budget that come after the current slice. */
  private beyondSlice = 0;
  private runs = 0;
  private runBudget = 0;
  private isInRun = false;

  private refuse(): number {
    this.words[L.FAULT >> 2] = 7;
    this.words[L.FAULT_HAS_CODE >> 2] = 0;
    return 2;
  }
  private halt(): void {
    this.isHalted = true;
    this.words[L.SHADOW >> 2] = 0;
  }
  /** The exception that generated code has noted, which is taken back. */
  private takeFault(): FoundFault {
    const vector = (this.words[L.FAULT >> 2] as number) - 1;
    const errorCode = this.words[L.FAULT_HAS_CODE >> 2] ? (this.words[L.FAULT_CODE >> 2] as number) : null;
    this.words[L.FAULT >> 2] = 0;
    return { vector, errorCode, address: this.cpu.linear(L.FAULT_ADDRESS) };
  }
  private raiseNoted(): GuestFault {
    const { vector, errorCode, address } = this.takeFault();
    return raise(vector, errorCode, address);
  }

  /** Empties both TLBs and the jump cache; after the state block has been loaded or the physical map changed. */
  flushTlbs(): void {
    for (let at = L.READ_TLB >> 2; at < (L.WRITE_TLB + L.TLB_BYTES) >> 2; at += 4) {
      this.words[at] = L.TLB_EMPTY;
      this.words[at + 1] = 0;
    }
    newAddressSpace(this.cpu);
  }
  /** The physical map has changed; some pages had decoded code. */
  remapped(codePages: readonly number[]): void {
    this.blocks.remapped(codePages);
    this.flushTlbs();
    this.requestExit();
  }
  /** Drops all decoded code and translations. */
  flushAll(): void {
    this.blocks.flush();
    this.flushTlbs();
  }
  /** Switches address line 20 between the processor and the bus. Decoded code stays: it is found by physical address. */
  setA20(isOn: boolean): void {
    this.cpu.set(L.A20_MASKED, isOn ? 0 : 1 << 20);
    newAddressSpace(this.cpu);
    this.requestExit();
  }
  /** Raises or drops INTR as the interrupt controller's output changes. */
  setInterruptLine(level: boolean): void {
    this.words[L.INTR_PENDING >> 2] = level ? 1 : 0;
    if (level && (this.words[L.EFLAGS_OTHER >> 2] as number) & L.FL_IF) this.requestExit();
  }
  /** Leaves generated code at the next block end. */
  requestExit(): void {
    this.words[L.EXIT_REQUEST >> 2] = 1;
  }
  raiseNmi(): void {
    this.nmiPending = true;
    this.requestExit();
  }

  private linearRip(): number {
    const rip = this.cpu.linear(L.RIP);
    if (((this.words[L.MODE_KEY >> 2] as number) & MODE_CODE_SIZE) === MODE_CODE_64) return rip;
    return (rip + this.cpu.segBase(L.CS)) % TWO_32;
  }

  /** Runs about `budget` instructions. */
  run(budget: number): RunOutcome {
    const { words, hooks } = this;
    this.runBudget = budget;
    this.isInRun = true;
    words[L.LEFT >> 2] = budget;
    words[L.RUN_TOTAL >> 2] = budget;
    this.setTscScale(hooks.tscScale?.());
    let outcome: RunOutcome = "budget";
    if (++this.runs % RUNS_A_SWEEP === 0) this.blocks.sweep();
    while ((words[L.LEFT >> 2] as number) > 0) {
      words[L.EXIT_REQUEST >> 2] = 0;
      if (!this.takeInterrupts()) {
        outcome = "shutdown";
        break;
      }
      if (this.isHalted) {
        outcome = "halted";
        break;
      }
      const isStepped = words[L.SHADOW >> 2] !== 0 || ((words[L.EFLAGS_OTHER >> 2] as number) & L.FL_TF) !== 0 || hasBreakpoints(this.cpu);
      if (isStepped ? !this.stepTraced() : !this.runBlocks()) {
        outcome = "shutdown";
        break;
      }
      if (this.wantsStop) {
        this.wantsStop = false;
        break;
      }
    }
    this.isInRun = false;
    this.retired += budget - (words[L.LEFT >> 2] as number);
    return outcome;
  }
  /** Also in the middle of a run, whose instructions are counted from its start. */
  setTscScale(scale: TscScale | undefined): void {
    this.ticks[L.TSC_START >> 3] = scale?.start ?? 0;
    this.ticks[L.TSC_STEP >> 3] = scale?.step ?? 0;
    this.words[L.TSC_LIMIT >> 2] = Math.min(scale?.limit ?? 0, 0x7fffffff);
  }
  /** The latest time-stamp count, without TSC_OFFSET, that the guest has read without asking. */
  get lastTsc(): number {
    return this.ticks[L.TSC_LAST >> 3] as number;
  }
  private wantsStop = false;
  /** Ends run() after the current instruction: the machine is to be reset or switched off. */
  stop(): void {
    this.wantsStop = true;
    this.requestExit();
  }

  /** Delivers what is pending at an instruction boundary. False: shutdown. */
  private takeInterrupts(): boolean {
    const words = this.words;
    if (words[L.SHADOW >> 2] !== 0) return true;
    if (this.nmiPending) {
      this.nmiPending = false;
      this.isHalted = false;
      return deliver(this.cpu, { vector: 2, errorCode: null, kind: "nmi" }) === "ok";
    }
    if (words[L.INTR_PENDING >> 2] === 0 || ((words[L.EFLAGS_OTHER >> 2] as number) & L.FL_IF) === 0) return true;
    if (!this.hooks.interrupts.hasInterrupt()) return true;
    this.isHalted = false;
    const vector = this.hooks.interrupts.acknowledge();
    return this.exports.deliverAtRip(vector, 0) !== 0 || deliver(this.cpu, { vector, errorCode: null, kind: "external" }) === "ok";
  }

  private runBlocks(): boolean {
    if (this.words[L.WATCHING >> 2] !== 0) this.watch(false);
    const { translator, words } = this;
    if (!translator) {
      this.exports.enter(words[L.LEFT >> 2] as number);
      return this.handleExit();
    }
    const total = words[L.LEFT >> 2] as number;
    const slice = Math.min(total, this.sliceLength);
    this.beyondSlice = total - slice;
    words[L.LEFT >> 2] = slice;
    words[L.RUN_TOTAL >> 2] = this.runBudget - this.beyondSlice;
    this.exports.enter(slice);
    words[L.RUN_TOTAL >> 2] = this.runBudget;
    if ((words[L.LEFT >> 2] as number) <= 0 && words[L.EXIT_REASON >> 2] === EXIT_BUDGET) this.sample(translator);
    words[L.LEFT >> 2] = (words[L.LEFT >> 2] as number) + this.beyondSlice;
    this.beyondSlice = 0;
    return this.handleExit();
  }
  private sliceLength = 1000;

  /** Looks where the slice has ended. Where that is translated code already, looks are taken less often. */
  private sample(translator: Translator): void {
    const rip = this.cpu.linear(L.RIP);
    const linear = this.linearRip();
    const gpa = this.translateCode(linear);
    if (gpa < 0) {
      this.words[L.FAULT >> 2] = 0;
      return;
    }
    const mode = this.words[L.MODE_KEY >> 2] as number;
    const record = this.blocks.find(rip, gpa, mode);
    const isFast = record !== 0 && translator.isTranslated(record);
    const { least, jitterMask, most } = translator.tiering.slice;
    this.sliceLength = isFast ? Math.min(this.sliceLength * 2, most) : least + (this.cpu.random32() & jitterMask);
    if (record !== 0) translator.sample({ record, linear, gpa, mode });
  }

  private handleExit(): boolean {
    switch (this.words[L.EXIT_REASON >> 2]) {
      case EXIT_BUDGET:
        return true;
      case EXIT_STALE:
        this.blocks.dropAt(this.words[L.EXIT_RECORD >> 2] as number);
        return true;
      case EXIT_DECODE:
        if (this.decodeHere(false) !== 0) return true;
        return this.deliverFault();
      case EXIT_FAULT:
        return this.deliverFault();
      default:
        throw new Error(`Generated code left for an unknown reason ${this.words[L.EXIT_REASON >> 2]}`);
    }
  }

  /** Record of the block (or single instruction) at RIP; 0 with FAULT set if it cannot be fetched. */
  private decodeHere(isSingle: boolean): number {
    const rip = this.cpu.linear(L.RIP);
    const mode = this.words[L.MODE_KEY >> 2] as number;
    const linear = this.linearRip();
    return isSingle ? this.blocks.single(rip, linear, mode, this.translateCode) : this.blocks.add(rip, linear, mode, this.translateCode);
  }

  private deliverFault(): boolean {
    const { vector, errorCode } = this.takeFault();
    // Counted, so that a handler that cannot even start does not run for ever.
    this.words[L.LEFT >> 2] = (this.words[L.LEFT >> 2] as number) - 1;
    return deliver(this.cpu, { vector, errorCode, kind: "fault" }) === "ok";
  }

  /** One instruction, with the breakpoint before it and the traps after it that the trap flag and breakpoints ask for. */
  private stepTraced(): boolean {
    const words = this.words;
    const isTraced = ((words[L.EFLAGS_OTHER >> 2] as number) & L.FL_TF) !== 0;
    words[L.SHADOW >> 2] = 0;
    const left = words[L.LEFT >> 2] as number;
    if (hasBreakpoints(this.cpu)) {
      const flags = words[L.EFLAGS_OTHER >> 2] as number;
      const hit = (flags & L.FL_RF) !== 0 ? 0 : matchBreakpoints(this.cpu, this.linearRip(), 1, "execute");
      if (hit !== 0) {
        words[L.LEFT >> 2] = left - 1;
        this.cpu.set(DR6, this.cpu.get(DR6) | hit);
        return deliver(this.cpu, { vector: 1, errorCode: null, kind: "fault" }) === "ok";
      }
      words[L.EFLAGS_OTHER >> 2] = flags & ~L.FL_RF;
    }
    this.watch(watchesData(this.cpu));
    // It runs with a budget of its own; who asks for the time meanwhile counts from the run's start all the same.
    this.beyondSlice = left - 1;
    words[L.RUN_TOTAL >> 2] = this.runBudget - this.beyondSlice;
    const fault = this.enterSingle();
    this.beyondSlice = 0;
    words[L.RUN_TOTAL >> 2] = this.runBudget;
    if (fault) return this.deliverFault();
    words[L.LEFT >> 2] = left - 1;
    const bits = this.watchedHits() | (isTraced ? 0x4000 : 0);
    return bits === 0 || deliverDebugTrap(this.cpu, bits) === "ok";
  }

  /** Has generated code note its memory accesses, or not. Nothing of before may then be found in the TLBs. */
  private watch(isOn: boolean): void {
    const words = this.words;
    if (isOn && words[L.WATCHING >> 2] === 0) newAddressSpace(this.cpu);
    words[L.WATCHING >> 2] = isOn ? 1 : 0;
    words[L.WATCH_COUNT >> 2] = 0;
  }
  /** Bits 3:0 of DR6 for the accesses noted. Those of system operations (descriptor tables, far pointers) are not among them. */
  private watchedHits(): number {
    let hits = 0;
    for (let n = 0; n < (this.words[L.WATCH_COUNT >> 2] as number); n++) {
      const entry = L.WATCH_LOG + n * 16;
      const address = this.cpu.isLongActive ? this.cpu.linear(entry) : this.cpu.get(entry);
      const info = this.words[(entry + 8) >> 2] as number;
      hits |= matchBreakpoints(this.cpu, address, info & 255, info & 256 ? "write" : "read");
    }
    return hits;
  }

  /** Runs exactly one instruction. True: it has faulted, and FAULT says how. */
  private enterSingle(): boolean {
    const words = this.words;
    const record = this.decodeHere(true);
    if (record === 0) return true;
    // With a budget of 1 the branch or chain that ends the instruction leaves again.
    this.exports.enterAt(record, 1);
    // A repeated string instruction leaves after one iteration and counts as done only with the last.
    return words[L.EXIT_REASON >> 2] === EXIT_FAULT;
  }

  /** As runOne(), but translated, where it can be; then `undefined` says that it was not. For tests. */
  runOneTranslated(): FoundFault | null | undefined {
    const linear = this.linearRip();
    const record = this.decodeHere(true);
    const gpa = record === 0 ? -1 : this.translateCode(linear);
    const mode = this.words[L.MODE_KEY >> 2] as number;
    if (gpa < 0 || !this.translator?.translateOne({ record, linear, gpa, mode })) return undefined;
    this.exports.enterAt(record, 1);
    return this.words[L.EXIT_REASON >> 2] === EXIT_FAULT ? this.takeFault() : null;
  }

  /** One instruction without delivering anything: for tests. Gives the exception that it raised, or null. */
  runOne(): FoundFault | null {
    return this.enterSingle() ? this.takeFault() : null;
  }
}
