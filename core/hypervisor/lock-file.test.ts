import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { LockFile, type ProcessTable } from "./lock-file.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-lock-"));
after(() => rmSync(folder, { recursive: true }));

/** A process of number `pid` that started at `start`, which sees the processes of `living`. */
const processes = (pid: number, start: string, living: Record<number, string>): ProcessTable => ({
  pid,
  isAlive: (p) => p in living,
  startOf: (p) => (p === pid ? start : (living[p] ?? "")),
});
let count = 0;
const path = () => join(folder, `lock-${count++}`);

test("of two processes one gets the lock, the other learns who has it", () => {
  const lock = path();
  const living = { 1: "a", 2: "b" };
  const first = LockFile.acquire(lock, "app", processes(1, "a", living));
  const second = LockFile.acquire(lock, "command", processes(2, "b", living));
  assert.ok(first instanceof LockFile && !(second instanceof LockFile));
  assert.deepEqual([second.pid, second.holder], [1, "app"]);
  first.release();
  assert.ok(LockFile.acquire(lock, "command", processes(2, "b", living)) instanceof LockFile);
});

test("the lock of a dead process is taken over, also if its number is in use again", () => {
  const lock = path();
  LockFile.acquire(lock, "app", processes(1, "a", { 1: "a" }));
  assert.ok(LockFile.acquire(lock, "app", processes(2, "b", { 2: "b" })) instanceof LockFile);
  assert.ok(LockFile.acquire(lock, "app", processes(3, "c", { 2: "another start", 3: "c" })) instanceof LockFile);
});

test("where start times are unknown a living number keeps its lock", () => {
  const lock = path();
  LockFile.acquire(lock, "app", processes(1, "", { 1: "" }));
  assert.ok(!(LockFile.acquire(lock, "app", processes(2, "", { 1: "", 2: "" })) instanceof LockFile));
});

test("nonsense in the file is no lock", () => {
  const lock = path();
  for (const text of ["", "{", '{"pid":-1}']) {
    writeFileSync(lock, text);
    const taken = LockFile.acquire(lock, "app", processes(1, "a", { 1: "a" }));
    assert.ok(taken instanceof LockFile && taken.isHeld());
    taken.release();
  }
});

test("releasing takes away only one's own lock, and nothing is left over", () => {
  const lock = path();
  const old = LockFile.acquire(lock, "app", processes(1, "a", { 1: "a" }));
  const taker = LockFile.acquire(lock, "app", processes(2, "b", { 2: "b" }));
  assert.ok(old instanceof LockFile && taker instanceof LockFile);
  old.release();
  assert.equal(LockFile.holder(lock, processes(3, "c", { 2: "b" }))?.pid, 2);
  taker.release();
  assert.equal(existsSync(lock), false);
  assert.deepEqual(readdirSync(folder).filter((name) => name.split(".").length > 1), []);
});

test("a lock in a folder that cannot be written is refused with a reason", () => {
  assert.throws(() => LockFile.acquire(join(folder, "no-folder", "lock"), "app"), { code: "ioFailed" });
});

test("this very process is alive", () => {
  const lock = path();
  assert.ok(LockFile.acquire(lock, "app") instanceof LockFile);
  assert.equal(LockFile.holder(lock)?.pid, process.pid);
});
