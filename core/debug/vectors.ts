// Replays vectors captured from a real processor (format "x86-vectors-1": JSON Lines, one instruction with its state before and
// after) on the engine and names every difference. Ring 3, flat segments, 4-level paging, as the vectors were taken.
import { buildInterpreter, type InterpreterImage } from "../cpu/interp/build.ts";
import { Engine, type EngineKind } from "../cpu/interp/engine.ts";
import { DEFAULT_CPU_MODEL } from "../cpu/models/cpu-model.ts";
import * as L from "../cpu/state/layout.ts";
import { newAddressSpace, updateMode } from "../cpu/system/mode.ts";

const PAGE = 4096;
const MAX_LENGTH = 15;
const REGION = 0x2000;
const RAM_BYTES = 0x100000;
const FX_BYTES = 416;

interface Header {
  format: string;
  mode: 32 | 64;
  code: number;
  regions: [number, string][];
  fx: string[];
}
interface Vector {
  id: number;
  code: string;
  fx: number;
  flags: number;
  gpr: string[];
  exception?: number;
  cr2?: string;
  out?: { rip: string; flags: number; mask: number; gpr: Record<string, string>; fx: [number, string][]; mem: [number, string][] };
}

export interface ReplayResult {
  passed: number;
  failed: number;
  /** Vectors whose instruction was translated. */
  translated: number;
}

/** Throws Error if the text is not a vector file. `onFailure` gets one line for each vector that fails. */
export async function replayVectors(
  lines: AsyncIterable<string> | Iterable<string>,
  onFailure: (line: string) => void,
  engine: EngineKind = "interpreter",
): Promise<ReplayResult> {
  let replayer: Replayer | null = null;
  const result = { passed: 0, failed: 0, translated: 0 };
  for await (const line of lines) {
    if (line.trim() === "") continue;
    const value = parse(line);
    if (!replayer) {
      replayer = new Replayer(value as unknown as Header, engine);
      continue;
    }
    const vector = value as unknown as Vector;
    const differences = replayer.replay(vector);
    if (differences.length === 0) result.passed++;
    else {
      result.failed++;
      onFailure(`vector ${vector.id} (${vector.code.slice(0, 30)}): ${differences.slice(0, 6).join("; ")}`);
    }
  }
  if (!replayer) throw new Error("The vector file is empty");
  result.translated = replayer.translated;
  return result;
}

function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch (cause) {
    throw new Error(`Not a vector file: a line is not JSON (${line.slice(0, 40)}…)`, { cause });
  }
}

let sharedImage: InterpreterImage | undefined;

class Replayer {
  private readonly header: Header;
  private readonly engine: Engine;
  private readonly bytes: Uint8Array;
  /** Linear start, host address and pristine bytes of each region; the last is the code. */
  private readonly regions: { linear: number; host: number; pristine: Uint8Array }[];
  private readonly images: Uint8Array[];
  translated = 0;

  constructor(header: Header, engine: EngineKind) {
    if (header.format !== "x86-vectors-1") throw new Error(`Unknown vector format ${String(header.format)}; x86-vectors-1 is what is known`);
    this.header = header;
    sharedImage ??= buildInterpreter();
    const memory = new WebAssembly.Memory({ initial: (L.RAM + RAM_BYTES) / 65536, maximum: 65536, shared: true });
    this.bytes = new Uint8Array(memory.buffer);
    const words = new Int32Array(memory.buffer);
    const view = new DataView(memory.buffer);
    for (let at = 0; at < RAM_BYTES; at += PAGE) words[(L.PAGE_MAP >> 2) + at / PAGE] = L.RAM + at;
    const nothing = (): never => {
      throw new Error("A vector touched a device");
    };
    this.engine = new Engine(memory, sharedImage, DEFAULT_CPU_MODEL, {
      physical: {
        read: (gpa, size) => {
          const at = L.RAM + gpa;
          return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
        },
        write: (gpa, size, value) => {
          for (let i = 0; i < size; i++) this.bytes[L.RAM + gpa + i] = value >>> (8 * i);
          this.engine.blocks.written(gpa, size);
        },
      },
      mmioRead: nothing,
      mmioWrite: nothing,
      interrupts: { hasInterrupt: () => false, acknowledge: () => 0 },
      tscNow: () => [0, 0],
      setTsc: () => {},
      readMsr: () => null,
      writeMsr: () => false,
      ioRead: () => 0xffffffff,
      ioWrite: () => {},
      cr8: 0,
    }, engine);
    this.images = header.fx.map(fromHex);
    const all: [number, string][] = [...header.regions, [header.code, "90".repeat(REGION)]];
    this.regions = all.map(([linear, hex], n) => ({ linear, host: L.RAM + 0x10000 + n * REGION, pristine: fromHex(hex) }));
    this.setUp(words);
  }

  /** Long mode, ring 3, the regions mapped and nothing else. */
  private setUp(words: Int32Array): void {
    const entry = (table: number, index: number, value: number) => {
      words[(L.RAM + table + index * 8) >> 2] = value;
    };
    entry(0x1000, 0, 0x2007);
    entry(0x2000, 0, 0x3007);
    this.regions.forEach(({ linear, host }, n) => {
      const table = 0x4000 + n * PAGE;
      entry(0x3000, linear >>> 21, table | 7);
      for (let page = 0; page < REGION / PAGE; page++) entry(table, ((linear >>> 12) & 511) + page, (host - L.RAM + page * PAGE) | 7);
    });
    const { cpu } = this.engine;
    cpu.set(L.CR0, (L.CR0_PG | L.CR0_PE | L.CR0_NE | L.CR0_MP | L.CR0_ET | L.CR0_WP) >>> 0);
    cpu.set(L.CR4, L.CR4_PAE | L.CR4_OSFXSR | L.CR4_OSXMMEXCPT);
    cpu.set(L.EFER, L.EFER_LME | L.EFER_LMA | L.EFER_SCE);
    cpu.set(L.CR3, 0x1000);
    const code = this.header.mode === 64 ? 0xa0fb : 0xc0fb;
    for (const segment of [L.ES, L.SS, L.DS, L.FS, L.GS]) cpu.setSegment(segment, 0x2b, 0, 0xffffffff, 0xc0f3);
    cpu.setSegment(L.CS, 0x33, 0, 0xffffffff, code);
    cpu.set(L.CPL, 3);
    updateMode(cpu);
    newAddressSpace(cpu);
  }

  replay(v: Vector): string[] {
    const { cpu } = this.engine;
    for (const r of this.regions) this.bytes.set(r.pristine, r.host);
    const codeRegion = this.regions[this.regions.length - 1];
    if (codeRegion) this.bytes.set(fromHex(v.code), codeRegion.host);
    for (let n = 0; n < 16; n++) {
      const value = (v.gpr[n] ?? "0").padStart(16, "0");
      cpu.setGpr(n, Number.parseInt(value.slice(8), 16), Number.parseInt(value.slice(0, 8), 16));
    }
    cpu.eflags = (v.flags & 0xfffffcff) | 2;
    cpu.set64(L.RIP, this.header.code, 0);
    const before = this.images[v.fx];
    if (!before) return [`no FXSAVE image ${v.fx}`];
    this.loadFx(before);

    if (codeRegion) this.engine.blocks.written(codeRegion.host - L.RAM, MAX_LENGTH);
    // What cannot be in a region is done by the interpreter here too.
    const translated = this.engine.translator ? this.engine.runOneTranslated() : undefined;
    if (translated !== undefined) this.translated++;
    let fault = translated === undefined ? this.engine.runOne() : translated;
    for (let n = 0; n < 64 && fault === null && cpu.get(L.RIP) === this.header.code && v.out?.rip !== this.header.code.toString(16); n++) {
      fault = this.engine.runOne();
    }
    if (v.exception !== undefined) {
      if (!fault) return [`exception ${v.exception} expected, none raised`];
      if (fault.vector !== v.exception) return [`exception ${v.exception} expected, ${fault.vector} raised`];
      return [];
    }
    if (fault) return [`exception ${fault.vector} raised at ${fault.address.toString(16)}, none expected`];
    return this.compare(v, before);
  }

  private compare(v: Vector, before: Uint8Array): string[] {
    const { cpu } = this.engine;
    const out = v.out;
    if (!out) return ["neither exception nor result given"];
    const differences: string[] = [];
    const rip = hex64(cpu.get(L.RIP), cpu.getHigh(L.RIP));
    if (rip !== out.rip) differences.push(`rip ${rip}, not ${out.rip}`);
    const flags = (cpu.eflags ^ out.flags) & out.mask;
    if (flags) differences.push(`flags ${(cpu.eflags & out.mask).toString(16)}, not ${(out.flags & out.mask).toString(16)}`);
    v.gpr.forEach((old, n) => {
      const wanted = out.gpr[String(n)] ?? old;
      const got = hex64(cpu.gpr(n), cpu.gprHigh(n));
      if (got !== wanted) differences.push(`gpr ${n} ${got}, not ${wanted}`);
    });
    const fx = Uint8Array.from(before);
    for (const [offset, hex] of out.fx) fx.set(fromHex(hex), offset);
    const got = this.storeFx();
    const end = this.header.mode === 64 ? FX_BYTES : 288;
    for (let i = 0; i < end; i++) {
      const isSkipped = (i >= 6 && i < 24) || (i >= 28 && i < 32) || (i >= 32 && i < 160 && (i & 15) >= 10);
      if (!isSkipped && got[i] !== fx[i]) {
        const row = i < 32 ? 0 : i & ~15;
        const length = i < 32 ? 32 : 16;
        differences.push(`fx ${i}: ${toHex(got.subarray(row, row + length))}, not ${toHex(fx.subarray(row, row + length))}`);
        break;
      }
    }
    const wanted = new Map<number, Uint8Array>();
    for (const [address, hex] of out.mem) wanted.set(address, fromHex(hex));
    for (const r of this.regions.slice(0, -1)) {
      const expected = Uint8Array.from(r.pristine);
      for (const [address, bytes] of wanted) if (address >= r.linear && address < r.linear + REGION) expected.set(bytes, address - r.linear);
      for (let i = 0; i < REGION; i++) {
        if (this.bytes[r.host + i] !== expected[i]) {
          differences.push(`memory ${(r.linear + i).toString(16)}: ${toHex(this.bytes.slice(r.host + i, r.host + i + 8))}, not ${toHex(expected.subarray(i, i + 8))}`);
          break;
        }
      }
    }
    return differences;
  }

  private loadFx(fx: Uint8Array): void {
    const view = new DataView(fx.buffer, fx.byteOffset);
    const { cpu } = this.engine;
    const top = (view.getUint16(2, true) >> 11) & 7;
    cpu.set(L.FPU_CW, view.getUint16(0, true));
    cpu.set(L.FPU_SW, view.getUint16(2, true) & ~0x3800);
    cpu.set(L.FPU_TOP, top);
    cpu.set(L.FPU_EMPTY, ~(fx[4] as number) & 0xff);
    cpu.set(L.MXCSR, view.getUint32(24, true));
    for (let i = 0; i < 8; i++) {
      const at = L.FPU_REGS + ((top + i) & 7) * 16;
      this.bytes.set(fx.subarray(32 + i * 16, 42 + i * 16), at);
    }
    this.bytes.set(fx.subarray(160, 416), L.XMM);
  }
  private storeFx(): Uint8Array {
    const fx = new Uint8Array(FX_BYTES);
    const view = new DataView(fx.buffer);
    const { cpu } = this.engine;
    const top = cpu.get(L.FPU_TOP) & 7;
    view.setUint16(0, cpu.get(L.FPU_CW), true);
    view.setUint16(2, cpu.get(L.FPU_SW) | (top << 11), true);
    fx[4] = ~cpu.get(L.FPU_EMPTY);
    view.setUint32(24, cpu.get(L.MXCSR), true);
    for (let i = 0; i < 8; i++) {
      const at = L.FPU_REGS + ((top + i) & 7) * 16;
      fx.set(this.bytes.subarray(at, at + 10), 32 + i * 16);
    }
    fx.set(this.bytes.subarray(L.XMM, L.XMM + 256), 160);
    return fx;
  }
}

function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}
function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
function hex64(lo: number, hi: number): string {
  const text = (hi >>> 0).toString(16) + (lo >>> 0).toString(16).padStart(8, "0");
  return text.replace(/^0+(?=.)/, "");
}
