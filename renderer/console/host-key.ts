// The host key takes keyboard and mouse back from the guest: pressed and let go alone it releases them, held with another
// key it is a shortcut of ours. It never reaches the guest.
export const HOST_KEYS = ["ControlRight", "AltRight", "MetaLeft", "MetaRight", "ScrollLock", "Pause", "F12"] as const;
export type HostKey = (typeof HOST_KEYS)[number];

const NAMES: Record<HostKey, [other: string, mac: string]> = {
  ControlRight: ["Right Ctrl", "Right ⌃"],
  AltRight: ["Right Alt", "Right ⌥"],
  MetaLeft: ["Left Win", "Left ⌘"],
  MetaRight: ["Right Win", "Right ⌘"],
  ScrollLock: ["Scroll Lock", "Scroll Lock"],
  Pause: ["Pause", "Pause"],
  F12: ["F12", "F12"],
};

/** As printed on the key; the same in every language. */
export function hostKeyName(key: HostKey, isMac: boolean): string {
  return NAMES[key][isMac ? 1 : 0];
}
