import assert from "node:assert/strict";
import { test } from "node:test";
import { MmioBus } from "../../bus/mmio-bus.ts";
import { CONFIG_PORTS, PciBus, mmioBar, portBar } from "../../bus/pci-bus.ts";
import { assignPciResources } from "../../bus/pci-assign.ts";
import { PciFunction } from "../../bus/pci-function.ts";
import { PortBus } from "../../bus/port-bus.ts";
import { StateError } from "../../state/device-state.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { IrqRecorder } from "../../testkit/irq-recorder.ts";
import { I440fx } from "./i440fx.ts";
import { Piix3 } from "./piix3.ts";
import { Piix4Pm } from "./piix4-pm.ts";

const WINDOW = { base: 0xe0000000, end: 0xfec00000 };

function board() {
  const ports = new PortBus();
  const mmio = new MmioBus();
  const irq = Array.from({ length: 16 }, () => new IrqRecorder());
  const resets: boolean[] = [];
  const piix3 = new Piix3("piix3", { irq, onReset: (isHard) => resets.push(isHard) });
  const bus = new PciBus({ memoryWindow: WINDOW, setPirq: (pirq, level) => piix3.setPirq(pirq, level) });
  const memoryMaps: string[] = [];
  const bridge = new I440fx("i440fx", {
    bus,
    beneath: piix3.beneathConfigAddress,
    onMemoryMapChange: (pam, smram) => memoryMaps.push(`${pam.join()}/${smram}`),
  });
  const pmBases: (number | null)[] = [];
  const pm = new Piix4Pm("pm", (base) => pmBases.push(base));
  bus.plug(0, 0, bridge.pci);
  bus.plug(1, 0, piix3.pci);
  bus.plug(1, 3, pm.pci);
  for (const { base, length, bank } of CONFIG_PORTS) ports.map(base, length, bridge, bank, "pci configuration");
  const config = (device: number, fn: number, register: number): void => ports.write(0xcf8, 4, 0x80000000 + device * 0x800 + fn * 0x100 + (register & 0xfc));
  const read = (device: number, fn: number, register: number, size: 1 | 2 | 4): number => {
    config(device, fn, register);
    return ports.read(0xcfc + (register & 3), size);
  };
  const write = (device: number, fn: number, register: number, size: 1 | 2 | 4, value: number): void => {
    config(device, fn, register);
    ports.write(0xcfc + (register & 3), size, value);
  };
  return { ports, mmio, irq, resets, piix3, bus, bridge, pm, pmBases, memoryMaps, read, write };
}

/** A function with a memory and a port range on the buses, whose registers count their accesses. */
function card(b: ReturnType<typeof board>, name: string): { pci: PciFunction; reads: string[] } {
  const reads: string[] = [];
  const device = {
    readReg: (bank: number, offset: number) => {
      reads.push(`${bank}:${offset}`);
      return 0x5a;
    },
    writeReg: () => {},
  };
  const pci = new PciFunction({
    name,
    vendorId: 0x1af4,
    deviceId: 0x1000,
    classCode: 0x020000,
    interruptPin: 1,
    bars: [portBar(b.ports, device, 0, { index: 0, sizeBytes: 32 }, name), mmioBar(b.mmio, device, 1, { index: 1, sizeBytes: 4096 }, name)],
    capabilities: [
      { offset: 0x40, id: 0x05, reset: [1, 2], writable: [0, 0xff] },
      { offset: 0x50, id: 0x09, reset: [4], writable: [0] },
    ],
  });
  return { pci, reads };
}

test("the chipset is found where a kernel looks for it", () => {
  const { read } = board();
  assert.equal(read(0, 0, 0, 4), 0x12378086);
  assert.equal(read(1, 0, 0, 4), 0x70008086);
  assert.equal(read(1, 3, 0, 4), 0x71138086);
  assert.equal(read(1, 0, 0x0e, 1), 0x80, "several functions");
  assert.equal(read(2, 0, 0, 4), 0xffffffff);
  assert.equal(read(1, 3, 0x0a, 2), 0x0680);
});

test("configuration data is off without the enable bit and on other buses", () => {
  const { ports } = board();
  ports.write(0xcf8, 4, 0x00000000);
  assert.equal(ports.read(0xcfc, 4), 0xffffffff);
  ports.write(0xcf8, 4, 0x80010000);
  assert.equal(ports.read(0xcfc, 2), 0xffff);
  ports.write(0xcf8, 4, 0xffffffff);
  assert.equal(ports.read(0xcf8, 4), 0x80fffffc);
});

test("only a dword reaches CONFIG_ADDRESS, a byte at CF9h is reset control", () => {
  const { ports, resets } = board();
  ports.write(0xcf8, 4, 0x80000000);
  ports.write(0xcf9, 1, 0x02);
  assert.deepEqual(resets, []);
  ports.write(0xcf9, 1, 0x06);
  ports.write(0xcf9, 1, 0x06);
  assert.deepEqual(resets, [true], "on the rise only");
  assert.equal(ports.read(0xcf9, 1), 0x06);
  assert.equal(ports.read(0xcf8, 4), 0x80000000);
  ports.write(0xcf9, 1, 0x00);
  ports.write(0xcf9, 1, 0x04);
  assert.deepEqual(resets, [true, false]);
});

test("a base address register tells its size, and decodes only while enabled", () => {
  const b = board();
  const { pci, reads } = card(b, "card");
  b.bus.plug(3, 0, pci);
  b.write(3, 0, 0x10, 4, 0xffffffff);
  b.write(3, 0, 0x14, 4, 0xffffffff);
  assert.equal(b.read(3, 0, 0x10, 4), 0xffffffe1);
  assert.equal(b.read(3, 0, 0x14, 4), 0xfffff000);
  b.write(3, 0, 0x10, 4, 0xc000);
  b.write(3, 0, 0x14, 4, 0xe0001000);
  assert.equal(b.ports.read(0xc004, 1), 0xff);
  b.write(3, 0, 0x04, 2, 0x0003);
  assert.equal(b.ports.read(0xc004, 1), 0x5a);
  assert.equal(b.mmio.read(0xe0001008, 1), 0x5a);
  b.write(3, 0, 0x10, 4, 0xd000);
  assert.equal(b.ports.read(0xc004, 1), 0xff, "gone from where it was");
  assert.equal(b.ports.read(0xd01f, 1), 0x5a);
  b.write(3, 0, 0x04, 2, 0x0000);
  assert.equal(b.ports.read(0xd004, 1), 0xff);
  assert.equal(b.mmio.read(0xe0001008, 1), 0xff);
  assert.deepEqual(reads, ["0:4", "1:8", "0:31"]);
});

test("a memory range over RAM or the interrupt controllers is not decoded", () => {
  const b = board();
  const { pci } = card(b, "card");
  b.bus.plug(3, 0, pci);
  b.write(3, 0, 0x04, 2, 0x0002);
  for (const base of [0, 0x100000, 0xfec00000, 0xfee00000, 0xfffff000]) {
    b.write(3, 0, 0x14, 4, base);
    assert.equal(pci.decodedBase(1), null);
  }
});

test("of two cards put at one place the first answers, and the second when the first has moved", () => {
  const b = board();
  const one = card(b, "one");
  const two = card(b, "two");
  b.bus.plug(3, 0, one.pci);
  b.bus.plug(4, 0, two.pci);
  for (const device of [3, 4]) {
    b.write(device, 0, 0x10, 4, 0xc000);
    b.write(device, 0, 0x04, 2, 1);
  }
  b.ports.read(0xc000, 1);
  assert.deepEqual([one.reads.length, two.reads.length], [1, 0]);
  b.write(3, 0, 0x10, 4, 0xe000);
  b.ports.read(0xc000, 1);
  assert.deepEqual([one.reads.length, two.reads.length], [1, 1]);
  b.write(4, 0, 0x10, 4, 0x60);
  b.write(4, 0, 0x10, 4, 0xcf0);
  assert.equal(two.pci.decodedBase(0), null, "not over the configuration ports");
});

test("capabilities form a list and keep their read-only bits", () => {
  const b = board();
  b.bus.plug(3, 0, card(b, "card").pci);
  assert.equal(b.read(3, 0, 0x06, 1) & 0x10, 0x10);
  assert.equal(b.read(3, 0, 0x34, 1), 0x40);
  assert.equal(b.read(3, 0, 0x40, 2), 0x5005);
  assert.equal(b.read(3, 0, 0x50, 2), 0x0009);
  b.write(3, 0, 0x40, 4, 0xffffffff);
  assert.equal(b.read(3, 0, 0x40, 4), 0xff015005);
});

test("INTA# goes through PIRQ steering to an ISA interrupt, and is masked by the command register", () => {
  const b = board();
  const { pci } = card(b, "card");
  b.bus.plug(3, 0, pci); // INTA# of device 3 is PIRQC
  pci.setIntx(true);
  assert.ok(b.irq.every((line) => !line.level), "steering is off after reset");
  b.piix3.routePirqs([10, 10, 11, 11]);
  assert.ok(b.irq[11]?.level);
  assert.equal(b.read(3, 0, 0x06, 2) & 8, 8);
  b.write(3, 0, 0x04, 2, 0x0400);
  assert.ok(!b.irq[11]?.level);
  b.write(3, 0, 0x04, 2, 0);
  b.write(1, 0, 0x62, 1, 5);
  assert.deepEqual([b.irq[11]?.level, b.irq[5]?.level], [false, true]);
  b.write(1, 0, 0x62, 1, 8);
  assert.ok(b.irq.every((line) => !line.level), "IRQ 8 cannot be had");
});

test("two cards on one line hold it until both let go", () => {
  const b = board();
  b.piix3.routePirqs([10, 10, 11, 11]);
  const one = card(b, "one").pci;
  const two = card(b, "two").pci;
  b.bus.plug(3, 0, one);
  b.bus.plug(7, 0, two);
  one.setIntx(true);
  two.setIntx(true);
  one.setIntx(false);
  assert.ok(b.irq[11]?.level);
  two.setIntx(false);
  assert.ok(!b.irq[11]?.level);
});

test("PMBASE places the ACPI block once it is enabled", () => {
  const b = board();
  b.write(1, 3, 0x40, 4, 0xffffffff);
  assert.equal(b.read(1, 3, 0x40, 4), 0x0000ffc1);
  assert.deepEqual(b.pmBases, []);
  b.pm.placePmBlock(0x600);
  assert.deepEqual(b.pmBases.at(-1), 0x600);
  assert.equal(b.read(1, 3, 0x40, 4), 0x601);
  b.write(1, 3, 0x80, 1, 0);
  assert.equal(b.pmBases.at(-1), null);
});

test("configuration space of another device is refused, and nothing changes", () => {
  const { pm } = board();
  pm.placePmBlock(0x600);
  const before = pm.save();
  const foreign = structuredClone(before) as unknown as { pci: { config: Uint8Array } };
  foreign.pci.config[2] = 0x14;
  assert.throws(() => pm.load(foreign), StateError);
  assert.deepEqual(pm.save(), before);
});

test("a loaded function answers where it was saved, and not where it stood before", () => {
  const b = board();
  const { pci } = card(b, "card");
  b.bus.plug(3, 0, pci);
  b.write(3, 0, 0x10, 4, 0xc000);
  b.write(3, 0, 0x04, 2, 1);
  const saved = pci.save();
  b.write(3, 0, 0x10, 4, 0xd000);
  pci.load(saved);
  assert.deepEqual([b.ports.read(0xc000, 1), b.ports.read(0xd000, 1)], [0x5a, 0xff]);
});

test("the machine hears of PAM and SMRAM changes only", () => {
  const b = board();
  b.memoryMaps.length = 0;
  b.write(0, 0, 0x59, 1, 0xff);
  b.write(0, 0, 0x59, 1, 0x33);
  b.write(0, 0, 0x50, 1, 0x12);
  b.write(0, 0, 0x72, 1, 0x0a);
  assert.deepEqual(b.memoryMaps, ["51,0,0,0,0,0,0/2", "51,0,0,0,0,0,0/10"]);
});

test("firmware's assignment gives aligned ranges that do not overlap, and interrupt lines", () => {
  const b = board();
  const one = card(b, "one").pci;
  const two = card(b, "two").pci;
  b.bus.plug(3, 0, one);
  b.bus.plug(4, 0, two);
  assignPciResources(b.bus, { memory: WINDOW, ports: { base: 0xc000, end: 0x10000 }, pirqIrqs: [10, 10, 11, 11] });
  assert.deepEqual([one.decodedBase(0), two.decodedBase(0)], [0xc000, 0xc020]);
  assert.deepEqual([one.decodedBase(1), two.decodedBase(1)], [0xe0000000, 0xe0001000]);
  assert.equal(one.readConfig(0x3c, 1), 11);
  assert.equal(b.read(1, 3, 0x3c, 1), 9, "the SCI keeps its line");
  assert.throws(
    () => assignPciResources(b.bus, { memory: WINDOW, ports: { base: 0xc000, end: 0xc030 }, pirqIrqs: [10, 10, 11, 11] }),
    RangeError,
  );
});

deviceConformance(
  "i440fx",
  () => {
    const bus = new PciBus({ memoryWindow: WINDOW, setPirq: () => {} });
    const bridge = new I440fx("i440fx", { bus });
    bus.plug(0, 0, bridge.pci);
    return bridge;
  },
  (bridge) => {
    bridge.writeReg(0, 0, 4, 0x80000058);
    bridge.writeReg(1, 1, 1, 0x33);
  },
  { banks: [4, 4] },
);

deviceConformance(
  "piix3",
  (bench) => new Piix3("piix3", { irq: Array.from({ length: 16 }, (_, i) => bench.irq(`irq${i}`)), onReset: () => {} }),
  (piix3) => {
    piix3.routePirqs([10, 10, 11, 11]);
    piix3.setPirq(2, true);
    piix3.beneathConfigAddress.writeReg(1, 2);
  },
);

deviceConformance(
  "piix4-pm",
  () => new Piix4Pm("pm", () => {}),
  (pm) => pm.placePmBlock(0x600),
);
