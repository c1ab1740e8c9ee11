// What a user does with media, in a real browser on the real headless host, firmware and engine: a machine from an ISO that is
// browsed for, dropped or downloaded over a bad line; media changed under the running guest; text copied and read out; hardware
// edited; the trash emptied. Pictures of each step go to test-results/.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { axeViolations } from "../../renderer/checks/axe.ts";
import { bootCd } from "../fixtures/boot-cd.ts";
import { screenShows } from "./console-text.ts";
import { noBrowser, withApp } from "./running-app.ts";

const LABEL = "alpine-test x86_64";

const status = (page: Page, wanted: string) => page.locator(`[data-testid=machine][aria-selected=true][data-status=${wanted}]`).waitFor();

async function isAccessible(page: Page, where: string): Promise<void> {
  assert.deepEqual(await axeViolations(page, [".xterm"]), [], `axe finds faults on ${where}`);
}

/** Presses a key in the guest and gives the keyboard back. */
async function pressInGuest(page: Page, key: string): Promise<void> {
  await page.getByTestId("screen").focus();
  await page.keyboard.press(key, { delay: 30 });
  await page.keyboard.press("ControlRight");
}

async function insert(page: Page, drive: string, folder: string, name: string): Promise<void> {
  await page.getByTestId(`tray-${drive}`).click();
  await page.getByTestId("tray-insert").click();
  const browse = page.getByTestId("browse");
  await browse.getByRole("textbox").fill(folder);
  await browse.getByRole("textbox").press("Enter");
  await browse.getByRole("option", { name: new RegExp(`^${name},`) }).dblclick();
  await page.getByTestId(`tray-${drive}`).filter({ hasText: name }).waitFor();
}

/** Drops a file of this page's own making on the window, as a browser does it: without a path. */
async function drop(page: Page, name: string, bytes: Buffer): Promise<void> {
  await page.evaluate(
    ([fileName, base64]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], fileName));
      const event = (type: string) => new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data });
      document.body.dispatchEvent(event("dragover"));
      document.body.dispatchEvent(event("drop"));
    },
    [name, bytes.toString("base64")] as [string, string],
  );
}

/** Serves one file over a line that breaks: `half` sends a half and hangs up, `dead` hangs up at once. */
async function badLine(file: Buffer): Promise<{ url: string; server: Server; line: { state: "half" | "dead" | "good" }; ranges: string[] }> {
  const line: { state: "half" | "dead" | "good" } = { state: "half" };
  const ranges: string[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range ?? "all");
    if (line.state === "dead") return void response.destroy();
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const headers = { etag: '"1"', "content-length": String(file.length - from), "accept-ranges": "bytes" };
    if (from > 0) response.writeHead(206, { ...headers, "content-range": `bytes ${from}-${file.length - 1}/${file.length}` });
    else response.writeHead(200, headers);
    if (line.state === "good") return void response.end(file.subarray(from));
    line.state = "dead";
    response.write(file.subarray(from, from + Math.floor((file.length - from) / 2)), () => setTimeout(() => response.destroy(), 300));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/rescue.iso`, server, line, ranges };
}

describe("media", { skip: noBrowser, concurrency: false }, () => {
  test("an ISO is recognised, gets a new disk and boots; media change while it runs; its text is copied and read out", { timeout: 600_000 }, () =>
    withApp("media", async ({ page, folder, libraryPath, picture }) => {
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      writeFileSync(join(folder, "first.iso"), bootCd({ label: LABEL, hello: "HELLO FROM THE CD" }));
      writeFileSync(join(folder, "second.iso"), bootCd({ label: "SECOND", hello: "second" }));
      await page.getByTestId("new-machine").click();
      const wizard = page.getByTestId("wizard");
      await wizard.getByTestId("source-medium").click();
      await wizard.getByTestId("wizard-next").click();
      await wizard.getByRole("alert").filter({ hasText: "Choose an image file" }).waitFor();
      await wizard.getByTestId("medium-path").fill(join(folder, "first.iso"));
      await wizard.getByTestId("recognised").getByText("Alpine Linux (64 bit)").waitFor();
      await wizard.getByTestId("recognised").getByText("A PC can start from it").waitFor();
      await picture("wizard-recognised");
      await isAccessible(page, "a recognised medium");
      await wizard.getByTestId("wizard-next").click();
      assert.equal(await wizard.getByTestId("name").inputValue(), "Alpine Linux");
      assert.equal(await wizard.getByTestId("memory-number").inputValue(), "512 MiB");
      await wizard.getByTestId("memory-number").fill("64");
      await wizard.getByTestId("wizard-next").click();
      await wizard.getByTestId("disk-size").fill("1.5");
      await picture("wizard-disk");
      await wizard.getByTestId("wizard-next").click();
      await wizard.getByTestId("summary").getByText("New, 1.5 GiB").waitFor();
      await picture("wizard-summary");
      await wizard.getByTestId("wizard-next").click();
      await status(page, "running");
      const machineFolder = readdirSync(libraryPath).find((name) => !name.startsWith(".")) ?? "";
      const disk = statSync(join(libraryPath, machineFolder, "disk0.img"));
      assert.equal(disk.size, 1.5 * 2 ** 30);
      assert.ok(disk.blocks * 512 < 2 ** 20, "the new disk should be sparse");
      // The empty disk does not start; the CD after it does.
      await screenShows(page, /^HELLO FROM THE CD$/m);
      await pressInGuest(page, "Enter");
      await screenShows(page, new RegExp(`^LABEL {2}${LABEL}$`, "m"));
      await picture("booted");
      await isAccessible(page, "the console with a tray");

      await insert(page, "cd0", folder, "second.iso");
      await pressInGuest(page, "Enter");
      await screenShows(page, /^LABEL {2}SECOND$/m);
      await page.getByTestId("tray-cd0").click();
      await picture("tray");
      await page.getByTestId("tray-eject").click();
      await page.getByTestId("tray-cd0").filter({ hasText: "Empty" }).waitFor();
      await pressInGuest(page, "Enter");
      await screenShows(page, /^NO MEDIUM$/m);
      await page.getByTestId("tray-cd0").click();
      await page.getByRole("menuitem", { name: "second.iso" }).click();
      await page.getByTestId("tray-cd0").filter({ hasText: "second.iso" }).waitFor();
      await pressInGuest(page, "Enter");
      await screenShows(page, /NO MEDIUM\n+LABEL {2}SECOND/);
      assert.match(readFileSync(join(libraryPath, machineFolder, "machine.json"), "utf8"), /second\.iso/);

      await page.getByTestId("copy-text").click();
      assert.match(await page.evaluate(() => navigator.clipboard.readText()), /HELLO FROM THE CD\nLABEL {2}alpine-test x86_64\nLABEL {2}SECOND/);
      const row = page.getByTestId("screen-text").locator("div").filter({ hasText: "HELLO" });
      const box = await row.boundingBox();
      assert.ok(box);
      await page.mouse.move(box.x + 1, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * (5 / 80), box.y + box.height / 2, { steps: 4 });
      await page.mouse.up();
      await picture("selected");
      assert.equal(await page.evaluate(() => getSelection()?.toString()), "HELLO");
      await page.keyboard.press("ControlRight");
      await page.getByTestId("copy-text").click();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "HELLO");

      await page.locator("[data-page=settings]").click();
      await page.getByRole("switch", { name: /Screen reader support/ }).click();
      await page.locator("[data-page=machines]").click();
      await page.getByRole("tab", { name: "Console" }).click();
      await page.getByTestId("screen-log").getByText("HELLO FROM THE CD").waitFor();
      await pressInGuest(page, "Enter");
      await page.getByTestId("screen-log").getByText("LABEL  SECOND").nth(2).waitFor();

      const downloading = page.waitForEvent("download");
      await page.getByTestId("save-picture").click();
      const png = readFileSync(await (await downloading).path());
      assert.deepEqual([png.toString("latin1", 1, 4), png.readUInt32BE(16), png.readUInt32BE(20)], ["PNG", 720, 400]);
    }));

  test("hardware is edited while the machine is on and waits for its next start; the trash is emptied", { timeout: 600_000 }, () =>
    withApp("hardware", async ({ page, folder, libraryPath, picture }) => {
      writeFileSync(join(folder, "first.iso"), bootCd({ label: LABEL, hello: "HELLO" }));
      await page.getByTestId("new-machine").click();
      const wizard = page.getByTestId("wizard");
      await wizard.getByTestId("source-medium").click();
      await wizard.getByTestId("medium-path").fill(join(folder, "first.iso"));
      await wizard.getByTestId("recognised").waitFor();
      for (let step = 0; step < 3; step++) await wizard.getByTestId("wizard-next").click();
      await wizard.getByTestId("summary").waitFor();
      await wizard.getByTestId("wizard-next").click();
      await status(page, "running");
      await screenShows(page, /^HELLO$/m);
      await page.getByRole("tab", { name: "Hardware" }).click();
      await page.getByTestId("add-drive").click();
      await page.getByTestId("add-floppy").click();
      await page.getByTestId("drive-floppy0").waitFor();
      await page.getByTestId("pending-drives").waitFor();
      await page.getByRole("button", { name: "CD drive earlier" }).click();
      await page.getByTestId("pending-boot").waitFor();
      await page.getByTestId("device-balloon").click();
      await page.getByTestId("pending-devices").waitFor();
      await picture("pending");
      await isAccessible(page, "the hardware page");
      await page.getByTestId("power-powerOff").click();
      await page.getByTestId("confirm-yes").click();
      await status(page, "off");
      assert.equal(await page.locator("[data-testid^=pending-]").count(), 0);
      await picture("settled");
      await page.getByTestId("power-start").click();
      await status(page, "running");
      await page.getByRole("tab", { name: "Console" }).click();
      await page.getByTestId("tray-floppy0").waitFor();
      await screenShows(page, /^HELLO$/m);
      await page.getByTestId("power-powerOff").click();
      await page.getByTestId("confirm-yes").click();
      await status(page, "off");
      await page.getByTestId("power-delete").click();
      await page.getByTestId("confirm-yes").click();
      await page.locator("[data-page=trash]").click();
      await page.getByTestId("trash-entry").waitFor();
      assert.equal(readdirSync(join(libraryPath, ".trash")).length, 1);
      await page.getByTestId("trash-empty").click();
      await picture("trash-asking");
      await page.getByTestId("confirm-yes").click();
      await page.getByText("The trash is empty").waitFor();
      assert.deepEqual(readdirSync(join(libraryPath, ".trash")), []);
    }));

  test("a file dropped on a browser is copied for the app, and becomes a machine by keyboard alone", { timeout: 600_000 }, () =>
    withApp("drop", async ({ page, libraryPath, picture }) => {
      const image = bootCd({ label: LABEL, hello: "DROPPED" });
      await page.getByTestId("boot-demo").waitFor();
      await drop(page, "../odd name.iso", image);
      const upload = page.getByTestId("upload");
      await upload.waitFor();
      await picture("asking");
      await isAccessible(page, "a dropped file");
      await page.getByTestId("upload-start").focus();
      await page.keyboard.press("Enter");
      await page.getByTestId("recognised").getByText("Alpine Linux (64 bit)").waitFor();
      const [name] = readdirSync(join(libraryPath, ".media"));
      assert.equal(name, "odd name.iso");
      assert.deepEqual(readFileSync(join(libraryPath, ".media", name)), image);
      await picture("copied");
      await page.getByTestId("medium-path").focus();
      for (const step of ["name", "disk-new", "summary"]) {
        await page.keyboard.press("Enter");
        await page.getByTestId("wizard").getByTestId(step).waitFor();
      }
      await page.keyboard.press("Enter");
      await status(page, "running");
      await screenShows(page, /^DROPPED$/m);
    }));

  test("a download breaks off, goes on where it was, is verified, and is installed from", { timeout: 600_000 }, () =>
    withApp("download", async ({ page, libraryPath, picture }) => {
      const image = bootCd({ label: "RESCUE", hello: "DOWNLOADED", paddingBytes: 3 * 2 ** 20 });
      const { url, server, line, ranges } = await badLine(image);
      try {
        const system = {
          id: "test-rescue", name: "Test rescue system", family: "other", bits: 32, memoryMiB: { minimum: 16, recommended: 48 }, diskMiB: 0,
          recognise: [{ label: "RESCUE" }],
          download: { url, fileName: "rescue.iso", sizeBytes: image.length, sha256: createHash("sha256").update(image).digest("hex") },
        };
        mkdirSync(libraryPath, { recursive: true });
        writeFileSync(join(libraryPath, "systems.json"), JSON.stringify({ version: 1, systems: [system] }));
        await page.getByTestId("new-machine").click();
        await page.getByTestId("source-download").click();
        await page.getByTestId("system-search").fill("test res");
        await page.getByRole("option", { name: /Test rescue system/ }).waitFor();
        await page.getByTestId("download-start").click();
        await page.locator("[data-testid=download][data-state=failed]").waitFor({ timeout: 60_000 });
        await picture("broken-off");
        await isAccessible(page, "a download that broke off");
        assert.ok(!existsSync(join(libraryPath, ".media", "rescue.iso")));
        line.state = "good";
        await page.getByTestId("download-resume").click();
        await page.getByTestId("recognised").getByText("Test rescue system").waitFor();
        assert.deepEqual(readFileSync(join(libraryPath, ".media", "rescue.iso")), image);
        assert.match(ranges.at(-1) ?? "", /^bytes=[1-9]\d*-$/, "the rest alone should be fetched");
        await picture("whole");
        await page.getByTestId("wizard-next").click();
        assert.equal(await page.getByTestId("memory-number").inputValue(), "48 MiB");
        await page.getByTestId("wizard-next").click();
        await page.getByTestId("wizard-next").click();
        await page.getByTestId("summary").waitFor();
        await page.getByTestId("wizard-next").click();
        await status(page, "running");
        await screenShows(page, /^DOWNLOADED$/m);
        await picture("booted");
      } finally {
        server.closeAllConnections();
        server.close();
      }
    }));

  test("in Korean and dark, media and hardware fit and stay accessible", { timeout: 600_000 }, () =>
    withApp("media-korean", async ({ page, folder, picture }) => {
      writeFileSync(join(folder, "first.iso"), bootCd({ label: LABEL, hello: "HELLO" }));
      await page.locator("[data-page=settings]").click();
      await page.getByTestId("language").click();
      await page.getByRole("option", { name: "한국어" }).click();
      await page.locator("html[lang=ko]").waitFor();
      await page.getByTestId("theme").locator("label").last().click();
      await page.locator("[data-page=machines]").click();
      await page.getByTestId("new-machine").click();
      const wizard = page.getByTestId("wizard");
      await wizard.getByTestId("source-download").click();
      await page.getByTestId("system-panel").waitFor();
      await picture("wizard-network");
      await isAccessible(page, "the list of systems in Korean");
      await wizard.getByTestId("source-medium").click();
      await wizard.getByTestId("medium-path").fill(join(folder, "first.iso"));
      await wizard.getByTestId("recognised").waitFor();
      await picture("wizard-medium");
      for (let step = 0; step < 3; step++) await wizard.getByTestId("wizard-next").click();
      await wizard.getByTestId("summary").waitFor();
      await picture("wizard-summary");
      await wizard.getByTestId("wizard-next").click();
      await status(page, "running");
      await screenShows(page, /^HELLO$/m);
      await page.getByTestId("soft").click();
      await picture("console");
      await isAccessible(page, "the console in Korean");
      await page.getByRole("tab").nth(2).click();
      await page.getByTestId("hardware").waitFor();
      await picture("hardware");
      await isAccessible(page, "the hardware page in Korean");
    }));
});
