// Media of one machine around a host of files that does nothing but keep account.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Drive } from "../api/vm-config.ts";
import { type Machine, MachineError } from "../machine/machine.ts";
import { MemoryBackend } from "../storage/memory-backend.ts";
import type { MediaHost, MediumSpec } from "./io-medium.ts";
import { Media } from "./media.ts";

const drive = (id: string, fields: Partial<Drive>): Drive => ({ id, kind: "cd", controller: "ide", slot: 0, path: null, readOnly: false, throwAway: false, ...fields });

function setup(...drives: Drive[]) {
  const log: string[] = [];
  let isRefusing = false;
  const host: MediaHost = {
    openMedium: (spec: MediumSpec) => {
      if (spec.path === "/missing") throw new MachineError("fileMissing", "There is no /missing");
      log.push(`open ${spec.path}${spec.readOnly ? " ro" : ""}${spec.throwAway ? " throw-away" : ""}`);
      return { path: spec.path, backend: new MemoryBackend(512), sizeBytes: 512, isReadOnly: spec.readOnly, close: () => log.push(`close ${spec.path}`) };
    },
    memoryMedium: () => assert.fail("not asked for"),
    drain: () => 3,
    isBusy: false,
    shutdown: () => log.push("shutdown"),
  };
  const media = new Media(drives, () => {
    log.push("start");
    return host;
  });
  // What Media calls of a machine.
  const machine = {
    setMedium: (driveId: string, backend: object | null) => {
      if (isRefusing) throw new MachineError("wrongState", "The guest holds the tray");
      log.push(`${driveId} ${backend ? "full" : "empty"}`);
    },
  } as unknown as Machine;
  return { media, machine, log, refuse: () => (isRefusing = true) };
}

test("each drive's image is opened as the drive may use it", () => {
  const { media, log } = setup(
    drive("cd0", { path: "/a.iso", throwAway: true }), drive("cd1", { slot: 1 }), drive("disk0", { kind: "disk", path: "/d" }),
    drive("disk1", { kind: "disk", path: "/e", throwAway: true }), drive("floppy0", { kind: "floppy", path: "/f", readOnly: true }),
  );
  const made = media.insertAll();
  assert.deepEqual(log, ["start", "open /a.iso ro", "open /d", "open /e throw-away", "open /f ro"]);
  assert.deepEqual(made.map((d) => [d.id, d.medium !== null]), [["cd0", true], ["cd1", false], ["disk0", true], ["disk1", true], ["floppy0", true]]);
});

test("a machine without media needs no thread for files", () => {
  const { media, log } = setup(drive("cd0", {}));
  media.insertAll();
  assert.equal(media.drain(), 0);
  media.shutdown();
  assert.deepEqual(log, []);
});

test("a new medium takes the place of the old, which is let go after", () => {
  const { media, machine, log } = setup(drive("cd0", { path: "/a" }));
  media.insertAll();
  assert.equal(media.drain(), 3);
  log.length = 0;
  media.set(machine, "cd0", "/b", false);
  media.set(machine, "cd0", null, false);
  media.shutdown();
  assert.deepEqual(log, ["open /b ro", "cd0 full", "close /a", "cd0 empty", "close /b", "shutdown"]);
});

test("what cannot be opened or put in changes nothing", () => {
  const { media, machine, log, refuse } = setup(drive("cd0", { path: "/a" }));
  media.insertAll();
  log.length = 0;
  assert.throws(() => media.set(machine, "cd0", "/missing", false), { code: "fileMissing" });
  assert.throws(() => media.set(machine, "cd9", "/b", false), { code: "notFound" });
  refuse();
  assert.throws(() => media.set(machine, "cd0", "/b", false), { code: "wrongState" });
  assert.deepEqual(log, ["open /b ro", "close /b"]);
});

test("a disk without an image is refused", () => {
  assert.throws(() => setup(drive("disk0", { kind: "disk" })).media.insertAll(), { code: "fileMissing" });
});
