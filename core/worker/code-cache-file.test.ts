// The cache's files: what is written is found by the next run, what is damaged or of another build is not, and the files stay few.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import type { GeneratedCode, MadeTranslation } from "../machine/machine.ts";
import { CodeCacheFile } from "./code-cache-file.ts";
import { type NativeCode, nativeCode } from "./native-code.ts";

/** (module (func (export "r0"))) */
const WIRE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 6, 1, 2, 0x72, 0x30, 0, 0, 10, 4, 1, 2, 0, 0x0b);
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-code-"));
  folders.push(folder);
  return folder;
}

/** As if native code were the WebAssembly itself. */
const plain: NativeCode = {
  isOptimised: (entry) => !cold.has(entry),
  optimise: () => undefined,
  serialize: (_, entry) => (cold.has(entry) ? null : WIRE.slice()),
  deserialize: (native, wire) => (Buffer.compare(native, WIRE) === 0 ? new WebAssembly.Module(wire) : null),
};
const cold = new Set<() => unknown>();

const nothing = (): unknown => undefined;
function generated(...translations: MadeTranslation[]): GeneratedCode {
  return { interpreter: nothing, translations };
}
/** A translation of the bytes n, 1, 2, 3, ... at one place. */
function made(n: number, options: { instructionCount?: number; isCold?: boolean } = {}): MadeTranslation {
  const entry = (): unknown => n;
  if (options.isCold) cold.add(entry);
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => (i === 0 ? n : i));
  return {
    portable: {
      key: 0x123_4567_8901, mode: 7, instructionCount: options.instructionCount ?? 12, dataBytes: 64, sitesAt: 32, imports: ["dispatch"], pages: [1, -1], ranges: [{ from: 0, bytes }],
      origin: -0x7f000000, moving: [{ at: 3, sign: 1 }], calls: [{ at: 48, decoded: Int32Array.of(1, 2, 3) }], tables: [{ at: 5, length: 6, entries: [7] }], wireBytes: WIRE.length,
    },
    heat: 77,
    made: { wire: WIRE, module: new WebAssembly.Module(WIRE), entry, isKept: false },
  };
}
function bytesOf(n: number): Uint8Array {
  return Uint8Array.from({ length: 64 }, (_, i) => (i === 0 ? n : i));
}
const KEY = 0x123_4567_8901;
function open(folder: string, build = "a build"): CodeCacheFile {
  const cache = CodeCacheFile.open(folder, build, plain);
  assert.ok(cache);
  return cache;
}
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(String).filter((name) => statSync(join(folder, name)).isFile());
}

test("translations of one run are found by the next, with all that was known of them", () => {
  const folder = newFolder();
  const translations = Array.from({ length: 9 }, (_, n) => made(n));
  open(folder).close(generated(...translations));
  assert.ok(translations.every((translation) => translation.made === null), "what is kept is let go of");
  const later = open(folder);
  const [kept, ...others] = later.find(KEY, bytesOf(5), 0);
  assert.equal(others.length, 0);
  assert.ok(kept);
  const { portable } = made(5);
  for (const [name, value] of Object.entries(portable)) assert.deepEqual(kept[name as keyof typeof portable], value, name);
  assert.equal(kept.heat, 77);
  assert.ok(kept.module()?.module instanceof WebAssembly.Module);
  assert.deepEqual(later.find(KEY + 1, bytesOf(5), 0), []);
  assert.deepEqual(later.find(KEY, bytesOf(200), 0), []);
});

test("bytes of the head that may move do not count, all others do", () => {
  const folder = newFolder();
  open(folder).close(generated(...Array.from({ length: 8 }, (_, n) => made(n))));
  const later = open(folder);
  const memory = bytesOf(1);
  for (let n = 3; n < 7; n++) memory[n] = 99;
  assert.equal(later.find(KEY, memory, 0).length, 1);
  memory[7] = 99;
  assert.equal(later.find(KEY, memory, 0).length, 0);
});

test("the largest comes first", () => {
  const folder = newFolder();
  open(folder).close(generated(...[5, 50, 20, 8, 9, 10, 11, 12].map((instructionCount) => made(1, { instructionCount }))));
  const counts = open(folder).find(KEY, bytesOf(1), 0).map((kept) => kept.instructionCount);
  assert.deepEqual(counts, [50, 20, 12, 11, 10, 9, 8, 5]);
});

test("what the optimising compiler has not got to is kept without native code, and with it once there is some", () => {
  const folder = newFolder();
  const late = made(100, { isCold: true });
  const { entry } = late.made ?? { entry: nothing };
  open(folder).close(generated(...Array.from({ length: 8 }, (_, n) => made(n)), late));
  const [kept] = open(folder).find(KEY, bytesOf(100), 0);
  const found = kept?.module();
  assert.deepEqual(found?.wire, WIRE);
  cold.delete(entry);
  assert.ok(found && late.made?.isKept);
  open(folder).close(generated(...Array.from({ length: 8 }, (_, n) => made(10 + n)), late));
  assert.equal(late.made, null);
  const [best, other] = open(folder).find(KEY, bytesOf(100), 0);
  assert.equal(best?.module()?.wire, null);
  assert.equal(other?.module()?.wire?.length, WIRE.length);
  for (let run = 0; run < 18; run++) open(folder).close(generated(...Array.from({ length: 8 }, () => made(200 + run))));
  assert.equal(open(folder).find(KEY, bytesOf(100), 0).length, 1, "what is superseded goes when files are merged");
});

test("a disk that takes nothing stops no machine", () => {
  const folder = newFolder();
  const cache = open(folder);
  rmSync(folder, { recursive: true });
  writeFileSync(folder, "");
  cache.tend(generated(...Array.from({ length: 60 }, (_, n) => made(n))));
  cache.close(generated(...Array.from({ length: 60 }, (_, n) => made(n))));
});

test("a machine that runs saves what is new, once nothing more comes", () => {
  const folder = newFolder();
  const cache = open(folder);
  const few = Array.from({ length: 9 }, (_, n) => made(n));
  cache.tend(generated(...few));
  assert.deepEqual(filesIn(folder), []);
  cache.tend(generated(...few));
  assert.equal(filesIn(folder).length, 1);
  const many = Array.from({ length: 60 }, (_, n) => made(10 + n));
  cache.tend(generated(...few, ...many));
  assert.equal(filesIn(folder).length, 2);
  assert.equal(many.filter((translation) => translation.made).length, 36, "one batch is written at a time");
  assert.equal(open(folder).find(KEY, bytesOf(12), 0).length, 1);
});

test("a machine that is never at rest saves the interpreter too", () => {
  const folder = newFolder();
  const cache = open(folder);
  const parts = { wire: WIRE, slots: new Int32Array(0), slotCount: 0, runtime: new Map(), systemNames: [], pseudo: { back: 0, stale: 0, chain: 0, cross: 0, raise: 0, address: 0 } };
  cache.interpreter(() => parts);
  const saved: number[] = [];
  for (let n = 0; n < 60; n++) {
    cache.tend(generated(...Array.from({ length: (n % 7) + 1 }, () => made(n))));
    if (saved.length === 0 && filesIn(folder).some((name) => name.endsWith("interpreter"))) saved.push(n);
  }
  assert.ok(saved.length === 1 && (saved[0] as number) > 10, `saved at call ${saved[0]}`);
  open(folder).interpreter(() => assert.fail("it is built again"));
});

test("many files become one, and lose nothing", () => {
  const folder = newFolder();
  for (let run = 0; run < 18; run++) open(folder).close(generated(...Array.from({ length: 8 }, (_, n) => made(run * 8 + n))));
  assert.equal(filesIn(folder).length, 1);
  const later = open(folder);
  for (let n = 0; n < 144; n++) assert.equal(later.find(KEY, bytesOf(n), 0).length, 1, `translation ${n}`);
});

test("files of machines that ended without warning become one at the next start", () => {
  const folder = newFolder();
  for (let run = 0; run < 70; run++) {
    const cache = open(folder);
    for (let n = 0; n < 2; n++) cache.tend(generated(...Array.from({ length: 8 }, (_, k) => made(run * 3 + (k % 3)))));
    if (run === 64) assert.equal(filesIn(folder).length, 65);
  }
  assert.ok(filesIn(folder).length < 10);
  const later = open(folder);
  for (let n = 0; n < 210; n++) assert.ok(later.find(KEY, bytesOf(n), 0).length > 0, `translation ${n}`);
});

test("nothing of another build is used, and old ones' folders go in time", () => {
  const folder = newFolder();
  open(folder).close(generated(...Array.from({ length: 8 }, (_, n) => made(n))));
  assert.equal(open(folder, "another build").find(KEY, bytesOf(1), 0).length, 0);
  assert.equal(readdirSync(folder).length, 2);
  const longAgo = new Date(Date.now() - 40 * 24 * 3600e3);
  for (const name of readdirSync(folder)) utimesSync(join(folder, name), longAgo, longAgo);
  writeFileSync(join(folder, "something else"), "");
  open(folder, "a third");
  assert.equal(readdirSync(folder).length, 2);
  for (let n = 0; n < 6; n++) open(folder, `build ${n}`);
  assert.equal(readdirSync(folder).length, 5, "the current one, three others, and what is not the cache's");
});

test("whatever happens to a file, what is read from it is what was written, or nothing", () => {
  const folder = newFolder();
  open(folder).close(generated(...Array.from({ length: 8 }, (_, n) => made(n))));
  const path = join(folder, filesIn(folder)[0] ?? "");
  const good = readFileSync(path);
  for (let at = 0; at < good.length; at += 7) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] as number) ^ 0x55;
    writeFileSync(path, bad);
    for (let n = 0; n < 8; n++) {
      for (const kept of open(folder).find(KEY, bytesOf(n), 0)) {
        if (kept.ranges[0]?.bytes.length !== 40) assert.equal(kept.module(), null, `byte ${at}, translation ${n}`);
        else assert.deepEqual(kept.ranges, made(n).portable.ranges);
      }
    }
  }
  for (const length of [0, 1, 63, 64, 65, good.length - 1]) {
    writeFileSync(path, good.subarray(0, length));
    assert.deepEqual(open(folder).find(KEY, bytesOf(1), 0), []);
  }
  writeFileSync(path, Buffer.alloc(4096, 0xff));
  assert.deepEqual(open(folder).find(KEY, bytesOf(1), 0), []);
});

test("where nothing can be written there is no cache", () => {
  const folder = newFolder();
  const file = join(folder, "file");
  writeFileSync(file, "");
  assert.equal(CodeCacheFile.open(join(file, "below"), "a build", plain), undefined);
});

/** Node's types know WebAssembly's modules only. */
function instanceOf(module: WebAssembly.Module): { r0: () => unknown } {
  const { Instance } = WebAssembly as unknown as { Instance: new (module: WebAssembly.Module) => { exports: { r0: () => unknown } } };
  return new Instance(module).exports;
}

test("V8 gives optimised code away and takes it back", (t) => {
  const native = nativeCode();
  if (!native) {
    t.skip(`native code is not kept with V8 ${process.versions.v8}`);
    return;
  }
  const module = new WebAssembly.Module(WIRE);
  const { r0 } = instanceOf(module);
  r0();
  assert.equal(native.isOptimised(r0), false);
  assert.equal(native.serialize(module, r0), null);
  native.optimise(r0);
  assert.equal(native.isOptimised(r0), true);
  const bytes = native.serialize(module, r0);
  assert.ok(bytes && bytes.length > WIRE.length);
  // In a process that has none of it, or V8 takes what it has.
  const again = native.deserialize(bytes, WIRE.slice());
  assert.ok(again);
  const { r0: taken } = instanceOf(again);
  assert.equal(taken(), undefined);
  const other = bytes.slice();
  other[8] = (other[8] as number) ^ 0xff; // another processor's
  assert.equal(native.deserialize(other, Uint8Array.of(...WIRE, 0, 2, 1, 0x78)), null);
});
