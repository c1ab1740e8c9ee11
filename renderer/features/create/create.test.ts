import assert from "node:assert/strict";
import { test } from "node:test";
import { calls } from "../../../core/api/contract.ts";
import type { MediumInfo } from "../../../core/api/medium-info.ts";
import { FAKE_SYSTEMS } from "../../bridge/fake-downloads.ts";
import { clampMemory, isUnsafe, MEMORY_STOPS, memoryAt, safeLimitMiB, stopOf } from "./memory-scale.ts";
import type { Change, Draft, Probe, Surroundings } from "./wizard-state.ts";
import { changeDraft, driveOf, newDraft, problemOf, requestOf, stepsOf, warningsOf } from "./wizard-state.ts";

const around: Surroundings = { systems: FAKE_SYSTEMS, nameFor: (kind, system) => system?.name ?? (kind === "demo" ? "Demo guest" : kind) };
const apply = (draft: Draft, ...changes: Change[]): Draft => changes.reduce((d, c) => changeDraft(d, c, around), draft);
const fresh = (...changes: Change[]): Draft => apply(newDraft(around), ...changes);
const found = (kind: "linux" | "unknown" | "folder", sizeBytes = 1, medium: MediumInfo | null = null): Probe => ({
  state: "found",
  result: { exists: true, sizeBytes, kind, medium },
});
const missing: Probe = { state: "found", result: { exists: false, sizeBytes: 0, kind: "missing", medium: null } };
const medium = (what: Partial<MediumInfo>): MediumInfo => ({
  kind: "cd", drives: ["cd"], sizeBytes: 1, label: "", isBootable: true, isEfiBootable: false, details: [], partitions: [], problems: [], system: null, ...what,
});
const withMedium = (what: Partial<MediumInfo>, ...changes: Change[]): Draft =>
  fresh(
    { type: "kind", kind: "medium" },
    { type: "path", field: "medium", path: "/m" },
    { type: "probe", field: "medium", path: "/m", probe: found("unknown", 1, medium(what)) },
    ...changes,
  );

test("defaults follow the choice until the user has touched a field", () => {
  let draft = fresh();
  assert.deepEqual([draft.name, draft.memoryMiB], ["Demo guest", 64]);
  draft = apply(draft, { type: "kind", kind: "kernel" });
  assert.deepEqual([draft.name, draft.memoryMiB], ["kernel", 256]);
  draft = apply(draft, { type: "memory", memoryMiB: 512 }, { type: "kind", kind: "demo" });
  assert.deepEqual([draft.name, draft.memoryMiB], ["Demo guest", 512]);
  draft = apply(draft, { type: "name", name: "Mine" }, { type: "kind", kind: "kernel" });
  assert.equal(draft.name, "Mine");
});

test("a kernel must be there and be one; an initrd is optional but must be a file", () => {
  const draft = fresh({ type: "kind", kind: "kernel" });
  assert.equal(problemOf(draft, "source"), "kernelNeeded");
  const typed = apply(draft, { type: "path", field: "kernel", path: "/k" });
  assert.equal(problemOf(typed, "source"), "kernelLooking");
  const probed = (probe: Probe) => apply(typed, { type: "probe", field: "kernel", path: "/k", probe });
  assert.equal(problemOf(probed(missing), "source"), "kernelMissing");
  assert.equal(problemOf(probed(found("folder")), "source"), "kernelFolder");
  assert.equal(problemOf(probed(found("unknown")), "source"), "kernelKind");
  // The app decides about what could not be looked at.
  assert.equal(problemOf(probed({ state: "failed", message: "x" }), "source"), null);
  const good = probed(found("linux"));
  assert.equal(problemOf(good, "source"), null);
  const withInitrd = apply(good, { type: "path", field: "initrd", path: "/i" }, { type: "probe", field: "initrd", path: "/i", probe: missing });
  assert.equal(problemOf(withInitrd, "source"), "initrdMissing");
  assert.equal(problemOf(withInitrd, "summary"), "initrdMissing");
});

test("the answer for a path that was changed meanwhile is dropped", () => {
  const draft = fresh(
    { type: "path", field: "kernel", path: "/new" },
    { type: "probe", field: "kernel", path: "/old", probe: missing },
  );
  assert.equal(draft.probes.kernel.state, "looking");
});

test("name and memory are checked, and a RAM disk larger than the memory is told", () => {
  assert.equal(problemOf(fresh({ type: "name", name: "  " }), "resources"), "nameNeeded");
  assert.equal(problemOf(fresh({ type: "name", name: "x".repeat(81) }), "resources"), "nameLong");
  assert.equal(problemOf(fresh({ type: "memory", memoryMiB: 3585 }), "resources"), "memoryRange");
  assert.equal(problemOf(fresh({ type: "memory", memoryMiB: 3 }), "resources"), "memoryRange");
  const big = fresh(
    { type: "kind", kind: "kernel" },
    { type: "path", field: "initrd", path: "/i" },
    { type: "probe", field: "initrd", path: "/i", probe: found("unknown", 300 * 2 ** 20) },
  );
  assert.equal(problemOf(big, "resources"), "initrdTooLarge");
  assert.equal(problemOf(apply(big, { type: "memory", memoryMiB: 512 }), "resources"), null);
});

test("a recognised medium brings name, memory and disk, and overwrites nothing that was typed", () => {
  const draft = withMedium({ system: "debian" });
  assert.deepEqual([draft.name, draft.memoryMiB, draft.disk, draft.diskMiB], ["Debian (64 bit)", 1024, "new", 20480]);
  const typed = apply(fresh({ type: "memory", memoryMiB: 300 }, { type: "name", name: "Mine" }, { type: "diskMiB", diskMiB: 100 }), ...([
    { type: "medium", path: "/m" },
    { type: "probe", field: "medium", path: "/m", probe: found("unknown", 1, medium({ system: "debian" })) },
  ] as const));
  assert.deepEqual([typed.kind, typed.system, typed.name, typed.memoryMiB, typed.diskMiB], ["medium", "debian", "Mine", 300, 100]);
  const other = apply(typed, { type: "system", system: null }, { type: "systems" });
  assert.deepEqual([other.system, other.memoryMiB], [null, 300]);
});

test("a list of systems that comes after the medium was looked at still counts", () => {
  const late = withMedium({ system: "debian" });
  const before = changeDraft(late, { type: "systems" }, { ...around, systems: [] });
  assert.equal(before.memoryMiB, 256);
  assert.equal(apply(before, { type: "systems" }).memoryMiB, 1024);
});

test("the request of an installation: disk first, then the CD, on the system's controller", () => {
  const request = requestOf(withMedium({ system: "debian" }), FAKE_SYSTEMS);
  assert.ok(calls["vm.create"].request.safeParse(request).success);
  assert.deepEqual(request.boot, { kind: "firmware", order: ["disk", "cd"] });
  assert.deepEqual(request.newDisks, [{ name: "disk0.img", sizeBytes: 20480 * 2 ** 20 }]);
  assert.deepEqual(request.drives?.map((d) => [d.kind, d.controller, d.slot, d.path]), [["disk", "virtio", 0, "disk0.img"], ["cd", "ide", 2, "/m"]]);
});

test("without a new disk the medium starts; a disk image is the disk; a floppy comes with an empty CD drive", () => {
  const live = requestOf(withMedium({}, { type: "disk", disk: "none" }), FAKE_SYSTEMS);
  assert.deepEqual([live.boot, live.drives?.length, live.newDisks], [{ kind: "firmware", order: ["cd", "disk"] }, 1, []]);
  const disk = requestOf(withMedium({ kind: "disk", drives: ["disk"] }), FAKE_SYSTEMS);
  assert.deepEqual(disk.drives?.map((d) => [d.kind, d.path]), [["disk", "/m"], ["cd", null]]);
  assert.deepEqual(disk.newDisks, []);
  const floppy = requestOf(withMedium({ kind: "floppy", drives: ["floppy", "disk"], system: "freedos" }), FAKE_SYSTEMS);
  assert.deepEqual(floppy.drives?.map((d) => [d.kind, d.controller]), [["disk", "ide"], ["floppy", "fdc"], ["cd", "ide"]]);
  assert.deepEqual(floppy.devices?.tablet, false);
});

test("a medium goes where the user wants it, if it can be read there", () => {
  const hybrid = withMedium({ drives: ["cd", "disk"] });
  assert.equal(driveOf(hybrid), "cd");
  assert.equal(driveOf(apply(hybrid, { type: "drive", drive: "disk" })), "disk");
  assert.equal(driveOf(apply(hybrid, { type: "drive", drive: "floppy" })), "cd");
});

test("media that no drive reads are refused, odd ones are only remarked on", () => {
  assert.equal(problemOf(withMedium({ kind: "kernel" }), "source"), "mediumKernel");
  assert.equal(problemOf(withMedium({ problems: ["foreignDiskFormat"] }), "source"), "mediumFormat");
  assert.equal(problemOf(withMedium({ problems: ["packed"] }), "source"), "mediumPacked");
  assert.equal(problemOf(withMedium({ problems: ["rawSectors"] }), "source"), "mediumRaw");
  assert.equal(problemOf(withMedium({ problems: ["truncated"], isBootable: false }), "source"), null);
  assert.deepEqual(warningsOf(medium({ problems: ["truncated"], isBootable: false })), ["truncated", "notBootable"]);
  assert.deepEqual(warningsOf(medium({ isBootable: false, isEfiBootable: true })), ["efiOnly"]);
  assert.deepEqual(warningsOf(medium({})), []);
});

test("disk sizes and existing disks are checked", () => {
  const disk = (...changes: Change[]) => problemOf(withMedium({}, ...changes), "disk");
  assert.equal(disk({ type: "diskMiB", diskMiB: 0 }), "diskRange");
  assert.equal(disk({ type: "diskMiB", diskMiB: 2 ** 22 }), "diskRange");
  assert.equal(disk({ type: "disk", disk: "existing" }), "existingNeeded");
  assert.equal(disk({ type: "disk", disk: "none" }), null);
});

test("a download must be whole before the wizard goes on, and only media have a disk step", () => {
  assert.equal(problemOf(fresh({ type: "kind", kind: "download" }), "source"), "downloadNeeded");
  assert.deepEqual(stepsOf(fresh()), ["source", "resources", "summary"]);
  const done = fresh({ type: "kind", kind: "download" }, { type: "medium", path: "/m", system: "alpine" });
  assert.deepEqual([done.kind, done.name, done.memoryMiB], ["medium", "Alpine Linux (64 bit)", 512]);
});

test("the request has trimmed fields and no empty initrd", () => {
  const draft = fresh(
    { type: "kind", kind: "kernel" },
    { type: "path", field: "kernel", path: " /k " },
    { type: "name", name: " N " },
    { type: "append", append: " quiet " },
  );
  assert.deepEqual(requestOf(draft, []), {
    name: "N",
    memoryMiB: 256,
    capPercent: 100,
    boot: { kind: "kernel", kernel: "/k", append: "quiet", modules: [] },
  });
  assert.deepEqual(requestOf(fresh(), []).boot, { kind: "demo" });
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
