// The whole interface on the scripted bridge in a real browser: what a user does, by mouse and by keyboard alone, in both
// languages and themes, with axe on every page.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { axeViolations } from "./axe.ts";
import type { Site } from "./fake-page.ts";
import { buildAndServe, skip, withPage } from "./fake-page.ts";

const status = (page: Page, word: string) => page.getByTestId("details").getByTestId("status").filter({ hasText: word }).waitFor();
const machine = (page: Page, name: string) => page.getByRole("option", { name: new RegExp(`^${name} `) });
/** Methods that the page has called, in order. */
const calls = (page: Page) =>
  page.evaluate(() =>
    (globalThis as unknown as { ringfenceFake: { log: { method: string; params: { events?: unknown[] } }[] } }).ringfenceFake.log.map(
      (c) => ({ method: c.method, params: c.params }),
    ),
  );

describe("user interface", { skip, concurrency: false }, () => {
  let site: Site;
  before(async () => {
    site = await buildAndServe();
  });
  after(() => site?.close());

  test("a newcomer boots the demo guest with one click, types, sees ring 3 refused, crashes it, deletes and restores it", () =>
    withPage(site, { scenario: "empty" }, async (page) => {
      await page.getByRole("button", { name: "Boot the demo guest" }).click();
      await status(page, "Running");
      assert.equal(await page.getByRole("tab", { name: "Console" }).getAttribute("aria-selected"), "true");
      const made = (await calls(page)).find(({ method }) => method === "vm.create")?.params as { nics?: { model: string; connection: object }[] };
      assert.deepEqual(made.nics?.map(({ model, connection }) => ({ model, connection })), [
        { model: "virtio", connection: { switch: "lan", vlans: { mode: "access", vlan: 1 } } },
      ]);
      await page.locator('[data-testid=screen][data-width="640"]').waitFor();
      await page.getByTestId("screen").click();
      await page.getByTestId("capture-hint").filter({ hasText: "Right Ctrl" }).waitFor();
      await page.getByText("Both", { exact: true }).click();
      const serial = page.getByTestId("serial");
      await serial.getByText("Type help for the commands.").waitFor();
      await serial.click();
      await page.keyboard.type("priv\n");
      await serial.getByText("refused: #GP(0)").waitFor();
      await page.getByRole("button", { name: "Pause" }).click();
      await status(page, "Paused");
      assert.match((await page.getByTestId("live-region").textContent()) ?? "", /Paused/);
      await page.getByTestId("power-resume").click();
      await status(page, "Running");
      await serial.click();
      await page.keyboard.type("crash\n");
      await page.getByTestId("failure").getByRole("heading", { name: "Demo guest crashed" }).waitFor();
      await page.getByText("Registers and details").click();
      await page.getByTestId("failure").getByText("rip=ffffffff80101f3a").first().waitFor();
      await page.getByTestId("power-delete").click();
      await page.getByTestId("confirm-yes").click();
      await page.getByRole("button", { name: "Boot the demo guest" }).waitFor();
      await page.getByRole("button", { name: "Trash", exact: true }).click();
      await page.getByRole("button", { name: "Restore Demo guest" }).click();
      await page.getByText("The trash is empty").waitFor();
      await page.getByRole("button", { name: "Machines", exact: true }).click();
      await machine(page, "Demo guest").waitFor();
    }));

  test("the wizard works by keyboard alone and keeps what was typed", () =>
    withPage(site, {}, async (page) => {
      await page.getByTestId("new-machine").focus();
      await page.keyboard.press("Enter");
      await page.getByTestId("wizard").getByRole("radio", { name: "Demo guest" }).waitFor();
      await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "radio");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.activeElement?.getAttribute("data-testid") === "name");
      assert.equal(await page.getByTestId("name").inputValue(), "Demo guest 2");
      await page.keyboard.type("Keyboard made");
      await page.keyboard.press("Enter");
      await page.getByTestId("summary").getByText("Keyboard made").waitFor();
      await page.getByRole("button", { name: "Back" }).click();
      await page.getByRole("button", { name: "Back" }).click();
      await page.getByTestId("source-kernel").click();
      await page.getByTestId("wizard-next").click();
      await page.getByRole("alert").filter({ hasText: "Choose a kernel file" }).waitFor();
      await page.getByRole("button", { name: "Browse…" }).first().click();
      const browse = page.getByTestId("browse");
      await browse.getByRole("option", { name: "images, folder" }).waitFor();
      await page.keyboard.press("Enter");
      await browse.getByRole("option", { name: "debian, folder" }).waitFor();
      await page.keyboard.press("Escape");
      await browse.waitFor({ state: "detached" });
      await page.getByTestId("kernel-path").fill("~/notes.txt");
      await page.getByText("This is not a kernel that can be started").first().waitFor();
      await page.getByTestId("kernel-path").fill("~/images/debian/vmlinuz");
      await page.getByText("Linux kernel, 7.8 MiB").waitFor();
      await page.keyboard.press("Enter");
      await page.getByTestId("memory-number").waitFor();
      assert.equal(await page.getByTestId("name").inputValue(), "Keyboard made");
      assert.equal(await page.getByTestId("memory-number").inputValue(), "256 MiB");
      await page.getByTestId("memory-number").fill("3000");
      await page.getByText("it may become slow").waitFor();
      await page.keyboard.press("Enter");
      await page.getByTestId("summary").waitFor();
      await page.keyboard.press("Enter");
      await status(page, "Running");
      await page.keyboard.press("Escape");
      assert.equal(await page.getByTestId("wizard").count(), 0);
    }));

  test("power buttons are right in every state, and the refused ones say why", () =>
    withPage(site, {}, async (page) => {
      const usable = async (): Promise<string[]> =>
        (await page.getByTestId("details").locator('[data-testid^="power-"]:not([aria-disabled])').allTextContents()).map((t) => t.trim());
      await machine(page, "Demo guest").click();
      assert.deepEqual(await usable(), ["Pause", "Reset", "Shut down", "Power off"]);
      await page.getByTestId("power-powerOff").focus();
      await page.keyboard.press("Tab");
      await page.getByRole("tooltip").filter({ hasText: "Turn the machine off first" }).waitFor();
      await page.keyboard.press("Enter");
      assert.equal(await page.getByTestId("confirm").count(), 0);
      await machine(page, "Debian 12 kernel").click();
      assert.deepEqual(await usable(), ["Resume", "Reset", "Power off"]);
      await machine(page, "Tiny kernel").click();
      assert.deepEqual(await usable(), ["Start", "Delete"]);
      await machine(page, "old-server").click();
      assert.deepEqual(await usable(), ["Delete"]);
      await page.getByTestId("broken").getByText("Unexpected end of JSON input").waitFor();
      await page.getByTestId("broken").getByText("/home/user/Ringfence/old-server").waitFor();
    }));

  test("Tab goes to the guest only while the screen has the focus, and the host key leaves", () =>
    withPage(site, {}, async (page) => {
      await page.getByRole("tab", { name: "Console" }).click();
      const screen = page.getByTestId("screen");
      await screen.focus();
      await page.keyboard.press("Tab");
      assert.equal(await screen.getAttribute("data-captured"), "true");
      await page.keyboard.down("ShiftLeft");
      await page.keyboard.press("ControlRight");
      assert.equal(await screen.getAttribute("data-captured"), "false");
      await page.keyboard.up("ShiftLeft");
      await page.keyboard.press("Tab");
      assert.equal(await screen.getAttribute("data-captured"), "false");
      const events = (await calls(page)).filter((c) => c.method === "vm.input").flatMap((c) => c.params.events ?? []);
      assert.deepEqual(events, [
        { kind: "key", code: "Tab", down: true },
        { kind: "key", code: "Tab", down: false },
        { kind: "key", code: "ShiftLeft", down: true },
        { kind: "key", code: "ShiftLeft", down: false },
      ]);
      await page.getByTestId("ctrl-alt-del").click();
      assert.deepEqual((await calls(page)).find((c) => c.method === "vm.keys")?.params, {
        id: "00000000-0000-4000-8000-000000000001",
        codes: ["ControlLeft", "AltLeft", "Delete"],
      });
    }));

  test("the mouse is captured on request and given back by the host key", () =>
    withPage(site, {}, async (page) => {
      await page.getByRole("tab", { name: "Console" }).click();
      await page.locator('[data-testid=screen][data-width="640"]').waitFor();
      await page.getByTestId("capture-mouse").click();
      await page.waitForFunction(() => document.pointerLockElement !== null);
      await page.getByTestId("capture-hint").filter({ hasText: "Mouse and keys go to the machine" }).waitFor();
      await page.mouse.down();
      await page.mouse.up();
      await page.keyboard.press("ControlRight");
      await page.waitForFunction(() => document.pointerLockElement === null);
      const events = (await calls(page)).filter((c) => c.method === "vm.input").flatMap((c) => c.params.events ?? []) as {
        kind: string;
        buttons?: number;
      }[];
      assert.deepEqual([...new Set(events.filter((e) => e.kind === "pointer").map((e) => e.buttons))].sort(), [0, 1]);
    }));

  test("the CPU cap moves while the machine runs, by slider keys and by number", () =>
    withPage(site, {}, async (page) => {
      await page.getByTestId("usage-graph").waitFor();
      await page.getByRole("slider", { name: "CPU cap" }).focus();
      await page.keyboard.press("ArrowLeft");
      await page.waitForFunction(() => document.querySelector("[role=slider]")?.getAttribute("aria-valuenow") === "99");
      await page.getByRole("textbox", { name: "CPU cap" }).fill("35");
      await page.waitForFunction(() => document.querySelector("[role=slider]")?.getAttribute("aria-valuenow") === "35");
      const caps = (await calls(page)).filter((c) => c.method === "vm.setCap").map((c) => (c.params as { capPercent?: number }).capPercent);
      assert.deepEqual([caps[0], caps.at(-1)], [99, 35]);
    }));

  test("media change by keyboard while the guest runs, and a held tray is opened by force", () =>
    withPage(site, {}, async (page) => {
      await machine(page, "Alpine Linux").click();
      await page.getByRole("tab", { name: "Console" }).click();
      await page.getByTestId("tray-cd0").focus();
      await page.keyboard.press("Enter");
      await page.getByTestId("tray-eject").waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.getByTestId("notice").getByRole("button", { name: "Take it out anyway" }).click();
      await page.getByTestId("tray-cd0").filter({ hasText: "Empty" }).waitFor();
      await page.getByTestId("tray-floppy0").click();
      await page.getByTestId("tray-insert").click();
      const browse = page.getByTestId("browse");
      await browse.getByRole("option", { name: "images, folder" }).dblclick();
      await browse.getByRole("option", { name: /^freedos.img/ }).dblclick();
      await page.getByTestId("tray-floppy0").filter({ hasText: "freedos.img" }).waitFor();
      await page.locator("[data-light=floppy][data-lit=true]").waitFor();
      assert.match((await page.getByTestId("live-region").textContent()) ?? "", /freedos\.img is in floppy0/);
    }));

  test("a guest that uses the tablet gets places, with nothing captured", () =>
    withPage(site, {}, async (page) => {
      await machine(page, "Alpine Linux").click();
      await page.getByRole("tab", { name: "Console" }).click();
      await page.locator('[data-testid=screen][data-width="640"][data-pointer=absolute]').waitFor();
      const box = await page.getByTestId("screen-canvas").boundingBox();
      assert.ok(box);
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 3 });
      await page.mouse.down();
      await page.mouse.up();
      await page.mouse.wheel(0, 300);
      const tablet = async () =>
        (await calls(page)).filter((c) => c.method === "vm.input").flatMap((c) => c.params.events ?? []) as {
          kind: string; x: number; y: number; buttons: number; wheel: number;
        }[];
      await page.waitForFunction(() =>
        (globalThis as unknown as { ringfenceFake: { log: { params: { events?: { wheel?: number }[] } }[] } }).ringfenceFake.log.some((c) =>
          c.params.events?.some((e) => e.wheel === 3),
        ),
      );
      const events = await tablet();
      assert.ok(events.every((e) => e.kind === "tablet"));
      const last = events.at(-1);
      assert.ok(last && Math.abs(last.x - 16384) < 100 && Math.abs(last.y - 16384) < 100, JSON.stringify(last));
      assert.deepEqual([...new Set(events.map((e) => e.buttons))].sort(), [0, 1]);
      assert.equal(await page.evaluate(() => document.pointerLockElement), null);
    }));

  test("in full screen the tray, the keyboard and the dialogs are there too", () =>
    withPage(site, {}, async (page) => {
      await machine(page, "Alpine Linux").click();
      await page.getByRole("tab", { name: "Console" }).click();
      await page.getByTestId("full-screen").click();
      await page.waitForFunction(() => document.fullscreenElement?.classList.contains("rf-console"));
      const inside = (testId: string) =>
        page.evaluate((id) => document.fullscreenElement?.contains(document.querySelector(`[data-testid=${id}]`)) === true, testId);
      await page.getByTestId("soft").click();
      await page.locator(".rf-soft-key[data-code=KeyH]").click();
      assert.ok(await inside("soft-keyboard"));
      await page.getByTestId("tray-cd0").click();
      await page.getByTestId("tray-insert").click();
      await page.getByTestId("browse-choose").waitFor();
      assert.ok(await inside("browse-choose"));
      await page.getByTestId("browse").getByRole("button", { name: "Cancel" }).click();
      await page.getByTestId("type").click();
      await page.getByRole("textbox", { name: "Text", exact: true }).fill("uptime\n");
      assert.ok(await inside("type-text"));
      await page.getByRole("button", { name: "Type", exact: true }).click();
      await page.getByTestId("screen-text").getByText("unknown command: huptime").waitFor();
      await page.getByTestId("full-screen").click();
      await page.waitForFunction(() => document.fullscreenElement === null);
    }));

  test("a download breaks off, goes on, and becomes the wizard's medium", () =>
    withPage(site, {}, async (page) => {
      await page.getByTestId("new-machine").click();
      await page.getByTestId("source-download").click();
      await page.getByTestId("system-search").fill("debian");
      await page.getByTestId("download-start").click();
      await page.getByText("The download did not come through.").waitFor();
      await page.getByTestId("wizard-next").click();
      await page.getByRole("alert").filter({ hasText: "Fetch a medium first" }).waitFor();
      await page.getByTestId("download-resume").click();
      await page.getByTestId("recognised").waitFor();
      assert.equal(await page.getByTestId("medium-path").inputValue(), "/home/user/Ringfence/.media/netinst.iso");
      await page.getByTestId("wizard-next").click();
      assert.equal(await page.getByTestId("memory-number").inputValue(), "1024 MiB");
    }));

  test("a lost connection is shown, and gone after trying again", () =>
    withPage(site, {}, async (page) => {
      await page.getByTestId("details").waitFor();
      await page.evaluate(() => (globalThis as unknown as { ringfenceFake: { loseConnection(): void } }).ringfenceFake.loseConnection());
      await page.getByTestId("connection-lost").waitFor();
      await page.getByTestId("power-pause").click();
      await page.getByTestId("notice").filter({ hasText: "There is no connection to the app." }).waitFor();
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByTestId("connection-lost").waitFor({ state: "detached" });
    }));

  test("arrow keys move in the list, Enter opens the console, and many machines can be searched", () =>
    withPage(site, { scenario: "many" }, async (page) => {
      await machine(page, "Demo guest").focus();
      await page.keyboard.press("ArrowDown");
      await page.getByRole("heading", { level: 1, name: "Debian 12 kernel" }).waitFor();
      await page.keyboard.press("Enter");
      await page.getByTestId("screen").waitFor();
      await page.getByRole("searchbox", { name: "Search machines" }).fill("node 24");
      assert.equal(await page.getByTestId("machine").count(), 1);
      await page.getByRole("searchbox", { name: "Search machines" }).fill("nothing");
      await page.getByText("No machine is called that.").waitFor();
    }));

  test("language and theme change at once and are kept", () =>
    withPage(site, { language: "ko-KR" }, async (page) => {
      await page.getByRole("button", { name: "설정" }).click();
      await page.getByTestId("language").click();
      await page.getByRole("option", { name: "English" }).click();
      await page.getByRole("heading", { name: "Settings" }).waitFor();
      await page.getByText("Dark", { exact: true }).click();
      await page.reload();
      await page.getByRole("button", { name: "Settings" }).waitFor();
      assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset["mantineColorScheme"]]), [
        "en",
        "dark",
      ]);
    }));

  test("at 200 % zoom nothing is cut off sideways", () =>
    withPage(site, { width: 640, height: 400 }, async (page) => {
      await page.getByTestId("details").waitFor();
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(await overflow(), 0);
      await page.getByRole("tab", { name: "Console" }).click();
      assert.equal(await overflow(), 0);
      await page.getByTestId("new-machine").click();
      for (const kind of ["kernel", "medium", "download"]) {
        await page.getByTestId(`source-${kind}`).click();
        assert.equal(await overflow(), 0);
      }
      await page.keyboard.press("Escape");
      await machine(page, "Alpine Linux").click();
      await page.getByTestId("soft").click();
      assert.equal(await overflow(), 0, "the keyboard on the screen");
      await page.getByRole("tab", { name: "Hardware" }).click();
      assert.equal(await overflow(), 0, "hardware");
    }));

  for (const [language, dark] of [
    ["en-US", false],
    ["ko-KR", true],
  ] as const) {
    test(`axe finds nothing on any page (${language}, ${dark ? "dark" : "light"})`, () =>
      withPage(site, { language, dark }, async (page) => {
        const clean = async (name: string): Promise<void> => assert.deepEqual(await axeViolations(page), [], name);
        const machines = page.getByTestId("machine");
        await page.getByTestId("usage-graph").waitFor();
        await clean("overview");
        await machines.nth(2).click();
        await page.locator("summary").first().click();
        await clean("crashed");
        await machines.nth(5).click();
        await clean("broken");
        await machines.nth(0).click();
        await page.getByRole("tab").nth(1).click();
        await page.getByTestId("console-view").locator("label").nth(2).click();
        await page.getByTestId("serial").getByText("Type help").waitFor();
        await clean("console");
        await machines.nth(3).click();
        await page.getByTestId("screen-text").waitFor();
        await page.getByTestId("console-view").locator("label").first().click();
        await page.getByTestId("soft").click();
        await clean("console with text, tray and keyboard");
        await page.getByTestId("tray-cd0").click();
        await page.getByTestId("tray-insert").waitFor();
        await clean("tray menu");
        await page.keyboard.press("Escape");
        await page.getByRole("tab").nth(2).click();
        await page.getByTestId("hardware").waitFor();
        await clean("hardware");
        await page.getByTestId("add-drive").click();
        await page.getByTestId("add-new-disk").click();
        await page.getByTestId("new-disk-make").waitFor();
        await clean("new disk");
        await page.keyboard.press("Escape");
        await page.getByTestId("new-machine").click();
        await page.getByTestId("source-download").click();
        await page.getByTestId("download-start").click();
        await page.getByTestId("download").waitFor();
        await clean("wizard, download");
        await page.getByTestId("source-medium").click();
        await page.getByTestId("medium-path").fill("~/images/cut-off.iso");
        await page.getByTestId("recognised").waitFor();
        await clean("wizard, medium");
        await page.getByTestId("source-kernel").click();
        await clean("wizard, kernel");
        await page.getByTestId("kernel-path").fill("~/images/tiny.elf");
        await page.locator(".rf-probe svg").waitFor();
        await page.getByTestId("wizard-next").click();
        await page.getByTestId("wizard").getByTestId("memory-number").fill("3500");
        await clean("wizard, resources");
        await page.getByTestId("wizard-next").click();
        await page.getByTestId("summary").waitFor();
        await clean("wizard, summary");
        await page.keyboard.press("Escape");
        await machines.nth(4).click();
        await page.getByTestId("power-delete").click();
        await page.getByTestId("confirm-yes").click();
        await page.locator("[data-page=trash]").click();
        await page.getByTestId("trash-entry").waitFor();
        await clean("trash with a notice");
        await page.getByTestId("trash-empty").click();
        await page.getByTestId("confirm-yes").waitFor();
        await clean("emptying the trash");
        await page.keyboard.press("Escape");
        await page.locator("[data-page=settings]").click();
        await clean("settings");
      }));
  }
});
