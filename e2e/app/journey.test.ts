// What a newcomer does with the app, in a real browser on the real headless host and engine: the demo guest from creation to the
// trash and back, a kernel that is none, Korean, and a Debian kernel to its shell. Pictures of each step go to test-results/.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { axeViolations } from "../../renderer/checks/axe.ts";
import { busyboxInitramfs, installerFile, missingGuest } from "../fixtures/debian.ts";
import { screenPicture, screenShows, serialShows, serialText, typeOnScreen, typeOnSerial } from "./console-text.ts";
import { noBrowser, withApp } from "./running-app.ts";

const DEMO_KERNEL = join(import.meta.dirname, "../../assets/guests/demo/demo.elf");

const isOff = (page: Page) => status(page, "off");
const isRunning = (page: Page) => status(page, "running");

async function status(page: Page, wanted: string, timeout = 30_000): Promise<void> {
  await page.locator(`[data-testid=machine][aria-selected=true][data-status=${wanted}]`).waitFor({ timeout });
  await page.locator(`[data-testid=details] [data-testid=status][data-status=${wanted}]`).waitFor();
}

const openPage = (page: Page, name: "machines" | "trash" | "settings") => page.locator(`[data-page=${name}]`).click();

async function confirm(page: Page, action: "reset" | "powerOff" | "delete"): Promise<void> {
  await page.getByTestId(`power-${action}`).click();
  await page.getByTestId("confirm").getByTestId("confirm-yes").click();
}

async function isAccessible(page: Page, where: string): Promise<void> {
  // The terminal's own rows are drawn for the eye; its text for screen readers is a setting.
  assert.deepEqual(await axeViolations(page, [".xterm"]), [], `axe finds faults on ${where}`);
}

/** Host CPU in percent as the details page shows it, once it is within `tolerance` of `wanted`. */
async function hostCpuNear(page: Page, wanted: number, tolerance: number): Promise<void> {
  const figure = page.getByTestId("host-cpu");
  const end = Date.now() + 60_000;
  let shown = "";
  while (Date.now() < end) {
    shown = (await figure.textContent()) ?? "";
    if (Math.abs(Number.parseFloat(shown) - wanted) <= tolerance) return;
    await page.waitForTimeout(250);
  }
  assert.fail(`the host CPU should come to ${wanted} %, but is ${shown}`);
}

/** Presses the slider at `percent` of its track and gives the cap that the number beside it then shows. */
async function moveCap(page: Page, percent: number): Promise<number> {
  const box = await page.getByTestId("cap-slider").boundingBox();
  assert.ok(box);
  const thumb = await page.getByRole("slider", { name: "CPU cap" }).boundingBox();
  assert.ok(thumb);
  const y = thumb.y + thumb.height / 2;
  await page.mouse.move(thumb.x + thumb.width / 2, y);
  await page.mouse.down();
  await page.mouse.move(box.x + (box.width * percent) / 100, y, { steps: 12 });
  await page.mouse.up();
  return Number.parseFloat(await page.getByRole("textbox", { name: "CPU cap" }).inputValue());
}

describe("journey", { skip: noBrowser, concurrency: false }, () => {
  test("a newcomer makes the demo machine, boots it, types, sees ring 3 refused, crashes it, deletes and restores it", { timeout: 600_000 }, () =>
    withApp("demo", async ({ page, picture }) => {
      await page.getByTestId("boot-demo").waitFor();
      await picture("empty-library");
      await isAccessible(page, "the empty library");

      await page.getByTestId("new-machine").click();
      const wizard = page.getByTestId("wizard");
      await wizard.getByTestId("source-demo").click();
      await picture("wizard-source");
      await isAccessible(page, "the wizard's first step");
      await wizard.getByTestId("wizard-next").click();
      await wizard.getByTestId("name").fill("First machine");
      await picture("wizard-resources");
      await wizard.getByTestId("wizard-next").click();
      await wizard.getByTestId("summary").getByText("First machine").waitFor();
      await picture("wizard-summary");
      await wizard.getByTestId("wizard-next").click();
      await wizard.waitFor({ state: "detached" });

      await isRunning(page);
      await page.locator("[data-testid=screen][data-width]").waitFor();
      await page.getByTestId("console-view").getByText("Serial", { exact: true }).click();
      await serialShows(page, /Ringfence demo ready[\s\S]*ringfence>/);
      await picture("serial-ready");
      await typeOnSerial(page, "echo typed on the serial port\r");
      await serialShows(page, /^typed on the serial port$/m);

      await page.getByTestId("console-view").getByText("Screen", { exact: true }).click();
      await typeOnScreen(page, "echo Typed On The SCREEN\n");
      const drawn = await screenPicture(page);
      assert.ok(drawn.colours > 2 && drawn.drawnShare > 0.01, `the screen should show coloured text: ${JSON.stringify(drawn)}`);
      await picture("screen-typed");
      await page.getByTestId("console-view").getByText("Serial", { exact: true }).click();
      await serialShows(page, /^Typed On The SCREEN$/m);

      await page.getByTestId("console-view").getByText("Screen", { exact: true }).click();
      await page.getByTestId("type").click();
      await page.getByRole("textbox", { name: "Text", exact: true }).fill("echo Pasted: \"{1 + 2}\" as keystrokes_\n");
      await picture("type-text");
      await page.keyboard.press("Control+Enter");
      await screenShows(page, /^Pasted: "\{1 \+ 2\}" as keystrokes_$/m);
      await page.getByTestId("soft").click();
      for (const key of ["KeyH", "KeyE", "KeyL", "KeyP", "Enter"]) await page.locator(`.rf-soft-key[data-code=${key}]`).click();
      await screenShows(page, /> help$/m);
      await page.getByTestId("soft").click();
      await typeOnScreen(page, "clear\nring\n");
      await page.getByTestId("console-view").getByText("Both", { exact: true }).click();
      await serialShows(page, /19 of 19 attempts were refused\.[\s\S]*ringfence>/);
      await picture("ring-refused-both");
      await page.getByTestId("console-view").getByText("Screen", { exact: true }).click();
      await page.getByTestId("screen").click();
      await picture("ring-refused");
      await isAccessible(page, "the console");

      await page.getByTestId("power-pause").click();
      await status(page, "paused");
      await picture("paused");
      await page.getByTestId("power-resume").click();
      await isRunning(page);

      await typeOnScreen(page, "clear\nspin\n");
      await page.getByRole("tab", { name: "Overview" }).click();
      for (const percent of [25, 50]) {
        const cap = await moveCap(page, percent);
        assert.ok(Math.abs(cap - percent) <= 3, `the slider at ${percent} % of its track gives ${cap} %`);
        await hostCpuNear(page, cap, 4);
        await picture(`cap-${percent}`);
      }
      await page.getByTestId("usage-graph").waitFor();
      await isAccessible(page, "the overview");
      await moveCap(page, 100);

      await page.getByRole("tab", { name: "Console" }).click();
      await page.getByTestId("screen").click();
      await page.keyboard.press("Control+c");
      await typeOnScreen(page, "echo still here\n");
      await page.getByTestId("console-view").getByText("Serial", { exact: true }).click();
      await serialShows(page, /^still here$/m);
      await typeOnSerial(page, "crash\r");
      const failure = page.getByTestId("failure");
      await failure.getByRole("heading", { name: "First machine crashed" }).waitFor();
      assert.match((await failure.textContent()) ?? "", /triple fault/);
      await failure.getByText("Registers and details").click();
      const registers = (await failure.locator("pre").textContent()) ?? "";
      assert.match(registers, /RIP=[0-9A-F]{16}[\s\S]*CR3=/);
      await status(page, "error");
      await picture("crashed");
      await isAccessible(page, "the failure panel");

      await failure.getByRole("button", { name: "Start again" }).click();
      await isRunning(page);
      await serialShows(page, /Ringfence demo ready/);
      await failure.waitFor({ state: "detached" });
      await page.getByTestId("power-shutdown").click();
      await isOff(page);
      await page.getByTestId("power-start").click();
      await isRunning(page);
      await serialShows(page, /Ringfence demo ready/);
      await confirm(page, "powerOff");
      await isOff(page);
      await picture("off");

      await confirm(page, "delete");
      await page.getByTestId("boot-demo").waitFor();
      await picture("deleted");
      await openPage(page, "trash");
      const entry = page.getByTestId("trash-entry").filter({ hasText: "First machine" });
      await entry.waitFor();
      await picture("trash");
      await isAccessible(page, "the trash");
      await entry.getByRole("button", { name: "Restore First machine" }).click();
      await entry.waitFor({ state: "detached" });
      await openPage(page, "machines");
      await isOff(page);
      await page.getByTestId("power-start").click();
      await isRunning(page);
      // Another window, or the same one loaded again, finds the machine as it is.
      await page.reload();
      await isRunning(page);
    }));

  test("a file that is no kernel gets a readable error, before and after the machine is made", { timeout: 300_000 }, () =>
    withApp("no-kernel", async ({ page, folder, picture }) => {
      const kernel = join(folder, "kernel.elf");
      writeFileSync(kernel, "Dear diary, this is not a kernel.\n");
      await page.getByTestId("new-machine").click();
      const wizard = page.getByTestId("wizard");
      await wizard.getByTestId("source-kernel").click();
      await wizard.getByTestId("kernel-path").fill(kernel);
      await wizard.getByText("This is not a kernel that can be started").first().waitFor();
      await wizard.getByTestId("wizard-next").click();
      await wizard.getByRole("alert").filter({ hasText: "not a kernel" }).waitFor();
      await picture("wizard");
      await isAccessible(page, "a wizard with a fault");
      await wizard.getByTestId("kernel-path").fill(join(folder, "missing"));
      await wizard.getByText("There is no such file").first().waitFor();

      copyFileSync(DEMO_KERNEL, kernel);
      await wizard.getByTestId("kernel-path").fill(kernel);
      await wizard.getByText("Multiboot kernel").waitFor();
      await wizard.getByTestId("wizard-next").click();
      await wizard.getByTestId("name").fill("Diary");
      await wizard.getByTestId("wizard-next").click();
      await wizard.getByRole("checkbox").uncheck();
      await wizard.getByTestId("wizard-next").click();
      await isOff(page);
      writeFileSync(kernel, "Dear diary, it is still not a kernel.\n");
      await page.getByTestId("power-start").click();
      const failure = page.getByTestId("failure");
      await failure.waitFor();
      await status(page, "error");
      assert.match((await failure.textContent()) ?? "", /not a kernel/i);
      await picture("start");
      copyFileSync(DEMO_KERNEL, kernel);
      await failure.getByRole("button", { name: "Start again" }).click();
      await isRunning(page);
      await picture("mended");
    }));

  test("in Korean and dark, the app speaks Korean and stays accessible", { timeout: 300_000 }, () =>
    withApp("korean", async ({ page, picture }) => {
      await openPage(page, "settings");
      await page.getByTestId("language").click();
      await page.getByRole("option", { name: "한국어" }).click();
      await page.locator("html[lang=ko]").waitFor();
      await page.getByRole("heading", { name: "설정" }).waitFor();
      await page.getByTestId("theme").locator("label").last().click();
      await picture("settings");
      await isAccessible(page, "the settings in Korean");
      await openPage(page, "machines");
      await page.getByTestId("boot-demo").click();
      await isRunning(page);
      await page.locator("[data-testid=screen][data-width]").waitFor();
      await typeOnScreen(page, "ring\n");
      await page.getByTestId("console-view").locator("label").nth(1).click();
      await serialShows(page, /19 of 19 attempts were refused\./);
      await serialShows(page, /net0: 10\.0\.2\.\d+\/24 from 10\.0\.2\.1/);
      await page.getByTestId("console-view").locator("label").first().click();
      await picture("console");
      await isAccessible(page, "the console in Korean");
      await page.getByTestId("new-machine").click();
      await page.getByTestId("wizard").getByTestId("wizard-next").click();
      await page.getByTestId("memory-number").waitFor();
      await picture("wizard");
      await isAccessible(page, "the wizard in Korean");
    }));

  test("a Debian kernel boots to a shell on serial, with its console on the screen", { skip: missingGuest("amd64") ?? false, timeout: 600_000 }, () =>
    withApp("debian", async ({ page, picture }) => {
      await page.getByTestId("new-machine").click();
      const wizard = page.getByTestId("wizard");
      await wizard.getByTestId("source-kernel").click();
      await wizard.getByTestId("kernel-path").fill(installerFile("amd64", "linux"));
      await wizard.getByText("Linux kernel,").waitFor();
      const initramfs = busyboxInitramfs("amd64", "echo 'A shell waits on the serial port.' >/dev/console\nsetsid sh -c 'exec sh </dev/ttyS0 >/dev/ttyS0 2>&1'\npoweroff -f");
      await wizard.getByTestId("initrd-path").fill(initramfs);
      await wizard.getByText(/A file, \d/).waitFor();
      // The console named last is the one that init and the kernel's messages before it get; both get the kernel's messages.
      await wizard.getByTestId("append").fill("console=ttyS0 console=tty0 panic=-1");
      await picture("wizard-kernel");
      await wizard.getByTestId("wizard-next").click();
      await wizard.getByTestId("name").fill("Debian 12");
      await wizard.getByTestId("memory-number").fill("256");
      await wizard.getByTestId("wizard-next").click();
      await picture("wizard-summary");
      await wizard.getByTestId("wizard-next").click();
      await isRunning(page);
      await page.getByTestId("console-view").getByText("Both", { exact: true }).click();
      await serialShows(page, /^\/ #\s*$/m, 300_000);
      await picture("shell-both");
      await page.getByTestId("console-view").getByText("Serial", { exact: true }).click();
      await typeOnSerial(page, "clear; uname -srm; echo sum $((6*7)); seq 1 20000 | sha256sum\r");
      await serialShows(page, /^Linux \S+ x86_64$[\s\S]*^sum 42$/m);
      const numbers = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join("");
      const digest = createHash("sha256").update(numbers).digest("hex");
      await serialShows(page, new RegExp(`^${digest} {2}-$`, "m"), 60_000);
      await typeOnSerial(page, "grep -m3 -E 'model name|cpu MHz|flags' /proc/cpuinfo; free\r");
      await serialShows(page, /model name\s*: Ringfence Virtual CPU[\s\S]*Mem:/);
      assert.doesNotMatch(await serialText(page), /Oops|segfault|Call Trace/);
      await picture("shell-serial");
      await page.getByTestId("console-view").getByText("Screen", { exact: true }).click();
      const drawn = await screenPicture(page);
      assert.ok(drawn.drawnShare > 0.02, `the screen should show the kernel's console: ${JSON.stringify(drawn)}`);
      await picture("screen");
      await page.getByTestId("console-view").getByText("Serial", { exact: true }).click();
      await typeOnSerial(page, "poweroff -f\r");
      await status(page, "off", 60_000);
      await picture("off");
    }));
});
