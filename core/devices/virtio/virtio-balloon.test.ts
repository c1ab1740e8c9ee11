import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { VirtioBench } from "../../testkit/virtio-bench.ts";
import { VirtioDriver } from "../../testkit/virtio-driver.ts";
import { type BalloonStats, VirtioBalloon } from "./virtio-balloon.ts";
import { MODERN_BYTES, legacyBytes } from "./virtio-pci.ts";

const INFLATE = 0, DEFLATE = 1, STATS = 2, REPORTING = 3;

function machine(bench = new DeviceBench()) {
  const pc = new VirtioBench(bench);
  const released: [number, number][] = [];
  const actual: number[] = [];
  const stats: BalloonStats[] = [];
  const device: VirtioBalloon = pc.plug(
    new VirtioBalloon("balloon", pc.ports(() => device), {
      pagesReleased: (gpa, length) => released.push([gpa, length]),
      onActual: (pages) => actual.push(pages),
      onStats: (values) => stats.push(values),
    }),
  );
  return { pc, device, released, actual, stats };
}

function started(kind: "modern" | "legacy" = "modern") {
  const made = machine();
  const driver = new VirtioDriver(made.pc, kind).start();
  const pages = (queue: number, ...numbers: number[]): void => {
    const gpa = driver.allocate(4 * numbers.length);
    for (const [i, page] of numbers.entries()) made.pc.ram.view.setUint32(gpa + 4 * i, page, true);
    driver.queue(queue).add({ gpa, length: 4 * numbers.length });
    driver.queue(queue).kick();
  };
  return { ...made, driver, pages };
}

for (const kind of ["modern", "legacy"] as const) {
  test(`${kind}: the target is told by a configuration change, and the guest says what it has given`, () => {
    const { device, driver, actual, pages, released } = started(kind);
    device.setTarget(100);
    assert.equal(driver.readIsr() & 2, 2);
    assert.equal(driver.config(0, 4), 100);
    pages(INFLATE, 0x120, 0x121, 0x122);
    driver.setConfig(4, 4, 3);
    assert.deepEqual(actual, [3]);
    assert.equal(driver.config(4, 4), 3);
    assert.deepEqual(released, [[0x120000, 0x3000]]);
    pages(DEFLATE, 0x120);
    assert.equal(released.length, 1);
    assert.deepEqual([INFLATE, DEFLATE].map((q) => driver.queue(q).takeUsed().length), [1, 1]);
  });
}

test("pages that are neighbours are one range, in either order; what is no RAM is left out", () => {
  const { pages, released } = started();
  pages(INFLATE, 0x205, 0x204, 0x203, 0x300, 0x302, 0x9f, 0xffffffff, 0xa0, 0x3ff, 0x400, 0x310, 0x310);
  assert.deepEqual(released, [[0x203000, 0x3000], [0x300000, 0x1000], [0x302000, 0x1000], [0x9f000, 0x1000], [0x310000, 0x1000], [0x310000, 0x1000]]);
});

test("free page reports give whole pages back", () => {
  const { driver, released } = started();
  driver.queue(REPORTING).add({ gpa: 0x200000, length: 0x10000, isWritable: true }, { gpa: 0x300800, length: 0x2000, isWritable: true }, { gpa: 0x350000, length: 100, isWritable: true });
  driver.queue(REPORTING).kick();
  assert.deepEqual(released, [[0x200000, 0x10000], [0x301000, 0x1000]]);
  assert.equal(driver.queue(REPORTING).takeUsed().length, 1);
});

test("statistics come when asked for", () => {
  const { driver, device, stats, pc } = started();
  assert.equal(device.requestStats(), false);
  const gpa = driver.allocate(30);
  const fill = (free: number): void => {
    [[4, free], [5, 2 ** 33], [77, 1]].forEach(([tag, value], i) => {
      pc.ram.view.setUint16(gpa + 10 * i, tag ?? 0, true);
      pc.ram.view.setBigUint64(gpa + 10 * i + 2, BigInt(value ?? 0), true);
    });
    driver.queue(STATS).add({ gpa, length: 30 });
    driver.queue(STATS).kick();
  };
  fill(1000);
  assert.deepEqual(stats, [{ freeBytes: 1000, totalBytes: 2 ** 33 }]);
  assert.equal(driver.queue(STATS).takeUsed().length, 0, "the buffer is kept");
  assert.equal(device.requestStats(), true);
  assert.equal(device.requestStats(), false);
  assert.equal(driver.queue(STATS).takeUsed().length, 1);
  fill(900);
  assert.equal(stats[1]?.freeBytes, 900);
});

test("a kept statistics buffer survives saving", () => {
  const { driver, device, pc } = started();
  driver.queue(STATS).add({ gpa: driver.allocate(10), length: 10 });
  driver.queue(STATS).kick();
  const other = machine();
  other.pc.ram.bytes.set(pc.ram.bytes);
  other.device.load(device.save());
  assert.ok(other.device.requestStats());
  assert.equal(other.pc.ram.view.getUint16(driver.queue(STATS).place.device + 2, true), 1);
});

test("a power-on reset takes the target back, a warm one does not", () => {
  const { device, driver } = started();
  device.setTarget(7);
  device.reset("warm");
  driver.bench.configure();
  assert.equal(new VirtioDriver(driver.bench).start().config(0, 4), 7);
  device.reset("power");
  driver.bench.configure();
  assert.equal(new VirtioDriver(driver.bench).start().config(0, 4), 0);
});

test("random lists and reports release nothing but RAM", () => {
  const { driver, device, released, pc } = started();
  const random = new SeededRandom(11);
  for (let round = 0; round < 4000; round++) {
    if (driver.needsReset || round % 100 === 0) driver.start();
    const queue = driver.queue(random.below(4));
    queue.takeUsed();
    pc.ram.view.setUint32(0x100000 + 4 * random.below(1024), random.below(2) ? random.below(0x500) : random.next(), true);
    const gpa = random.below(8) ? 0x100000 + random.below(0x1000) : random.next();
    queue.add({ gpa, length: random.below(16) ? random.below(0x4000) : random.next(), isWritable: random.below(3) === 0 });
    queue.notify();
    if (random.below(10) === 0) device.requestStats();
    if (random.below(100) === 0) device.setTarget(random.next());
  }
  assert.ok(released.length > 100);
  assert.ok(released.every(([gpa, length]) => gpa % 4096 === 0 && length % 4096 === 0 && length > 0 && pc.ram.isRam(gpa, length)));
});

deviceConformance(
  "virtio-balloon",
  (bench) => {
    const pc = new VirtioBench(bench);
    const device: VirtioBalloon = pc.insert(new VirtioBalloon("balloon", pc.ports(() => device), { pagesReleased: () => {} }));
    return device;
  },
  (device) => {
    device.setTarget(1000);
    device.writeReg(1, 0x2004, 4, 5);
  },
  { banks: [legacyBytes(8), MODERN_BYTES, 4096] },
);
