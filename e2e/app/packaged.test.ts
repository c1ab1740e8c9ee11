// Debian's own boot media through the app: picked in the wizard, recognised, booted by our firmware, used at the console. The same
// media run headless in e2e/guests; here a user looks at them.
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { debianDisk, missingForDisk, ROOT_PASSWORD } from "../fixtures/debian-disk.ts";
import { missingPackages, packageFile } from "../fixtures/packages.ts";
import { screenShows, serialShows, typeOnSerial } from "./console-text.ts";
import { noBrowser, withApp } from "./running-app.ts";

const GRUB = ["grub-rescue-pc", "usr/lib/grub-rescue/grub-rescue-cdrom.iso"] as const;
const MEMTEST = ["memtest86+", "usr/lib/memtest86+/memtest86+x64.iso"] as const;
const MEMTEST_PASS_MS = Number(process.env["RINGFENCE_GUEST_TIMEOUT"] ?? 900) * 1000;

/** Through the wizard to a running machine without a disk, and with the faster engine. */
async function bootMedium(page: Page, path: string, system: string, memoryMiB: number): Promise<void> {
  await page.getByTestId("new-machine").click();
  const wizard = page.getByTestId("wizard");
  await wizard.getByTestId("source-medium").click();
  await wizard.getByTestId("medium-path").fill(path);
  await wizard.getByTestId("recognised").getByText(system).first().waitFor();
  await wizard.getByTestId("wizard-next").click();
  await wizard.getByTestId("memory-number").fill(String(memoryMiB));
  await wizard.getByTestId("wizard-next").click();
  await wizard.getByTestId("disk-none").waitFor();
  await wizard.getByTestId("wizard-next").click();
  await wizard.getByTestId("summary").waitFor();
  await wizard.getByRole("checkbox").uncheck();
  await wizard.getByTestId("wizard-next").click();
  await page.getByRole("tab", { name: "Hardware" }).click();
  await page.getByTestId("engine").click();
  await page.getByRole("option", { name: "Translator" }).click();
  await page.getByTestId("power-start").click();
  await page.getByRole("tab", { name: "Console" }).click();
  await page.locator("[data-testid=machine][aria-selected=true][data-status=running]").waitFor();
}

async function typeText(page: Page, text: string): Promise<void> {
  await page.getByTestId("type").click();
  await page.getByRole("textbox", { name: "Text", exact: true }).fill(text);
  await page.getByRole("button", { name: "Type", exact: true }).click();
  await page.getByTestId("type-text").waitFor({ state: "detached" });
}

describe("packaged media", { skip: noBrowser, concurrency: false }, () => {
  test("GRUB's rescue CD comes to its prompt and lists what is on the CD", { skip: missingPackages(GRUB), timeout: 300_000 }, () =>
    withApp("grub", async ({ page, picture }) => {
      await bootMedium(page, packageFile(...GRUB) ?? "", "GRUB rescue medium", 64);
      await screenShows(page, /GNU GRUB/, 60_000);
      await picture("menu");
      await page.getByTestId("screen").focus();
      await page.keyboard.press("c");
      await page.keyboard.press("ControlRight");
      await screenShows(page, /grub>/);
      await typeText(page, "ls\n");
      await screenShows(page, /grub> ls\s+\(cd\)[\s\S]*\ngrub>/);
      await typeText(page, "ls (cd)/boot/grub\n");
      await screenShows(page, /i386-pc/);
      await picture("prompt");
    }));

  test("memtest86+ completes a pass of 64 MiB without an error", { skip: missingPackages(MEMTEST), timeout: MEMTEST_PASS_MS + 120_000 }, () =>
    withApp("memtest", async ({ page, picture }) => {
      await bootMedium(page, packageFile(...MEMTEST) ?? "", "Memtest86+", 64);
      await screenShows(page, /Status: Testing/, 120_000);
      await picture("testing");
      // The frame stands there empty at first: a pass that was counted is the mark.
      await screenShows(page, /Pass(?:es)?:\s*[1-9][\s\S]*Errors:\s*0/, MEMTEST_PASS_MS);
      await picture("passed");
    }));

  test("Debian on a disk boots by GRUB, a user logs in, and it powers itself off", { skip: missingForDisk(), timeout: 900_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "ringfence-disk-"));
    const disk = join(folder, "debian.img");
    try {
      copyFileSync(debianDisk(), disk);
      await withApp("debian-disk", async ({ page, picture }) => {
        await bootMedium(page, disk, "ringfence", 512);
        await screenShows(page, /GNU GRUB/, 60_000);
        await picture("grub");
        await page.getByTestId("screen").focus();
        await page.keyboard.press("Enter");
        await page.keyboard.press("ControlRight");
        await page.getByText("Both", { exact: true }).click();
        await serialShows(page, /ringfence login:/, 600_000);
        await typeOnSerial(page, "root\n");
        await serialShows(page, /Password:/, 120_000);
        await typeOnSerial(page, `${ROOT_PASSWORD}\n`);
        await serialShows(page, /root@ringfence:~#/, 200_000);
        await typeOnSerial(page, "echo $((6 * 7)) $(uname -m) $(findmnt -no SOURCE /)\n");
        await serialShows(page, /\n42 x86_64 \/dev\/[sv]da1/, 60_000);
        await picture("shell");
        await typeOnSerial(page, "systemctl poweroff\n");
        await page.locator("[data-testid=machine][aria-selected=true][data-status=off]").waitFor({ timeout: 200_000 });
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
