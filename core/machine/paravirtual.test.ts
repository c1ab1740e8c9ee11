// KVM's interface as a guest finds it, and what a pause does to the guest's clocks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MachineBench, tinyKernel } from "../testkit/machine-bench.ts";

const OFFERED = { paravirtual: true };

test("CPUID names KVM or the machine itself, as the machine is made", () => {
  // mov eax, 40000000h; cpuid; then EBX to port E9h byte by byte; hlt
  const kernel = tinyKernel("b800000040 0fa2 88d8 e6e9 88f8 e6e9 c1eb10 88d8 e6e9 88f8 e6e9 fa f4");
  for (const [devices, name] of [[OFFERED, "KVMK"], [{ paravirtual: false }, "Ring"], [undefined, "Ring"]] as const) {
    const b = new MachineBench(kernel, devices ? { devices } : {});
    assert.equal(b.slice().kind, "halted");
    assert.equal(b.debug, name);
  }
});

test("after a day's pause the guest's clock goes on, its flag says that it was stopped, and the RTC shows the next day", () => {
  // wrmsr 4b564d01h, 200001h; flags to port E9h; loop until GUEST_STOPPED is set; the RTC's day to port E9h; jmp $
  const kernel = tinyKernel("b9014d564b b801002000 31d2 0f30 a01d002000 e6e9 f6051d00200002 74f7 b007 e670 e471 e6e9 ebfe");
  const b = new MachineBench(kernel, { devices: OFFERED });
  for (let n = 0; n < 5; n++) b.slice();
  assert.equal(b.debug, "\u0001");
  const before = b.machine.nowNs();
  b.hostNs += 86_400e9;
  b.machine.resumeClock();
  for (let n = 0; n < 5; n++) b.slice();
  assert.equal(b.debug, "\u0001\u0015");
  assert.ok(b.machine.nowNs() - before < 100e6);
});

test("without the interface its registers do not exist", () => {
  const b = new MachineBench(tinyKernel("b9014d564b b801002000 31d2 0f30 ebfe"));
  assert.equal(b.slice().exit?.kind, "tripleFault");
});

test("setting the time-stamp counter keeps the clock right", () => {
  // The clock at 200000h; TSC set to 2^40; rdtsc less the structure's timestamp is small: its high word to port E9h; hlt
  const kernel = tinyKernel("b9014d564b b801002000 31d2 0f30 b910000000 31c0 ba00010000 0f30 0f31 2b0508002000 1b150c002000 88d0 e6e9 fa f4");
  const b = new MachineBench(kernel, { devices: OFFERED });
  assert.equal(b.slice().kind, "halted");
  assert.equal(b.debug, "\0");
});

test("IA32_TSC_ADJUST is what the time-stamp counter was set ahead by, and takes it back", () => {
  // TSC set to 2^40; the high word of TSC_ADJUST to port E9h; TSC_ADJUST set to 0; the TSC's high word to port E9h; hlt
  const kernel = tinyKernel("b910000000 31c0 ba00010000 0f30 b93b000000 0f32 88d0 e6e9 31c0 31d2 0f30 0f31 88d0 e6e9 fa f4");
  const b = new MachineBench(kernel);
  assert.equal(b.slice().kind, "halted");
  assert.equal(b.debug, "\u00ff\0");
});

test("a call to KVM is answered with an error where KVM is offered, and does not exist elsewhere", () => {
  // mov eax, 9; vmcall (vmmcall); neg eax; al and ah to port E9h; hlt
  for (const call of ["0f01c1", "0f01d9"]) {
    const kernel = tinyKernel(`b809000000 ${call} f7d8 e6e9 88e0 e6e9 fa f4`);
    const b = new MachineBench(kernel, { devices: OFFERED });
    assert.equal(b.slice().kind, "halted");
    assert.equal(b.debug, "\u00e8\u0003");
    assert.equal(new MachineBench(kernel).slice().exit?.kind, "tripleFault");
  }
});
