import assert from "node:assert/strict";
import { test } from "node:test";
import { BridgeError } from "../bridge/bridge.ts";
import { addNotice, createNoticesStore, dismissNotice, errorNotice } from "./notices.ts";
import { createPreferencesStore, readPreferences } from "./preferences.ts";
import { shownId } from "./view.ts";

test("a repeated notice counts up instead of piling up, and the oldest make room", () => {
  const store = createNoticesStore();
  addNotice(store, { level: "error", title: "T", code: "ioFailed" });
  const id = addNotice(store, { level: "error", title: "T", code: "ioFailed" });
  assert.deepEqual(
    store.getState().notices.map((n) => n.count),
    [2],
  );
  for (let i = 0; i < 10; i++) addNotice(store, { level: "info", title: `${i}` });
  assert.equal(store.getState().notices.length, 6);
  dismissNotice(store, id);
  assert.equal(
    store.getState().notices.some((n) => n.id === id),
    false,
  );
});

test("a failed call becomes a notice with its code, words and detail; any other error is internal", () => {
  assert.deepEqual(errorNotice("T", new BridgeError("diskFull", "no space", "df")), {
    level: "error",
    title: "T",
    code: "diskFull",
    message: "no space",
    detail: "df",
  });
  assert.deepEqual(errorNotice("T", new TypeError("x")), { level: "error", title: "T", code: "internal", message: "x" });
});

test("stored preferences that are not ours fall back one by one", () => {
  const text = JSON.stringify({ language: "ko", theme: "pink", hostKey: 5, consoleView: "serial", screenReader: "yes" });
  assert.deepEqual(readPreferences(text, false), {
    language: "ko",
    theme: "auto",
    hostKey: "ControlRight",
    screenScale: "fit",
    consoleView: "serial",
    networkView: "drawing",
    screenReader: false,
    recentMedia: [],
  });
  assert.equal(readPreferences("{cut", true).hostKey, "MetaLeft");
  assert.equal(readPreferences("[1]", false).theme, "auto");
});

test("preferences are written as they change, and live without storage", () => {
  const written: string[] = [];
  const store = createPreferencesStore({ getItem: () => null, setItem: (_key, value) => written.push(value) }, false);
  store.setState({ theme: "dark" });
  assert.equal(readPreferences(written[0] ?? null, false).theme, "dark");
  const forbidden = (): never => {
    throw new Error("denied");
  };
  const bare = createPreferencesStore({ getItem: forbidden, setItem: forbidden }, false);
  bare.setState({ theme: "light" });
  assert.equal(bare.getState().theme, "light");
});

test("the first machine is shown when the selected one is gone", () => {
  assert.equal(shownId("b", ["a", "b"]), "b");
  assert.equal(shownId("gone", ["a", "b"]), "a");
  assert.equal(shownId("gone", []), null);
});
