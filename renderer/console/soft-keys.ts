// Keys of the keyboard on the screen: a US keyboard of 104 keys without the number pad. Labels are those printed on the keys, the
// same in every language. `width` is in keys.
export interface SoftKey {
  readonly label: string;
  readonly shifted?: string;
  readonly code: string;
  readonly width?: number;
}

const letters = (text: string): SoftKey[] => [...text].map((label) => ({ label, code: `Key${label}` }));
const pairs = (text: string, codes: readonly string[]): SoftKey[] =>
  text.split(" ").map((pair, i) => ({ label: pair[0] ?? "", shifted: pair[1] ?? "", code: codes[i] ?? "" }));
const digits = "1234567890".split("").map((digit) => `Digit${digit}`);

export const SOFT_KEYS: readonly (readonly SoftKey[])[] = [
  [
    { label: "Esc", code: "Escape", width: 1.5 },
    ...Array.from({ length: 12 }, (_, i) => ({ label: `F${i + 1}`, code: `F${i + 1}` })),
    { label: "Ins", code: "Insert", width: 1.25 },
    { label: "Del", code: "Delete", width: 1.25 },
  ],
  [
    ...pairs("`~ 1! 2@ 3# 4$ 5% 6^ 7& 8* 9( 0) -_ =+", ["Backquote", ...digits, "Minus", "Equal"]),
    { label: "⌫", code: "Backspace", width: 2 },
    { label: "Home", code: "Home", width: 1.5 },
  ],
  [
    { label: "Tab", code: "Tab", width: 1.5 },
    ...letters("QWERTYUIOP"),
    ...pairs("[{ ]} \\|", ["BracketLeft", "BracketRight", "Backslash"]),
    { label: "End", code: "End", width: 2 },
  ],
  [
    { label: "Caps", code: "CapsLock", width: 1.75 },
    ...letters("ASDFGHJKL"),
    ...pairs(";: '\"", ["Semicolon", "Quote"]),
    { label: "Enter", code: "Enter", width: 2.25 },
    { label: "PgUp", code: "PageUp", width: 1.5 },
  ],
  [
    { label: "Shift", code: "ShiftLeft", width: 2.25 },
    ...letters("ZXCVBNM"),
    ...pairs(",< .> /?", ["Comma", "Period", "Slash"]),
    { label: "Shift", code: "ShiftRight", width: 1.75 },
    { label: "↑", code: "ArrowUp" },
    { label: "PgDn", code: "PageDown", width: 1.5 },
  ],
  [
    { label: "Ctrl", code: "ControlLeft", width: 1.5 },
    { label: "Win", code: "MetaLeft", width: 1.25 },
    { label: "Alt", code: "AltLeft", width: 1.5 },
    { label: " ", code: "Space", width: 5 },
    { label: "Alt", code: "AltRight", width: 1.5 },
    { label: "Menu", code: "ContextMenu", width: 1.25 },
    { label: "Ctrl", code: "ControlRight", width: 1.5 },
    { label: "←", code: "ArrowLeft" },
    { label: "↓", code: "ArrowDown" },
    { label: "→", code: "ArrowRight" },
  ],
];

/** Stays down until the next key, so that combinations can be made one key after another. */
export const isModifier = (code: string): boolean => /^(Control|Shift|Alt|Meta)(Left|Right)$/.test(code);
