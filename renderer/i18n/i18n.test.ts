// Both catalogs say the same things, every code of the contract has its words, and no component writes text of its own.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseAst } from "rolldown/parseAst";
import { ErrorCode, VmStatus } from "../../core/api/vm-state.ts";
import en from "./en.json" with { type: "json" };
import { formatBytes, formatUptime } from "./format.ts";
import { detectLanguage } from "./i18n.ts";
import ko from "./ko.json" with { type: "json" };

const english: Record<string, string> = en;
const korean: Record<string, string> = ko;
const places = (text: string): string[] => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((m) => m[1] ?? "").sort();

test("both catalogs have the same keys, and each text the same places", () => {
  assert.deepEqual(Object.keys(korean), Object.keys(english));
  for (const key of Object.keys(english)) {
    assert.deepEqual(places(korean[key] ?? ""), places(english[key] ?? ""), key);
    assert.notEqual(korean[key]?.trim(), "", key);
  }
});

test("every state and error code has its words", () => {
  for (const status of VmStatus.options) assert.ok(english[`status.${status}`], status);
  for (const code of [...ErrorCode.options, "disconnected"]) assert.ok(english[`error.${code}`], code);
});

/** Words that are the same in every language. */
const SAME = new Set(["MiB", "GiB"]);
const NAMING = new Set(["label", "title", "placeholder", "aria-label", "description", "alt", "aria-description", "aria-valuetext"]);

function* components(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* components(path);
    else if (entry.name.endsWith(".tsx")) yield path;
  }
}

/** Texts that a component shows without asking the catalog. */
function hardCoded(source: string): string[] {
  const found: string[] = [];
  const wordy = (text: unknown): text is string => typeof text === "string" && /\p{L}{2}/u.test(text) && !SAME.has(text.trim());
  const visit = (node: unknown, inAttribute: boolean): void => {
    if (Array.isArray(node)) {
      for (const child of node) visit(child, inAttribute);
      return;
    }
    if (typeof node !== "object" || node === null) return;
    const n = node as Record<string, unknown>;
    if (n["type"] === "JSXText" && wordy(n["value"])) found.push(n["value"].trim());
    if (n["type"] === "JSXAttribute") {
      const name = (n["name"] as { name?: string }).name ?? "";
      const value = n["value"] as { type?: string; value?: unknown } | null;
      if (NAMING.has(name) && value?.type === "Literal" && wordy(value.value)) found.push(`${name}=${value.value}`);
    }
    for (const child of Object.values(n)) visit(child, inAttribute);
  };
  visit(parseAst(source, { lang: "tsx" }), false);
  return found;
}

test("no component has text of its own", () => {
  assert.deepEqual(hardCoded('const a = <p title="Hard coded">{t("x")} words</p>;'), ["title=Hard coded", "words"]);
  let count = 0;
  for (const path of components(join(import.meta.dirname, ".."))) {
    count++;
    assert.deepEqual(hardCoded(readFileSync(path, "utf8")), [], path);
  }
  assert.ok(count > 15);
});

test("no text in the catalogs is unused", () => {
  const sources: string[] = [];
  const collect = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) collect(path);
      else if (/\.tsx?$/.test(entry.name) && !entry.name.endsWith(".test.ts")) sources.push(readFileSync(path, "utf8"));
    }
  };
  collect(join(import.meta.dirname, ".."));
  const all = sources.join("\n");
  // A key is used as a whole, or its beginning stands in a template: `status.${x}`, `create.${kind}Text`.
  const templates = [...all.matchAll(/`([a-z]+(?:\.\w+)*\.?\w*)\$\{[^}]+\}([\w.]*)`/g)].map(
    (m) => new RegExp(`^${(m[1] ?? "").replaceAll(".", "\\.")}\\w+${(m[2] ?? "").replaceAll(".", "\\.")}$`),
  );
  const used = (key: string): boolean => {
    const whole = key.replace(/_(one|other)$/, "");
    return all.includes(`"${whole}"`) || templates.some((t) => t.test(whole)) || /^power\.ask\./.test(whole);
  };
  assert.deepEqual(
    Object.keys(english).filter((key) => !used(key)),
    [],
  );
});

test("the language is the first of the user's that we have", () => {
  assert.equal(detectLanguage(["fr-FR", "ko-KR", "en"]), "ko");
  assert.equal(detectLanguage(["en-GB", "ko"]), "en");
  assert.equal(detectLanguage(["fr"]), "en");
});

test("sizes are binary and say so, times read as a clock", () => {
  assert.equal(formatBytes(512, "en"), "512 B");
  assert.equal(formatBytes(1536, "en"), "1.5 KiB");
  assert.equal(formatBytes(200 * 2 ** 20, "ko"), "200 MiB");
  assert.equal(formatUptime(3_723_000_000_000), "1:02:03");
  assert.equal(formatUptime(59_900_000_000), "0:59");
});
