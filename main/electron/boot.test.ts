// The desktop host around a fake electron module: what it asks of Electron, not what Electron then does.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FakeVmWorker } from "../../core/testkit/fake-vm-worker.ts";
import { fakeApp } from "../testing/fake-app.ts";
import { fakeElectron } from "../testing/fake-electron.ts";
import { boot } from "./boot.ts";

async function booted(t: TestContext) {
  const rendererFolder = mkdtempSync(join(tmpdir(), "ringfence-electron-"));
  writeFileSync(join(rendererFolder, "index.html"), "<title>page</title>");
  const electron = fakeElectron();
  const fake = fakeApp(FakeVmWorker);
  t.after(async () => {
    await fake.close();
    rmSync(rendererFolder, { recursive: true });
  });
  await boot(electron.api, { makeApp: () => fake.app, rendererFolder, preloadPath: "/preload.cjs", fail: assert.fail });
  const window = electron.windows[0];
  assert.ok(window);
  const call = (method: string, params: unknown = {}) => electron.invoke(window.webContents, { id: 3, method, params }) as Promise<{ ok: boolean; code?: string; result: { vm: { id: string } } }>;
  return { electron, window, contents: window.webContents, fake, call };
}

test("the scheme is told before ready, and the window is locked down", async (t) => {
  const { electron, window } = await booted(t);
  assert.deepEqual(electron.log.slice(0, 3), ["scheme", "sandbox", "ready"]);
  const preferences = window.options["webPreferences"] as Record<string, unknown>;
  const { preload, sandbox, contextIsolation, nodeIntegration, webviewTag } = preferences;
  assert.deepEqual([preload, sandbox, contextIsolation, nodeIntegration, webviewTag], ["/preload.cjs", true, true, false, false]);
  assert.deepEqual([window.loaded, window.isShown], ["app://ringfence/", true]);
  assert.ok(electron.menu.some((item) => item.role === "editMenu"));
});

test("the page's files come with the same headers as over HTTP, and no others come", async (t) => {
  const { electron } = await booted(t);
  const page = await electron.fetch("app://ringfence/");
  assert.equal(await page.text(), "<title>page</title>");
  assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  assert.equal(page.headers.get("cross-origin-embedder-policy"), "require-corp");
  assert.equal((await electron.fetch("app://ringfence/../../etc/passwd")).status, 404);
  assert.equal((await electron.fetch("app://ringfence/%2e%2e/%2e%2e/etc/passwd")).status, 404);
  assert.equal((await electron.fetch("app://elsewhere/")).status, 403);
  assert.equal((await electron.fetch("app://ringfence.evil/")).status, 403);
  assert.equal((await electron.fetch("app://ringfence/", "POST")).status, 403);
});

test("calls go through, events and frames come back, a slow page skips frames", async (t) => {
  const { electron, contents, fake, call } = await booted(t);
  const made = await call("vm.create", { name: "x", memoryMiB: 64, boot: { kind: "demo" } });
  const { id } = made.result.vm;
  await call("vm.start", { id });
  await call("vm.watch", { id });
  for (let i = 0; i < 10; i++) fake.worker().show(2, 2, i);
  const frames = () => contents.sent.filter((m) => m.channel === "ringfence:frame");
  assert.equal(frames().length, 3);
  assert.ok(frames()[0]?.data instanceof Uint8Array);
  electron.signal(contents, "ringfence:frame-seen");
  fake.worker().show(2, 2, 42);
  const last = frames()[3]?.data;
  assert.ok(last instanceof Uint8Array && last.at(-1) === 42);
  const events = contents.sent.filter((m) => m.channel === "ringfence:event").map((m) => m.data as { event: string; sequence: number });
  assert.deepEqual(events.map((e) => e.sequence), events.map((_, i) => i));
});

test("only the main frame of the own page is heard", async (t) => {
  const { electron, contents, call } = await booted(t);
  const message = { id: 1, method: "vm.list", params: {} };
  const refused = { id: 0, ok: false, code: "badRequest", message: "This page may not make calls." };
  assert.deepEqual(await electron.invoke(contents, message, { url: "app://ringfence/" }), refused);
  assert.deepEqual(await electron.invoke(contents, message, null), refused);
  contents.mainFrame.url = "https://evil.example/";
  assert.deepEqual(await electron.invoke(contents, message), refused);
  contents.mainFrame.url = "app://ringfence/";
  assert.equal((await call("vm.list")).ok, true);
  assert.equal((await electron.invoke(contents, "nonsense") as { code: string }).code, "badRequest");
});

test("navigation, new windows, web views and permissions are denied", async (t) => {
  const { electron, contents } = await booted(t);
  let prevented = 0;
  const event = { preventDefault: () => prevented++ };
  for (const name of ["will-navigate", "will-redirect", "will-attach-webview"]) contents.emit(name, event);
  assert.equal(prevented, 3);
  assert.deepEqual(contents.windowOpenHandler?.({ url: "https://example.com" }), { action: "deny" });
  assert.deepEqual(electron.permission("media", "app://ringfence/"), [false, false]);
  assert.deepEqual(electron.permission("pointerLock", "app://ringfence/"), [true, true]);
  assert.deepEqual(electron.permission("pointerLock", "https://evil.example/"), [false, false]);
});

test("a reload is a new peer: the old page's watches end", async (t) => {
  const { contents, fake, call } = await booted(t);
  const { id } = (await call("vm.create", { name: "x", memoryMiB: 64, boot: { kind: "demo" } })).result.vm;
  await call("vm.start", { id });
  await call("vm.watch", { id });
  contents.emit("did-start-navigation", { isMainFrame: true, isSameDocument: false });
  const before = contents.sent.length;
  fake.worker().show(2, 2, 1);
  assert.equal(contents.sent.length, before);
});

test("quitting powers the machines off first", async (t) => {
  const { electron, fake, call } = await booted(t);
  const { id } = (await call("vm.create", { name: "x", memoryMiB: 64, boot: { kind: "demo" } })).result.vm;
  await call("vm.start", { id });
  let prevented = 0;
  const event = { preventDefault: () => prevented++ };
  electron.app.emit("before-quit", event);
  while (!electron.log.includes("quit")) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(fake.worker().received.at(-1)?.kind, "powerOff");
  electron.app.emit("before-quit", event);
  assert.equal(prevented, 1);
});

test("a second instance brings the first one's window to the front and leaves", async (t) => {
  const { electron, window } = await booted(t);
  electron.app.emit("second-instance");
  assert.deepEqual([electron.windows.length, window.focusCount], [1, 1]);
  const second = fakeElectron(false);
  await boot(second.api, { makeApp: () => assert.fail("makes no app"), rendererFolder: "", preloadPath: "", fail: assert.fail });
  assert.deepEqual([second.log, second.windows.length], [["quit"], 0]);
});

test("an app that cannot be made is told to the user", async () => {
  const electron = fakeElectron();
  let told = "";
  const makeApp = () => {
    throw new Error("The library folder cannot be used");
  };
  await boot(electron.api, { makeApp, rendererFolder: "", preloadPath: "", fail: (message) => (told = message) });
  assert.equal(told, "The library folder cannot be used");
  assert.equal(electron.log.at(-1), "quit");
});
