import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { VirtioBench } from "../../testkit/virtio-bench.ts";
import { VirtioDriver } from "../../testkit/virtio-driver.ts";
import { VirtioRng } from "./virtio-rng.ts";
import { legacyBytes, MODERN_BYTES } from "./virtio-pci.ts";

/** Counts up, so that every byte says which it was. */
function counter(): (into: Uint8Array) => void {
  let next = 0;
  return (into) => {
    for (let i = 0; i < into.length; i++) into[i] = next++ & 0xff;
  };
}

function rng(bench = new DeviceBench()) {
  const pc = new VirtioBench(bench);
  const device: VirtioRng = pc.plug(new VirtioRng("rng", pc.ports(() => device), counter()));
  return { pc, device };
}

for (const kind of ["modern", "legacy"] as const) {
  test(`${kind}: buffers are filled with entropy in order`, () => {
    const { pc } = rng();
    const driver = new VirtioDriver(pc, kind).start();
    const queue = driver.queue(0);
    const [a, b, c] = [driver.allocate(16), driver.allocate(5), driver.allocate(11)];
    const first = queue.add({ gpa: a, length: 16, isWritable: true });
    const second = queue.add({ gpa: b, length: 5, isWritable: true }, { gpa: c, length: 11, isWritable: true });
    assert.ok(queue.kick());
    assert.deepEqual(queue.takeUsed(), [{ head: first, written: 16 }, { head: second, written: 16 }]);
    const got = [...pc.ram.bytes.subarray(a, a + 16), ...pc.ram.bytes.subarray(b, b + 5), ...pc.ram.bytes.subarray(c, c + 11)];
    assert.deepEqual(got, Array.from({ length: 32 }, (_, i) => i));
    assert.ok(pc.intx);
    assert.equal(driver.readIsr(), 1);
    assert.ok(!pc.intx);
  });
}

test("a huge buffer gets some bytes, and a read-only one none", () => {
  const { pc } = rng();
  const driver = new VirtioDriver(pc).start();
  const queue = driver.queue(0);
  const big = driver.allocate(100_000);
  queue.add({ gpa: big, length: 100_000, isWritable: true });
  queue.add({ gpa: big, length: 100 });
  queue.kick();
  assert.deepEqual(queue.takeUsed().map((used) => used.written), [4096, 0]);
  assert.ok(!driver.needsReset);
});

deviceConformance(
  "virtio-rng",
  (bench) => {
    const pc = new VirtioBench(bench);
    const device: VirtioRng = pc.insert(new VirtioRng("rng", pc.ports(() => device), counter()));
    return device;
  },
  (device) => {
    // The suite's device comes without its PC: these are the common configuration's selectors, features and a queue that is not RAM.
    device.writeReg(1, 0, 4, 1);
    device.writeReg(1, 20, 1, 3);
    device.writeReg(1, 8, 4, 1);
    device.writeReg(1, 12, 4, 1);
    device.writeReg(1, 20, 1, 0x0b);
    device.writeReg(1, 32, 4, 0x7ffff000);
    device.writeReg(1, 28, 2, 1);
    device.pci.writeConfig(4, 2, 7);
    device.writeReg(1, 20, 1, 0x0f);
    device.writeReg(2, 0, 4, 0xfee00000);
  },
  { banks: [legacyBytes(0), MODERN_BYTES, 4096] },
);
