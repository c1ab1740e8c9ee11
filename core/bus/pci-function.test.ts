import assert from "node:assert/strict";
import { test } from "node:test";
import { StateError } from "../state/device-state.ts";
import { MmioBus } from "./mmio-bus.ts";
import { assignPciResources } from "./pci-assign.ts";
import { PciBus, mmioBar, romBar } from "./pci-bus.ts";
import { PciFunction, type PciFunctionSpec } from "./pci-function.ts";
import { MsixRegisters } from "./pci-msix.ts";

const WINDOW = { base: 0xe0000000, end: 0xfec00000 };
const COMMAND = 0x04;
const MEMORY_AND_MASTER = 0x0006;
const MSI = 0x50;
const MSIX = 0x70;

function slot() {
  const mmio = new MmioBus();
  const sent: string[] = [];
  const pirqs = [false, false, false, false];
  const messages = {
    sendMsi: (address: number, data: number) => {
      sent.push(`${address.toString(16)}:${data.toString(16)}`);
      return true;
    },
  };
  const bus = new PciBus({ memoryWindow: WINDOW, setPirq: (n, level) => (pirqs[n] = level), messages });
  const plug = (spec: Partial<PciFunctionSpec>): PciFunction => {
    const fn = new PciFunction({ name: "card", vendorId: 0x1af4, deviceId: 0x1000, classCode: 0, interruptPin: 1, ...spec });
    bus.plug(3, 0, fn);
    return fn;
  };
  return { mmio, sent, pirqs, bus, plug };
}

const registers = { readReg: (_bank: number, offset: number) => offset & 0xff, writeReg: () => {} };

test("a 64-bit base address register takes two registers and tells its size in both", () => {
  const s = slot();
  const fn = s.plug({ bars: [mmioBar(s.mmio, registers, 0, { index: 2, sizeBytes: 0x4000, is64Bit: true, prefetchable: true }, "card")] });
  fn.writeConfig(0x18, 4, 0xffffffff);
  fn.writeConfig(0x1c, 4, 0xffffffff);
  assert.equal(fn.readConfig(0x18, 4), 0xffffc00c);
  assert.equal(fn.readConfig(0x1c, 4), 0xffffffff);
  fn.writeConfig(COMMAND, 2, MEMORY_AND_MASTER);
  fn.writeConfig(0x18, 4, 0xe0004000);
  assert.equal(fn.decodedBase(2), null, "the high half still says above 4 GiB");
  fn.writeConfig(0x1c, 4, 0);
  assert.equal(fn.decodedBase(2), 0xe0004000);
  assert.equal(s.mmio.read(0xe0004012, 1), 0x12);
  fn.writeConfig(0x1c, 4, 1);
  assert.equal(s.mmio.read(0xe0004012, 1), 0xff);
});

test("a 64-bit base address register needs a second register, and memory space", () => {
  const bar = { sizeBytes: 0x1000, is64Bit: true, decode: () => true };
  assert.throws(() => slot().plug({ bars: [{ ...bar, index: 5, space: "memory" }] }), RangeError);
  assert.throws(() => slot().plug({ bars: [{ ...bar, index: 0, space: "io" }] }), RangeError);
});

test("firmware's assignment places 64-bit ranges below 4 GiB", () => {
  const s = slot();
  const fn = s.plug({
    bars: [
      mmioBar(s.mmio, registers, 0, { index: 0, sizeBytes: 0x4000, is64Bit: true }, "a"),
      mmioBar(s.mmio, registers, 0, { index: 2, sizeBytes: 0x1000 }, "b"),
    ],
  });
  assignPciResources(s.bus, { memory: WINDOW, ports: { base: 0xc000, end: 0x10000 }, pirqIrqs: [10, 10, 11, 11] });
  assert.deepEqual([fn.decodedBase(0), fn.decodedBase(2)], [0xe0000000, 0xe0004000]);
});

test("an expansion ROM answers with its own enable bit and memory decoding only", () => {
  const s = slot();
  const fn = s.plug({ rom: romBar(s.mmio, Uint8Array.from([0x55, 0xaa, 3]), "card ROM") });
  fn.writeConfig(0x30, 4, 0xfffffffe);
  assert.equal(fn.readConfig(0x30, 4), 0xfffff800);
  fn.writeConfig(0x30, 4, 0xe0001001);
  assert.equal(fn.decodedRomBase(), null);
  fn.writeConfig(COMMAND, 2, 2);
  assert.equal(s.mmio.read(0xe0001000, 4), 0xff03aa55);
  assert.equal(s.mmio.read(0xe00017ff, 1), 0xff);
  s.mmio.write(0xe0001000, 4, 0);
  assert.equal(s.mmio.read(0xe0001000, 2), 0xaa55, "it cannot be written");
  fn.writeConfig(0x30, 4, 0xe0001000);
  assert.equal(fn.decodedRomBase(), null);
});

test("MSI: address and data as written, low bits of data from the vector, the pin silent", () => {
  const s = slot();
  const fn = s.plug({ msi: { offset: MSI, vectors: 4 } });
  assert.equal(fn.readConfig(0x34, 1), MSI);
  assert.equal(fn.readConfig(MSI, 4), 0x00840005);
  fn.setIntx(true);
  assert.ok(s.pirqs.includes(true));
  assert.equal(fn.sendMessage(0), false, "off: the pin is the way");
  fn.writeConfig(COMMAND, 2, MEMORY_AND_MASTER);
  fn.writeConfig(MSI + 4, 4, 0xfee00007);
  fn.writeConfig(MSI + 12, 2, 0x4143);
  fn.writeConfig(MSI + 2, 2, 0x0021);
  assert.ok(!s.pirqs.includes(true));
  assert.ok(fn.sendMessage(0));
  assert.ok(fn.sendMessage(3));
  assert.deepEqual(s.sent, ["fee00004:4140", "fee00004:4143"]);
  fn.writeConfig(MSI + 2, 2, 0x0001);
  fn.sendMessage(3);
  assert.equal(s.sent.at(-1), "fee00004:4143", "one vector granted: all events use it");
  fn.writeConfig(MSI + 2, 2, 0x0071);
  fn.sendMessage(2);
  assert.equal(s.sent.at(-1), "fee00004:4142", "no more than it has");
});

test("MSI: a masked vector waits in the pending bits and is sent once unmasked", () => {
  const s = slot();
  const fn = s.plug({ msi: { offset: MSI, vectors: 2, hasMasking: true } });
  fn.writeConfig(COMMAND, 2, MEMORY_AND_MASTER);
  fn.writeConfig(MSI + 4, 4, 0xfee00000);
  fn.writeConfig(MSI + 12, 2, 0x30);
  fn.writeConfig(MSI + 16, 4, 0xffffffff);
  assert.equal(fn.readConfig(MSI + 16, 4), 3);
  fn.writeConfig(MSI + 2, 2, 0x0011);
  fn.sendMessage(1);
  fn.sendMessage(1);
  assert.equal(fn.readConfig(MSI + 20, 4), 2);
  fn.writeConfig(MSI + 16, 4, 2);
  assert.deepEqual(s.sent, []);
  fn.writeConfig(MSI + 16, 4, 0);
  assert.deepEqual(s.sent, ["fee00000:31"]);
  assert.equal(fn.readConfig(MSI + 20, 4), 0);
});

test("messages need bus mastering and go to interrupt addresses only", () => {
  const s = slot();
  const fn = s.plug({ msi: { offset: MSI, vectors: 1 } });
  fn.writeConfig(MSI + 4, 4, 0xfee00000);
  fn.writeConfig(MSI + 2, 2, 1);
  fn.sendMessage(0);
  fn.writeConfig(COMMAND, 2, MEMORY_AND_MASTER);
  fn.writeConfig(MSI + 8, 4, 1);
  fn.sendMessage(0);
  fn.writeConfig(MSI + 8, 4, 0);
  fn.writeConfig(MSI + 4, 4, 0x1000);
  fn.sendMessage(0);
  assert.deepEqual(s.sent, []);
});

function msixCard() {
  const s = slot();
  const table = new MsixRegisters(3);
  const fn = s.plug({
    bars: [mmioBar(s.mmio, table, 0, { index: 1, sizeBytes: table.sizeBytes }, "msix")],
    msix: { offset: MSIX, bar: 1, registers: table },
  });
  fn.writeConfig(0x14, 4, 0xe0000000);
  fn.writeConfig(COMMAND, 2, MEMORY_AND_MASTER);
  const program = (vector: number, address: number, data: number, control: number): void => {
    const at = 0xe0000000 + 16 * vector;
    for (const [i, value] of [address, 0, data, control].entries()) s.mmio.write(at + 4 * i, 4, value);
  };
  return { ...s, table, fn, program, pendingBits: () => s.mmio.read(0xe0000000 + table.pbaOffset, 4) };
}

test("MSI-X: the capability says where table and pending bits lie, and all vectors start masked", () => {
  const { fn, mmio, table } = msixCard();
  assert.equal(fn.readConfig(MSIX, 4), 0x00020011);
  assert.equal(fn.readConfig(MSIX + 4, 4), 1);
  assert.equal(fn.readConfig(MSIX + 8, 4), table.pbaOffset | 1);
  assert.deepEqual([0, 1, 2, 3].map((v) => mmio.read(0xe000000c + 16 * v, 4)), [1, 1, 1, 0]);
  mmio.write(0xe0000000, 4, 0xfee01007);
  assert.equal(mmio.read(0xe0000000, 4), 0xfee01004);
  mmio.write(0xe0000000 + table.pbaOffset, 4, 7);
  assert.equal(mmio.read(0xe0000000 + table.pbaOffset, 4), 0, "pending bits are read-only");
});

test("MSI-X: vectors, their masks, the function mask and the pending bits", () => {
  const { fn, sent, program, pendingBits } = msixCard();
  assert.equal(fn.sendMessage(0), false);
  fn.writeConfig(MSIX + 2, 2, 0xc000);
  program(0, 0xfee01000, 0x51, 0);
  program(1, 0xfee02000, 0x52, 1);
  assert.ok(fn.usesMsix);
  for (const vector of [0, 1, 2, 3, 99]) assert.ok(fn.sendMessage(vector));
  assert.deepEqual(sent, []);
  assert.equal(pendingBits(), 7);
  fn.writeConfig(MSIX + 2, 2, 0x8000);
  assert.deepEqual(sent, ["fee01000:51"]);
  assert.equal(pendingBits(), 6);
  program(1, 0xfee02000, 0x52, 0);
  assert.deepEqual(sent, ["fee01000:51", "fee02000:52"]);
  fn.sendMessage(1);
  assert.equal(sent.length, 3);
  fn.writeConfig(COMMAND, 2, 2);
  fn.sendMessage(0);
  assert.equal(sent.length, 3, "not a bus master");
  fn.writeConfig(COMMAND, 2, MEMORY_AND_MASTER);
  assert.equal(sent.at(-1), "fee01000:51");
});

test("MSI-X: saved with table and pending bits, loaded without sending, reset to masked", () => {
  const one = msixCard();
  one.program(0, 0xfee01000, 0x51, 1);
  one.fn.writeConfig(MSIX + 2, 2, 0x8000);
  one.fn.sendMessage(0);
  const saved = one.fn.save();
  const two = msixCard();
  two.fn.check(saved);
  two.fn.load(saved);
  assert.deepEqual(two.fn.save(), saved);
  assert.deepEqual(two.sent, []);
  two.mmio.write(0xe000000c, 4, 0);
  assert.deepEqual(two.sent, ["fee01000:51"]);
  one.fn.reset();
  assert.equal(one.fn.usesMsix, false);
  assert.equal(one.table.isMasked(0), true);
  assert.equal(one.table.hasPending(), false);
});

test("saved state with another function's MSI-X table is refused", () => {
  const { fn } = msixCard();
  const saved = fn.save();
  assert.throws(() => fn.check({ ...saved, msix: null }), StateError);
  assert.throws(() => fn.check({ ...saved, msix: new Uint8Array(20) }), StateError);
  const plain = slot().plug({});
  assert.throws(() => plain.check({ ...plain.save(), msix: new Uint8Array(16) }), StateError);
});
