import assert from "node:assert/strict";
import { test } from "node:test";
import { clampMemory, isUnsafe, MEMORY_STOPS, memoryAt, safeLimitMiB, stopOf } from "./memory-scale.ts";
import type { Change, Draft, Probe } from "./wizard-state.ts";
import { changeDraft, newDraft, problemOf, requestOf } from "./wizard-state.ts";

const nameFor = (kind: string): string => (kind === "demo" ? "Demo guest" : "Linux");
const apply = (draft: Draft, ...changes: Change[]): Draft => changes.reduce((d, c) => changeDraft(d, c, nameFor), draft);
const found = (kind: "linux" | "unknown" | "folder" | "image", sizeBytes = 1): Probe => ({
  state: "found",
  result: { exists: true, sizeBytes, kind },
});
const missing: Probe = { state: "found", result: { exists: false, sizeBytes: 0, kind: "missing" } };

test("defaults follow the choice until the user has touched a field", () => {
  let draft = newDraft(nameFor);
  assert.deepEqual([draft.name, draft.memoryMiB], ["Demo guest", 64]);
  draft = apply(draft, { type: "kind", kind: "kernel" });
  assert.deepEqual([draft.name, draft.memoryMiB], ["Linux", 256]);
  draft = apply(draft, { type: "memory", memoryMiB: 512 }, { type: "kind", kind: "demo" });
  assert.deepEqual([draft.name, draft.memoryMiB], ["Demo guest", 512]);
  draft = apply(draft, { type: "name", name: "Mine" }, { type: "kind", kind: "kernel" });
  assert.equal(draft.name, "Mine");
});

test("a kernel must be there and be one; an initrd is optional but must be a file", () => {
  const draft = apply(newDraft(nameFor), { type: "kind", kind: "kernel" });
  assert.equal(problemOf(draft, 0), "kernelNeeded");
  const typed = apply(draft, { type: "path", field: "kernel", path: "/k" });
  assert.equal(problemOf(typed, 0), "kernelLooking");
  const probed = (probe: Probe) => apply(typed, { type: "probe", field: "kernel", path: "/k", probe });
  assert.equal(problemOf(probed(missing), 0), "kernelMissing");
  assert.equal(problemOf(probed(found("folder")), 0), "kernelFolder");
  assert.equal(problemOf(probed(found("unknown")), 0), "kernelKind");
  const good = probed(found("linux"));
  assert.equal(problemOf(good, 0), null);
  const withInitrd = apply(
    good,
    { type: "path", field: "initrd", path: "/i" },
    { type: "probe", field: "initrd", path: "/i", probe: missing },
  );
  assert.equal(problemOf(withInitrd, 0), "initrdMissing");
  assert.equal(problemOf(withInitrd, 2), "initrdMissing");
});

test("a probe that failed does not block: the app decides when the machine is made", () => {
  const draft = apply(
    newDraft(nameFor),
    { type: "kind", kind: "kernel" },
    { type: "path", field: "kernel", path: "/k" },
    { type: "probe", field: "kernel", path: "/k", probe: { state: "failed", message: "x" } },
  );
  assert.equal(problemOf(draft, 0), null);
});

test("the answer for a path that was changed meanwhile is dropped", () => {
  const draft = apply(
    newDraft(nameFor),
    { type: "kind", kind: "kernel" },
    { type: "path", field: "kernel", path: "/new" },
    { type: "probe", field: "kernel", path: "/old", probe: missing },
  );
  assert.equal(draft.kernelProbe.state, "looking");
});

test("name and memory are checked, and a RAM disk larger than the memory is told", () => {
  const draft = newDraft(nameFor);
  assert.equal(problemOf(apply(draft, { type: "name", name: "  " }), 1), "nameNeeded");
  assert.equal(problemOf(apply(draft, { type: "name", name: "x".repeat(81) }), 1), "nameLong");
  assert.equal(problemOf(apply(draft, { type: "memory", memoryMiB: 3585 }), 1), "memoryRange");
  assert.equal(problemOf(apply(draft, { type: "memory", memoryMiB: 3 }), 1), "memoryRange");
  const big = apply(
    draft,
    { type: "kind", kind: "kernel" },
    { type: "path", field: "initrd", path: "/i" },
    { type: "probe", field: "initrd", path: "/i", probe: found("unknown", 300 * 2 ** 20) },
  );
  assert.equal(problemOf(big, 1), "initrdTooLarge");
  assert.equal(problemOf(apply(big, { type: "memory", memoryMiB: 512 }), 1), null);
});

test("the request has trimmed fields and no empty initrd", () => {
  const draft = apply(
    newDraft(nameFor),
    { type: "kind", kind: "kernel" },
    { type: "path", field: "kernel", path: " /k " },
    { type: "name", name: " N " },
    { type: "append", append: " quiet " },
  );
  assert.deepEqual(requestOf(draft), {
    name: "N",
    memoryMiB: 256,
    capPercent: 100,
    boot: { kind: "kernel", kernel: "/k", append: "quiet", modules: [] },
  });
  assert.deepEqual(requestOf(newDraft(nameFor)).boot, { kind: "demo" });
});

test("the memory scale rises, and each stop is where it says", () => {
  MEMORY_STOPS.forEach((mib, i) => {
    assert.equal(stopOf(mib), i);
    assert.equal(memoryAt(i), mib);
  });
  assert.ok(stopOf(100) > stopOf(96) && stopOf(100) < stopOf(128));
  assert.deepEqual([stopOf(1), stopOf(9999), memoryAt(-3), memoryAt(99)], [0, MEMORY_STOPS.length - 1, 4, 3584]);
});

test("what the host can spare leaves it a tenth, and at least 256 MiB", () => {
  assert.equal(safeLimitMiB({ hostMemoryMiB: 8000, hostFreeMemoryMiB: 3000 }), 2200);
  assert.equal(safeLimitMiB({ hostMemoryMiB: 1000, hostFreeMemoryMiB: 500 }), 244);
  assert.equal(safeLimitMiB({ hostMemoryMiB: 1000, hostFreeMemoryMiB: 100 }), 4);
  assert.equal(isUnsafe(2201, { hostMemoryMiB: 8000, hostFreeMemoryMiB: 3000 }), true);
  assert.equal(isUnsafe(3584, null), false);
  assert.equal(clampMemory(99999), 3584);
});
