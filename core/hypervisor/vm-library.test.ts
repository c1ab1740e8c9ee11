import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FILE_CALLS, type FileCalls } from "./atomic-file.ts";
import type { ProcessTable } from "./lock-file.ts";
import { VmLibrary } from "./vm-library.ts";

const root = mkdtempSync(join(tmpdir(), "ringfence-library-"));
after(() => rmSync(root, { recursive: true }));
let count = 0;
const newPath = () => join(root, `library-${count++}`);
const demo = { name: "Demo", notes: "", memoryMiB: 64, boot: { kind: "demo" as const }, capPercent: 100 };
const configOf = (path: string) => join(path, "machine.json");

/** Disks that are full as soon as `isFull` says so. */
function fullDisk(isFull: () => boolean): FileCalls {
  const fail = () => Promise.reject(Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }));
  return {
    ...FILE_CALLS,
    open: async (path, flags, mode) => {
      const file = await FILE_CALLS.open(path, flags, mode);
      if (!isFull() || flags === "r") return file;
      return new Proxy(file, { get: (target, key) => (key === "writeFile" ? fail : bound(target, key)) });
    },
  };
}
function bound(target: FileHandle, key: string | symbol): unknown {
  const value: unknown = Reflect.get(target, key);
  return typeof value === "function" ? value.bind(target) : value;
}

test("a machine is a folder with a configuration; another process finds it there", async () => {
  const path = newPath();
  const library = new VmLibrary(path, "app");
  const made = await library.create({ ...demo, name: "데모" });
  assert.equal(made.config?.name, "데모");
  assert.match(made.folder, /^데모-[0-9a-f]{8}$/);
  assert.deepEqual(await new VmLibrary(path, "command").list(), [made]);
  assert.equal(JSON.parse(readFileSync(configOf(made.path), "utf8")).version, 3);
});

test("changes are saved and nothing temporary stays", async () => {
  const library = new VmLibrary(newPath(), "app");
  const { id, path } = await library.create(demo);
  await Promise.all([library.update(id, { name: "New" }), library.update(id, { memoryMiB: 128 }), library.update(id, { capPercent: 40 })]);
  const { config } = await library.find(id);
  assert.deepEqual([config?.name, config?.memoryMiB, config?.cpu.capPercent], ["New", 128, 40]);
  assert.deepEqual(readdirSync(path), ["machine.json"]);
});

const broken: [string, string, string, RegExp][] = [
  ["broken JSON", '{"version": 1,', "configUnreadable", /not valid JSON/],
  ["a newer schema", '{"version": 99, "future": true}', "configNewer", /version 99.*up to 3/],
  ["a field of the wrong kind", '{"version": 1, "memoryMiB": "lots"}', "configUnreadable", /not a machine's configuration/],
  ["something else", "[1, 2]", "configUnreadable", /not a machine's configuration/],
  ["nothing", "", "configUnreadable", /not valid JSON/],
];
for (const [what, text, code, message] of broken) {
  test(`a folder with ${what} is listed with the reason and never written`, async () => {
    const library = new VmLibrary(newPath(), "app");
    const folder = join(library.path, "old");
    mkdirSync(folder);
    writeFileSync(configOf(folder), text);
    const [entry] = await library.list();
    assert.equal(entry?.id, "folder:old");
    assert.equal(entry.failure?.code, code);
    assert.match(entry.failure.message, message);
    await assert.rejects(library.update("folder:old", { name: "x" }), { code });
    assert.equal(readFileSync(configOf(folder), "utf8"), text);
    const trash = await library.delete("folder:old");
    assert.equal(readFileSync(configOf(trash.path), "utf8"), text);
  });
}

test("a folder without a configuration is shown; files and hidden folders are not machines", async () => {
  const library = new VmLibrary(newPath(), "app");
  mkdirSync(join(library.path, "empty"));
  mkdirSync(join(library.path, ".hidden"));
  writeFileSync(join(library.path, "file"), "");
  assert.deepEqual((await library.list()).map((e) => [e.id, e.failure?.message]), [["folder:empty", "The folder has no machine.json."]]);
});

test("a copied folder shows as a double, the original keeps its id", async () => {
  const library = new VmLibrary(newPath(), "app");
  const original = await library.create(demo);
  cpSync(original.path, join(library.path, "a-copy"), { recursive: true });
  const [copy, first] = await library.list();
  assert.equal(first?.id, original.id);
  assert.equal(copy?.id, "folder:a-copy");
  assert.match(copy.failure?.message ?? "", new RegExp(`same id as the one in ${original.folder}`));
});

test("deleting moves to the trash, restoring brings all of it back", async () => {
  const library = new VmLibrary(newPath(), "app");
  const made = await library.create({ ...demo, name: "Precious" });
  writeFileSync(join(made.path, "disk.img"), "data");
  const trash = await library.delete(made.id);
  assert.equal(trash.name, "Precious");
  assert.ok(Math.abs(Date.parse(trash.deletedAt) - Date.now()) < 60_000);
  assert.deepEqual(await library.list(), []);
  assert.deepEqual(await library.listTrash(), [trash]);
  const restored = await library.restore(trash.id);
  assert.deepEqual(restored, made);
  assert.equal(readFileSync(join(restored.path, "disk.img"), "utf8"), "data");
  assert.deepEqual(await library.listTrash(), []);
});

test("restoring never lands on another folder and never doubles a machine", async () => {
  const library = new VmLibrary(newPath(), "app");
  const made = await library.create(demo);
  const trash = await library.delete(made.id);
  mkdirSync(made.path);
  writeFileSync(join(made.path, "mine"), "");
  const restored = await library.restore(trash.id);
  assert.equal(restored.folder, `${made.folder}-2`);
  const again = await library.delete(made.id);
  cpSync(again.path, join(library.path, "twin"), { recursive: true });
  await assert.rejects(library.restore(again.id), { code: "wrongState", message: /in the library as twin/ });
});

test("names that lead out of the trash are not found", async () => {
  const library = new VmLibrary(newPath(), "app");
  await library.create(demo);
  for (const id of ["..", "../x", "/etc", "", "."]) await assert.rejects(library.restore(id), { code: "notFound" });
});

test("a full disk while saving loses nothing", async () => {
  let isFull = false;
  const library = new VmLibrary(newPath(), "app", fullDisk(() => isFull));
  const made = await library.create(demo);
  const before = readFileSync(configOf(made.path), "utf8");
  isFull = true;
  await assert.rejects(library.update(made.id, { name: "Longer name" }), { code: "diskFull", message: /disk is full/ });
  await assert.rejects(library.create({ ...demo, name: "Second" }), { code: "diskFull" });
  assert.equal(readFileSync(configOf(made.path), "utf8"), before);
  assert.deepEqual(readdirSync(made.path), ["machine.json"]);
  assert.deepEqual(readdirSync(library.path).filter((name) => name !== ".lock"), [made.folder]);
  isFull = false;
  assert.equal((await library.update(made.id, { name: "Longer name" })).config?.name, "Longer name");
});

test("a rename that fails leaves the old configuration and no scraps", async () => {
  let isBroken = false;
  const library = new VmLibrary(newPath(), "app", { ...FILE_CALLS, rename: (a, b) => (isBroken ? Promise.reject(new Error("EIO")) : FILE_CALLS.rename(a, b)) });
  const made = await library.create(demo);
  isBroken = true;
  await assert.rejects(library.update(made.id, { name: "x" }), { code: "ioFailed" });
  assert.deepEqual(readdirSync(made.path), ["machine.json"]);
});

test("of two instances on one library the second can only look, until the first has gone", async () => {
  const path = newPath();
  const seen = (pid: number): ProcessTable => ({ pid, isAlive: () => true, startOf: () => "" });
  const first = new VmLibrary(path, "app", FILE_CALLS, seen(101));
  const second = new VmLibrary(path, "app", FILE_CALLS, seen(102));
  assert.equal(first.open(), undefined);
  assert.equal(second.open()?.pid, 101);
  const made = await first.create(demo);
  assert.equal((await second.list()).length, 1);
  const busy = { code: "libraryBusy", message: /in use by process 101/ };
  await assert.rejects(second.create(demo), busy);
  await assert.rejects(second.update(made.id, { name: "x" }), busy);
  await assert.rejects(second.delete(made.id), busy);
  await assert.rejects(second.restore("x"), busy);
  await first.close();
  await second.update(made.id, { name: "mine now" });
});

test("a machine that another process runs can be neither run nor deleted", async () => {
  const path = newPath();
  const seen = (pid: number): ProcessTable => ({ pid, isAlive: () => true, startOf: () => "" });
  const command = new VmLibrary(path, "command", FILE_CALLS, seen(201));
  const app = new VmLibrary(path, "app", FILE_CALLS, seen(202));
  const made = await app.create(demo);
  const lock = command.lockRunning(made);
  assert.equal(app.runner(made)?.holder, "command");
  assert.throws(() => app.lockRunning(made), { code: "libraryBusy", message: /run by process 201/ });
  await assert.rejects(app.delete(made.id), { code: "libraryBusy" });
  lock.release();
  assert.equal(app.runner(made), undefined);
  await app.delete(made.id);
});

test("a library path that is a file is refused", () => {
  const path = newPath();
  writeFileSync(path, "");
  assert.throws(() => new VmLibrary(path, "app"), { code: "ioFailed", message: new RegExp(path) });
});

test("a folder that moved away by hand is gone from the list, nothing more", async () => {
  const library = new VmLibrary(newPath(), "app");
  const made = await library.create(demo);
  renameSync(made.path, join(root, `moved-${count}`));
  assert.deepEqual(await library.list(), []);
  await assert.rejects(library.update(made.id, { name: "x" }), { code: "notFound" });
  assert.equal(existsSync(made.path), false);
});

const diskDrive = { id: "disk0", kind: "disk" as const, controller: "ide" as const, slot: 0, path: "disk0.img", readOnly: false, throwAway: false };

test("a machine comes with its new disks, and a change brings more", async () => {
  const library = new VmLibrary(newPath(), "app");
  const made = await library.create({ ...demo, drives: [diskDrive], newDisks: [{ name: "disk0.img", sizeBytes: 2 ** 30 }] });
  assert.deepEqual(made.config?.drives, [diskDrive]);
  assert.equal(statSync(join(made.path, "disk0.img")).size, 2 ** 30);
  const changed = await library.update(made.id, { engine: "translator", newDisks: [{ name: "disk1.img", sizeBytes: 2 ** 20 }] });
  assert.equal(changed.config?.cpu.engine, "translator");
  assert.deepEqual(readdirSync(made.path).sort(), ["disk0.img", "disk1.img", "machine.json"]);
});

test("a disk that is there is never written over, and a change that cannot be saved leaves no disk", async () => {
  let isFull = false;
  const library = new VmLibrary(newPath(), "app", fullDisk(() => isFull));
  const made = await library.create({ ...demo, drives: [diskDrive], newDisks: [{ name: "disk0.img", sizeBytes: 2 ** 20 }] });
  writeFileSync(join(made.path, "disk0.img"), "precious");
  const twice = { newDisks: [{ name: "new.img", sizeBytes: 2 ** 20 }, { name: "disk0.img", sizeBytes: 2 ** 20 }] };
  await assert.rejects(library.update(made.id, twice), { code: "badRequest" });
  isFull = true;
  await assert.rejects(library.update(made.id, { newDisks: [{ name: "new.img", sizeBytes: 2 ** 20 }] }), { code: "diskFull" });
  assert.deepEqual(readdirSync(made.path).sort(), ["disk0.img", "machine.json"]);
  assert.equal(readFileSync(join(made.path, "disk0.img"), "utf8"), "precious");
});

test("the trash is emptied one by one or at once, and nothing else is", async () => {
  const path = newPath();
  const library = new VmLibrary(path, "app");
  const kept = await library.create(demo);
  const trash = [];
  for (let i = 0; i < 3; i++) trash.push(await library.delete((await library.create(demo)).id));
  const [first] = trash;
  assert.ok(first);
  for (const id of ["..", ".", `../${kept.folder}`, "none"]) await assert.rejects(library.removeFromTrash(id), { code: "notFound" });
  await library.removeFromTrash(first.id);
  assert.equal((await library.listTrash()).length, 2);
  assert.equal(await library.emptyTrash(), 2);
  assert.equal(await library.emptyTrash(), 0);
  assert.deepEqual([await library.listTrash(), (await library.list()).length], [[], 1]);
});
