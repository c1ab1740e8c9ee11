// The transport and the rings, seen through the simplest device.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StateError } from "../../state/device-state.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { VirtioBench } from "../../testkit/virtio-bench.ts";
import { VirtioDriver } from "../../testkit/virtio-driver.ts";
import type { DriverQueue } from "../../testkit/virtio-driver-queue.ts";
import { VirtioRng } from "./virtio-rng.ts";

const INDIRECT = 28, EVENT_IDX = 29;
const NEEDS_RESET = 0x40;

function machine(bench = new DeviceBench()) {
  const pc = new VirtioBench(bench);
  let served = 0;
  const entropy = (into: Uint8Array): void => {
    served++;
    into.fill(0xe5);
  };
  const device: VirtioRng = pc.plug(new VirtioRng("rng", pc.ports(() => device), entropy));
  return { pc, device, served: () => served };
}

function started(kind: "modern" | "legacy" = "modern", options: Parameters<VirtioDriver["start"]>[0] = {}) {
  const made = machine();
  const driver = new VirtioDriver(made.pc, kind).start(options);
  return { ...made, driver, queue: driver.queue(0) };
}

/** Offers one buffer and says what the device did with it. */
function exchange(driver: VirtioDriver, queue: DriverQueue): number {
  const gpa = driver.allocate(32);
  queue.add({ gpa, length: 32, isWritable: true });
  queue.notify();
  return queue.takeUsed().length;
}

describe("finding the device", () => {
  test("the function is a transitional virtio device with all structures", () => {
    const { fn } = machine().pc;
    assert.equal(fn.readConfig(0, 4), 0x10051af4);
    assert.equal(fn.readConfig(8, 1), 0, "revision 0 says transitional");
    assert.equal(fn.readConfig(0x2e, 2), 4, "the subsystem is the device type");
    assert.equal(fn.readConfig(0x3d, 1), 1);
    const types: number[] = [];
    for (let at = fn.readConfig(0x34, 1); at !== 0; at = fn.readConfig(at + 1, 1)) {
      if (fn.readConfig(at, 1) === 9) types.push(fn.readConfig(at + 3, 1));
    }
    assert.deepEqual(types.sort(), [1, 2, 3, 4, 5]);
  });

  test("registers are reached through configuration space, too", () => {
    const { pc, device } = machine();
    const { fn } = pc;
    const access = (bar: number, offset: number, length: number): void => {
      fn.writeConfig(0x88, 1, bar);
      fn.writeConfig(0x8c, 4, offset);
      fn.writeConfig(0x90, 4, length);
    };
    access(4, 18, 2);
    assert.equal(fn.readConfig(0x94, 4), 1, "number of queues");
    access(4, 20, 1);
    fn.writeConfig(0x94, 1, 3);
    assert.equal(device.status, 3);
    assert.equal(fn.readConfig(0x94, 1), 3);
    for (const [bar, offset, length] of [[0, 0, 4], [1, 0, 4], [4, 0x4000, 4], [4, 2, 4], [4, 0, 8], [4, 0xffffffff, 1]] as const) {
      access(bar, offset, length);
      fn.writeConfig(0x94, 4, 0);
      assert.equal(fn.readConfig(0x94, 4), 0);
    }
    assert.equal(device.status, 3);
  });
});

describe("features and status", () => {
  const settle = (low: number, high: number): number => {
    const driver = new VirtioDriver(machine().pc);
    driver.status = 3;
    driver.setFeatures(low, high);
    driver.status = 0x0b;
    return driver.status;
  };

  test("what was offered is accepted, also in part", () => {
    assert.equal(settle(2 ** 28 + 2 ** 29, 1), 0x0b);
    assert.equal(settle(0, 1), 0x0b);
  });

  test("without VERSION_1, or with features that were not offered, FEATURES_OK stays off", () => {
    assert.equal(settle(2 ** 28, 0), 0x03);
    assert.equal(settle(1, 1), 0x03);
    assert.equal(settle(0, 3), 0x03);
  });

  test("settled features do not change any more", () => {
    const { driver } = started();
    driver.setFeatures(0, 0);
    driver.setCommon(8, 4, 0);
    assert.equal(driver.common(12, 4), (2 ** INDIRECT + 2 ** EVENT_IDX) >>> 0);
  });

  test("only the legacy registers offer ANY_LAYOUT, and only the modern VERSION_1", () => {
    const { pc } = machine();
    assert.equal(new VirtioDriver(pc).isOffered(27), false);
    assert.equal(new VirtioDriver(pc).isOffered(32), true);
    assert.equal(new VirtioDriver(pc, "legacy").isOffered(27), true);
    const driver = new VirtioDriver(pc);
    driver.setCommon(0, 4, 2);
    assert.equal(driver.common(4, 4), 0);
  });

  test("writing 0 resets everything the driver has set up", () => {
    const { driver, queue, pc } = started();
    exchange(driver, queue);
    driver.status = 0;
    assert.equal(driver.status, 0);
    assert.ok(!pc.intx);
    driver.selectQueue(0);
    assert.deepEqual([driver.common(28, 2), driver.common(32, 4), driver.common(24, 2)], [0, 0, 64]);
    driver.start();
    assert.equal(exchange(driver, driver.queue(0)), 1);
  });
});

describe("queues", () => {
  test("the size can be made smaller before the queue is on, to a power of two", () => {
    const driver = new VirtioDriver(machine().pc);
    driver.selectQueue(0);
    for (const [size, expected] of [[32, 32], [0, 32], [33, 32], [128, 32], [1, 1], [64, 64]] as const) {
      driver.setCommon(24, 2, size);
      assert.equal(driver.common(24, 2), expected);
    }
    driver.start({ queueSize: 2 });
    driver.setCommon(24, 2, 16);
    assert.equal(driver.common(24, 2), 2, "not while it is on");
    for (let i = 0; i < 200; i++) assert.equal(exchange(driver, driver.queue(0)), 1);
  });

  test("queues that do not exist have size 0 and no effect", () => {
    const { driver, queue } = started();
    driver.setCommon(22, 2, 7);
    assert.equal(driver.common(24, 2), 0);
    driver.setCommon(28, 2, 1);
    driver.setCommon(26, 2, 1);
    assert.equal(driver.common(26, 2), 0xffff);
    for (const offset of [4, 400, 0xffc]) driver.bench.write((driver.bench.fn.decodedBase(4) ?? 0) + 0x3000 + offset, 2, 1);
    assert.equal(exchange(driver, queue), 1);
  });

  test("the indices run past 65535", () => {
    const { driver, queue, pc } = started();
    const gpa = driver.allocate(1);
    for (let i = 0; i < 66_000; i++) {
      queue.add({ gpa, length: 1, isWritable: true });
      queue.kick();
      assert.equal(queue.takeUsed().length, 1);
    }
    assert.ok(pc.intx);
  });

  test("an indirect table may be longer than a ring that the driver made smaller", () => {
    const { driver, queue } = started("modern", { queueSize: 2 });
    const buffers = Array.from({ length: 10 }, () => ({ gpa: driver.allocate(64, 64), length: 8, isWritable: true }));
    queue.addIndirect(driver.allocate(160), ...buffers);
    queue.notify();
    assert.deepEqual(queue.takeUsed().map((used) => used.written), [80]);
  });

  test("requests made before DRIVER_OK are served with it", () => {
    const { pc, served } = machine();
    const driver = new VirtioDriver(pc).start();
    const queue = driver.queue(0);
    driver.bench.fn.writeConfig(4, 2, 3); // no bus master
    queue.add({ gpa: driver.allocate(8), length: 8, isWritable: true });
    queue.notify();
    assert.equal(served(), 0);
    pc.fn.writeConfig(4, 2, 7);
    assert.equal(served(), 1, "bus mastering is on again");
    assert.equal(queue.takeUsed().length, 1);
  });
});

describe("interrupts", () => {
  test("with MSI-X each queue has its vector, and the pin and ISR stay quiet", () => {
    const { driver, queue, pc } = started("modern", { msix: true });
    exchange(driver, queue);
    assert.deepEqual(pc.messages, [0x41]);
    assert.ok(!pc.intx);
    assert.equal(driver.readIsr(), 0);
    driver.selectQueue(0);
    driver.setCommon(26, 2, 9);
    assert.equal(driver.common(26, 2), 0xffff, "there is no such vector");
    exchange(driver, queue);
    assert.equal(pc.messages.length, 1);
  });

  test("a legacy driver finds vectors and its configuration behind them", () => {
    const { driver, queue, pc } = started("legacy", { msix: true });
    exchange(driver, queue);
    assert.deepEqual(pc.messages, [0x41]);
    assert.equal(driver.legacy(20, 2), 0);
  });

  test("the driver's wish for silence is kept, by flag and by event index", () => {
    for (const features of [[], [EVENT_IDX]]) {
      const { driver, queue, pc } = started("modern", { msix: true, features });
      queue.suppressInterrupts(2);
      const add = (): void => {
        queue.add({ gpa: driver.allocate(8), length: 8, isWritable: true });
        queue.notify();
      };
      add();
      add();
      assert.equal(pc.messages.length, 0);
      add();
      assert.equal(pc.messages.length, features.length, "event index: with the third");
    }
  });
});

describe("hostile rings", () => {
  type Attack = (driver: VirtioDriver, queue: DriverQueue) => void;
  const attacks: Record<string, Attack> = {
    "a chain that loops": (_driver, queue) => {
      queue.describe(0, 0x20000, 4, 3, 1);
      queue.describe(1, 0x20000, 4, 3, 0);
      queue.offer(0);
    },
    "a descriptor that is its own next": (_driver, queue) => {
      queue.describe(5, 0x20000, 0, 3, 5);
      queue.offer(5);
    },
    "a head beyond the ring": (_driver, queue) => queue.offer(64),
    "a next beyond the ring": (_driver, queue) => {
      queue.describe(0, 0x20000, 4, 3, 64);
      queue.offer(0);
    },
    "an available index that runs ahead": (_driver, queue) => {
      queue.ram.view.setUint16(queue.place.driver + 2, 65, true);
    },
    "a buffer past the end of RAM": (_driver, queue) => {
      queue.add({ gpa: queue.ram.sizeBytes - 4, length: 8, isWritable: true });
    },
    "a buffer above 4 GiB": (_driver, queue) => {
      queue.add({ gpa: 2 ** 32 + 0x20000, length: 8, isWritable: true });
    },
    "a buffer that wraps round the address space": (_driver, queue) => {
      queue.add({ gpa: 0xfffffff0, length: 0x20, isWritable: true });
    },
    "a buffer in device memory": (driver, queue) => {
      queue.add({ gpa: driver.bench.fn.decodedBase(4) ?? 0, length: 8, isWritable: true });
    },
    "a buffer that runs into a hole": (_driver, queue) => {
      queue.add({ gpa: 0x9fff0, length: 0x20, isWritable: true });
    },
    "a length of 4 GiB less one": (_driver, queue) => {
      queue.add({ gpa: 0x20000, length: 0xffffffff, isWritable: true });
    },
    "a readable buffer after a writable one": (_driver, queue) => {
      queue.add({ gpa: 0x20000, length: 4, isWritable: true }, { gpa: 0x20100, length: 4 });
    },
    "an indirect table with a crooked length": (_driver, queue) => {
      queue.describe(0, 0x20000, 24, 4, 0);
      queue.offer(0);
    },
    "an empty indirect table": (_driver, queue) => {
      queue.describe(0, 0x20000, 0, 4, 0);
      queue.offer(0);
    },
    "an indirect table outside RAM": (_driver, queue) => {
      queue.describe(0, 0xe0000000, 32, 4, 0);
      queue.offer(0);
    },
    "an indirect table with a next": (_driver, queue) => {
      queue.describe(0, 0x20000, 16, 5, 1);
      queue.offer(0);
    },
    "an indirect table in an indirect table": (_driver, queue) => {
      queue.describe(0, 0x20000, 16, 4, 0);
      queue.describe(0, 0x20000, 16, 4, 0, 0x20000);
      queue.offer(0);
    },
    "an indirect table that loops": (_driver, queue) => {
      queue.describe(0, 0x20000, 32, 4, 0);
      queue.describe(0, 0x21000, 4, 3, 1, 0x20000);
      queue.describe(1, 0x21000, 4, 3, 0, 0x20000);
      queue.offer(0);
    },
    "a next beyond an indirect table": (_driver, queue) => {
      queue.describe(0, 0x20000, 16, 4, 0);
      queue.describe(0, 0x21000, 4, 3, 1, 0x20000);
      queue.offer(0);
    },
  };

  for (const [what, attack] of Object.entries(attacks)) {
    test(`${what} makes the device ask for a reset, and a reset helps`, () => {
      const { driver, queue, pc } = started("modern", { msix: true });
      attack(driver, queue);
      queue.notify();
      assert.ok(driver.needsReset);
      assert.deepEqual(pc.messages, [0x40], "the driver hears of it as a configuration change");
      assert.deepEqual(queue.takeUsed(), []);
      driver.status = 0x0f;
      assert.equal(driver.status, 0x0f | NEEDS_RESET, "no other way out");
      queue.notify();
      assert.deepEqual(queue.takeUsed(), []);
      driver.start();
      assert.ok(!driver.needsReset);
      assert.equal(exchange(driver, driver.queue(0)), 1);
    });
  }

  test("an indirect table that was not negotiated is refused", () => {
    const { driver, queue } = started("modern", { features: [] });
    queue.addIndirect(0x20000, { gpa: 0x21000, length: 4, isWritable: true });
    queue.notify();
    assert.ok(driver.needsReset);
  });

  test("rings outside RAM are refused when the queue is switched on", () => {
    for (const [at, low, high] of [[32, 0xfffff000, 0], [40, 0xa0000, 0], [48, 0x20000, 1], [32, 0x3fff00, 0]] as const) {
      const driver = new VirtioDriver(machine().pc);
      driver.status = 3;
      driver.setFeatures(0, 1);
      driver.status = 0x0b;
      driver.selectQueue(0);
      for (const area of [32, 40, 48]) driver.setCommon(area, 4, 0x20000);
      driver.setCommon(at, 4, low);
      driver.setCommon(at + 4, 4, high);
      driver.setCommon(28, 2, 1);
      assert.ok(driver.needsReset);
    }
  });

  test("legacy rings outside RAM are refused, and page 0 takes a queue away", () => {
    const { pc } = machine();
    const driver = new VirtioDriver(pc, "legacy");
    driver.selectQueue(0);
    driver.setLegacy(8, 4, 0xffffffff);
    assert.ok(driver.needsReset);
    driver.start();
    driver.selectQueue(0);
    assert.notEqual(driver.legacy(8, 4), 0);
    driver.setLegacy(8, 4, 0);
    assert.equal(driver.legacy(8, 4), 0);
    driver.notify(0);
    assert.ok(!driver.needsReset);
  });

  test("random rings never harm the device nor memory outside RAM", () => {
    const { pc, driver, served } = started();
    const random = new SeededRandom(77);
    let resets = 0;
    let uses = 0;
    for (let round = 0; round < 1500; round++) {
      if (driver.needsReset || round % 50 === 0) {
        resets++;
        driver.start(random.below(2) ? {} : { features: [INDIRECT] });
      }
      const queue = driver.queue(0);
      const { table, driver: ring } = queue.place;
      const isTame = random.below(3) !== 0;
      for (let i = 0; i < 24; i++) {
        const at = isTame ? 0x20000 + random.below(0x1000) : random.next();
        queue.describe(random.below(64), at, random.below(isTame ? 64 : 2 ** 31), random.pick([0, 1, 2, 3, 3, 3, 4, 6, 7]), random.below(isTame ? 64 : 70));
        if (random.below(8) === 0) queue.describe(random.below(64), table + 16 * random.below(32), 16 * random.below(33), 4, 0);
      }
      for (let i = 0; i < 3; i++) pc.ram.view.setUint16(ring + 4 + 2 * random.below(64), random.below(70), true);
      pc.ram.view.setUint16(ring + 2, (pc.ram.view.getUint16(ring + 2, true) + random.below(isTame ? 4 : 80)) & 0xffff, true);
      const before = served();
      queue.notify();
      uses += served() - before;
      pc.bench.clock.advance(1000);
    }
    assert.ok(resets > 20 && uses > 20, `${resets} resets, ${uses} requests served`);
    assert.ok(pc.ram.bytes.subarray(0xa0000, 0xc0000).every((byte) => byte === 0));
  });
});

describe("saved state", () => {
  test("a device loaded elsewhere goes on in the middle of its rings", () => {
    const { pc, device, driver, queue } = started("modern", { msix: true });
    for (let i = 0; i < 5; i++) exchange(driver, queue);
    const saved = device.save();
    const other = machine();
    other.pc.ram.bytes.set(pc.ram.bytes);
    other.device.load(saved);
    assert.deepEqual(other.device.save(), saved);
    const gpa = 0x30000;
    other.pc.ram.view.setUint32(gpa, 0);
    const { table, driver: ring } = queue.place;
    other.pc.ram.view.setUint32(table, gpa, true);
    other.pc.ram.view.setUint32(table + 4, 0, true);
    other.pc.ram.view.setUint32(table + 8, 4, true);
    other.pc.ram.view.setUint32(table + 12, 2, true);
    other.pc.ram.view.setUint16(ring + 4 + 2 * 5, 0, true);
    other.pc.ram.view.setUint16(ring + 2, 6, true);
    other.device.notify(0);
    assert.equal(other.pc.ram.view.getUint32(gpa), 0xe5e5e5e5);
    assert.deepEqual(other.pc.messages, [0x41]);
  });

  test("sizes, vectors and other devices' state are checked", () => {
    const { device } = started();
    const saved = structuredClone(device.save()) as unknown as { virtio: Record<string, number>; queues: Record<string, number>[] };
    const broken = (change: (state: typeof saved) => void): void => {
      const state = structuredClone(saved);
      change(state);
      assert.throws(() => device.load(state), StateError);
    };
    broken((state) => ((state.queues[0] ?? {})["size"] = 3));
    broken((state) => ((state.queues[0] ?? {})["size"] = 128));
    broken((state) => ((state.queues[0] ?? {})["vector"] = 2));
    broken((state) => ((state.queues[0] ?? {})["outstanding"] = 65));
    broken((state) => (state.virtio["configVector"] = 2));
    broken((state) => (state.virtio["pendingWork"] = 2));
    broken((state) => state.queues.push({ ...(state.queues[0] ?? {}) }));
  });
});
