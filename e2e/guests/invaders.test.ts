// Debian's grub-invaders, a Multiboot kernel without an operating system: it draws its fleet and obeys the keyboard.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { missingPackages, packageFile } from "../fixtures/packages.ts";

const GAME = ["grub-invaders", "boot/invaders.exec"] as const;

/** The screen after the steps. */
async function play(...steps: string[]): Promise<string[]> {
  const session = new Session(["run", "--kernel", packageFile(...GAME) ?? "", "--memory", "32", "--timeout", "60", "--expect=-*-", ...steps, "--screen-text", "--off"]);
  assert.equal(await session.exit(), 0, session.errors);
  return session.output.split("\n");
}
const shipColumn = (screen: string[]): number => Math.max(...screen.map((line) => line.indexOf("/ \\")));
const fleet = (screen: string[]): number => screen.join("").split("*").length - 1;

test("the fleet is drawn, the ship moves and shoots", { skip: missingPackages(GAME), timeout: 180_000 }, async () => {
  const before = await play("--wait", "1");
  assert.ok(fleet(before) > 15, before.join("\n"));
  const after = await play("--wait", "1", "--type", "<left><left><left><left>", "--wait", "1");
  assert.ok(shipColumn(before) > 0 && shipColumn(after) >= 0 && shipColumn(after) < shipColumn(before), `${shipColumn(before)}, then ${shipColumn(after)}`);
  const shots = await play("--wait", "1", "--type", " <left> <left> <left> <left> <left> ", "--wait", "3");
  assert.ok(fleet(shots) < fleet(before) || shots.some((line) => line.includes("|")), shots.join("\n"));
});
