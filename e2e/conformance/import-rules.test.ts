// The folders' import rules (core/ARCHITECTURE.md, "Who may import whom") as a test that names the offending arrow, and the rule
// that core outside its host folders uses no host: no Node built-in, no clock, no randomness, no timers.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** What each area may import besides itself. Areas are matched by longest prefix. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "core/base": [],
  "core/time": ["core/base"],
  "core/state": ["core/base"],
  "core/api": ["core/base"],
  "core/isa": ["core/base"],
  "core/memory": ["core/base", "core/time", "core/state"],
  "core/bus": ["core/base", "core/time", "core/state"],
  "core/cpu": ["core/isa", "core/memory", "core/bus", "core/state", "core/time", "core/base"],
  "core/storage": ["core/base", "core/time", "core/state", "core/api"],
  "core/network": ["core/base", "core/time", "core/state", "core/api"],
  "core/display": ["core/base", "core/time", "core/state", "core/api"],
  "core/devices": ["core/base", "core/bus", "core/memory", "core/time", "core/state", "core/api", "core/storage", "core/network", "core/display"],
  "core/firmware": ["core/base", "core/memory", "core/api"],
  "core/machine": [
    "core/base", "core/time", "core/state", "core/api", "core/isa", "core/cpu", "core/memory", "core/bus", "core/devices", "core/firmware",
    "core/storage", "core/network", "core/display",
  ],
  "core/debug": ["core/base", "core/machine", "core/cpu", "core/isa"],
  "core/worker": ["core/base", "core/api", "core/machine", "core/debug", "core/display", "core/storage", "core/network", "core/time"],
  "core/hypervisor": ["core/base", "core/api", "core/storage", "core/network"],
  "core/testkit": ["core"],
  main: ["core/api", "core/hypervisor", "core/base", "package.json"],
  // The command line replays vectors itself; everything else goes through the hypervisor.
  "main/cli": ["core/api", "core/hypervisor", "core/base", "core/debug", "main"],
  renderer: ["core/api"],
  e2e: ["core/api", "core/testkit", "main"],
  // The journeys look at pages with the same accessibility checks as the renderer's own.
  "e2e/app": ["core/api", "core/testkit", "main", "renderer/checks", "e2e"],
  // Benchmarks and vector replay look at the engine from close by.
  "e2e/perf": ["core/api", "core/testkit", "core/debug", "core/cpu", "main", "e2e"],
  "e2e/conformance": ["core/api", "core/testkit", "core/debug", "core/cpu", "core/isa", "main", "e2e"],
  assets: ["core/testkit", "core/display"],
};
const HOST_FOLDERS = ["core/worker", "core/hypervisor", "core/storage/backends", "core/network/host", "core/testkit"];
const BANNED_GLOBALS = /(?<![\w.])(?:Date\b(?!\.UTC)|performance\.|Math\.random|setTimeout\(|setInterval\(|process\.)/;

const posix = (path: string): string => path.split(sep).join("/");
const isTest = (file: string): boolean => /\.test\.tsx?$/.test(file);
const area = (file: string): string => {
  const known = Object.keys(MAY_IMPORT).filter((name) => file === name || file.startsWith(`${name}/`));
  return known.sort((a, b) => b.length - a.length)[0] ?? file.split("/")[0] ?? file;
};

const files = globSync("{core,main,renderer,e2e,assets}/**/*.{ts,tsx}", { cwd: root })
  .map(posix)
  .filter((file) => !file.endsWith(".d.ts") && !file.includes("node_modules"));

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)|(?:^|\n)import\s+"([^"]+)"/g)].map(
    (m) => m[1] ?? m[2] ?? m[3] ?? "",
  );
}

test("every import follows the rules between folders", () => {
  const wrong: string[] = [];
  for (const file of files) {
    const from = area(file);
    for (const specifier of importsOf(readFileSync(join(root, file), "utf8"))) {
      if (!specifier.startsWith(".")) continue;
      const target = posix(normalize(join(dirname(file), specifier)));
      const to = area(target);
      const allowed = [from, ...(MAY_IMPORT[from] ?? []), ...(isTest(file) ? ["core/testkit", from.split("/")[0] ?? ""] : [])];
      if (!allowed.some((name) => to === name || to.startsWith(`${name}/`) || target.startsWith(`${name}/`))) wrong.push(`${file} -> ${target}`);
    }
  }
  assert.deepEqual(wrong, [], `forbidden imports:\n${wrong.join("\n")}`);
});

test("devices of one family never import another family's devices", () => {
  const wrong: string[] = [];
  for (const file of files.filter((f) => f.startsWith("core/devices/") && !isTest(f))) {
    for (const specifier of importsOf(readFileSync(join(root, file), "utf8")).filter((s) => s.startsWith("."))) {
      const target = posix(normalize(join(dirname(file), specifier)));
      if (target.startsWith("core/devices/") && target.split("/")[2] !== file.split("/")[2]) wrong.push(`${file} -> ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("core outside its host folders uses no host", () => {
  const wrong: string[] = [];
  for (const file of files.filter((f) => f.startsWith("core/") && !isTest(f) && !HOST_FOLDERS.some((h) => f.startsWith(`${h}/`)))) {
    const text = readFileSync(join(root, file), "utf8");
    for (const specifier of importsOf(text)) {
      if (!specifier.startsWith(".") && specifier !== "zod") wrong.push(`${file} imports ${specifier}`);
    }
    text.split("\n").forEach((line, n) => {
      const code = line.replace(/\/\/.*$|^\s*\*.*$|"[^"]*"|`[^`]*`/g, "");
      if (BANNED_GLOBALS.test(code)) wrong.push(`${file}:${n + 1} ${line.trim()}`);
    });
  }
  assert.deepEqual(wrong, []);
});

test("no file imports itself into a cycle of folders", () => {
  const arrows = new Map<string, Set<string>>();
  for (const [from, to] of Object.entries(MAY_IMPORT)) if (from.startsWith("core/") && from !== "core/testkit") arrows.set(from, new Set(to));
  const visit = (name: string, path: string[]): void => {
    assert.ok(!path.includes(name), `the rules allow a cycle: ${[...path, name].join(" -> ")}`);
    for (const next of arrows.get(name) ?? []) visit(next, [...path, name]);
  };
  for (const name of arrows.keys()) visit(name, []);
});
