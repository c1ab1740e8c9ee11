// A real-mode PC of nothing but processor, RAM, video BIOS and display adapter: tests call INT 10h as a program does and look at
// registers, memory and screen. Time moves with each port access.
import { MmioBus } from "../bus/mmio-bus.ts";
import { PciBus } from "../bus/pci-bus.ts";
import { PortBus } from "../bus/port-bus.ts";
import { buildInterpreter, type InterpreterImage } from "../cpu/interp/build.ts";
import { Engine } from "../cpu/interp/engine.ts";
import { DEFAULT_CPU_MODEL } from "../cpu/models/cpu-model.ts";
import * as L from "../cpu/state/layout.ts";
import { updateMode } from "../cpu/system/mode.ts";
import { resetCpu } from "../cpu/system/reset.ts";
import { loadReal } from "../cpu/system/segments.ts";
import { I440fx } from "../devices/chipset/i440fx.ts";
import { Vga, VGA_PORTS, VGA_WINDOW } from "../devices/display/vga.ts";
import { textLines } from "../display/text.ts";
import { videoBiosImage } from "../firmware/vgabios/image.ts";
import { PhysicalBus } from "../machine/physical-access.ts";
import { PhysicalMap } from "../memory/physical-map.ts";
import { FakeClock } from "./fake-clock.ts";

const RAM_BYTES = 0x100000;
const ROM = 0xc0000;
const CALLER = 0x600;
const STACK = 0x7000;
const FRAMEBUFFER_BYTES = 16 << 20;
export const FRAMEBUFFER_BASE = 0xe8000000;
/** A port access takes about as long as on an ISA bus. */
const PORT_NS = 1000;
const CALL_BUDGET = 20_000_000;
const FLAT_CODE = 0xc09b;
const FLAT_DATA = 0xc093;

export type Registers = Partial<Record<"ax" | "bx" | "cx" | "dx" | "si" | "di" | "bp" | "es", number>>;
const GPRS = { ax: 0, cx: 1, dx: 2, bx: 3, bp: 5, si: 6, di: 7 } as const;

let interpreter: InterpreterImage | undefined;

export class VideoBiosBench {
  readonly clock: FakeClock = new FakeClock();
  readonly ports: PortBus = new PortBus();
  readonly mmio: MmioBus = new MmioBus();
  readonly vga: Vga;
  readonly framebuffer: Uint8Array;
  readonly ram: Uint8Array;
  readonly engine: Engine;
  /** Ports that were accessed, but for the VGA's, and for PCI configuration during POST. */
  readonly otherPorts: Set<number> = new Set();
  private isInPost = true;

  constructor() {
    interpreter ??= buildInterpreter();
    const romHost = L.RAM + RAM_BYTES;
    const image = videoBiosImage();
    const framebufferHost = romHost + image.length;
    const memory = new WebAssembly.Memory({ initial: Math.ceil((framebufferHost + FRAMEBUFFER_BYTES) / 65536), maximum: 65536, shared: true });
    const buffer = memory.buffer as SharedArrayBuffer;
    const map = new PhysicalMap(buffer, { tableOffset: L.PAGE_MAP, readOnlyBit: L.PAGE_READ_ONLY, hasCodeBit: L.PAGE_HAS_CODE }, RAM_BYTES);
    this.ram = new Uint8Array(buffer, L.RAM, 0xa0000);
    this.framebuffer = new Uint8Array(buffer, framebufferHost, FRAMEBUFFER_BYTES);
    new Uint8Array(buffer, romHost, image.length).set(image);
    map.map(0, 0xa0000, L.RAM);
    map.map(ROM, image.length, romHost, true);
    this.vga = new Vga("vga", {
      clock: this.clock,
      framebuffer: this.framebuffer,
      mmio: this.mmio,
      mapFramebuffer: (base) => {
        if (base !== null) map.map(base, FRAMEBUFFER_BYTES, framebufferHost);
        return true;
      },
    });
    for (const { base, length, bank } of VGA_PORTS) this.ports.map(base, length, this.vga, bank, "vga");
    this.mmio.map(VGA_WINDOW.base, VGA_WINDOW.length, this.vga, VGA_WINDOW.bank, "vga window");
    const pci = new PciBus({ memoryWindow: { base: 0xe0000000, end: 0xfec00000 }, setPirq: () => {} });
    const host = new I440fx("i440fx", { bus: pci });
    this.ports.map(0xcf8, 4, host, 0, "pci address");
    this.ports.map(0xcfc, 4, host, 1, "pci data");
    pci.plug(0, 0, host.pci);
    pci.plug(2, 0, this.vga.pci);
    this.vga.pci.writeConfig(0x10, 4, FRAMEBUFFER_BASE);
    this.vga.pci.writeConfig(0x04, 2, 2);
    const physical = new PhysicalBus(buffer, map, this.mmio);
    const note = (port: number): void => {
      const isOurs = (port >= 0x3b0 && port < 0x3e0) || (port >= 0x1ce && port < 0x1d1) || (this.isInPost && port >= 0xcf8 && port < 0xd00);
      if (!isOurs) this.otherPorts.add(port);
      this.clock.advance(PORT_NS);
    };
    this.engine = new Engine(memory, interpreter, DEFAULT_CPU_MODEL, {
      physical,
      mmioRead: (gpa, size, at) => physical.load(gpa, size, at),
      mmioWrite: (gpa, size, at) => physical.store(gpa, size, at),
      interrupts: { hasInterrupt: () => false, acknowledge: () => 0 },
      tscNow: () => [0, 0],
      setTsc: () => {},
      readMsr: () => null,
      writeMsr: () => false,
      ioRead: (port, size) => {
        note(port);
        return this.ports.read(port, size as 1 | 2 | 4);
      },
      ioWrite: (port, size, value) => {
        note(port);
        this.ports.write(port, size as 1 | 2 | 4, value >>> 0);
      },
      cr8: 0,
    });
    map.onCodeWritten = (gpa, length) => this.engine.blocks.written(gpa, length);
    map.onRemapped = (codePages) => this.engine.remapped(codePages);
    this.post();
  }

  private post(): void {
    resetCpu(this.engine.cpu);
    this.callFar(ROM >> 4, 3, {});
    this.isInPost = false;
  }

  /** Calls INT 10h with these registers, the others being 0, and gives all of them after. */
  call(registers: Registers): Required<Registers> {
    return this.execute([0xcd, 0x10], registers);
  }
  /** Calls a far procedure. */
  callFar(segment: number, offset: number, registers: Registers): Required<Registers> {
    return this.execute([0x9a, offset & 0xff, offset >> 8, segment & 0xff, segment >> 8], registers);
  }

  /** Calls a near procedure in flat 32-bit protected mode, at `address`, and comes back to real mode. */
  callProtected(address: number, registers: { bx?: number; ecx?: number; edx?: number; edi?: number }): number {
    const { cpu } = this.engine;
    this.poke(CALLER, 0xff, 0xd6, 0xf4); // call esi; hlt
    cpu.set(L.CR0, L.CR0_PE | L.CR0_ET);
    for (const segment of [L.ES, L.SS, L.DS, L.FS, L.GS]) cpu.setSegment(segment, 0x10, 0, 0xffffffff, FLAT_DATA);
    cpu.setSegment(L.CS, 0x08, 0, 0xffffffff, FLAT_CODE);
    for (const [number, value] of [[0, 0], [1, registers.ecx], [2, registers.edx], [3, registers.bx], [4, STACK], [6, address], [7, registers.edi]] as const) {
      cpu.setGpr(number, value ?? 0);
    }
    cpu.setRip(CALLER);
    updateMode(cpu);
    this.engine.flushAll();
    this.engine.isHalted = false;
    const outcome = this.engine.run(CALL_BUDGET);
    if (outcome !== "halted" || cpu.gpr(4) !== STACK) throw new Error(`The call did not return: ${outcome}`);
    const status = cpu.gpr(0) & 0xffff;
    resetCpu(cpu);
    return status;
  }

  private execute(code: number[], registers: Registers): Required<Registers> {
    const { cpu } = this.engine;
    this.poke(CALLER, ...code, 0xf4);
    this.engine.flushAll();
    for (const [name, number] of Object.entries(GPRS)) cpu.setGpr(number, registers[name as keyof typeof GPRS] ?? 0);
    for (const segment of [L.CS, L.SS, L.DS, L.FS, L.GS]) loadReal(cpu, segment, 0);
    loadReal(cpu, L.ES, registers.es ?? 0);
    cpu.setGpr(4, STACK);
    cpu.setRip(CALLER);
    cpu.eflags = 2;
    updateMode(cpu);
    this.engine.isHalted = false;
    const outcome = this.engine.run(CALL_BUDGET);
    const at = ((cpu.selector(L.CS) << 4) + cpu.get(L.RIP)) >>> 0;
    if (outcome !== "halted" || at !== CALLER + code.length + 1) throw new Error(`The call did not return: ${outcome} at ${at.toString(16)}h`);
    if ((cpu.gpr(4) & 0xffff) !== STACK || cpu.selector(L.DS) !== 0) throw new Error("The call has lost the caller's stack or DS");
    const after = { es: cpu.selector(L.ES) } as Required<Registers>;
    for (const [name, number] of Object.entries(GPRS)) after[name as keyof typeof GPRS] = cpu.gpr(number) & 0xffff;
    return after;
  }

  poke(at: number, ...bytes: number[]): void {
    this.ram.set(bytes, at);
  }
  peek(at: number, length: number): number[] {
    return [...this.ram.subarray(at, at + length)];
  }
  peek16(at: number): number {
    return (this.ram[at] ?? 0) | ((this.ram[at + 1] ?? 0) << 8);
  }
  peek32(at: number): number {
    return this.peek16(at) + this.peek16(at + 2) * 0x10000;
  }
  /** The memory behind a far pointer in RAM: RAM or the ROM. */
  behind(at: number): Uint8Array {
    const linear = this.peek16(at + 2) * 16 + this.peek16(at);
    return linear >= ROM ? videoBiosImage().subarray(linear - ROM) : this.ram.subarray(linear);
  }
  /** Text that ends with a 0 behind a far pointer. */
  textBehind(at: number): string {
    const memory = this.behind(at);
    return Buffer.from(memory.subarray(0, memory.indexOf(0))).toString("latin1");
  }

  /** Text by teletype. */
  print(text: string, colour = 7): void {
    for (const character of text) this.call({ ax: 0x0e00 | character.charCodeAt(0), bx: colour });
  }
  lines(): string[] {
    const screen = this.vga.text();
    return screen ? textLines(screen) : [];
  }
  picture(): { width: number; height: number; bytes: Uint8Array; at(x: number, y: number): string } {
    const { width, height } = this.vga.size();
    const bytes = new Uint8Array(width * height * 4);
    this.vga.render(bytes, this.clock.nowNs());
    return { width, height, bytes, at: (x, y) => Buffer.from(bytes).toString("hex", (y * width + x) * 4, (y * width + x) * 4 + 3) };
  }
  /** An indexed register: the index goes to `port`. */
  register(port: number, index: number): number {
    this.ports.write(port, 1, index);
    return this.ports.read(port + 1, 1);
  }
}
