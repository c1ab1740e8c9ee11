// Debian's packaged kernels read what lies on a disk and read back what they wrote, over each controller and again after a reset.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { type Architecture, busyboxInitramfs, missingGuest } from "../fixtures/debian.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";

const MIB = 1 << 20;
const DISK_MIB = 48;
const WRITE_AT_MIB = 24;
const WRITE_MIB = 8;
const TROUBLE = /\b(virtio\w*|vd[a-z]|sd[a-z]|ata\d+(\.\d+)?|ahci|ata_piix|scsi)\b.*(error|fail|warn|timeout|timed out|exception|frozen|broken)/i;
const CRASH = /Oops|BUG: |Call Trace|WARNING: /;

interface Controller {
  name: string;
  architecture: Architecture;
  interface: "virtio" | "ide" | "ahci";
  modules: string[];
  options?: Record<string, string>;
  node: string;
}

const CONTROLLERS: Controller[] = [
  { name: "virtio 1.0", architecture: "amd64", interface: "virtio", modules: ["virtio_pci", "virtio_blk"], node: "vda" },
  { name: "legacy virtio", architecture: "i386", interface: "virtio", modules: ["virtio_pci", "virtio_blk"], options: { virtio_pci: "force_legacy=1" }, node: "vda" },
  { name: "PIIX IDE", architecture: "amd64", interface: "ide", modules: ["ata_piix", "sd_mod"], node: "sda" },
  { name: "AHCI", architecture: "amd64", interface: "ahci", modules: ["ahci", "sd_mod"], node: "sda" },
];

/** Bytes that repeat nowhere within the disk. */
function pattern(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0, x = 0x2545f491; at < sizeBytes; at += 4) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes.writeInt32LE(x, at);
  }
  return bytes;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function scriptFor({ node }: Controller, load: string): string {
  const whole = `dd if=/dev/${node} bs=1M count=${WRITE_AT_MIB} 2>/dev/null | sha256sum`;
  const written = `dd if=/dev/${node} bs=1M skip=${WRITE_AT_MIB} count=${WRITE_MIB} 2>/dev/null | sha256sum`;
  return `
mount -t devtmpfs dev /dev
${load}
i=0; while [ ! -b /dev/${node} ] && [ $i -lt 60 ]; do sleep 0.5; i=$((i+1)); done
if [ "$(dd if=/dev/${node} bs=1M skip=${DISK_MIB - 1} count=1 2>/dev/null | head -c 6)" = MARKED ]; then
  echo "@@AGAIN $(${written})"
else
  echo "@@READ $(${whole})"
  dd if=/dev/${node} of=/tmp/data bs=1M count=${WRITE_MIB} skip=3 2>/dev/null
  dd if=/tmp/data of=/dev/${node} bs=64k seek=${WRITE_AT_MIB * 16} conv=fsync 2>/dev/null
  echo 3 > /proc/sys/vm/drop_caches
  echo "@@BACK $(${written})"
  echo MARKED | dd of=/dev/${node} bs=1M seek=${DISK_MIB - 1} conv=notrunc,fsync 2>/dev/null
  echo @@DMESG
  dmesg
  echo @@RESET
  reboot -f
fi
poweroff -f
`;
}

for (const controller of CONTROLLERS) {
  const { architecture } = controller;
  const kernel = missingGuest(architecture) === undefined ? debianKernel(architecture) : undefined;
  const skip = missingGuest(architecture) ?? (kernel ? false : "Debian's kernel package cannot be fetched here");
  test(`${controller.name}: the ${architecture} kernel reads and writes the disk, also after a reset`, { skip, timeout: 900_000 }, async () => {
    assert.ok(kernel);
    const { files, load } = kernel.modules(controller.modules, controller.options);
    const contents = pattern(DISK_MIB * MIB);
    const disk = join(mkdtempSync(join(tmpdir(), "ringfence-disk-")), "disk.img");
    writeFileSync(disk, contents);
    const session = new Session([
      "run", "--kernel", kernel.image, "--initrd", busyboxInitramfs(architecture, scriptFor(controller, load), files), "--append", "console=ttyS0 panic=-1 loglevel=3",
      "--memory", "256", "--serial", "stdio", "--timeout", "800", "--disk", `${disk},if=${controller.interface}`,
    ]);
    assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-3000)}`);
    const { output } = session;
    const copied = contents.subarray(3 * MIB, (3 + WRITE_MIB) * MIB);
    assert.doesNotMatch(output, /@@FAILED/);
    assert.match(output, new RegExp(`@@READ ${sha256(contents.subarray(0, WRITE_AT_MIB * MIB))}`));
    assert.match(output, new RegExp(`@@BACK ${sha256(copied)}`));
    assert.match(output, new RegExp(`@@AGAIN ${sha256(copied)}`));
    const after = readFileSync(disk);
    contents.set(copied, WRITE_AT_MIB * MIB);
    contents.write("MARKED\n", (DISK_MIB - 1) * MIB);
    assert.equal(sha256(after), sha256(contents), "the image holds what the guest wrote and nothing else");
    const dmesg = output.slice(output.indexOf("@@DMESG"), output.indexOf("@@RESET"));
    assert.deepEqual(dmesg.split("\n").filter((line) => TROUBLE.test(line) || CRASH.test(line)), []);
  });
}
