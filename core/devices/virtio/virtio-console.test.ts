import assert from "node:assert/strict";
import { test } from "node:test";
import { StateError } from "../../state/device-state.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { VirtioBench } from "../../testkit/virtio-bench.ts";
import { type StartOptions, VirtioDriver } from "../../testkit/virtio-driver.ts";
import { VirtioConsole } from "./virtio-console.ts";
import { MODERN_BYTES, legacyBytes } from "./virtio-pci.ts";

const F_SIZE = 0;
const DEVICE_READY = 0, PORT_READY = 3, PORT_OPEN = 6;

function machine(portNames: string[] = ["console", "agent.0"], bench = new DeviceBench()) {
  const pc = new VirtioBench(bench);
  const output: string[] = portNames.map(() => "");
  const opens: string[] = [];
  const rooms: number[] = [];
  const device: VirtioConsole = pc.plug(
    new VirtioConsole("console", pc.ports(() => device), {
      portNames,
      onOutput: (port, bytes) => (output[port] += String.fromCharCode(...bytes)),
      onOpen: (port, isOpen) => opens.push(`${port}${isOpen ? "+" : "-"}`),
      onReceiveRoom: (port) => rooms.push(port),
    }),
  );
  return { pc, device, output, opens, rooms };
}

function started(options: StartOptions & { kind?: "modern" | "legacy"; portNames?: string[] } = {}) {
  const made = machine(options.portNames);
  const driver = new VirtioDriver(made.pc, options.kind).start(options);
  const { ram } = made.pc;
  const write = (queue: number, text: string): void => {
    const gpa = driver.allocate(text.length || 1);
    ram.bytes.set(ascii(text), gpa);
    driver.queue(queue).add({ gpa, length: text.length });
    driver.queue(queue).kick();
  };
  const places: number[] = [];
  const give = (queue: number, length: number): void => {
    const gpa = driver.allocate(length);
    places[driver.queue(queue).add({ gpa, length, isWritable: true })] = gpa;
    driver.queue(queue).kick();
  };
  const take = (queue: number): Uint8Array[] =>
    driver.queue(queue).takeUsed().map(({ head, written }) => ram.bytes.slice(places[head] ?? 0, (places[head] ?? 0) + written));
  const control = (port: number, event: number, value: number): void => {
    write(3, String.fromCharCode(port, 0, 0, 0, event, 0, value, 0));
  };
  return { ...made, driver, write, give, take, control };
}

const ascii = (text: string): Uint8Array => Uint8Array.from([...text], (c) => c.charCodeAt(0));
const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

for (const kind of ["modern", "legacy"] as const) {
  test(`${kind}: what the guest writes comes out, and input waits for its buffers`, () => {
    const { device, output, write, give, take, rooms } = started({ kind, features: [F_SIZE] });
    write(1, "login: ");
    assert.equal(output[0], "login: ");
    assert.equal(device.canReceive(0), false);
    assert.equal(device.receive(0, ascii("root")), 0);
    give(0, 3);
    give(0, 3);
    assert.deepEqual(rooms, [0, 0]);
    assert.ok(device.canReceive(0));
    assert.equal(device.receive(0, ascii("root\nls\n")), 6);
    assert.deepEqual(take(0).map(text), ["roo", "t\nl"]);
    assert.equal(device.receive(0, ascii("s\n")), 0);
  });
}

test("output longer than the device's buffer comes whole and in order", () => {
  const { output, write } = started();
  const long = Array.from({ length: 100_000 }, (_, i) => String.fromCharCode(33 + (i % 90))).join("");
  write(1, long);
  assert.equal(output[0], long);
});

test("ports are introduced by name, opened and closed", () => {
  const { device, opens, give, take, control, output, write } = started();
  for (let i = 0; i < 10; i++) give(2, 64);
  control(0, DEVICE_READY, 1);
  assert.deepEqual(take(2).map((m) => [...m]), [[0, 0, 0, 0, 1, 0, 1, 0], [1, 0, 0, 0, 1, 0, 1, 0]], "PORT_ADD for both");
  control(0, PORT_READY, 1);
  assert.deepEqual(take(2).map((m) => [...m.subarray(4)]), [[4, 0, 1, 0], [5, 0, 0, 0, 80, 0, 25, 0], [6, 0, 1, 0]], "console, size, open");
  control(1, PORT_READY, 1);
  const [name, open] = take(2);
  assert.deepEqual([name?.[0], name?.[4], text(name?.subarray(8) ?? new Uint8Array(0))], [1, 7, "agent.0"]);
  assert.equal(open?.[4], 6);

  give(4, 16);
  assert.equal(device.receive(1, ascii("hi")), 0, "nobody has it open");
  control(1, PORT_OPEN, 1);
  assert.deepEqual(opens, ["1+"]);
  assert.equal(device.receive(1, ascii("hi")), 2);
  assert.deepEqual(take(4).map(text), ["hi"]);
  write(5, "answer");
  assert.equal(output[1], "answer");
  control(1, PORT_OPEN, 0);
  control(9, PORT_OPEN, 1);
  assert.deepEqual(opens, ["1+", "1-"]);
});

test("a new size is told by message and configuration, without multiport by configuration alone", () => {
  const many = started();
  for (let i = 0; i < 8; i++) many.give(2, 64);
  many.control(0, PORT_READY, 1);
  many.take(2);
  many.device.resize(132, 43);
  assert.deepEqual(many.take(2).map((m) => [...m.subarray(4)]), [[5, 0, 0, 0, 132, 0, 43, 0]]);
  const one = started({ features: [F_SIZE] });
  const generation = one.driver.common(21, 1);
  one.device.resize(100, 30);
  assert.notEqual(one.driver.common(21, 1), generation);
  assert.equal(one.driver.readIsr() & 2, 2);
  assert.deepEqual([one.driver.config(0, 2), one.driver.config(2, 2), one.driver.config(4, 4)], [100, 30, 2]);
});

test("the emergency write works before any driver", () => {
  const { pc, output } = machine();
  new VirtioDriver(pc).setConfig(8, 4, 0x21);
  assert.equal(output[0], "!");
});

test("control messages without end wait until the driver takes the answers", () => {
  const { driver, control, give, take, device } = started();
  for (let i = 0; i < 60; i++) control(0, DEVICE_READY, 1);
  const left = 60 - driver.queue(3).takeUsed().length;
  assert.ok(left > 0, "some are left in the ring");
  const saved = device.save() as unknown as { model: { waiting: unknown[] } };
  assert.ok(saved.model.waiting.length <= 72);
  let answers = 0;
  for (let i = 0; i < 200 && answers < 120; i++) {
    give(2, 64);
    answers += take(2).length;
  }
  assert.equal(answers, 120);
  assert.equal(driver.queue(3).takeUsed().length, left);
});

test("short, odd and unknown control messages are let pass", () => {
  const { driver, write, control } = started();
  write(3, "abc");
  control(0, 99, 1);
  control(200, PORT_READY, 1);
  assert.equal(driver.queue(3).takeUsed().length, 3);
  assert.ok(!driver.needsReset);
});

test("a reset closes ports and forgets messages", () => {
  const { driver, control, opens, device } = started();
  control(0, DEVICE_READY, 1);
  control(1, PORT_OPEN, 1);
  driver.start();
  assert.deepEqual(opens, ["1+", "1-"]);
  const saved = device.save() as unknown as { model: { waiting: unknown[]; ports: unknown[] } };
  assert.equal(saved.model.waiting.length, 0);
  assert.throws(() => device.load({ ...device.save(), model: { ...saved.model, ports: saved.model.ports.slice(1) } }), StateError);
});

test("random traffic on all queues does no harm", () => {
  const { driver, device, pc, opens } = started();
  const random = new SeededRandom(3);
  for (let round = 0; round < 4000; round++) {
    if (driver.needsReset || random.below(300) === 0) driver.start();
    const queue = driver.queue(random.below(6));
    const gpa = random.below(100) ? 0x100000 + random.below(0x1000) : random.next();
    queue.takeUsed();
    pc.ram.view.setUint32(0x100000 + random.below(0x1000), random.next() & 0x01070103, true);
    if (random.below(2)) pc.ram.bytes.set([random.below(3), 0, 0, 0, random.below(8), 0, random.below(2), 0], gpa < pc.ram.sizeBytes - 8 ? gpa : 0x100000);
    try {
      queue.add({ gpa, length: random.below(40), isWritable: random.below(2) === 0 });
    } catch {
      driver.start(); // the ring is full of what nobody answers
    }
    queue.notify();
    device.receive(random.below(4), ascii("input"));
    if (random.below(20) === 0) device.resize(random.below(200), random.below(100));
  }
  assert.ok(opens.length > 0);
});

deviceConformance(
  "virtio-console",
  (bench) => {
    const pc = new VirtioBench(bench);
    const device: VirtioConsole = pc.insert(new VirtioConsole("console", pc.ports(() => device), { portNames: ["console", "a"], onOutput: () => {} }));
    return device;
  },
  (device) => {
    device.resize(100, 40);
    device.writeReg(1, 20, 1, 3);
  },
  { banks: [legacyBytes(12), MODERN_BYTES, 4096] },
);
