// What the app has to tell the user, newest last. Errors stay until dismissed; the rest go by themselves, but not while the
// pointer or the keyboard is on them (the notice centre holds them). A repeated notice counts up instead of piling up.
import { createStore } from "zustand/vanilla";
import type { BridgeErrorCode } from "../bridge/bridge.ts";
import { BridgeError } from "../bridge/bridge.ts";

export interface Notice {
  id: number;
  level: "info" | "success" | "warning" | "error";
  /** Shown in the user's language. */
  title: string;
  /** Translated under `error.`; its sentence stands below the title. */
  code?: BridgeErrorCode;
  /** English, with the details. */
  message?: string;
  detail?: string;
  action?: { label: string; run: () => void };
  count: number;
}

const MOST = 6;

export type NoticesStore = ReturnType<typeof createNoticesStore>;

export function createNoticesStore() {
  return createStore<{ notices: Notice[] }>(() => ({ notices: [] }));
}

let nextId = 1;

export function addNotice(store: NoticesStore, notice: Omit<Notice, "id" | "count">): number {
  const id = nextId++;
  store.setState(({ notices }) => {
    const same = notices.find(
      (n) => n.level === notice.level && n.title === notice.title && n.code === notice.code && n.message === notice.message,
    );
    const others = notices.filter((n) => n !== same);
    return { notices: [...others, { ...notice, id, count: (same?.count ?? 0) + 1 }].slice(-MOST) };
  });
  return id;
}

export function dismissNotice(store: NoticesStore, id: number): void {
  store.setState(({ notices }) => ({ notices: notices.filter((n) => n.id !== id) }));
}

/** The notice for a failed call. */
export function errorNotice(title: string, error: unknown): Omit<Notice, "id" | "count"> {
  if (error instanceof BridgeError) {
    return {
      level: "error",
      title,
      code: error.code,
      message: error.message,
      ...(error.detail === undefined ? {} : { detail: error.detail }),
    };
  }
  return { level: "error", title, code: "internal", message: error instanceof Error ? error.message : String(error) };
}
