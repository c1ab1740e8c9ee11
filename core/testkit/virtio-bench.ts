// A PC around one virtio device: RAM, a PCI bus whose firmware has given addresses, a clock, and a record of interrupts.
import type { AccessSize, Device } from "../bus/device.ts";
import { MmioBus } from "../bus/mmio-bus.ts";
import { assignPciResources } from "../bus/pci-assign.ts";
import { PciBus } from "../bus/pci-bus.ts";
import type { PciFunction } from "../bus/pci-function.ts";
import { PortBus } from "../bus/port-bus.ts";
import type { DeviceTimers } from "../time/clock.ts";
import { DeviceBench } from "./device-bench.ts";
import { TestRam } from "./test-ram.ts";

const SLOT = 4;
const WINDOW = { base: 0xe0000000, end: 0xfec00000 };

export class VirtioBench {
  readonly ram: TestRam;
  readonly mmio: MmioBus = new MmioBus();
  readonly portBus: PortBus = new PortBus();
  readonly bench: DeviceBench;
  /** Data of the messages sent so far. */
  readonly messages: number[] = [];
  readonly pci: PciBus;

  constructor(bench: DeviceBench = new DeviceBench(), ramBytes: number = 4 << 20) {
    this.bench = bench;
    this.ram = new TestRam(ramBytes);
    const sendMsi = (_address: number, data: number): boolean => {
      this.messages.push(data);
      return true;
    };
    this.pci = new PciBus({ memoryWindow: WINDOW, setPirq: (n, level) => bench.irq(`pirq${n}`).set(level), messages: { sendMsi } });
  }

  /** What a virtio device's constructor takes. */
  ports(owner: () => { onTimer?(name: string): void }): { memory: TestRam; mmio: MmioBus; ports: PortBus; timers: DeviceTimers } {
    return { memory: this.ram, mmio: this.mmio, ports: this.portBus, timers: this.bench.timers(owner) };
  }

  /** Plugs the device in, as it is before firmware has run. */
  insert<D extends Device & { pci: PciFunction }>(device: D): D {
    this.pci.plug(SLOT, 0, device.pci);
    return device;
  }

  /** Plugs the device in and does what firmware does. */
  plug<D extends Device & { pci: PciFunction }>(device: D): D {
    this.insert(device);
    this.configure();
    return device;
  }

  configure(): void {
    assignPciResources(this.pci, { memory: WINDOW, ports: { base: 0xc000, end: 0x10000 }, pirqIrqs: [10, 10, 11, 11] });
  }

  get fn(): PciFunction {
    const fn = this.pci.functionAt(SLOT, 0);
    if (!fn) throw new Error("nothing is plugged in");
    return fn;
  }

  /** The level of the device's interrupt pin. */
  get intx(): boolean {
    return [0, 1, 2, 3].some((n) => this.bench.irq(`pirq${n}`).level);
  }

  read(gpa: number, size: AccessSize): number {
    return this.mmio.read(gpa, size);
  }

  write(gpa: number, size: AccessSize, value: number): void {
    this.mmio.write(gpa, size, value);
  }
}
