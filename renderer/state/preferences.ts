// The user's choices about this window, kept in the browser's storage. What is stored is untrusted: a value that is not one
// of ours falls back to the default. Without storage (private windows) they last as long as the window.
import { createStore } from "zustand/vanilla";
import type { HostKey } from "../console/host-key.ts";
import { HOST_KEYS } from "../console/host-key.ts";

export const LANGUAGES = ["auto", "en", "ko"] as const;
export const THEMES = ["auto", "light", "dark"] as const;
export const SCREEN_SCALES = ["fit", "1x", "2x"] as const;
export const CONSOLE_VIEWS = ["screen", "serial", "split"] as const;

export const NETWORK_VIEWS = ["drawing", "list"] as const;

export interface Preferences {
  language: (typeof LANGUAGES)[number];
  theme: (typeof THEMES)[number];
  hostKey: HostKey;
  screenScale: (typeof SCREEN_SCALES)[number];
  consoleView: (typeof CONSOLE_VIEWS)[number];
  networkView: (typeof NETWORK_VIEWS)[number];
  /** Says what is new on a text screen, and keeps a text copy of the serial terminal; costs speed. */
  screenReader: boolean;
  /** Media that were put into drives, the last one first. */
  recentMedia: readonly RecentMedium[];
}

export interface RecentMedium {
  kind: "cd" | "floppy";
  path: string;
}

const MOST_RECENT = 8;

/** With `medium` first, once. */
export function withRecent(recent: readonly RecentMedium[], medium: RecentMedium): RecentMedium[] {
  return [medium, ...recent.filter((r) => r.path !== medium.path)].slice(0, MOST_RECENT);
}

function readRecent(value: unknown): RecentMedium[] {
  if (!Array.isArray(value)) return [];
  const known = value.filter(
    (r): r is RecentMedium => typeof r === "object" && r !== null && (r.kind === "cd" || r.kind === "floppy") && typeof r.path === "string" && r.path !== "",
  );
  return known.slice(0, MOST_RECENT).map(({ kind, path }) => ({ kind, path }));
}

const KEY = "ringfence.preferences";

export interface KeyValueStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

function oneOf<T extends string>(values: readonly T[], value: unknown, fallback: T): T {
  return values.find((v) => v === value) ?? fallback;
}

export function readPreferences(text: string | null, isMac: boolean): Preferences {
  let stored: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    if (typeof value === "object" && value !== null) stored = value as Record<string, unknown>;
  } catch {
    // Not ours or cut short: the defaults.
  }
  return {
    language: oneOf(LANGUAGES, stored["language"], "auto"),
    theme: oneOf(THEMES, stored["theme"], "auto"),
    // Mac keyboards have no right Ctrl.
    hostKey: oneOf(HOST_KEYS, stored["hostKey"], isMac ? "MetaLeft" : "ControlRight"),
    screenScale: oneOf(SCREEN_SCALES, stored["screenScale"], "fit"),
    consoleView: oneOf(CONSOLE_VIEWS, stored["consoleView"], "screen"),
    networkView: oneOf(NETWORK_VIEWS, stored["networkView"], "drawing"),
    screenReader: stored["screenReader"] === true,
    recentMedia: readRecent(stored["recentMedia"]),
  };
}

export type PreferencesStore = ReturnType<typeof createPreferencesStore>;

export function createPreferencesStore(storage: KeyValueStorage | null, isMac: boolean) {
  let text: string | null = null;
  try {
    text = storage?.getItem(KEY) ?? null;
  } catch {
    // Storage may be forbidden.
  }
  const store = createStore<Preferences>(() => readPreferences(text, isMac));
  store.subscribe((preferences) => {
    try {
      storage?.setItem(KEY, JSON.stringify(preferences));
    } catch {
      // Full or forbidden: the choice still holds for this window.
    }
  });
  return store;
}
