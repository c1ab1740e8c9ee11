// JSON files of the user's: what is wrong with one is told with its line and field.
import { readFileSync } from "node:fs";
import type { z } from "zod";
import { messageOf } from "../../core/hypervisor/vm-error.ts";
import { UsageError } from "./command-line.ts";

type Path = readonly PropertyKey[];
/** As far as zod's issues are looked at. */
interface Issue {
  code?: string | undefined;
  path: Path;
  message: string;
  errors?: readonly (readonly Issue[])[];
}

/** Reads and checks a file. Throws UsageError. */
export function readJsonFile<T>(path: string, title: string, schema: z.ZodType<T>): T {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`${title} ${path} cannot be read: ${messageOf(error)}.`);
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new UsageError(`${title} ${path}, line ${faultyLine(text)}: this is not valid JSON.`);
  }
  const checked = schema.safeParse(data);
  if (checked.success) return checked.data;
  const { path: field, message } = clearest(checked.error.issues[0] as Issue); // there is at least one
  const at = field.length === 0 ? "" : `, ${fieldName(field)}`;
  throw new UsageError(`${title} ${path}, line ${lineOf(text, field)}${at}: ${message}.`);
}

/** The line, from 1, of the first character with which the text cannot be the beginning of JSON. */
function faultyLine(text: string): number {
  let good = 0;
  let bad = text.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isBeginning(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return text.slice(0, good).split("\n").length;
}

/** Whether all that is wrong with the text is that it ends. */
function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = messageOf(error);
    return /Unexpected end|Unterminated/.test(message) || Number(/at position (\d+)/.exec(message)?.[1] ?? -1) >= text.length;
  }
}

/** Of a choice that nothing fits, what is wrong with the one that fits best. */
function clearest(issue: Issue): Issue {
  const branches = issue.code === "invalid_union" ? (issue.errors ?? []) : [];
  const best = branches.toSorted((a, b) => a.length - b.length)[0]?.[0];
  return best ? clearest({ ...best, path: [...issue.path, ...best.path] }) : { ...issue, message: issue.message.replace(/\.$/, "") };
}

/** machines[0].nics[1].vlan */
function fieldName(path: Path): string {
  return path.map((key, i) => (typeof key === "number" ? `[${key}]` : `${i === 0 ? "" : "."}${String(key)}`)).join("");
}

/** The line, from 1, of a field in valid JSON; of the nearest one around it that is there. */
export function lineOf(text: string, path: Path): number {
  let at = skipBlank(text, 0);
  for (const key of path) {
    const next = memberOf(text, at, key);
    if (next === undefined) break;
    at = next;
  }
  return text.slice(0, at).split("\n").length;
}

/** Where the value of a member begins. `at` is at an object or array. */
function memberOf(text: string, at: number, key: PropertyKey): number | undefined {
  const isArray = text[at] === "[";
  if (!isArray && text[at] !== "{") return undefined;
  let i = skipBlank(text, at + 1);
  for (let n = 0; text[i] !== "]" && text[i] !== "}"; n++) {
    let name: unknown = n;
    if (!isArray) {
      const end = valueEnd(text, i);
      name = JSON.parse(text.slice(i, end));
      i = skipBlank(text, skipBlank(text, end) + 1);
    }
    if (name === key) return i;
    i = skipBlank(text, valueEnd(text, i));
    if (text[i] === ",") i = skipBlank(text, i + 1);
  }
  return undefined;
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (/\s/.test(text[at] ?? "x")) at++;
  return at;
}

/** Behind the value that begins at `from`. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const c = text[at];
    if (c === '"') {
      for (at++; text[at] !== '"'; at++) if (text[at] === "\\") at++;
      if (depth === 0) return at + 1;
    } else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") {
      // The end of what is around a number or a word.
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (c === "," || /\s/.test(c ?? ""))) return at;
  }
  return text.length;
}
