// Characters as the physical keys of a US keyboard, named as KeyboardEvent.code names them.

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

/** Undefined for what no key makes. */
export function keystrokeFor(character: string): Keystroke | undefined {
  if (/^[a-z]$/.test(character)) return [`Key${character.toUpperCase()}`];
  if (/^[A-Z]$/.test(character)) return ["ShiftLeft", `Key${character}`];
  if (/^[0-9]$/.test(character)) return [`Digit${character}`];
  const plain = Object.hasOwn(PLAIN, character) ? PLAIN[character] : undefined;
  if (plain !== undefined) return [plain];
  const base = Object.hasOwn(SHIFTED, character) ? SHIFTED[character] : undefined;
  return base === undefined ? undefined : ["ShiftLeft", ...(keystrokeFor(base) ?? [])];
}
