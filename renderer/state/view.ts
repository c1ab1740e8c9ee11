// What the window shows: page, selected machine, tab, open dialogs. Lasts as long as the window.
import { createStore } from "zustand/vanilla";
import type { PowerAction } from "./power.ts";

/** A medium that was dropped on the window: by its path on the host, or, where a browser does not tell that, as a file. */
export interface WizardStart {
  path?: string;
  file?: File;
}

export const TABS = ["overview", "console", "hardware"] as const;

export interface ViewState {
  page: "machines" | "networks" | "trash" | "settings";
  selected: string | null;
  tab: (typeof TABS)[number];
  /** What the new-machine wizard begins with; null while it is closed. */
  wizard: WizardStart | null;
  /** The browse dialog lies over another dialog, which must leave Escape and the focus to it. */
  browsing: boolean;
  /** The action that waits for the user's yes. */
  asking: { action: PowerAction; id: string } | null;
  /** Power actions under way, by machine. */
  busy: Record<string, PowerAction>;
  /** What is selected in the network: a node of the drawing, or a link. */
  networkSelected: string | null;
  /** What the live region says. */
  announcement: string;
}

export type ViewStore = ReturnType<typeof createViewStore>;

export function createViewStore() {
  return createStore<ViewState>(() => ({
    page: "machines",
    selected: null,
    tab: "overview",
    wizard: null,
    browsing: false,
    asking: null,
    busy: {},
    networkSelected: null,
    announcement: "",
  }));
}

/** The machine to show: the selected one, or the first when that one is gone. */
export function shownId(selected: string | null, ids: readonly string[]): string | null {
  return selected !== null && ids.includes(selected) ? selected : (ids[0] ?? null);
}
