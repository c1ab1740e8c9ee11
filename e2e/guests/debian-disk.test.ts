// Debian 12 on a disk, as debootstrap and GRUB make it, boots by the machine's own firmware from every kind of disk: GRUB's menu, the
// login prompt, a shell, power off. So does the 686-pae kernel that lies beside it. Neither complains of a device.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { debianDisk, missingForDisk, ROOT_PASSWORD } from "../fixtures/debian-disk.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { kernelTrouble } from "../fixtures/kernel-trouble.ts";
import { missingPackages, packageFile } from "../fixtures/packages.ts";

const reason = missingForDisk();
let image: string | undefined;
let why = "";
if (reason === false) {
  try {
    image = debianDisk();
  } catch (error) {
    why = `Debian's disk cannot be made here: ${error instanceof Error ? error.message : String(error)}`;
  }
}
const skip = reason || (image === undefined ? why : false);

function boot(controller: string, options: string[] = []): Session {
  assert.ok(image !== undefined);
  return new Session([
    "run", "--disk", `${image},if=${controller},snapshot`, "--boot", "disk", "--engine", "translator", "--memory", "512", "--serial", "stdio", "--timeout", "800", ...options,
  ]);
}

for (const controller of ["virtio", "ide", "ahci"]) {
  test(`Debian on a disk boots over ${controller} to its login and powers off`, { skip, timeout: 900_000 }, async () => {
    const session = boot(controller);
    await session.expect(/GNU GRUB/, 60);
    session.type("\r");
    await session.expect(/ringfence login: /, 700);
    session.type("root\r");
    await session.expect(/Password: /, 120);
    session.type(`${ROOT_PASSWORD}\r`);
    await session.expect(/root@ringfence:~# /, 200);
    session.type("echo @@$((6 * 7)); uname -m; findmnt -no SOURCE,FSTYPE /; echo @@DM''ESG; dmesg; echo @@E''ND; systemctl poweroff\r");
    await session.expect(/@@END/, 120);
    assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-3000)}`);
    const { output } = session;
    assert.match(output, /@@42\s+x86_64\s/);
    assert.match(output, controller === "virtio" ? /\/dev\/vda1\s+ext4/ : /\/dev\/sda1\s+ext4/);
    assert.deepEqual(kernelTrouble(output.slice(output.indexOf("@@DMESG"), output.indexOf("@@END"))), []);
  });
}

const SEABIOS = ["seabios", "usr/share/seabios/bios-256k.bin"] as const;
const VGABIOS = ["seabios", "usr/share/seabios/vgabios-stdvga.bin"] as const;
const FIRMWARE = [
  { name: "our BIOS", controller: "ahci", missing: false, options: () => [] },
  { name: "SeaBIOS", controller: "ide", missing: missingPackages(SEABIOS), options: () => ["--bios", packageFile(...SEABIOS) ?? "", "--vgabios", packageFile(...VGABIOS) ?? ""] },
] as const;

for (const { name, controller, missing, options } of FIRMWARE) {
  test(`GRUB started by ${name} starts the 686-pae kernel, which reads and writes its ${controller} disk`, { skip: skip || missing, timeout: 900_000 }, async () => {
    const session = boot(controller, options());
    await session.expect(/GNU GRUB/, 60);
    session.type("p");
    await session.expect(/@@UNMOUNTED/, 600);
    await session.expect(/@@END/, 120);
    assert.equal(await session.exit(), 0, session.errors);
    const { output } = session;
    assert.match(output, /-686-pae i686/);
    assert.match(output, /^ringfence\s/m, "the host name, a file of the disk");
    const kernel = debianKernel("i386");
    assert.ok(kernel && output.includes(createHash("sha256").update(readFileSync(kernel.image)).digest("hex")), "its own kernel's hash, read from the disk");
    assert.deepEqual(kernelTrouble(output.slice(output.indexOf("@@DMESG"), output.indexOf("@@END"))), []);
  });
}
