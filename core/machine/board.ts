// The devices of a machine and the wires between them: an i440FX-class PC. Devices know only their own ports; this file alone
// knows who is joined to whom.
import { ApicBus } from "../bus/apic-bus.ts";
import type { Device, InterruptSource, IrqLine, ResetKind } from "../bus/device.ts";
import { LineJunction } from "../bus/line-junction.ts";
import { MmioBus } from "../bus/mmio-bus.ts";
import { assignPciResources } from "../bus/pci-assign.ts";
import { PciBus } from "../bus/pci-bus.ts";
import type { PciFunction, PciRom } from "../bus/pci-function.ts";
import { PortBus } from "../bus/port-bus.ts";
import { ACPI_DISABLE, ACPI_ENABLE, AcpiPm, PM1_CONTROL, SLEEP_TYPE_S5 } from "../devices/chipset/acpi-pm.ts";
import { cmosImage } from "../devices/chipset/cmos-image.ts";
import { Hpet } from "../devices/chipset/hpet.ts";
import { Dma8237Pair } from "../devices/chipset/dma8237.ts";
import { FW_CFG_PORTS, FwCfg, type FwCfgItems } from "../devices/chipset/fw-cfg.ts";
import { I440fx } from "../devices/chipset/i440fx.ts";
import { IoApic } from "../devices/chipset/ioapic.ts";
import { Lapic } from "../devices/chipset/lapic.ts";
import { Pic8259Pair } from "../devices/chipset/pic8259.ts";
import { Piix3 } from "../devices/chipset/piix3.ts";
import { Piix4Pm } from "../devices/chipset/piix4-pm.ts";
import { Pit8254 } from "../devices/chipset/pit8254.ts";
import { SystemControlPort } from "../devices/chipset/reset-control.ts";
import { Rtc146818 } from "../devices/chipset/rtc146818.ts";
import { DebugConsole } from "../devices/debug/debug-console.ts";
import { DebugExit } from "../devices/debug/debug-exit.ts";
import { Vga, VGA_PORTS, VGA_WINDOW } from "../devices/display/vga.ts";
import { I8042 } from "../devices/input/i8042.ts";
import { Ps2Keyboard } from "../devices/input/ps2-keyboard.ts";
import { Ps2Mouse } from "../devices/input/ps2-mouse.ts";
import { KvmInterface } from "../devices/paravirtual/kvm-interface.ts";
import type { Words } from "../devices/paravirtual/kvm-clock.ts";
import { ParallelPort } from "../devices/parallel/parallel-port.ts";
import { VirtioBalloon } from "../devices/virtio/virtio-balloon.ts";
import type { VirtioPorts } from "../devices/virtio/virtio-device.ts";
import { VirtioRng } from "../devices/virtio/virtio-rng.ts";
import { VirtioTablet } from "../devices/virtio/virtio-tablet.ts";
import { Uart16550 } from "../devices/serial/uart16550.ts";
import type { AcpiBoard } from "../firmware/acpi.ts";
import type { DirectDmaView } from "../memory/guest-memory.ts";
import type { DeviceTimers, TimerOwner, TimerQueue } from "../time/clock.ts";
import { DriveBay, type DriveEventsOf, floppyTypes } from "./drive-bay.ts";
import type { MachineDrive, MachineNic } from "./machine.ts";
import { plugNics } from "./nic-bay.ts";

export const FRAMEBUFFER_BYTES = 16 << 20;
const PM_BASE = 0x600;
const PM_BYTES = 64;
const HPET_BASE = 0xfed00000;
const IOAPIC_BASE = 0xfec00000;
const LAPIC_BASE = 0xfee00000;
const PCI_WINDOW = { base: 0xe0000000, end: 0xfec00000 };
const SCI_IRQ = 9;
const COM_PORTS = [
  { base: 0x3f8, irq: 4 },
  { base: 0x2f8, irq: 3 },
] as const;
const LPT = { base: 0x378, irq: 7 };
/** ISA interrupts of PIRQA to PIRQD as firmware sets them. */
export const PIRQ_IRQS = [10, 10, 11, 11] as const;
/** PAM0 of the host bridge; 33h in each register: DRAM for loads and stores. */
const PAM0 = 0x59, PAM_DRAM = 0x33;
const APM_PORT = 0xb2;
/** CMOS: what a reset of the processor is for. */
const SHUTDOWN_CODE = 0x0f;
/** SCI_EN in the PM1a control register. */
const SCI_ENABLE = 1;
const DEBUG_PORTS = 4;

/** What the ACPI tables say about this board. */
export const ACPI_BOARD: AcpiBoard = {
  apicIds: [0], ioApicId: 1, pmBase: PM_BASE, pmTimerBits: 32, s5SleepType: SLEEP_TYPE_S5, sciIrq: SCI_IRQ, hpetBase: HPET_BASE,
  comPorts: COM_PORTS, lptPorts: [LPT], pciWindow: PCI_WINDOW, smiCommand: { port: APM_PORT, enable: ACPI_ENABLE, disable: ACPI_DISABLE },
};

export interface BoardPorts extends DriveEventsOf {
  timers: TimerQueue;
  ramBytes: number;
  drives: readonly MachineDrive[];
  nics: readonly MachineNic[];
  epochMs: number;
  /** Guest-visible framebuffer memory, and how it is mapped (null: taken away). */
  framebuffer: Uint8Array;
  mapFramebuffer(base: number | null): boolean;
  videoRom?: PciRom;
  /** PAM0 to PAM6 and SMRAM of the host bridge, after each change and reset. */
  onMemoryMapChange(pam: Uint8Array, smram: number): void;
  onA20(isOn: boolean): void;
  memory: DirectDmaView;
  /** Present if given: an entropy device, a balloon, a tablet, a printer. */
  entropy?: (into: Uint8Array) => void;
  balloon?: { onActual(pages: number): void };
  tablet?: { onActive(isActive: boolean): void };
  printer?: (byte: number) => void;
  /** KVM's interface for guests that ask. */
  paravirtual?: { tscHz: number; tscAt(ns: number): Words };
  onSpeaker(hertz: number): void;
  /** What firmware is told; absent where a kernel starts without firmware, which then finds a board that is set up. */
  firmware?: FwCfgItems;
  onInterrupt(level: boolean): void;
  onNmi(): void;
  /** `isProcessorOnly`: the devices are not to be reset. */
  onReset(isProcessorOnly: boolean): void;
  onPowerOff(): void;
  serialOutput(port: 0 | 1, byte: number): void;
  debugExit?: { port: number; onExit(status: number): void };
  debugConsole?: { port: number; onByte(byte: number): void };
}

export interface Board {
  readonly ports: PortBus;
  readonly mmio: MmioBus;
  readonly devices: readonly Device[];
  readonly interrupts: InterruptSource;
  readonly lapic: Lapic;
  readonly vga: Vga;
  readonly keyboard: Ps2Keyboard;
  readonly mouse: Ps2Mouse;
  readonly uarts: readonly [Uart16550, Uart16550];
  readonly powerManagement: AcpiPm;
  readonly drives: DriveBay;
  readonly tablet: VirtioTablet | undefined;
  readonly balloon: VirtioBalloon | undefined;
  readonly kvm: KvmInterface | undefined;
  /** The machine goes on after a pause, in which virtual time stood still: what shows wall time catches up. */
  resumed(pausedNs: number): void;
  /** True while CMOS says that the processor alone is to be reset, to come back to real mode from the 286's protected mode. */
  hasShutdownCode(): boolean;
  /** Devices as after power-on or a warm reset, and what firmware would have set up on them. */
  reset(kind: ResetKind): void;
}

export function buildBoard(p: BoardPorts): Board {
  const ports = new PortBus();
  const mmio = new MmioBus();
  const devices: Device[] = [];
  /** Makes a device that has timers: the queue asks for it by the time one fires. */
  const timed = <D extends Device>(make: (timers: ReturnType<TimerQueue["portFor"]>) => D): D => {
    let device: D | undefined;
    const owner = (): TimerOwner => device as unknown as TimerOwner;
    device = make(p.timers.portFor(owner));
    devices.push(device);
    return device;
  };
  const plain = <D extends Device>(device: D): D => {
    devices.push(device);
    return device;
  };

  // Interrupts: each ISA line goes to the 8259 pair and to the I/O APIC, line 0 to pin 2 there.
  const apicBus = new ApicBus();
  const late: { lapic?: Lapic; pit?: Pit8254; ioapic?: IoApic; hpet?: Hpet; kvm?: KvmInterface } = {};
  const pic = plain(
    new Pic8259Pair(
      "pic",
      // INTR goes to the local APIC's LINT0 and to input 0 of the I/O APIC, as the chipset wires it.
      (level) => {
        late.lapic?.setLint(0, level);
        late.ioapic?.setPin(0, level);
      },
      (irq) => {
        if (irq === 0) late.pit?.interruptTaken();
        if (irq === 0 || irq === 8) late.hpet?.interruptTaken((input) => input === (irq === 0 ? 2 : irq));
      },
    ),
  );
  const ioapic = plain(new IoApic("ioapic", ACPI_BOARD.ioApicId, apicBus));
  late.ioapic = ioapic;
  const lapic = timed(
    (timers) =>
      new Lapic(
        "lapic0",
        0,
        true,
        {
          bus: apicBus,
          extInt: pic,
          onOutput: (level) => p.onInterrupt(level),
          onNmi: () => p.onNmi(),
          onInit: () => p.onReset(false),
          onStartup: () => {},
          memoryEoi: { offer: () => late.kvm?.offerEoi() ?? false, withdraw: () => late.kvm?.withdrawEoi() ?? false },
          onAcknowledge: (vector) => {
            if (vector === ioapic.vectorOf(2)) late.pit?.interruptTaken();
            late.hpet?.interruptTaken((input) => vector === ioapic.vectorOf(input));
          },
        },
        timers,
      ),
  );
  late.lapic = lapic;
  apicBus.attachLocal(lapic);
  apicBus.attachIo(ioapic);
  const isaLine = (irq: number): IrqLine => ({
    set: (level) => {
      pic.setIrq(irq, level);
      ioapic.setPin(irq === 0 ? 2 : irq, level);
    },
  });
  const junctions = Array.from({ length: 16 }, (_, irq) => (irq === 2 ? undefined : new LineJunction(isaLine(irq))));
  const irq = (number: number): IrqLine => {
    const junction = junctions[number];
    if (!junction) throw new RangeError(`There is no ISA interrupt ${number}`);
    return junction.tap();
  };

  // In legacy replacement mode the HPET drives IRQ 0 and 8 instead of the PIT and the RTC.
  const gates = [new GatedLine(irq(0)), new GatedLine(irq(8))] as const;
  const pit = timed((timers) => new Pit8254("pit", gates[0], timers, (hertz) => p.onSpeaker(hertz)));
  late.pit = pit;
  const rtc = timed((timers) => new Rtc146818("rtc", gates[1], timers, p.epochMs, cmosImage({ ramBytes: p.ramBytes, floppies: floppyTypes(p.drives) })));
  const onLegacy = (isOn: boolean): void => {
    for (const gate of gates) gate.open(!isOn);
  };
  const hpet = timed((timers) => new Hpet("hpet", { pin: (n) => ioapic.line(n), legacy0: irq(0), legacy8: irq(8), onLegacy }, timers));
  late.hpet = hpet;
  const pm = timed((timers) => new AcpiPm("acpi-pm", { sci: irq(SCI_IRQ), onPowerOff: () => p.onPowerOff() }, timers));

  const { paravirtual } = p;
  if (paravirtual) {
    const clock = p.timers.portFor(() => ({ onTimer() {} }));
    late.kvm = plain(
      new KvmInterface("kvm", {
        memory: p.memory, clock, tscHz: paravirtual.tscHz, tscAt: (ns) => paravirtual.tscAt(ns), epochMs: p.epochMs, beforeEoiMoves: () => lapic.settleEoi(),
      }),
    );
  }

  const hasShutdownCode = (): boolean => rtc.cmosByte(SHUTDOWN_CODE) !== 0;
  // The wires of these two go to the processor alone; what firmware would then reset is reset along with it, unless it is to go on.
  const resetProcessor = (): void => p.onReset(hasShutdownCode());

  // Input.
  const input: { controller?: I8042 } = {};
  const keyboard = plain(new Ps2Keyboard("keyboard", () => input.controller?.deviceReady()));
  const mouse = plain(new Ps2Mouse("mouse", () => input.controller?.deviceReady()));
  const i8042 = timed(
    (timers) =>
      new I8042(
        "i8042",
        { keyboard, aux: mouse, keyboardIrq: irq(1), auxIrq: irq(12), onA20: (isOn) => p.onA20(isOn), onReset: resetProcessor },
        timers,
      ),
  );
  input.controller = i8042;
  const uart = (n: 0 | 1): Uart16550 =>
    timed((timers) => new Uart16550(`com${n + 1}`, irq(COM_PORTS[n].irq), (byte) => p.serialOutput(n, byte), timers));
  const uarts = [uart(0), uart(1)] as const;
  const printer = timed((timers) => new ParallelPort("lpt1", irq(LPT.irq), timers, p.printer ?? null));

  const dma = plain(new Dma8237Pair("dma", p.memory));
  // PCI.
  const chipset: { piix3?: Piix3 } = {};
  const pci = new PciBus({ memoryWindow: PCI_WINDOW, messages: apicBus, setPirq: (n, level) => chipset.piix3?.setPirq(n, level) });
  const piix3 = plain(new Piix3("piix3", { irq: junctions.map((j) => j?.tap()), onReset: () => p.onReset(false) }));
  chipset.piix3 = piix3;
  const host = plain(new I440fx("i440fx", { bus: pci, beneath: piix3.beneathConfigAddress, onMemoryMapChange: (pam, smram) => p.onMemoryMapChange(pam, smram) }));
  let pmAt: number | null = null;
  const piix4 = plain(
    new Piix4Pm("piix4-pm", (base) => {
      if (pmAt !== null) ports.unmap(pmAt);
      pmAt = null;
      // Over other registers it does not answer.
      if (base === null || !ports.isFree(base, PM_BYTES)) return;
      pmAt = base;
      ports.map(base, PM_BYTES, pm, 0, "acpi-pm");
    }),
  );
  const vga = plain(new Vga("vga", { clock: p.timers.portFor(() => ({ onTimer() {} })), framebuffer: p.framebuffer, mmio, mapFramebuffer: p.mapFramebuffer, ...(p.videoRom ? { rom: p.videoRom } : {}) }));
  pci.plug(0, 0, host.pci);
  pci.plug(1, 0, piix3.pci);
  pci.plug(1, 3, piix4.pci);
  pci.plug(2, 0, vga.pci);
  const virtioPorts = (timers: DeviceTimers): VirtioPorts => ({ memory: p.memory, mmio, ports, timers });
  const drives = new DriveBay({
    drives: p.drives, ports, mmio, pci, memory: p.memory, dma, irq, timed, plain, virtioPorts,
    onDriveActivity: (drive) => p.onDriveActivity(drive),
    onDriveEjected: (drive) => p.onDriveEjected(drive),
  });
  let nextSlot = drives.nextSlot;
  const plug = <D extends Device & { pci: PciFunction }>(device: D): D => {
    pci.plug(nextSlot++, 0, device.pci);
    return device;
  };
  const { entropy, balloon: balloonPorts, tablet: tabletPorts } = p;
  if (entropy) plug(timed((timers) => new VirtioRng("entropy", virtioPorts(timers), entropy)));
  // Memory of WebAssembly cannot be given back to the host page by page: what the guest does without stays as it is.
  const balloonHost = balloonPorts && { pagesReleased: () => {}, onActual: (pages: number) => balloonPorts.onActual(pages) };
  const balloon = balloonHost && plug(timed((timers) => new VirtioBalloon("balloon", virtioPorts(timers), balloonHost)));
  const tablet = tabletPorts && plug(timed((timers) => new VirtioTablet("tablet", virtioPorts(timers), tabletPorts)));
  plugNics(p.nics, nextSlot, { pci, timed, virtioPorts });

  // The port map of a PC.
  ports.map(0x20, 2, pic, 0, "pic master");
  ports.map(0xa0, 2, pic, 1, "pic slave");
  ports.map(0x4d0, 2, pic, 2, "pic elcr");
  ports.map(0x00, 16, dma, 0, "dma 8-bit");
  ports.map(0x80, 16, dma, 1, "dma pages");
  ports.map(0xc0, 32, dma, 2, "dma 16-bit");
  ports.map(0x40, 4, pit, 0, "pit");
  ports.map(0x61, 1, pit, 1, "port 61h");
  ports.map(0x60, 1, i8042, 0, "i8042 data");
  ports.map(0x64, 1, i8042, 1, "i8042 command");
  ports.map(0x70, 2, rtc, 0, "rtc");
  for (const n of [0, 1] as const) ports.map(COM_PORTS[n].base, 8, uarts[n], 0, `com${n + 1}`);
  ports.map(LPT.base, 3, printer, 0, "lpt1");
  ports.map(0xcf8, 4, host, 0, "pci address");
  ports.map(0xcfc, 4, host, 1, "pci data");
  for (const range of VGA_PORTS) ports.map(range.base, range.length, vga, range.bank, "vga");
  const control = plain(new SystemControlPort("port92", { onA20: (isOn) => p.onA20(isOn), onReset: resetProcessor }));
  ports.map(0x92, 1, control, 0, "port 92h");
  ports.map(APM_PORT, 2, pm, 1, "apm");
  if (p.firmware) {
    const fwCfg = plain(new FwCfg("fw-cfg", p.memory, p.firmware));
    for (const range of FW_CFG_PORTS) ports.map(range.base, range.length, fwCfg, range.bank, "fw-cfg");
  }
  if (p.debugExit) {
    ports.map(p.debugExit.port, DEBUG_PORTS, plain(new DebugExit("debug-exit", p.debugExit.onExit)), 0, "debug exit");
  }
  if (p.debugConsole) ports.map(p.debugConsole.port, 1, plain(new DebugConsole("debug-console", p.debugConsole.onByte)), 0, "debug console");
  mmio.map(VGA_WINDOW.base, VGA_WINDOW.length, vga, VGA_WINDOW.bank, "vga window");
  mmio.map(HPET_BASE, 0x400, hpet, 0, "hpet");
  mmio.map(IOAPIC_BASE, 0x1000, ioapic, 0, "ioapic");
  mmio.map(LAPIC_BASE, 0x1000, lapic, 0, "lapic");

  const setUpAsFirmware = (): void => {
    for (let i = 0; i < 7; i++) host.pci.writeConfig(PAM0 + i, 1, PAM_DRAM);
    piix3.routePirqs(PIRQ_IRQS);
    piix4.placePmBlock(PM_BASE);
    dma.openCascade();
    drives.enable();
    assignPciResources(pci, { memory: PCI_WINDOW, ports: { base: 0xc000, end: 0x10000 }, pirqIrqs: PIRQ_IRQS });
  };
  const prepare = (): void => {
    lapic.enterVirtualWireMode();
    if (!p.firmware) setUpAsFirmware();
    // Without firmware nobody may have looked for how to switch ACPI on: it is on from the start.
    if (!p.firmware) pm.writeReg(0, PM1_CONTROL, 2, SCI_ENABLE);
  };
  prepare();
  return {
    ports, mmio, devices, interrupts: lapic, lapic, vga, keyboard, mouse, uarts, powerManagement: pm, hasShutdownCode, drives, tablet, balloon, kvm: late.kvm,
    resumed: (pausedNs) => {
      rtc.advance(pausedNs);
      late.kvm?.resumed(pausedNs);
    },
    reset: (kind) => {
      for (const device of devices) device.reset(kind);
      p.onA20(true);
      prepare();
    },
  };
}

/** A line that can be cut: while shut, its target is held low. */
class GatedLine implements IrqLine {
  private readonly target: IrqLine;
  private level = false;
  private isOpen = true;
  constructor(target: IrqLine) {
    this.target = target;
  }
  set(level: boolean): void {
    this.level = level;
    if (this.isOpen) this.target.set(level);
  }
  open(isOpen: boolean): void {
    this.isOpen = isOpen;
    this.target.set(isOpen && this.level);
  }
}
