// A serial ATA controller with six ports: Intel ICH9 in AHCI mode, PCI 8086:2922, with the registers of AHCI 1.3 (chapters 2 and 3)
// behind BAR 5. Interrupts by pin or one message. Only whole aligned registers can be written.
// Not modelled: the IDE registers of the real chip, command completion coalescing, enclosure management.
import { DwordRegisters } from "../../bus/dword-registers.ts";
import type { Device, ResetKind } from "../../bus/device.ts";
import type { MmioBus } from "../../bus/mmio-bus.ts";
import { mmioBar } from "../../bus/pci-bus.ts";
import { PciFunction } from "../../bus/pci-function.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { AhciPort } from "./ahci-port.ts";
import { AHCI_PORTS, AhciState } from "./ahci.state.ts";
import type { AtaDevice, AtaTransport } from "./ata-device.ts";

export const AHCI_REGISTER_BYTES = 0x800;
const PORTS_AT = 0x100;
const PORT_BYTES = 0x80;
/** Six ports, 32 slots, AHCI only, 3 Gbit/s, command list override, queueing, 64-bit addresses. */
const CAP = ((AHCI_PORTS - 1) | (31 << 8) | (1 << 18) | (2 << 20) | (1 << 24) | (1 << 30) | (1 << 31)) >>> 0;
const VERSION_1_3 = 0x00010300;
const GHC_RESET = 0x00000001;
const GHC_INTERRUPTS = 0x00000002;
const GHC_ENABLE = 0x80000000;
const IMPLEMENTED = 2 ** AHCI_PORTS - 1;

/** Makes a drive on a port's transport: `(transport) => new AtaDisk(id, { ..., interface: "serial" }, transport)`. */
export type AhciDriveMaker = (transport: AtaTransport) => AtaDevice;

export interface AhciOptions {
  /** By port; absent: nothing is plugged in. */
  drives: readonly (AhciDriveMaker | undefined)[];
  memory: DmaView;
  mmio: MmioBus;
}

export class Ahci extends DwordRegisters implements Device {
  readonly id: string;
  readonly kind = "ahci";
  readonly pci: PciFunction;
  private readonly ports: readonly AhciPort[];
  private ghc = GHC_ENABLE;
  private is = 0;

  constructor(id: string, { drives, memory, mmio }: AhciOptions) {
    super();
    this.id = id;
    this.pci = new PciFunction({
      name: id,
      vendorId: 0x8086,
      deviceId: 0x2922,
      revision: 2,
      classCode: 0x010601,
      interruptPin: 1,
      bars: [mmioBar(mmio, this, 0, { index: 5, sizeBytes: AHCI_REGISTER_BYTES }, id)],
      // MAP: AHCI mode. PCS: all ports on, and told of.
      registers: [{ offset: 0x90, reset: [0x40, 0, IMPLEMENTED, 0x80], writable: [0, 0, IMPLEMENTED, 0] }],
      msi: { offset: 0x80, vectors: 1 },
      onConfigChange: () => {
        for (const port of this.ports ?? []) port.issue();
      },
    });
    const host = { memory, canDma: () => this.pci.isBusMaster, changed: () => this.update() };
    this.ports = Array.from({ length: AHCI_PORTS }, (_, n) => new AhciPort(`${id} port ${n}`, host, drives[n]));
  }

  /** The drive on a port: for media changes. */
  drive(port: number): AtaDevice | null {
    return this.ports[port]?.drive ?? null;
  }

  protected override readDword(_bank: number, offset: number): number {
    if (offset >= PORTS_AT) return this.ports[(offset - PORTS_AT) >> 7]?.readDword(offset % PORT_BYTES) ?? 0;
    switch (offset) {
      case 0x00:
        return CAP;
      case 0x04:
        return this.ghc;
      case 0x08:
        return this.is;
      case 0x0c:
        return IMPLEMENTED;
      case 0x10:
        return VERSION_1_3;
      default:
        return 0;
    }
  }

  protected override writeDword(_bank: number, offset: number, value: number): void {
    if (offset >= PORTS_AT) {
      this.ports[(offset - PORTS_AT) >> 7]?.writeDword(offset % PORT_BYTES, value);
    } else if (offset === 0x04) {
      if (value & GHC_RESET) this.resetController("hard");
      else this.ghc = (GHC_ENABLE | (value & GHC_INTERRUPTS)) >>> 0;
      this.update(true);
    } else if (offset === 0x08) {
      this.is = (this.is & ~value) >>> 0;
      this.update(true);
    }
  }

  private resetController(kind: "power" | "hard"): void {
    this.ghc = GHC_ENABLE;
    this.is = 0;
    for (const port of this.ports) port.reset(kind);
  }

  /** Brings the interrupt in line with the ports. A message tells of a new event, or (`tellAgain`) of all that are left. */
  private update(tellAgain = false): void {
    // A drive may speak while the ports are still being made.
    const ports = this.ports ?? [];
    const before = tellAgain ? 0 : this.is;
    for (const [n, port] of ports.entries()) if (port.pending) this.is |= 1 << n;
    const isWanted = this.is !== 0 && (this.ghc & GHC_INTERRUPTS) !== 0;
    this.pci.setIntx(isWanted);
    if (isWanted && this.is !== before) this.pci.sendMessage(0);
  }

  reset(_kind: ResetKind): void {
    this.pci.reset();
    this.resetController("power");
    this.update();
  }

  save(): DeviceState {
    const state: AhciState = { kind: "ahci", version: 1, ghc: this.ghc, is: this.is, pci: this.pci.save(), ports: this.ports.map((p) => p.save()) };
    return state as DeviceState; // a drive's state is plain data too, which the schema leaves to the drive
  }

  load(state: unknown): void {
    const saved = parseState(AhciState, state, this.id);
    this.pci.check(saved.pci);
    const loaders = saved.ports.map((port, n) => this.ports[n]?.prepareLoad(port));
    this.ghc = (GHC_ENABLE | (saved.ghc & GHC_INTERRUPTS)) >>> 0;
    this.is = saved.is;
    for (const load of loaders) load?.();
    this.pci.load(saved.pci);
  }

  describe(): Record<string, string> {
    return Object.fromEntries(this.ports.map((port, n) => [`port ${n}`, port.describe()]));
  }
}
