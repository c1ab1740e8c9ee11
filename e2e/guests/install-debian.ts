// Installs Debian 12 on an empty disk of 2 GiB from a CD that this script makes, restarts from the disk, logs in and powers off.
//   node e2e/guests/install-debian.ts [--if ide|ahci|virtio] [--engine translator|interpreter] [--keep DISK] [--log FILE]
// Takes many minutes, so no test runs it: debian-disk.test.ts boots a system made on the host instead. Prints when each part began.
import assert from "node:assert/strict";
import { closeSync, createWriteStream, mkdtempSync, openSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Session } from "../fixtures/cli.ts";
import { HOST_NAME, installerCd, ROOT_PASSWORD } from "../fixtures/debian-installer.ts";
import { kernelTrouble } from "../fixtures/kernel-trouble.ts";

const GIB = 2 ** 30;
const PART_TIMEOUT_S = 3600;

const { values } = parseArgs({
  options: { if: { type: "string", default: "virtio" }, engine: { type: "string", default: "translator" }, keep: { type: "string" }, log: { type: "string" } },
});

const started = Date.now();
function say(text: string): void {
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`${String(Math.floor(seconds / 60)).padStart(3)}:${String(seconds % 60).padStart(2, "0")} ${text}`);
}

const cd = installerCd();
say(`the CD is made: ${cd}`);
const folder = mkdtempSync(join(tmpdir(), "ringfence-install-"));
const disk = values.keep ?? join(folder, "disk.img");
closeSync(openSync(disk, "w"));
truncateSync(disk, 2 * GIB);
const session = new Session([
  "run", "--cdrom", cd, "--disk", `${disk},if=${values.if}`, "--boot", "disk,cd", "--engine", values.engine, "--memory", "1024", "--serial", "stdio",
]);
if (values.log !== undefined) session.process.stdout?.pipe(createWriteStream(values.log));
process.once("SIGINT", () => session.process.kill("SIGTERM"));
try {
  for (const [mark, text] of [
    ["@@STARTED", "the installer runs"],
    ["@@PARTITION", "partitions and file system"],
    ["@@DEBOOTSTRAP", "debootstrap"],
    ["@@CONFIGURE", "configuration"],
    ["@@APT", "kernel and GRUB by apt"],
    ["@@GRUB", "grub-install"],
    ["@@INSTALLED", "installed"],
  ] as const) {
    const [found] = await session.expect(new RegExp(`${mark}|@@FAILED`), PART_TIMEOUT_S);
    assert.equal(found, mark, session.output.slice(-3000));
    say(text);
  }
  await session.expect(/@@END/, PART_TIMEOUT_S);
  const complaints = kernelTrouble(session.output.slice(session.output.indexOf("@@DMESG"), session.output.indexOf("@@END")));
  const restart = session.output.length;
  await session.expect(/GNU GRUB/, PART_TIMEOUT_S, restart);
  say("GRUB of the new disk");
  await session.expect(new RegExp(`${HOST_NAME} login: `), PART_TIMEOUT_S, restart);
  say("login prompt");
  session.type("root\r");
  await session.expect(/Password: /, PART_TIMEOUT_S, restart);
  session.type(`${ROOT_PASSWORD}\r`);
  await session.expect(new RegExp(`root@${HOST_NAME}:~# `), PART_TIMEOUT_S, restart);
  say("logged in");
  session.type("uname -a; findmnt /; dpkg -l | grep -c ^ii; echo @@DM''ESG; dmesg; echo @@E''ND; systemctl poweroff\r");
  await session.expect(/@@END/, PART_TIMEOUT_S, restart);
  const after = session.output.slice(restart);
  complaints.push(...kernelTrouble(after.slice(after.indexOf("@@DMESG"), after.indexOf("@@END"))));
  assert.equal(await session.exit(), 0, session.errors);
  say("powered off");
  assert.deepEqual(complaints, []);
} finally {
  session.process.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
