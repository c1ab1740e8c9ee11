// The interpreter with a little RAM and nothing round it: tests write code and tables, set registers and run. Device addresses read
// as FFh and take writes without effect, both being recorded.
import { buildInterpreter, type InterpreterImage } from "../cpu/interp/build.ts";
import { Engine, type EngineKind, type FoundFault, type TscScale } from "../cpu/interp/engine.ts";
import { DEFAULT_CPU_MODEL } from "../cpu/models/cpu-model.ts";
import * as L from "../cpu/state/layout.ts";
import type { CodeCache } from "../cpu/translate/code-cache.ts";
import type { Tiering } from "../cpu/translate/translator.ts";
import type { Cpu } from "../cpu/system/cpu.ts";
import { newAddressSpace, updateMode } from "../cpu/system/mode.ts";
import { PhysicalMap } from "../memory/physical-map.ts";

let image: InterpreterImage | undefined;
const PAGE_TABLE_BITS = 7;
const FLAT = 0xffffffff;
const CODE_32 = 0xc09b;
const CODE_64 = 0xa09b;
const DATA = 0xc093;

export class EngineBench {
  readonly engine: Engine;
  readonly cpu: Cpu;
  readonly map: PhysicalMap;
  readonly deviceReads: number[] = [];
  readonly deviceWrites: number[] = [];
  /** Of the time-stamp counter in each run; without it every reading is 0. */
  tscScale: TscScale | undefined;
  private readonly view: DataView;

  constructor(ramBytes = 0x400000, engine: EngineKind | Tiering = "interpreter", cache?: CodeCache) {
    image ??= buildInterpreter();
    const memory = new WebAssembly.Memory({ initial: (L.RAM + ramBytes) / 65536, maximum: 65536, shared: true });
    const buffer = memory.buffer as SharedArrayBuffer;
    this.view = new DataView(buffer, L.RAM, ramBytes);
    this.map = new PhysicalMap(buffer, { tableOffset: L.PAGE_MAP, readOnlyBit: L.PAGE_READ_ONLY, hasCodeBit: L.PAGE_HAS_CODE }, ramBytes);
    this.map.map(0, ramBytes, L.RAM);
    this.engine = new Engine(memory, image, DEFAULT_CPU_MODEL, {
      physical: {
        read: (gpa, size) => this.readPhysical(gpa, size),
        write: (gpa, size, value) => this.map.write(gpa, Uint8Array.from({ length: size }, (_, i) => value >>> (8 * i))),
      },
      mmioRead: (gpa, size, host) => {
        this.deviceReads.push(gpa);
        new Uint8Array(buffer, host, size).fill(0xff);
      },
      mmioWrite: (gpa) => this.deviceWrites.push(gpa),
      interrupts: { hasInterrupt: () => this.cpu.get(L.INTR_PENDING) !== 0, acknowledge: () => this.takeInterrupt() },
      tscNow: () => [0, 0],
      tscScale: () => this.tscScale,
      setTsc: () => {},
      readMsr: () => null,
      writeMsr: () => false,
      ioRead: () => 0xffffffff,
      ioWrite: () => {},
      cr8: 0,
    }, engine, cache);
    this.map.onCodeWritten = (gpa, length) => this.engine.blocks.written(gpa, length);
    this.map.onRemapped = (codePages) => this.engine.remapped(codePages);
    this.cpu = this.engine.cpu;
  }
  /** Interrupts acknowledged; the vector is always 20h. */
  interruptsTaken = 0;
  private takeInterrupt(): number {
    this.interruptsTaken++;
    this.engine.setInterruptLine(false);
    return 0x20;
  }
  private readPhysical(gpa: number, size: number): number {
    const bytes = new Uint8Array(size);
    this.map.read(gpa, bytes);
    return bytes.reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
  }

  /** Guest memory by physical address, behind the engine's back. */
  poke(gpa: number, ...bytes: number[]): void {
    for (const [i, byte] of bytes.entries()) this.view.setUint8(gpa + i, byte);
  }
  peek32(gpa: number): number {
    return this.view.getUint32(gpa, true);
  }
  peek64(gpa: number): bigint {
    return this.view.getBigUint64(gpa, true);
  }
  poke32(gpa: number, value: number): void {
    this.view.setUint32(gpa, value, true);
  }
  poke64(gpa: number, value: bigint): void {
    this.view.setBigUint64(gpa, value, true);
  }

  /** 32-bit protected mode, ring 0, flat, paging off; EIP 1000h, ESP 80000h, no usable IDT. */
  protected32(): this {
    return this.start(CODE_32, L.CR0_PE | L.CR0_ET, 0, 0);
  }
  /** 64-bit mode with the first 2 MiB * `largePages` mapped one to one from tables at 200000h on, user pages. */
  long(largePages = 2): this {
    this.poke64(0x200000, 0x201000n | 7n);
    this.poke64(0x201000, 0x202000n | 7n);
    for (let n = 0; n < largePages; n++) this.poke64(0x202000 + n * 8, (BigInt(n) << 21n) | BigInt((1 << PAGE_TABLE_BITS) | 7));
    this.cpu.set64(L.CR3, 0x200000, 0);
    return this.start(CODE_64, (L.CR0_PE | L.CR0_PG | L.CR0_ET | L.CR0_WP) >>> 0, L.CR4_PAE | L.CR4_PSE, L.EFER_LME | L.EFER_LMA | L.EFER_NXE);
  }
  /** Paging of the caller's making: CR3, CR4 and EFER bits; `long` for 64-bit code. */
  paged(cr3: number, cr4: number, efer: number, cr0 = L.CR0_WP): this {
    this.cpu.set64(L.CR3, cr3, 0);
    return this.start(efer & L.EFER_LMA ? CODE_64 : CODE_32, (L.CR0_PE | L.CR0_PG | L.CR0_ET | cr0) >>> 0, cr4, efer);
  }

  private start(code: number, cr0: number, cr4: number, efer: number): this {
    const { cpu } = this;
    cpu.set(L.CR0, cr0);
    cpu.set(L.CR4, cr4);
    cpu.set(L.EFER, efer);
    for (const segment of [L.ES, L.SS, L.DS, L.FS, L.GS]) cpu.setSegment(segment, 0x10, 0, FLAT, DATA);
    cpu.setSegment(L.CS, 0x08, 0, FLAT, code);
    cpu.set(L.CPL, 0);
    cpu.eflags = 2;
    cpu.setGpr(4, 0x80000);
    cpu.setRip(0x1000);
    updateMode(cpu);
    newAddressSpace(cpu);
    return this;
  }
  /** Ring 3 or 0, without more ado. */
  ring(cpl: 0 | 3): this {
    this.cpu.set(L.CPL, cpl);
    updateMode(this.cpu);
    return this;
  }

  /** Code at RIP. */
  code(hex: string): this {
    this.poke(this.cpu.get(L.RIP), ...bytesOf(hex));
    return this;
  }
  /** Runs single instructions until one faults or `count` are done. */
  step(count = 1): FoundFault | null {
    for (let n = 0; n < count; n++) {
      const fault = this.engine.runOne();
      if (fault) return fault;
    }
    return null;
  }
  /** What a data access of the current privilege meets: "ok", or the error code of its page fault. */
  access(kind: "read" | "write", linear: number): number | "ok" {
    try {
      if (kind === "read") this.cpu.mmu.read8(linear, "current");
      else this.cpu.mmu.checkWrite(linear, 1, "current");
      return "ok";
    } catch (error) {
      const { vector, errorCode } = error as { vector?: number; errorCode?: number };
      if (vector !== 14 || errorCode === undefined) throw error;
      return errorCode;
    }
  }
}

export function bytesOf(hex: string): number[] {
  return (hex.replaceAll(" ", "").match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
}
