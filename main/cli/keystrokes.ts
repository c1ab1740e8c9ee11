// Text for a keyboard of US layout, as the physical keys of KeyboardEvent.code that a person would press.
import { UsageError } from "./command-line.ts";

/** Codes to press in order and release in reverse. */
export type Keystroke = readonly string[];

const PLAIN: Record<string, string> = {
  " ": "Space", "\n": "Enter", "\t": "Tab", "-": "Minus", "=": "Equal", "[": "BracketLeft", "]": "BracketRight", "\\": "Backslash",
  ";": "Semicolon", "'": "Quote", "`": "Backquote", ",": "Comma", ".": "Period", "/": "Slash",
};
const SHIFTED: Record<string, string> = {
  "!": "1", "@": "2", "#": "3", $: "4", "%": "5", "^": "6", "&": "7", "*": "8", "(": "9", ")": "0", _: "-", "+": "=", "{": "[", "}": "]",
  "|": "\\", ":": ";", '"': "'", "~": "`", "<": ",", ">": ".", "?": "/",
};
const NAMED: Record<string, string> = {
  enter: "Enter", tab: "Tab", esc: "Escape", backspace: "Backspace", space: "Space", up: "ArrowUp", down: "ArrowDown", left: "ArrowLeft",
  right: "ArrowRight", home: "Home", end: "End", pageup: "PageUp", pagedown: "PageDown", insert: "Insert", delete: "Delete",
};
const MODIFIERS: Record<string, string> = { ctrl: "ControlLeft", alt: "AltLeft", shift: "ShiftLeft" };

/** See USAGE. Throws UsageError for what no key makes. */
export function keystrokes(text: string): Keystroke[] {
  const strokes: Keystroke[] = [];
  for (const [part] of text.replaceAll("\\n", "\n").replaceAll("\\t", "\t").matchAll(/<[a-z0-9-]+>|./gsu)) {
    strokes.push(part.length > 1 && part.startsWith("<") ? named(part.slice(1, -1)) : character(part));
  }
  return strokes;
}

function named(name: string): Keystroke {
  if (name === "lt") return character("<");
  const words = name.split("-");
  const last = words.pop() ?? "";
  const modifiers = words.map((word) => MODIFIERS[word]);
  const isFunctionKey = /^f([1-9]|1[0-2])$/.test(last);
  const key = NAMED[last] ?? (isFunctionKey ? last.toUpperCase() : last.length === 1 ? character(last)[0] : undefined);
  if (key === undefined || modifiers.includes(undefined)) throw new UsageError(`--type does not know the key <${name}>.`);
  return [...modifiers.filter((m) => m !== undefined), key];
}

function character(c: string): Keystroke {
  if (/^[a-z]$/.test(c)) return [`Key${c.toUpperCase()}`];
  if (/^[A-Z]$/.test(c)) return ["ShiftLeft", `Key${c}`];
  if (/^[0-9]$/.test(c)) return [`Digit${c}`];
  const plain = PLAIN[c];
  if (plain !== undefined) return [plain];
  const base = SHIFTED[c];
  if (base !== undefined) return ["ShiftLeft", ...character(base)];
  throw new UsageError(`--type has no key for "${c}" on a US keyboard.`);
}
