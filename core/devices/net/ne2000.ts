// NE2000 network cards around a DP8390: on PCI as the Realtek RTL8029 (10EC:8029, ports in BAR 0), and on ISA with fixed ports and a line
// of the interrupt controller. For systems older than the Intel card.
import { z } from "zod";
import type { AccessSize, BusDevice, Device, IrqLine, ResetKind } from "../../bus/device.ts";
import { portBar } from "../../bus/pci-bus.ts";
import { PciFunction, PciFunctionState, type PciRom } from "../../bus/pci-function.ts";
import type { PortBus } from "../../bus/port-bus.ts";
import type { NetPort, NetPortClient } from "../../network/port.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import { Dp8390, Dp8390State, NE2000_PORTS } from "./dp8390.ts";

const RESUME = "resume";

export interface Ne2000Options {
  mac: Uint8Array;
  timers: DeviceTimers;
  port?: NetPort;
}

abstract class Ne2000Card implements Device, BusDevice, NetPortClient {
  readonly id: string;
  abstract readonly kind: string;
  protected readonly chip: Dp8390;
  private readonly timers: DeviceTimers;
  private port: NetPort | null = null;
  /** A sender has been told that there is no room. */
  private isStarved = false;

  protected constructor(id: string, { mac, timers, port }: Ne2000Options, setIrq: (level: boolean) => void) {
    if (mac.length !== 6 || ((mac[0] ?? 0) & 1) !== 0) throw new RangeError(`${id} needs an address of its own`);
    this.id = id;
    this.timers = timers;
    this.chip = new Dp8390(mac, setIrq, () => this.offerRoom());
    if (port) this.attach(port);
  }

  abstract reset(kind: ResetKind): void;
  abstract save(): DeviceState;
  abstract load(state: unknown): void;

  /** Plugs the card into another port, or into none, while the guest runs. The card cannot tell the guest of its carrier. */
  attach(port: NetPort | null): void {
    this.port?.connect(null);
    this.port = this.chip.port = port;
    port?.connect(this);
    this.chip.transmit();
    if (port?.linkUp) port.receiveReady();
  }

  linkChanged(_up: boolean): void {
    this.chip.transmit();
  }

  sendReady(): void {
    this.chip.transmit();
  }

  canReceive(): boolean {
    if (this.chip.hasRoom()) return true;
    this.isStarved = true;
    return false;
  }

  receive(frame: Uint8Array): void {
    this.chip.receive(frame);
  }

  private offerRoom(): void {
    if (!this.isStarved || !this.canReceive()) return;
    this.isStarved = false;
    this.port?.receiveReady();
  }

  readReg(_bank: number, offset: number, size: AccessSize): number {
    return this.chip.read(offset, size);
  }

  writeReg(_bank: number, offset: number, size: AccessSize, value: number): void {
    this.chip.write(offset, size, value);
  }

  /** After a load: the port may be another than when the card was saved. */
  protected resumeLater(): void {
    this.isStarved = false;
    this.chip.updateIrq();
    this.timers.arm(RESUME, this.timers.nowNs());
  }

  onTimer(_name: string): void {
    this.chip.transmit();
    this.port?.receiveReady();
  }

  protected resetChip(): void {
    this.timers.cancel(RESUME);
    this.isStarved = false;
    this.chip.reset();
  }
}

const Rtl8029State = z.strictObject({ kind: z.literal("rtl8029"), version: z.literal(1), pci: PciFunctionState, chip: Dp8390State });

export class Rtl8029 extends Ne2000Card {
  override readonly kind = "rtl8029";
  readonly pci: PciFunction;

  constructor(id: string, ports: PortBus, options: Ne2000Options & { rom?: PciRom }) {
    super(id, options, (level) => this.pci.setIntx(level));
    this.pci = new PciFunction({
      name: id,
      vendorId: 0x10ec,
      deviceId: 0x8029,
      classCode: 0x020000,
      subsystemVendorId: 0x10ec,
      subsystemId: 0x8029,
      interruptPin: 1,
      bars: [portBar(ports, this, 0, { index: 0, sizeBytes: NE2000_PORTS }, id)],
      ...(options.rom ? { rom: options.rom } : {}),
    });
  }

  override reset(_kind: ResetKind): void {
    this.resetChip();
    this.pci.reset();
  }

  override save(): DeviceState {
    return { kind: "rtl8029", version: 1, pci: this.pci.save(), chip: this.chip.save() };
  }

  override load(state: unknown): void {
    const saved = parseState(Rtl8029State, state, this.id);
    this.pci.check(saved.pci);
    this.chip.load(saved.chip);
    this.pci.load(saved.pci);
    this.resumeLater();
  }
}

const Ne2000IsaState = z.strictObject({ kind: z.literal("ne2000-isa"), version: z.literal(1), chip: Dp8390State });

/** The board maps its 32 ports (300h, usually) as bank 0 and gives it a line (IRQ 3 or 9, usually). */
export class Ne2000Isa extends Ne2000Card {
  override readonly kind = "ne2000-isa";

  constructor(id: string, irq: IrqLine, options: Ne2000Options) {
    super(id, options, (level) => irq.set(level));
  }

  override reset(_kind: ResetKind): void {
    this.resetChip();
  }

  override save(): DeviceState {
    return { kind: "ne2000-isa", version: 1, chip: this.chip.save() };
  }

  override load(state: unknown): void {
    this.chip.load(parseState(Ne2000IsaState, state, this.id).chip);
    this.resumeLater();
  }
}
