// What a user does on the drawing of the network with a mouse, and in the console of a machine that is drawn there.
import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import { serialShows, typeOnSerial } from "./console-text.ts";

export const openPage = (page: Page, name: "machines" | "networks") => page.locator(`[data-page=${name}]`).click();

/** When the drawing is where it stays. */
export const isDrawn = (page: Page) => page.locator("[data-testid=net-canvas][data-fitted=true]").waitFor();

export async function showDrawing(page: Page): Promise<void> {
  await openPage(page, "networks");
  await isDrawn(page);
}

async function centre(of: Locator): Promise<{ x: number; y: number }> {
  const box = await of.boundingBox();
  assert.ok(box, `${of} is not drawn`);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** Lets go only when the drawing says that it would be taken there, or where `to` is a socket. */
export async function drag(page: Page, from: Locator, to: Locator, isTaken?: Locator): Promise<void> {
  const [a, b] = [await centre(from), await centre(to)];
  await page.mouse.move(a.x, a.y);
  await page.mouse.down();
  await page.mouse.move(a.x + 8, a.y + 8, { steps: 3 });
  await page.mouse.move(b.x, b.y, { steps: 10 });
  await isTaken?.waitFor();
  await page.mouse.up();
}

export const dragOntoVlan = (page: Page, name: string, vlan: string) => {
  const area = page.getByTestId(`vlan-${vlan}`);
  return drag(page, page.getByTestId(`card-${name}`), area.locator("header"), area.and(page.locator("[data-over=true]")));
};

/** Of what is right under the pointer: `item` of the menu of `of`. */
export async function choose(page: Page, of: Locator, item: string): Promise<void> {
  await of.click({ button: "right" });
  await page.getByTestId("net-menu").getByRole("menuitem", { name: item, exact: true }).click();
}

/** The machine is drawn at `where`; gives its address when it has one of `network`. */
export async function isAt(page: Page, name: string, where: string, network: string, timeoutMs = 60_000): Promise<string> {
  const card = page.locator(`[data-testid="card-${name}"][data-place="${where}"]`);
  await card.waitFor();
  const address = card.getByText(new RegExp(`^${network.replaceAll(".", "\\.")}\\.\\d+$`));
  await address.waitFor({ timeout: timeoutMs });
  return (await address.textContent()) ?? "";
}

/** Shows the machine's serial console, on the machines page. */
export async function showSerial(page: Page, name: string): Promise<void> {
  await openPage(page, "machines");
  await page.getByRole("option", { name: new RegExp(`^${name} `) }).click();
  await page.getByRole("tab", { name: "Console" }).click();
  await page.getByTestId("console-view").getByText("Serial", { exact: true }).click();
}

/** Types a command in a demo guest's console and waits for its answer, on the machines page. */
export async function ask(page: Page, name: string, command: string, answer: RegExp): Promise<void> {
  await showSerial(page, name);
  await serialShows(page, /ringfence>/);
  await typeOnSerial(page, `${command}\r`);
  await serialShows(page, answer, 60_000);
}
