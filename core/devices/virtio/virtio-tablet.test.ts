import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { VirtioBench } from "../../testkit/virtio-bench.ts";
import { VirtioDriver } from "../../testkit/virtio-driver.ts";
import { MODERN_BYTES } from "./virtio-pci.ts";
import { TABLET_MAX, VirtioTablet } from "./virtio-tablet.ts";

const SYN = "0/0=0";
const X = (n: number): string => `3/0=${n}`;
const Y = (n: number): string => `3/1=${n}`;

function machine(bench = new DeviceBench()) {
  const pc = new VirtioBench(bench);
  const active: boolean[] = [];
  const device: VirtioTablet = pc.plug(new VirtioTablet("tablet", pc.ports(() => device), { onActive: (isActive) => active.push(isActive) }));
  return { pc, device, active };
}

function started(buffers = 32) {
  const made = machine();
  const driver = new VirtioDriver(made.pc).start();
  const places = new Map<number, number>();
  const give = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const gpa = driver.allocate(8);
      places.set(driver.queue(0).add({ gpa, length: 8, isWritable: true }), gpa);
    }
    driver.queue(0).kick();
  };
  give(buffers);
  const events = (): string[] =>
    driver.queue(0).takeUsed().map(({ head, written }) => {
      assert.equal(written, 8);
      const at = places.get(head) ?? 0;
      const { view } = made.pc.ram;
      return `${view.getUint16(at, true)}/${view.getUint16(at + 2, true)}=${view.getInt32(at + 4, true)}`;
    });
  return { ...made, driver, give, events };
}

test("it is a modern input device that says what it can", () => {
  const { driver, pc } = started();
  assert.equal(pc.fn.readConfig(0, 4), 0x10521af4);
  assert.equal(pc.fn.readConfig(8, 1), 1);
  assert.equal(pc.fn.decodedBase(0), null);
  const ask = (select: number, subselect: number): number[] => {
    driver.setConfig(0, 1, select);
    driver.setConfig(1, 1, subselect);
    return Array.from({ length: driver.config(2, 1) }, (_, i) => driver.config(8 + i, 1));
  };
  assert.equal(String.fromCharCode(...ask(1, 0)), "Ringfence Tablet");
  assert.equal(ask(3, 0).length, 8);
  const keys = ask(0x11, 1);
  assert.deepEqual([keys.length, keys[0x110 >> 3], keys[0x114 >> 3]], [35, 0x1f, 0x1f]);
  assert.deepEqual(ask(0x11, 2), [0, 1], "wheel");
  assert.deepEqual(ask(0x11, 3), [3], "x and y");
  assert.deepEqual(ask(0x12, 0).slice(0, 8), [0, 0, 0, 0, 0xff, 0x7f, 0, 0]);
  for (const [select, subselect] of [[0, 0], [2, 0], [0x10, 0], [0x11, 0], [0x11, 4], [0x12, 2], [0xff, 0xff]] as const) assert.deepEqual(ask(select, subselect), []);
});

test("place, buttons and wheel come as one packet of what has changed", () => {
  const { device, events, pc } = started();
  device.report({ x: 100, y: 200, wheel: 0, buttons: 0 });
  assert.deepEqual(events(), [X(100), Y(200), SYN]);
  assert.ok(pc.intx);
  device.report({ x: 100, y: 201, wheel: 0, buttons: 1 });
  assert.deepEqual(events(), [Y(201), `1/${0x110}=1`, SYN]);
  device.report({ x: 100, y: 201, wheel: -2, buttons: 0x12 });
  assert.deepEqual(events(), [`1/${0x110}=0`, `1/${0x111}=1`, `1/${0x114}=1`, "2/8=2", SYN], "away from the user is up");
  device.report({ x: 100, y: 201, wheel: 0, buttons: 0x12 });
  assert.deepEqual(events(), []);
  device.report({ x: -5, y: 1e9, wheel: 0, buttons: 0x12 });
  assert.deepEqual(events(), [X(0), Y(TABLET_MAX), SYN]);
});

test("while the guest has no room for a packet, reports merge", () => {
  const { device, events, give } = started(2);
  device.report({ x: 1, y: 2, wheel: 1, buttons: 0 });
  device.report({ x: 3, y: 4, wheel: 1, buttons: 0 });
  assert.deepEqual(events(), []);
  give(8);
  assert.deepEqual(events(), [X(3), Y(4), "2/8=-2", SYN]);
});

test("the host hears when a driver begins and ends", () => {
  const { device, driver, active } = started();
  assert.ok(device.isActive);
  driver.status = 0;
  assert.ok(!device.isActive);
  assert.deepEqual(active, [true, false]);
  device.report({ x: 5, y: 5, wheel: 0, buttons: 0 });
  driver.start();
  assert.deepEqual(active, [true, false, true]);
});

test("status events are taken and given back", () => {
  const { driver } = started();
  driver.queue(1).add({ gpa: driver.allocate(8), length: 8 });
  driver.queue(1).kick();
  assert.equal(driver.queue(1).takeUsed().length, 1);
});

test("random rings and reports do no harm", () => {
  const { device, driver, pc } = started();
  const random = new SeededRandom(21);
  let taken = 0;
  for (let round = 0; round < 3000; round++) {
    if (driver.needsReset || round % 50 === 0) driver.start();
    const queue = driver.queue(random.below(2));
    const gpa = random.below(20) ? 0x100000 + random.below(0x1000) : random.next();
    queue.add({ gpa, length: random.below(12), isWritable: random.below(8) !== 0 });
    queue.notify();
    device.report({ x: random.next(), y: random.below(40000) - 1000, wheel: random.below(5) - 2, buttons: random.below(256) });
    taken += queue.takeUsed().length;
    driver.setConfig(random.below(136), 1, random.below(256));
    driver.config(random.below(136), 1);
  }
  assert.ok(taken > 100, `${taken} taken`);
  assert.ok(pc.ram.bytes.subarray(0xa0000, 0xc0000).every((byte) => byte === 0));
});

deviceConformance(
  "virtio-tablet",
  (bench) => {
    const pc = new VirtioBench(bench);
    const device: VirtioTablet = pc.insert(new VirtioTablet("tablet", pc.ports(() => device)));
    return device;
  },
  (device) => {
    device.report({ x: 9, y: 8, wheel: 1, buttons: 3 });
    device.writeReg(1, 0x2000, 1, 0x11);
    device.writeReg(1, 0x2001, 1, 1);
  },
  { banks: [64, MODERN_BYTES, 4096] },
);
