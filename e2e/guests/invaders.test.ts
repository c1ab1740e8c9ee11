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

/** The game draws over its own picture all the time, so that a look may find half of one: plays again until the picture is as it should be. */
async function playUntil(isRight: (screen: string[]) => boolean, ...steps: string[]): Promise<string[]> {
  let screen: string[] = [];
  for (let attempt = 0; attempt < 6; attempt++) {
    screen = await play(...steps);
    if (isRight(screen)) return screen;
  }
  throw new assert.AssertionError({ message: `After ${steps.join(" ")} the screen was\n${screen.join("\n")}` });
}

test("the fleet is drawn, the ship moves and shoots", { skip: missingPackages(GAME), timeout: 300_000 }, async () => {
  const before = await playUntil((screen) => fleet(screen) > 8 && shipColumn(screen) > 0, "--wait", "1");
  await playUntil((screen) => shipColumn(screen) >= 0 && shipColumn(screen) < shipColumn(before), "--wait", "1", "--type", "<left><left><left><left>", "--wait", "1");
  // A shot leaves from the ship's bow, and takes a second and more to the top of the screen.
  await playUntil((screen) => screen.some((line) => line[shipColumn(screen) + 1] === "|"), "--wait", "1", "--type", " ", "--expect=|");
});
