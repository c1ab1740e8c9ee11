// Boot media of Debian's packages, one adapter for each: where the medium comes from, what it takes to make it, the options that put
// it into a machine, the steps, and what its screen shows in the end.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { missingPackages, missingTools, packageFile } from "../fixtures/packages.ts";

export interface FirmwareGuest {
  name: string;
  /** A reason to skip, or false. */
  missing(): string | false;
  /** Drives and memory. Makes the medium if it has to be made. */
  options(): string[];
  /** Steps of the command line, up to the mark. */
  steps: string[];
  /** What the text screen shows at the end. */
  shows: RegExp[];
  never?: RegExp;
}

const GRUB_STEPS = ["--expect", "GNU GRUB", "--wait", "1", "--type", "c", "--expect", "grub>"];
const GRUB_LS = [...GRUB_STEPS, "--type", "ls<enter>", "--expect", "msdos1)\ngrub>"];
const grubRescue = ["grub-rescue-pc", "usr/lib/grub-rescue/grub-rescue-cdrom.iso"] as const;
const grubFloppy = ["grub-rescue-pc", "usr/lib/grub-rescue/grub-rescue-floppy.img"] as const;
const ipxe = ["ipxe", "usr/lib/ipxe/ipxe.iso"] as const;
export const memtest = (bits: "x64" | "ia32") => ["memtest86+", `usr/lib/memtest86+/memtest86+${bits}.iso`] as const;
const isolinux = ["isolinux", "usr/lib/ISOLINUX/isolinux.bin"] as const;
const syslinuxModule = ["syslinux-common", "usr/lib/syslinux/modules/bios/ldlinux.c32"] as const;
const syslinux = ["syslinux", "usr/bin/syslinux"] as const;
const masterBootRecord = ["syslinux-common", "usr/lib/syslinux/mbr/mbr.bin"] as const;
const extlinux = ["extlinux", "usr/bin/extlinux"] as const;
const ipxeKernel = ["ipxe", "boot/ipxe.lkrn"] as const;

type PackageFile = readonly [name: string, path: string];
/** Only asked for after missing() has said that it is there. */
const path = ([name, file]: PackageFile): string => packageFile(name, file) ?? "";

const scratch = (): string => mkdtempSync(join(tmpdir(), "ringfence-media-"));

function make(folder: string, script: string): void {
  const result = spawnSync("sh", ["-ec", script], { cwd: folder, encoding: "utf8", env: { ...process.env, MTOOLS_SKIP_CHECK: "1" } });
  if (result.status !== 0) throw new Error(`A medium could not be made: ${result.stderr}`);
}

/** A reason to skip, or false. */
function missingLoop(): string | false {
  const folder = scratch();
  const script = "truncate -s 1M x && mkfs.ext2 -q -F x && mkdir m && mount -o loop x m && umount m";
  return spawnSync("sh", ["-c", script], { cwd: folder, stdio: "ignore" }).status !== 0 && "needs the right to mount a file system (root and loop devices)";
}

/** A boot menu whose entry is iPXE as a Linux kernel: it shows itself on the screen and needs nothing else. */
const SYSLINUX_CONFIG = "PROMPT 1\nTIMEOUT 600\nDEFAULT ipxe\nLABEL ipxe\n  KERNEL ipxe.krn\n";
const SYSLINUX_STEPS = ["--expect", "boot:", "--type", "ipxe<enter>", "--expect", "iPXE 1.0.0"];

function isolinuxImage(): string {
  const folder = scratch();
  const tree = join(folder, "tree", "isolinux");
  mkdirSync(tree, { recursive: true });
  for (const file of [isolinux, syslinuxModule]) copyFileSync(path(file), join(tree, file[1].split("/").at(-1) ?? ""));
  copyFileSync(path(ipxeKernel), join(tree, "ipxe.krn"));
  writeFileSync(join(tree, "isolinux.cfg"), SYSLINUX_CONFIG);
  const boot = "-b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table";
  make(folder, `xorriso -as mkisofs -quiet -o image.iso ${boot} tree`);
  return join(folder, "image.iso");
}

/** Partition types. */
const LBA_FAT16 = 0x0e, LINUX = 0x83;
const DISK = { cylinders: 32, heads: 16, sectors: 63 } as const;

/** A FAT file system with syslinux on it: a floppy, or the only partition of a disk, behind syslinux's master boot record. */
function syslinuxImage(kind: "floppy" | "disk"): string {
  const folder = scratch();
  copyFileSync(path(ipxeKernel), join(folder, "ipxe.krn"));
  writeFileSync(join(folder, "syslinux.cfg"), SYSLINUX_CONFIG);
  const { cylinders, heads, sectors } = DISK;
  const partitionSectors = (cylinders * heads - 1) * sectors;
  const format = kind === "floppy" ? "mformat -C -f 1440 -i fs.img ::" : `mformat -C -T ${partitionSectors} -h ${heads} -s ${sectors} -H ${sectors} -i fs.img ::`;
  make(folder, `${format}; mcopy -i fs.img ipxe.krn syslinux.cfg ${path(syslinuxModule)} ::; ${path(syslinux)} --install fs.img`);
  return kind === "floppy" ? join(folder, "fs.img") : partitioned(folder, LBA_FAT16);
}

/** An ext2 file system with extlinux on it, on a disk. It installs itself only where it can see the file system mounted. */
function extlinuxImage(): string {
  const folder = scratch();
  copyFileSync(path(ipxeKernel), join(folder, "ipxe.krn"));
  writeFileSync(join(folder, "extlinux.conf"), SYSLINUX_CONFIG);
  const install = `cp ipxe.krn extlinux.conf ${path(syslinuxModule)} mounted; ${path(extlinux)} --install mounted`;
  const size = (DISK.cylinders * DISK.heads - 1) * DISK.sectors * 512;
  make(folder, `truncate -s ${size} fs.img; mkfs.ext2 -q -F fs.img; mkdir mounted; mount -o loop fs.img mounted; (${install}); status=$?; umount mounted; exit $status`);
  return partitioned(folder, LINUX);
}

/** `fs.img` of the folder behind a partition table and syslinux's master boot record. */
function partitioned(folder: string, type: number): string {
  const { cylinders, heads, sectors } = DISK;
  const disk = Buffer.alloc(cylinders * heads * sectors * 512);
  readFileSync(path(masterBootRecord)).copy(disk);
  // One active partition from the second track to the end.
  disk.set([0x80, 1, 1, 0, type, heads - 1, sectors, cylinders - 1], 446);
  disk.writeUInt32LE(sectors, 454);
  disk.writeUInt32LE((cylinders * heads - 1) * sectors, 458);
  disk.set([0x55, 0xaa], 510);
  readFileSync(join(folder, "fs.img")).copy(disk, sectors * 512);
  writeFileSync(join(folder, "disk.img"), disk);
  return join(folder, "disk.img");
}

/** The demo guest's kernel on a FAT disk without partitions. */
function demoImage(): string {
  const folder = scratch();
  copyFileSync(fileURLToPath(new URL("../../assets/guests/demo/demo.elf", import.meta.url)), join(folder, "demo.elf"));
  make(folder, "truncate -s 1440K demo.img; mformat -i demo.img -f 1440 ::; mcopy -i demo.img demo.elf ::");
  return join(folder, "demo.img");
}

export const GUESTS: readonly FirmwareGuest[] = [
  {
    name: "the demo guest, by GRUB from a disk",
    missing: () => missingPackages(grubRescue) || missingTools("mcopy"),
    options: () => ["--disk", `${path(grubRescue)},snapshot`, "--disk", `${demoImage()},snapshot`],
    steps: [...GRUB_STEPS, "--type", "multiboot (hd1)/demo.elf<enter>boot<enter>", "--expect", "ringfence>", "--type", "ring<enter>", "--expect", "attempts were refused"],
    shows: [/ringfence>/, /attempts were refused/],
  },
  {
    name: "GRUB's rescue CD",
    missing: () => missingPackages(grubRescue),
    options: () => ["--cdrom", path(grubRescue)],
    steps: [...GRUB_LS, "--type", "ls (cd)/boot/grub<enter>", "--expect", "i386-pc"],
    shows: [/grub> ls\s+\(cd\)/, /i386-pc/],
  },
  {
    name: "GRUB's rescue floppy",
    missing: () => missingPackages(grubFloppy),
    options: () => ["--floppy", `${path(grubFloppy)},snapshot`],
    steps: GRUB_LS,
    shows: [/grub> ls\s+\(fd0\)/],
  },
  ...(["ide", "ahci", "virtio"] as const).map((controller) => ({
    name: `GRUB's rescue image on a disk (${controller})`,
    missing: () => missingPackages(grubRescue),
    options: () => ["--disk", `${path(grubRescue)},if=${controller},snapshot`],
    steps: GRUB_LS,
    shows: [/grub> ls\s+\(hd0\)/],
  })),
  {
    name: "a GRUB CD that chain-loads a disk",
    missing: () => missingPackages(grubRescue),
    options: () => ["--boot", "cd", "--cdrom", path(grubRescue), "--disk", `${path(grubRescue)},snapshot`],
    // Not the floppy: GRUB stops its drive, and SeaBIOS then fails to read it, under QEMU too.
    steps: [...GRUB_STEPS, "--type", "set root=(hd0)<enter>chainloader +1<enter>boot<enter>", "--expect", "GNU GRUB", "--wait", "2", ...GRUB_LS],
    shows: [/grub> ls\s+\(hd0\)/],
  },
  {
    name: "iPXE's CD",
    missing: () => missingPackages(ipxe),
    options: () => ["--cdrom", path(ipxe)],
    steps: ["--expect", "Press Ctrl-B", "--type", "<ctrl-b>", "--expect", "iPXE>"],
    shows: [/iPXE>/],
  },
  {
    name: "an isolinux CD",
    missing: () => missingPackages(isolinux, syslinuxModule, ipxeKernel) || missingTools("xorriso"),
    options: () => ["--cdrom", isolinuxImage()],
    steps: SYSLINUX_STEPS,
    shows: [/iPXE 1\.0\.0/],
  },
  ...(["floppy", "disk"] as const).map((kind) => ({
    name: `a syslinux ${kind}`,
    missing: () => missingPackages(syslinux, syslinuxModule, masterBootRecord, ipxeKernel) || missingTools("mcopy"),
    options: () => [`--${kind}`, `${syslinuxImage(kind)},snapshot`],
    steps: SYSLINUX_STEPS,
    shows: [/iPXE 1\.0\.0/],
  })),
  {
    name: "an extlinux disk",
    missing: () => missingPackages(extlinux, syslinuxModule, masterBootRecord, ipxeKernel) || missingTools("mkfs.ext2") || missingLoop(),
    options: () => ["--disk", `${extlinuxImage()},snapshot`],
    steps: SYSLINUX_STEPS,
    shows: [/iPXE 1\.0\.0/],
  },
  ...(["x64", "ia32"] as const).map((bits) => ({
    name: `memtest86+ (${bits})`,
    missing: () => missingPackages(memtest(bits)),
    options: () => ["--cdrom", path(memtest(bits))],
    steps: ["--expect", "Status: Testing", "--wait", "3"],
    // A test that has just begun stands at 0 %, and so does the pass at first: not both.
    shows: [/(?:Pass|Test) +[1-9]\d*%/, /Errors: 0/],
  })),
];
