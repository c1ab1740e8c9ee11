// Boot from the network, run by `ringfence lab run`: iPXE's ROM on each kind of card, started by the project's BIOS, gets an address from
// the gateway and a script, kernel and initial RAM disk by TFTP; PXELINUX does the same for Debian's installer.
import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { type CardModel, labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";
import { missingPackages, packageFile } from "../fixtures/packages.ts";

const ROMS: Readonly<Record<CardModel, string>> = { virtio: "pxe-virtio.rom", e1000: "pxe-e1000.rom", ne2000: "pxe-ne2k_pci.rom" };
const rom = (model: CardModel) => ["ipxe-qemu", `usr/lib/ipxe/qemu/${ROMS[model]}`] as const;
const INSTALLER = ["debian-installer-12-netboot-amd64", "usr/lib/debian-installer/images/12/amd64/text"] as const;

function lab(model: CardModel, tftpFolder: string, bootFile: string, memory: number): string {
  return labFile({
    machines: [{ name: "pc", memory, boot: ["network"], nics: [{ switch: "s1", vlan: 10, model, rom: packageFile(...rom(model)) }] }],
    switches: [{ name: "s1" }],
    gateways: [{ switch: "s1", vlan: 10, network: "10.0.10.0/24", tftpFolder, bootFile }],
  });
}

for (const model of ["virtio", "e1000", "ne2000"] as const) {
  const skip = missingNetworkGuest() ?? missingPackages(rom(model));
  test(`iPXE on a card of kind ${model} boots a kernel with its initial RAM disk over TFTP`, { skip, timeout: 600_000 }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "ringfence-tftp-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const guest = networkGuest("pc", [], 'lease eth0\necho "@@BOOTED $(cat /proc/cmdline)"', [model]);
    copyFileSync(guest.kernel, join(folder, "vmlinuz"));
    copyFileSync(guest.initrd, join(folder, "initrd.img"));
    writeFileSync(join(folder, "boot.ipxe"), `#!ipxe\nkernel vmlinuz console=ttyS0 quiet panic=-1 random.trust_cpu=on marker=\${net0/ip}\ninitrd initrd.img\nboot\n`);
    // The folder is meant from the lab file, which has a temporary folder of its own.
    const session = new Session(["lab", "run", lab(model, join("..", basename(folder)), "boot.ipxe", 512), "--timeout", "550"]);
    // The address is its own: the guest's kernel has the same card, so that the lease is the same one.
    const [, address] = await session.expect(/\[pc\] @@LEASE eth0 (\S+)/, 550);
    await session.expect(new RegExp(`\\[pc\\] @@BOOTED .*marker=${address?.replaceAll(".", "\\.")}`), 60);
    assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-2000)}`);
  });
}

test("PXELINUX comes up by TFTP and starts Debian's installer", { skip: missingPackages(rom("virtio"), INSTALLER), timeout: 900_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-tftp-"));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(packageFile(...INSTALLER) ?? assert.fail(), folder, { recursive: true, verbatimSymlinks: true });
  // Its own menu is a picture; on a serial line the installer asks in text, line by line.
  rmSync(join(folder, "debian-installer/amd64/pxelinux.cfg/default"));
  writeFileSync(
    join(folder, "debian-installer/amd64/pxelinux.cfg/default"),
    "SERIAL 0\nPROMPT 0\nDEFAULT install\nLABEL install\n  KERNEL debian-installer/amd64/linux\n  APPEND initrd=debian-installer/amd64/initrd.gz console=ttyS0 DEBIAN_FRONTEND=text\n",
  );
  const session = new Session(["lab", "run", lab("virtio", folder, "pxelinux.0", 1280), "--timeout", "850"]);
  await session.expect(/PXELINUX [0-9.]+/, 300);
  await session.expect(/Linux version /, 300);
  await session.expect(/Select a language/, 500);
  session.process.kill("SIGTERM");
  await session.exit();
});
