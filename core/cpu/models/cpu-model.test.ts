import assert from "node:assert/strict";
import { test } from "node:test";
import { CPU_MODELS, DEFAULT_CPU_MODEL, FEATURE_BITS, findCpuModel, hasFeature } from "./cpu-model.ts";
import { cpuid, cpuSignature } from "./cpuid.ts";

const out = new Uint32Array(4);
function ask(name: string, leaf: number, subleaf = 0, apicEnabled = true, kvmFeatures = 0): number[] {
  const model = findCpuModel(name);
  assert.ok(model);
  cpuid(model, leaf, subleaf, { apicEnabled, kvmFeatures }, out);
  return [...out];
}
function text(...words: number[]): string {
  return String.fromCharCode(...words.flatMap((w) => [w & 255, (w >>> 8) & 255, (w >>> 16) & 255, w >>> 24])).replace(/\0+$/, "");
}

test("the default model: AMD family 15 model 107, by its name and brand", () => {
  assert.equal(DEFAULT_CPU_MODEL.name, "ringfence64");
  const [max, b = 0, c = 0, d = 0] = ask("ringfence64", 0);
  assert.equal(max, 7);
  assert.equal(text(b, d, c), "AuthenticAMD");
  assert.equal(ask("ringfence64", 1)[0], 0x60fb1);
  assert.equal(cpuSignature(DEFAULT_CPU_MODEL), 0x60fb1);
  const brand = [2, 3, 4].flatMap((n) => ask("ringfence64", 0x80000000 + n));
  assert.equal(text(...brand), "Ringfence Virtual CPU");
});

test("feature bits are where the manuals put them", () => {
  const [, , ecx, edx] = ask("ringfence64", 1);
  // SSE3 SSSE3 CX16 SSE4.1 SSE4.2 MOVBE POPCNT TSC-deadline hypervisor.
  assert.equal(ecx, (1 | (1 << 9) | (1 << 13) | (1 << 19) | (1 << 20) | (1 << 22) | (1 << 23) | (1 << 24) | (1 << 31)) >>> 0);
  assert.equal((edx ?? 0) & (1 << 1), 0, "no VME");
  // PAT CLFLUSH MMX FXSR SSE SSE2, and none of PSE36, PSN, DS, ACPI.
  assert.equal((edx ?? 0) >>> 16, 0x0789);
  const extended = ask("ringfence64", 0x80000001);
  assert.equal(extended[2], 1);
  assert.equal((extended[3] ?? 0) & ((1 << 11) | (1 << 20) | (1 << 27) | (1 << 29)), (1 << 11) | (1 << 20) | (1 << 27) | (1 << 29));
  assert.deepEqual(ask("ringfence64", 0x80000008)[0], 40 | (48 << 8));
  assert.equal(ask("ringfence64", 0x80000007)[3], 0x100);
});

test("the 32-bit model has no long mode", () => {
  const model = findCpuModel("ringfence32");
  assert.ok(model);
  assert.equal((ask("ringfence32", 0x80000001)[3] ?? 0) & (1 << 29), 0);
  for (const name of ["lm", "syscall", "cx16", "lahf64"]) assert.equal(hasFeature(model, name), false, name);
  assert.equal(hasFeature(model, "sse2"), true);
});

test("the APIC bit follows the APIC base register", () => {
  for (const leaf of [1, 0x80000001]) {
    assert.equal((ask("ringfence64", leaf)[3] ?? 0) & 0x200, 0x200);
    assert.equal((ask("ringfence64", leaf, 0, false)[3] ?? 0) & 0x200, 0);
  }
});

test("hypervisor leaves: name and 1 GHz", () => {
  const [max, b = 0, c = 0, d = 0] = ask("ringfence64", 0x40000000);
  assert.equal(text(b, c, d), "RingfenceVMM");
  assert.equal(max, 0x40000010);
  assert.equal(ask("ringfence64", 0x40000010)[0], 1_000_000);
  assert.deepEqual(ask("ringfence64-intel", 0x15), [1, 1, 1_000_000_000, 0]);
});

test("leaves above the last: zeros on AMD, the last basic leaf on Intel", () => {
  assert.deepEqual(ask("ringfence64", 0x20), [0, 0, 0, 0]);
  assert.deepEqual(ask("ringfence64-intel", 0x20), ask("ringfence64-intel", 0x16));
  assert.deepEqual(ask("ringfence64", 0x80000009), [0, 0, 0, 0]);
  assert.deepEqual(ask("ringfence64-intel", 4, 3), [0, 0, 0, 0]);
});

test("names of instruction rows, and names that no model has", () => {
  for (const name of ["mmx", "sse41", "sse42", "sysenter", "sep", "clflush", "clfsh", "cx8", "movbe", "rdtscp", "tsc", "msr"]) {
    assert.equal(hasFeature(DEFAULT_CPU_MODEL, name), true, name);
  }
  for (const name of ["avx", "monitor", "", "toString"]) assert.equal(hasFeature(DEFAULT_CPU_MODEL, name), false, name);
});

test("models have distinct names, brands that fit and known features", () => {
  assert.equal(new Set(CPU_MODELS.map((m) => m.name)).size, CPU_MODELS.length);
  for (const m of CPU_MODELS) {
    assert.ok(m.brand.length < 48);
    assert.ok(m.features.every((feature) => feature in FEATURE_BITS));
    assert.equal(new Set(m.features).size, m.features.length);
  }
});

test("KVM's leaves: signature, features and timing, and an invariant TSC beside its clock", () => {
  for (const name of ["ringfence64", "ringfence32", "ringfence64-intel"]) {
    const [max, b = 0, c = 0, d = 0] = ask(name, 0x40000000, 0, true, 0x1000008);
    assert.equal(text(b, c, d), "KVMKVMKVM");
    assert.equal(max, 0x40000010);
    assert.deepEqual(ask(name, 0x40000001, 0, true, 0x1000008), [0x1000008, 0, 0, 0]);
    assert.deepEqual(ask(name, 0x40000010, 0, true, 0x1000008), [1_000_000, 1_000_000, 0, 0]);
    assert.equal(ask(name, 0x80000007, 0, true, 0x1000008)[3], 0x100);
    assert.equal(ask(name, 0x80000007)[3], 0x100);
    assert.deepEqual(ask(name, 7), [0, 2, 0, 0]);
    assert.deepEqual(ask(name, 7, 1), [0, 0, 0, 0]);
    assert.deepEqual(ask(name, 0x40000001), [0, 0, 0, 0]);
  }
});
