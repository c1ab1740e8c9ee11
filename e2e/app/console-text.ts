// What a user reads from and types into the console of the machine that is shown.
import type { Page } from "playwright-core";

/** Rows of the serial terminal that are in view, as plain text. */
export async function serialText(page: Page): Promise<string> {
  const rows = await page.getByTestId("serial").locator(".xterm-rows > div").allTextContents();
  return rows.map((row) => row.replaceAll("\u00a0", " ").trimEnd()).join("\n");
}

/** Waits until the serial terminal shows `pattern`; what it shows instead is in the error. */
export async function serialShows(page: Page, pattern: RegExp, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const text = await serialText(page);
    if (pattern.test(text)) return;
    if (Date.now() > end) throw new Error(`The serial terminal did not show ${pattern} within ${timeoutMs / 1000} s, but:\n${text}`);
    await page.waitForTimeout(200);
  }
}

/** By physical keys, as a person does: a capital letter is its key with Shift held. */
export async function typeOnScreen(page: Page, text: string): Promise<void> {
  await page.getByTestId("screen").click();
  for (const character of text) {
    if (/[A-Z]/.test(character)) await page.keyboard.press(`Shift+Key${character}`, { delay: 20 });
    else await page.keyboard.press(character === "\n" ? "Enter" : character === " " ? "Space" : character, { delay: 20 });
  }
}

export async function typeOnSerial(page: Page, text: string): Promise<void> {
  await page.getByTestId("serial").click();
  await page.keyboard.type(text);
}

/** How many different colours the screen's picture has, and what share of it is not the most frequent one. */
export function screenPicture(page: Page): Promise<{ colours: number; drawnShare: number }> {
  return page.getByTestId("screen-canvas").evaluate((canvas: HTMLCanvasElement) => {
    const context = canvas.getContext("2d");
    if (context === null || canvas.width === 0 || canvas.height === 0) return { colours: 0, drawnShare: 0 };
    const pixels = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    const counts = new Map<number, number>();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    return { colours: counts.size, drawnShare: 1 - Math.max(...counts.values()) / pixels.length };
  });
}

/** Waits until the guest's text screen, as a screen reader finds it, shows `pattern`. */
export async function screenShows(page: Page, pattern: RegExp, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const text = await screenText(page);
    if (pattern.test(text)) return;
    if (Date.now() > end) throw new Error(`The screen did not show ${pattern} within ${timeoutMs / 1000} s, but:\n${text}`);
    await page.waitForTimeout(100);
  }
}

async function screenText(page: Page): Promise<string> {
  const overlay = page.getByTestId("screen-text");
  if ((await overlay.count()) === 0) return "";
  return (await overlay.locator("div").allTextContents()).map((line) => line.trimEnd()).join("\n");
}
