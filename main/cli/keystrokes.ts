// Text for a keyboard of US layout, as the physical keys of KeyboardEvent.code that a person would press.
import { type Keystroke, keystrokeFor } from "../../core/hypervisor/us-keyboard.ts";
import { UsageError } from "./command-line.ts";

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
  const stroke = keystrokeFor(c);
  if (stroke === undefined) throw new UsageError(`--type has no key for "${c}" on a US keyboard.`);
  return stroke;
}
