import assert from "node:assert/strict";
import { test } from "node:test";
import { VmConfig } from "../../core/api/vm-config.ts";
import { moveDrive, newImageName, withDrive } from "./drives.ts";

test("disks fill the primary channel first, CD drives the secondary, and no place is given twice", () => {
  let drives = withDrive([], "disk", "a");
  drives = withDrive(drives, "cd", null);
  drives = withDrive(drives, "disk", "b");
  drives = withDrive(drives, "disk", "c");
  assert.deepEqual(drives.map((d) => [d.id, d.controller, d.slot]), [["disk0", "ide", 0], ["cd0", "ide", 2], ["disk1", "ide", 1], ["disk2", "ide", 3]]);
  drives = withDrive(drives, "disk", "d");
  assert.deepEqual([drives[4]?.controller, drives[4]?.slot], ["ahci", 0]);
  assert.ok(VmConfig.shape.drives.safeParse(drives).success);
});

test("a full machine gets no drive", () => {
  let drives = withDrive(withDrive([], "floppy", null), "floppy", null);
  drives = withDrive(drives, "floppy", null);
  assert.equal(drives.length, 2);
});

test("a drive moves to a free place of another controller, or stays", () => {
  let drives = withDrive(withDrive([], "disk", "a", "virtio"), "disk", "b", "virtio");
  drives = moveDrive(drives, "disk0", "ide");
  assert.deepEqual(drives.map((d) => [d.controller, d.slot]), [["ide", 0], ["virtio", 1]]);
  let full = drives;
  for (let i = 0; i < 3; i++) full = withDrive(full, "disk", "x", "ide");
  assert.deepEqual(moveDrive(full, "disk1", "ide"), full);
});

test("a new image has a name that no drive uses", () => {
  assert.equal(newImageName(withDrive([], "disk", "disk0.img")), "disk1.img");
});
