// Intel 82540EM Gigabit Ethernet controller, PCI 8086:100E (8254x Software Developer's Manual): registers in BAR 0, and behind an address
// and a data port in BAR 2. Interrupts by pin, throttled by ITR. Registers are whole aligned dwords.
// Not modelled: flash, wake-up, management, flow control, receive checksums, interrupt delay timers, the 82542's register places.
import { DwordRegisters } from "../../bus/dword-registers.ts";
import type { Device, ResetKind } from "../../bus/device.ts";
import type { MmioBus } from "../../bus/mmio-bus.ts";
import { mmioBar, portBar } from "../../bus/pci-bus.ts";
import { PciFunction, type PciRom } from "../../bus/pci-function.ts";
import type { PortBus } from "../../bus/port-bus.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import type { NetPort, NetPortClient } from "../../network/port.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import { E1000Eeprom } from "./e1000-eeprom.ts";
import { E1000Phy } from "./e1000-phy.ts";
import { E1000Receiver } from "./e1000-receive.ts";
import * as reg from "./e1000-registers.ts";
import { E1000Transmitter } from "./e1000-transmit.ts";
import { E1000State } from "./e1000.state.ts";

export const E1000_MEMORY_BYTES = 0x20000;
export const E1000_PORT_BYTES = 64;
const VENDOR_ID = 0x8086, DEVICE_ID = 0x100e;
const PORT_BANK = 1;
const IO_ADDRESS = 0, IO_DATA = 4;
/** Full duplex at 1000 Mbit/s, as sensed too. */
const STATUS_FIXED = 0x281, STATUS_LINK = 0x02;
const ITR_UNIT_NS = 256;
const THROTTLE = "throttle", RESUME = "resume";
const MDIC_INTERRUPT = 0x20000000;

/** What the card is given by its machine. */
export interface E1000Ports {
  memory: DmaView;
  mmio: MmioBus;
  ports: PortBus;
  timers: DeviceTimers;
}

export interface E1000Options {
  mac: Uint8Array;
  port?: NetPort;
  rom?: PciRom;
}

export class E1000 extends DwordRegisters implements Device, NetPortClient {
  readonly id: string;
  readonly kind = "e1000";
  readonly pci: PciFunction;
  private readonly timers: DeviceTimers;
  private readonly mac: Uint8Array;
  private readonly registers = new reg.E1000Registers();
  private readonly eeprom: E1000Eeprom;
  private readonly phy = new E1000Phy();
  private readonly transmitter: E1000Transmitter;
  private readonly receiver: E1000Receiver;
  private port: NetPort | null = null;
  private mdic = 0;
  private ioAddress = 0;
  private isLinkUp = false;
  private pin = false;
  private quietUntilNs = 0;
  /** A sender has been told that there is no room. */
  private isStarved = false;
  /** Being made or loaded: nothing is started, nobody is told. */
  private isSettling = true;

  constructor(id: string, { memory, mmio, ports, timers }: E1000Ports, { mac, port, rom }: E1000Options) {
    super();
    if (mac.length !== 6 || ((mac[0] ?? 0) & 1) !== 0) throw new RangeError(`${id} needs an address of its own`);
    this.id = id;
    this.timers = timers;
    this.mac = Uint8Array.from(mac);
    this.eeprom = new E1000Eeprom(this.mac, DEVICE_ID, VENDOR_ID);
    this.transmitter = new E1000Transmitter(this.registers, memory);
    this.receiver = new E1000Receiver(this.registers, memory);
    this.registers.reset(this.mac);
    this.pci = new PciFunction({
      name: id,
      vendorId: VENDOR_ID,
      deviceId: DEVICE_ID,
      revision: 2,
      classCode: 0x020000,
      subsystemVendorId: VENDOR_ID,
      subsystemId: 0x001e,
      interruptPin: 1,
      bars: [
        mmioBar(mmio, this, 0, { index: 0, sizeBytes: E1000_MEMORY_BYTES }, id),
        portBar(ports, this, PORT_BANK, { index: 2, sizeBytes: E1000_PORT_BYTES }, `${id} ports`),
      ],
      ...(rom ? { rom } : {}),
      onConfigChange: () => this.busMasterChanged(),
    });
    if (port) this.attach(port);
    this.isSettling = false;
  }

  /** Plugs the card into another port, or into none, while the guest runs. */
  attach(port: NetPort | null): void {
    this.port?.connect(null);
    this.port = port;
    port?.connect(this);
    this.linkChanged(port?.linkUp ?? false);
    if (port?.linkUp) port.receiveReady();
  }

  // ---- the port's client ----------------------------------------------------------------------

  linkChanged(up: boolean): void {
    const isChange = up !== this.isLinkUp;
    this.isLinkUp = up;
    if (this.isSettling) return;
    if (isChange) this.raise(reg.INT_LINK);
    this.sendReady();
  }

  sendReady(): void {
    if (this.pci.isBusMaster) this.raise(this.transmitter.run(this.port));
  }

  canReceive(): boolean {
    if (this.pci.isBusMaster && this.receiver.hasRoom()) return true;
    this.isStarved = true;
    return false;
  }

  receive(frame: Uint8Array): void {
    if (this.pci.isBusMaster) this.raise(this.receiver.receive(frame));
  }

  private busMasterChanged(): void {
    if (this.isSettling || !this.pci.isBusMaster) return;
    this.sendReady();
    this.offerRoom();
  }

  /** Tells a sender that was refused of new buffers. */
  private offerRoom(): void {
    if (!this.isStarved || !this.canReceive()) return;
    this.isStarved = false;
    this.port?.receiveReady();
  }

  // ---- interrupts -----------------------------------------------------------------------------

  private raise(causes: number): void {
    if (causes === 0) return;
    this.registers.set(reg.ICR, this.registers.get(reg.ICR) | causes);
    this.updatePin();
  }

  /** Brings the pin in line with causes and mask; it may rise only when the throttle's interval has gone by. */
  private updatePin(): void {
    const isWanted = (this.registers.get(reg.ICR) & this.registers.get(reg.IMS)) !== 0;
    if (!isWanted) {
      this.timers.cancel(THROTTLE);
      this.setPin(false);
    } else if (!this.pin) {
      const now = this.timers.nowNs();
      if (now < this.quietUntilNs) {
        this.timers.arm(THROTTLE, this.quietUntilNs);
        return;
      }
      this.quietUntilNs = now + ITR_UNIT_NS * this.registers.get(reg.ITR);
      this.setPin(true);
    }
  }

  private setPin(level: boolean): void {
    this.pin = level;
    this.pci.setIntx(level);
  }

  onTimer(name: string): void {
    if (name === THROTTLE) {
      this.updatePin();
      return;
    }
    // The port may be another than when the device was saved.
    this.linkChanged(this.port?.linkUp ?? false);
    this.port?.receiveReady();
  }

  // ---- registers ------------------------------------------------------------------------------

  protected override readDword(bank: number, offset: number): number {
    if (bank === PORT_BANK) {
      if (offset === IO_ADDRESS) return this.ioAddress;
      return offset === IO_DATA && this.ioAddress % 4 === 0 ? this.readRegister(this.ioAddress) : 0;
    }
    return this.readRegister(offset);
  }

  protected override writeDword(bank: number, offset: number, value: number): void {
    if (bank !== PORT_BANK) this.writeRegister(offset, value);
    else if (offset === IO_ADDRESS) this.ioAddress = value;
    else if (offset === IO_DATA && this.ioAddress % 4 === 0) this.writeRegister(this.ioAddress, value);
  }

  private readRegister(offset: number): number {
    const { registers } = this;
    if (offset >= reg.STATISTICS && offset < reg.STATISTICS_END) return registers.takeStatistic(offset);
    switch (offset) {
      case reg.CTRL + 4:
        return registers.get(reg.CTRL);
      case reg.STATUS:
        return STATUS_FIXED | (this.isLinkUp && (registers.get(reg.CTRL) & reg.CTRL_LINK_UP) !== 0 ? STATUS_LINK : 0);
      case reg.EECD:
        return this.eeprom.readEecd();
      case reg.EERD:
        return this.eeprom.readEerd();
      case reg.MDIC:
        return this.mdic;
      case reg.ICR: {
        const causes = registers.get(reg.ICR);
        registers.set(reg.ICR, 0);
        this.updatePin();
        return causes;
      }
      default:
        return offset < reg.FILE_BYTES ? registers.get(offset) : 0;
    }
  }

  private writeRegister(offset: number, value: number): void {
    const { registers } = this;
    switch (offset) {
      case reg.CTRL:
      case reg.CTRL + 4:
        this.writeControl(value);
        break;
      case reg.EECD:
        this.eeprom.writeEecd(value);
        break;
      case reg.EERD:
        this.eeprom.writeEerd(value);
        break;
      case reg.MDIC:
        this.writeMdic(value);
        break;
      case reg.ICR:
        registers.set(reg.ICR, registers.get(reg.ICR) & ~value);
        this.updatePin();
        break;
      case reg.ICS:
        this.raise(value & 0x1ffff);
        break;
      case reg.IMS:
        registers.set(reg.IMS, registers.get(reg.IMS) | (value & 0x1ffff));
        this.updatePin();
        break;
      case reg.IMC:
        registers.set(reg.IMS, registers.get(reg.IMS) & ~value);
        this.updatePin();
        break;
      default:
        registers.write(offset, value);
        if (offset === reg.TDT || offset === reg.TCTL) this.sendReady();
        else if (offset === reg.RDT || offset === reg.RCTL) this.offerRoom();
    }
  }

  private writeControl(value: number): void {
    if (value & reg.CTRL_RESET) {
      this.resetController();
      return;
    }
    if (value & reg.CTRL_PHY_RESET) this.phy.reset();
    this.registers.set(reg.CTRL, value & ~reg.CTRL_PHY_RESET);
  }

  private writeMdic(value: number): void {
    const { mdic, isRestarted } = this.phy.command(value, this.isLinkUp);
    this.mdic = mdic;
    this.raise((isRestarted && this.isLinkUp ? reg.INT_LINK : 0) | (value & MDIC_INTERRUPT ? reg.INT_MDIO : 0));
  }

  // ---- reset and state ------------------------------------------------------------------------

  private resetController(): void {
    this.registers.reset(this.mac);
    this.eeprom.reset();
    this.transmitter.reset();
    this.mdic = 0;
    this.isStarved = false;
    this.quietUntilNs = 0;
    this.timers.cancel(RESUME);
    this.updatePin();
  }

  reset(_kind: ResetKind): void {
    this.resetController();
    this.phy.reset();
    this.ioAddress = 0;
    this.pci.reset();
  }

  save(): DeviceState {
    const { mdic, ioAddress, isLinkUp, pin, quietUntilNs } = this;
    const state: E1000State = {
      kind: "e1000",
      version: 1,
      pci: this.pci.save(),
      registers: this.registers.save(),
      eeprom: this.eeprom.save(),
      phy: this.phy.save(),
      transmit: this.transmitter.save(),
      mdic,
      ioAddress,
      isLinkUp,
      pin,
      quietUntilNs,
    };
    return state;
  }

  load(state: unknown): void {
    const saved = parseState(E1000State, state, this.id);
    this.pci.check(saved.pci);
    this.isSettling = true;
    this.registers.load(saved.registers);
    this.eeprom.load(saved.eeprom);
    this.phy.load(saved.phy);
    this.transmitter.load(saved.transmit);
    this.mdic = saved.mdic;
    this.ioAddress = saved.ioAddress;
    this.isLinkUp = saved.isLinkUp;
    this.pin = saved.pin;
    this.quietUntilNs = saved.quietUntilNs;
    this.isStarved = false;
    this.pci.load(saved.pci);
    this.setPin(saved.pin);
    this.updatePin();
    this.timers.arm(RESUME, this.timers.nowNs());
    this.isSettling = false;
  }

  describe(): Record<string, string> {
    const address = [...this.mac].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
    return { address, carrier: this.isLinkUp ? "yes" : "no", receiving: this.receiver.isEnabled ? "yes" : "no" };
  }
}
