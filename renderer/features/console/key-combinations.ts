// Combinations that the host's own system would take, or that some keyboards cannot make. Their names are those printed on
// the keys, the same in every language.
export const KEY_COMBINATIONS = [
  { label: "Ctrl+Alt+Del", codes: ["ControlLeft", "AltLeft", "Delete"] },
  { label: "Ctrl+Alt+Backspace", codes: ["ControlLeft", "AltLeft", "Backspace"] },
  { label: "Ctrl+Alt+F1", codes: ["ControlLeft", "AltLeft", "F1"] },
  { label: "Ctrl+Alt+F2", codes: ["ControlLeft", "AltLeft", "F2"] },
  { label: "Ctrl+C", codes: ["ControlLeft", "KeyC"] },
  { label: "Alt+Tab", codes: ["AltLeft", "Tab"] },
  { label: "Alt+F4", codes: ["AltLeft", "F4"] },
  { label: "Alt+SysRq", codes: ["AltLeft", "PrintScreen"] },
  { label: "F11", codes: ["F11"] },
  { label: "F12", codes: ["F12"] },
] as const;
