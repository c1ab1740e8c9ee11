import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type KnownSystem, mergeKnownSystems, parseKnownSystems } from "./known-systems.ts";

const own = parseKnownSystems(readFileSync(new URL("../../assets/guests/systems.json", import.meta.url), "utf8"), "systems.json");
const entry = { id: "mine", name: "Mine", family: "other", bits: 32, memoryMiB: { minimum: 4, recommended: 8 }, diskMiB: 0 };
const parse = (...systems: unknown[]) => parseKnownSystems(JSON.stringify({ version: 1, systems }), "user.json");

test("our own list has no problems, and ends with a system for everything else", () => {
  assert.deepEqual(own.problems, []);
  assert.ok(own.systems.length >= 15);
  assert.equal(own.systems.at(-1)?.id, "other");
  for (const system of own.systems) {
    assert.ok(!system.download || system.download.url.endsWith(".iso"), `${system.id}: only what can be used as it is`);
    assert.ok(system.family === "windows" && system.id !== "reactos" ? !system.download : true);
  }
});

test("a user's systems go before ours and replace those of the same id", () => {
  const users = parse(entry, { ...entry, id: "debian", name: "My Debian" });
  const merged = mergeKnownSystems(own, users);
  assert.deepEqual(merged.systems.slice(0, 2).map((s) => s.name), ["Mine", "My Debian"]);
  assert.equal(merged.systems.filter((s) => s.id === "debian").length, 1);
  assert.equal(merged.systems.length, own.systems.length + 1);
});

test("a wrong entry costs only itself, and the reason is told", () => {
  const wrong: [object, RegExp][] = [
    [{ ...entry, id: "Bad Id" }, /id/],
    [{ ...entry, memoryMiB: { minimum: 9, recommended: 8 } }, /recommended/],
    [{ ...entry, surprise: 1 }, /surprise/],
    [{ ...entry, recognise: [{ kind: "cd" }] }, /rule/],
    [{ ...entry, recognise: [{ label: "x", text: "y" }] }, /file/],
    [{ ...entry, download: { url: "file:///etc/passwd", fileName: "a.iso" } }, /url/],
    [{ ...entry, download: { url: "https://a/b", fileName: "../a.iso" } }, /fileName/],
    [{ ...entry, download: { url: "https://a/b", fileName: "a.iso", sha256: "12" } }, /sha256/],
    [entry, /another "mine"/],
  ];
  const list = parse(entry, ...wrong.map(([w]) => w), { ...entry, id: "last" });
  assert.deepEqual(list.systems.map((s: KnownSystem) => s.id), ["mine", "last"]);
  assert.equal(list.problems.length, wrong.length);
  for (const [n, [, why]] of wrong.entries()) assert.match(list.problems[n] ?? "", why);
});

test("what is no list at all is a problem and no exception", () => {
  for (const text of ["", "{", "[]", "null", '{"version":2,"systems":[]}', '{"version":1,"systems":{}}']) {
    const list = parseKnownSystems(text, "user.json");
    assert.deepEqual([list.systems.length, list.problems.length], [0, 1]);
    assert.match(list.problems[0] ?? "", /^user\.json is not/);
  }
  assert.equal(parseKnownSystems(`\ufeff${JSON.stringify({ version: 1, systems: [entry] })}`, "x").systems.length, 1);
});
