// Composition root of one virtual machine: memory, CPU, board and clock joined, a kernel loaded, and the slice loop round them.
import type { InputEvent } from "../api/vm-state.ts";
import { buildInterpreter, compileInterpreter, type InterpreterImage, writeInterpreter } from "../cpu/interp/build.ts";
import { Engine, type EngineHooks, type RunOutcome } from "../cpu/interp/engine.ts";
import { CPU_MODELS, type CpuModel, findCpuModel, TSC_HZ } from "../cpu/models/cpu-model.ts";
import { cpuid, cpuSignature } from "../cpu/models/cpuid.ts";
import * as L from "../cpu/state/layout.ts";
import type { CodeCache, GeneratedCode } from "../cpu/translate/code-cache.ts";
import { dumpRegisters } from "../cpu/system/dump.ts";
import { dumpCode } from "../cpu/system/dump-code.ts";
import { resetCpu } from "../cpu/system/reset.ts";
import { KVM_FEATURES } from "../devices/paravirtual/kvm-interface.ts";
import type { DisplaySource } from "../display/display.ts";
import type { EntryState } from "../firmware/entry-state.ts";
import { KernelError } from "../firmware/kernel-error.ts";
import { bootDirectly } from "../firmware/load.ts";
import { systemBiosImage } from "../firmware/bios/image.ts";
import { firmwareTables } from "../firmware/fw-cfg-files.ts";
import { videoBiosImage } from "../firmware/vgabios/image.ts";
import { PhysicalMap } from "../memory/physical-map.ts";
import type { BlockBackend } from "../storage/block.ts";
import { TimerQueue } from "../time/clock.ts";
import { AddressDecode } from "./address-decode.ts";
import { ACPI_BOARD, type Board, buildBoard, FRAMEBUFFER_BYTES, PIRQ_IRQS } from "./board.ts";
import { enterState } from "./enter.ts";
import { type FirmwareFacts, firmwareConfig } from "./firmware-config.ts";
import { bootPaths } from "./boot-order.ts";
import { nicSlots } from "./nic-bay.ts";
import { type BootImage, type ExitReason, type FirmwareImage, type Machine, type MachineConfig, MachineError, type MachinePorts, type SliceResult } from "./machine.ts";
import { MachineClock } from "./machine-clock.ts";
import { PhysicalBus } from "./physical-access.ts";
import { pciMemory, placeRoms, romBytes } from "./rom.ts";

/** What software has added to the time-stamp counter since reset, whichever way: Intel SDM vol. 3, 18.17.3. */
const TSC_ADJUST = 0x3b;

const MIB = 1 << 20;
const TWO_32 = 0x1_0000_0000;
/** The rest of the first MiB is the address decoder's. */
const LOW_RAM_END = 0xa0000;
/** Host time between two looks at the clock and the timers, and the bounds of it in instructions: speed may fall a hundredfold. */
const RUN_NS = 200e3;
const MAX_RUN = 1_000_000;
const MIN_RUN = 50;
/** RDTSC can then be answered by generated code, from the clock's line. */
const TSC_IS_NS = TSC_HZ === 1e9;

let image: InterpreterImage | undefined;

/** The generated interpreter, made once in each thread. */
export function interpreterImage(cache?: CodeCache): InterpreterImage {
  if (image) return image;
  const kept = cache?.interpreter(writeInterpreter);
  image = kept ? compileInterpreter(kept.parts, kept.module) : buildInterpreter();
  return image;
}

/** Builds a machine and loads its boot source. Throws MachineError naming what cannot be started and why. */
export function buildMachine(config: MachineConfig, ports: MachinePorts): Machine {
  return new PcMachine(config, ports);
}

class PcMachine implements Machine {
  readonly display: DisplaySource;
  private readonly config: MachineConfig;
  private readonly ports: MachinePorts;
  private readonly engine: Engine;
  private readonly map: PhysicalMap;
  private readonly board: Board;
  private readonly clock: MachineClock;
  private readonly timers: TimerQueue;
  private exit: ExitReason | undefined;
  private wantsReset: "processor" | "all" | undefined;
  /** Pointer buttons held. */
  private buttons = 0;

  constructor(config: MachineConfig, ports: MachinePorts) {
    this.config = config;
    this.ports = ports;
    const model = findCpuModel(config.cpuModel);
    if (!model) {
      throw new MachineError("badRequest", `Unknown CPU model "${config.cpuModel}"; known are ${CPU_MODELS.map((m) => m.name).join(", ")}`);
    }
    const ramBytes = config.memoryMiB * MIB;
    const firmware = config.boot.kind === "firmware" ? imagesOf(config) : undefined;
    const roms = romBytes(firmware);
    const memory = allocate(L.RAM + ramBytes + FRAMEBUFFER_BYTES + roms.system + roms.video, config.memoryMiB);
    const buffer = memory.buffer as SharedArrayBuffer;
    this.map = new PhysicalMap(buffer, { tableOffset: L.PAGE_MAP, readOnlyBit: L.PAGE_READ_ONLY, hasCodeBit: L.PAGE_HAS_CODE }, ramBytes);
    // The board is built before the engine, which needs its buses; until then nothing runs and nothing interrupts.
    let engine: Engine | undefined;
    this.clock = new MachineClock({
      hostNowNs: () => ports.hostNowNs(),
      retired: () => (engine ? engine.retired + engine.retiredInRun() : 0),
      shownNs: () => engine?.lastTsc ?? 0,
      onSample: (nowNs) => {
        if (TSC_IS_NS) this.engine.setTscScale(this.clock.line(this.engine.retired));
        if (this.timers.nextDeadlineNs <= nowNs) this.engine.stop();
      },
    });
    this.timers = new TimerQueue(this.clock);
    const framebufferHost = L.RAM + ramBytes;
    const framebuffer = pciMemory(this.map, ramBytes, { host: framebufferHost, sizeBytes: FRAMEBUFFER_BYTES }, false);
    const bytes = new Uint8Array(buffer);
    const { systemRom, videoRom } = firmware ? placeRoms(firmware, bytes, framebufferHost + FRAMEBUFFER_BYTES) : {};
    let decode: AddressDecode | undefined;
    let memoryMap: Parameters<AddressDecode["update"]> | undefined;
    this.board = buildBoard({
      timers: this.timers,
      ramBytes,
      drives: config.drives ?? [],
      nics: config.nics ?? [],
      onDriveActivity: (drive) => ports.driveActivity?.(drive),
      onDriveEjected: (drive) => ports.driveEjected?.(drive),
      ...(config.devices?.entropy && ports.entropy ? { entropy: ports.entropy.bind(ports) } : {}),
      ...(config.devices?.balloon ? { balloon: { onActual: (pages) => ports.balloonChanged?.(pages) } } : {}),
      ...(config.devices?.tablet ? { tablet: { onActive: (isActive) => ports.tabletActive?.(isActive) } } : {}),
      ...(ports.printer ? { printer: ports.printer.bind(ports) } : {}),
      ...(config.devices?.paravirtual ? { paravirtual: { tscHz: TSC_HZ, tscAt: (ns: number) => this.tscAt(ns) } } : {}),
      onSpeaker: (hertz) => ports.speaker?.(hertz),
      epochMs: config.epochMs,
      framebuffer: new Uint8Array(buffer, framebufferHost, FRAMEBUFFER_BYTES),
      mapFramebuffer: (base) => framebuffer.decode(base),
      ...(videoRom ? { videoRom: pciMemory(this.map, ramBytes, videoRom, true) } : {}),
      onMemoryMapChange: (...registers) => {
        memoryMap = registers;
        decode?.update(...registers);
      },
      onA20: (isOn) => this.engine.setA20(isOn),
      memory: this.map,
      ...(config.boot.kind === "firmware"
        ? { firmware: firmwareConfig(factsOf(config, config.boot, model, ports.entropy !== undefined)) }
        : {}),
      onInterrupt: (level) => engine?.setInterruptLine(level),
      onNmi: () => this.engine.raiseNmi(),
      onReset: (isProcessorOnly) => {
        this.wantsReset = isProcessorOnly && this.wantsReset !== "all" ? "processor" : "all";
        this.engine.stop();
      },
      onPowerOff: () => this.end({ kind: "poweredOff" }),
      serialOutput: ports.serialOutput.bind(ports),
      ...(config.debugExitPort === undefined
        ? {}
        : { debugExit: { port: config.debugExitPort, onExit: (status: number) => this.end({ kind: "debugExit", status: status & 0xff }) } }),
      ...(config.debugConsolePort === undefined
        ? {}
        : { debugConsole: { port: config.debugConsolePort, onByte: ports.debugConsole.bind(ports) } }),
    });
    const physical = new PhysicalBus(buffer, this.map, this.board.mmio);
    const { lapic } = this.board;
    const hooks: EngineHooks = {
      physical,
      mmioRead: (gpa, size, host) => physical.load(gpa, size, host),
      mmioWrite: (gpa, size, host) => physical.store(gpa, size, host),
      interrupts: this.board.interrupts,
      ...(this.board.kvm ? { kvmFeatures: KVM_FEATURES } : {}),
      tscNow: () => this.tscAt(this.clock.nowNs()),
      ...(TSC_IS_NS ? { tscScale: () => this.clock.line(this.engine.retired) } : {}),
      setTsc: (lo, hi) => this.setTsc(lo, hi),
      readMsr: (index) => this.readMsr(index),
      writeMsr: (index, lo, hi) => this.writeMsr(index, lo, hi),
      ioRead: (port, size) => this.board.ports.read(port, size as 1 | 2 | 4),
      ioWrite: (port, size, value) => this.board.ports.write(port, size as 1 | 2 | 4, value >>> 0),
      ioReadRun: (port, size, into) => this.board.ports.readRun(port, size as 1 | 2 | 4, into),
      ioWriteRun: (port, size, from) => this.board.ports.writeRun(port, size as 1 | 2 | 4, from),
      get cr8() {
        return lapic.cr8;
      },
      set cr8(value: number) {
        lapic.cr8 = value;
      },
    };
    this.engine = new Engine(memory, interpreterImage(ports.codeCache), model, hooks, config.engine, ports.codeCache);
    engine = this.engine;
    this.engine.setInterruptLine(this.board.interrupts.hasInterrupt());
    this.map.remap([
      { gpa: 0, length: LOW_RAM_END, host: L.RAM },
      { gpa: MIB, length: ramBytes - MIB, host: L.RAM + MIB },
    ]);
    const images = { ...(systemRom ? { systemRom } : {}), ...(videoRom ? { videoRom } : {}) };
    decode = new AddressDecode({ map: this.map, mmio: this.board.mmio, bytes, ramHost: L.RAM, ...images });
    if (memoryMap) decode.update(...memoryMap);
    this.map.onCodeWritten = (gpa, length) => this.engine.blocks.written(gpa, length);
    this.map.onRemapped = (codePages) => this.engine.remapped(codePages);
    this.engine.flushAll();
    this.timers.onEarlier = (deadlineNs) => {
      if (deadlineNs < this.runUntilNs) this.engine.stop();
    };
    this.display = this.board.vga;
    this.boot();
  }

  private boot(): void {
    if (this.config.boot.kind === "none") throw new MachineError("badRequest", "There is nothing to boot: no kernel was given");
    const boot = this.config.boot;
    if (boot.kind === "firmware") {
      this.engine.flushAll();
      resetCpu(this.engine.cpu);
      return;
    }
    let entry: EntryState;
    try {
      const base = this.board.vga.pci.decodedBase(0);
      entry = bootDirectly(boot, this.map, {
        ramBytes: this.config.memoryMiB * MIB,
        acpi: ACPI_BOARD,
        hasLongMode: this.engine.cpu.hasLongMode,
        ...(base === null ? {} : { framebuffer: { base, sizeBytes: FRAMEBUFFER_BYTES } }),
      });
    } catch (error) {
      if (error instanceof KernelError) throw new MachineError(error.code, error.message, { cause: error });
      throw error;
    }
    this.engine.flushAll();
    enterState(this.engine.cpu, entry);
    if (entry.display.kind === "linear") this.board.vga.enterLinearMode(entry.display.width, entry.display.height, entry.display.bitsPerPixel);
    else this.board.vga.enterTextMode();
  }

  private end(reason: ExitReason): void {
    this.exit ??= reason;
    this.engine.stop();
  }

  // ---- time ----------------------------------------------------------------------------------

  nowNs(): number {
    return this.clock.nowNs();
  }
  private tscAt(ns: number): readonly [number, number] {
    const { cpu } = this.engine;
    const ticks = ticksOf(ns);
    const lo = (ticks % TWO_32) + cpu.get(L.TSC_OFFSET);
    const hi = Math.floor(ticks / TWO_32) + cpu.getHigh(L.TSC_OFFSET) + (lo >= TWO_32 ? 1 : 0);
    return [lo >>> 0, hi >>> 0];
  }
  private setTsc(lo: number, hi: number): void {
    const ticks = ticksOf(this.clock.nowNs());
    const low = lo - (ticks % TWO_32);
    this.setTscOffset(low >>> 0, (hi - Math.floor(ticks / TWO_32) - (low < 0 ? 1 : 0)) >>> 0);
  }
  private setTscOffset(lo: number, hi: number): void {
    this.engine.cpu.set64(L.TSC_OFFSET, lo, hi);
    this.board.kvm?.tscChanged();
  }

  private readMsr(index: number): readonly [number, number] | null {
    if (index === 0x1b) {
      const base = this.board.lapic.apicBase;
      return [base >>> 0, Math.floor(base / TWO_32)];
    }
    if (index === TSC_ADJUST) return [this.engine.cpu.get(L.TSC_OFFSET), this.engine.cpu.getHigh(L.TSC_OFFSET)];
    if (index === 0x6e0) return this.deadline;
    return this.board.kvm?.readMsr(index) ?? null;
  }
  /** IA32_TSC_DEADLINE as written, until the timer has fired. */
  private deadlineWords: readonly [number, number] = [0, 0];
  private get deadline(): readonly [number, number] {
    return this.board.lapic.tscDeadlineNs === 0 ? [0, 0] : this.deadlineWords;
  }
  private writeMsr(index: number, lo: number, hi: number): boolean {
    if (index === 0x1b) return this.board.lapic.writeApicBase(lo + hi * TWO_32);
    if (index === TSC_ADJUST) {
      this.setTscOffset(lo, hi);
      return true;
    }
    if (index !== 0x6e0) return this.board.kvm?.writeMsr(index, lo, hi) ?? false;
    this.deadlineWords = [lo, hi];
    const { cpu } = this.engine;
    // The deadline is in the guest's TSC: the offset comes off again.
    const ticks = (hi - cpu.getHigh(L.TSC_OFFSET)) * TWO_32 + (lo - cpu.get(L.TSC_OFFSET));
    this.board.lapic.setTscDeadline(lo === 0 && hi === 0 ? 0 : Math.max(ticks * (1e9 / TSC_HZ), 1));
    return true;
  }

  // ---- running -------------------------------------------------------------------------------

  runSlice(hostBudgetNs: number): SliceResult {
    const { clock, timers, engine } = this;
    clock.beginSlice();
    const endNs = clock.hostEstimateNs() + hostBudgetNs;
    const retiredBefore = engine.retired;
    const result = (kind: SliceResult["kind"], wakeNs = Infinity): SliceResult => ({
      kind, wakeNs, instructions: engine.retired - retiredBefore, ...(this.exit ? { exit: this.exit } : {}),
    });
    for (;;) {
      if (this.exit) return result("ended");
      if (this.wantsReset === "all") this.reset();
      else if (this.wantsReset) this.resetProcessor();
      this.ports.poll?.();
      const nowNs = clock.nowNs();
      timers.runDue(nowNs);
      const leftNs = Math.min(endNs - clock.hostEstimateNs(), RUN_NS);
      if (leftNs <= 0) return result("ran");
      const runNs = Math.min(leftNs, timers.nextDeadlineNs - nowNs);
      const outcome = this.run(Math.min(Math.max(clock.instructionsIn(runNs), MIN_RUN), MAX_RUN), nowNs + runNs);
      if (outcome === "shutdown" && this.config.boot.kind === "firmware" && this.board.hasShutdownCode()) this.resetProcessor();
      else if (outcome === "shutdown") {
        this.exit = { kind: "tripleFault", dump: this.dump() };
        return result("ended");
      }
      if (outcome === "halted" && !this.exit && !this.wantsReset && timers.nextDeadlineNs > clock.nowNs() && !this.ports.poll?.()) {
        return result("halted", timers.nextDeadlineNs);
      }
    }
  }
  private run(instructions: number, untilNs: number): RunOutcome {
    this.runUntilNs = untilNs;
    this.clock.beginRun();
    const outcome = this.engine.run(instructions);
    this.clock.endRun();
    this.runUntilNs = -Infinity;
    return outcome;
  }
  /** Virtual time at which the run in progress will end by itself. */
  private runUntilNs = -Infinity;

  resumeClock(): void {
    this.board.resumed(Math.round(this.clock.resume()));
  }

  // ---- the outside ---------------------------------------------------------------------------

  input(event: InputEvent): void {
    if (event.kind === "key") this.board.keyboard.key(event.code, event.down);
    else if (event.kind === "tablet") this.board.tablet?.report(event);
    else if (event.dx !== 0 || event.dy !== 0 || event.wheel !== 0 || event.buttons !== this.buttons) {
      this.buttons = event.buttons;
      this.board.mouse.move(event.dx, event.dy, event.wheel, event.buttons);
    }
  }
  setBalloon(pages: number): void {
    this.board.balloon?.setTarget(pages);
  }
  serialInput(port: 0 | 1, bytes: Uint8Array): number {
    return this.board.uarts[port].receive(bytes);
  }
  pressPowerButton(): void {
    this.board.powerManagement.pressPowerButton();
  }
  setMedium(driveId: string, medium: BlockBackend | null, force: boolean): void {
    this.board.drives.setMedium(driveId, medium, force);
  }
  /** The RESET pin of the processor: devices and the memory map stay. */
  private resetProcessor(): void {
    this.wantsReset = undefined;
    this.engine.isHalted = false;
    resetCpu(this.engine.cpu);
  }
  reset(): void {
    this.wantsReset = undefined;
    this.board.reset("warm");
    this.engine.isHalted = false;
    this.boot();
  }
  generatedCode(): GeneratedCode {
    return this.engine.generatedCode();
  }
  counters(): Record<string, number> {
    return this.engine.counters();
  }
  dump(): string {
    return `${dumpRegisters(this.engine.cpu)}\n${dumpCode(this.engine.cpu)}`;
  }
}

function ticksOf(ns: number): number {
  return TSC_IS_NS ? ns : Math.floor(ns * (TSC_HZ / 1e9));
}

function factsOf(config: MachineConfig, boot: Extract<BootImage, { kind: "firmware" }>, model: CpuModel, hasEntropy: boolean): FirmwareFacts {
  const bootOrder = bootPaths(boot.order, config.drives ?? [], nicSlots(config, hasEntropy));
  const ramBytes = config.memoryMiB * MIB;
  const leaf1 = new Uint32Array(4);
  cpuid(model, 1, 0, { apicEnabled: true, kvmFeatures: 0 }, leaf1);
  const cpu = { brand: model.brand, signature: cpuSignature(model), features: leaf1[3] ?? 0, megahertz: TSC_HZ / 1e6 };
  const hasFloppy = config.drives?.some((drive) => drive.kind === "floppy") ?? false;
  const files = firmwareTables({ board: { ...ACPI_BOARD, hasFloppy }, pirqIrqs: PIRQ_IRQS, ramBytes, cpu });
  return { ramBytes, bootOrder, hasBootMenu: boot.hasMenu === true, files };
}

function imagesOf(config: MachineConfig): FirmwareImage {
  const { bios = systemBiosImage(), videoBios = videoBiosImage() } = config.firmware ?? {};
  return { bios, videoBios };
}

/** The machine's one memory. Throws MachineError if the host will not give that much address space. */
function allocate(bytes: number, memoryMiB: number): WebAssembly.Memory {
  const pages = Math.ceil(bytes / 65536);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
  } catch (cause) {
    throw new MachineError("notEnoughMemory", `The host has no room for a machine of ${memoryMiB} MiB`, { cause });
  }
}
