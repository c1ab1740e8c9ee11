// Drives as the machine has them: their places, what CMOS and firmware are told of them, and media that come and go.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../storage/memory-backend.ts";
import { MachineBench, tinyKernel } from "../testkit/machine-bench.ts";
import { bootPaths } from "./boot-order.ts";
import { floppyTypes } from "./drive-bay.ts";
import { type MachineDrive, MachineError } from "./machine.ts";

const FLOPPY_BYTES = 1474560;
const medium = (bytes: number): MemoryBackend => new MemoryBackend(bytes);
const drive = (id: string, controller: MachineDrive["controller"], slot: number, bytes: number | null): MachineDrive => {
  const kind = id.startsWith("cd") ? "cd" : id.startsWith("floppy") ? "floppy" : "disk";
  return { id, kind, controller, slot, medium: bytes === null ? null : medium(bytes) };
};
const ALL = [
  drive("disk1", "virtio", 0, 1 << 20), drive("disk0", "ide", 0, 1 << 20), drive("cd0", "ide", 2, null), drive("disk2", "ahci", 5, 1 << 20),
  drive("disk3", "virtio", 3, 1 << 20), drive("floppy0", "fdc", 0, FLOPPY_BYTES), drive("floppy1", "fdc", 1, null),
];
const bench = (drives: MachineDrive[]): MachineBench => new MachineBench(tinyKernel("fa f4"), { drives });
const refused = (work: () => void, code: MachineError["code"], message: RegExp): void =>
  assert.throws(work, (error) => error instanceof MachineError && error.code === code && message.test(error.message));

test("boot order: kinds as asked, and within one IDE first", () => {
  assert.deepEqual(bootPaths(["cd", "disk", "floppy"], ALL), [
    "/pci@i0cf8/ide@1,1/drive@1/disk@0",
    "/pci@i0cf8/ide@1,1/drive@0/disk@0",
    "/pci@i0cf8/pci8086,2922@3/drive@5/disk@0",
    "/pci@i0cf8/scsi@4/disk@0,0",
    "/pci@i0cf8/scsi@5/disk@0,0",
    "/pci@i0cf8/isa@1/fdc@03f0/floppy@0",
    "/pci@i0cf8/isa@1/fdc@03f0/floppy@1",
  ]);
  assert.deepEqual(bootPaths(["network"], ALL), []);
});

test("CMOS types of floppy drives follow the medium", () => {
  assert.deepEqual(floppyTypes(ALL), [4, 4]);
  assert.deepEqual(floppyTypes([drive("floppy0", "fdc", 0, 2 * FLOPPY_BYTES), drive("floppy1", "fdc", 1, 1228800)]), [5, 2]);
  assert.deepEqual(floppyTypes([drive("floppy1", "fdc", 1, 368640)]), [0, 1]);
});

test("a machine with a drive in every kind of place runs", () => {
  assert.notEqual(bench(ALL).slice().kind, "ended");
});

test("two drives in one place, a disk without a medium and a floppy of an impossible size are refused", () => {
  refused(() => bench([drive("disk0", "ide", 1, 512), drive("disk1", "ide", 1, 512)]), "badRequest", /disk1 has the place of another: ide 1/);
  refused(() => bench([drive("disk0", "virtio", 0, null)]), "fileMissing", /disk0 has no medium/);
  refused(() => bench([drive("disk0", "ide", 0, null)]), "fileMissing", /disk0 has no medium/);
  refused(() => bench([drive("disk0", "ahci", 0, null)]), "fileMissing", /disk0 has no medium/);
  refused(() => bench([drive("floppy0", "fdc", 0, 100 << 20)]), "badRequest", /floppy0 cannot take this medium/);
});

test("media of CD and floppy drives come and go; those of disks stay", () => {
  const { machine } = bench(ALL);
  for (const id of ["cd0", "floppy0", "floppy1"]) {
    machine.setMedium(id, medium(FLOPPY_BYTES), false);
    machine.setMedium(id, null, false);
    machine.setMedium(id, null, true);
  }
  refused(() => machine.setMedium("floppy1", medium(100 << 20), false), "badRequest", /floppy1 cannot take/);
  refused(() => machine.setMedium("disk0", null, true), "notFound", /disk0/);
  refused(() => machine.setMedium("cd7", null, true), "notFound", /cd7/);
});
