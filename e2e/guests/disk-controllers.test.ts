// Debian's packaged kernels copy 64 MiB within a disk over each controller, and a floppy's half over the floppy controller: hashes
// agree in the guest, again after a reset of the machine, and in the image; the kernel complains of no device.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { type Architecture, busyboxInitramfs, missingGuest } from "../fixtures/debian.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { kernelTrouble } from "../fixtures/kernel-trouble.ts";

const KIB = 1024;

interface Medium {
  name: string;
  architecture: Architecture;
  /** The option that puts FILE into the machine. */
  option: (file: string) => string[];
  modules: string[];
  options?: Record<string, string>;
  node: string;
  /** This much from the start is copied to where it ends. The last block beyond holds a mark. */
  copyKiB: number;
  sizeKiB: number;
  blockKiB: number;
}

const disk = (name: "ide" | "ahci" | "virtio") => ({ option: (file: string) => ["--disk", `${file},if=${name}`], copyKiB: 64 * KIB, sizeKiB: 129 * KIB, blockKiB: KIB });

const MEDIA: Medium[] = [
  { name: "virtio 1.0", architecture: "amd64", ...disk("virtio"), modules: ["virtio_pci", "virtio_blk"], node: "vda" },
  { name: "legacy virtio", architecture: "i386", ...disk("virtio"), modules: ["virtio_pci", "virtio_blk"], options: { virtio_pci: "force_legacy=1" }, node: "vda" },
  { name: "PIIX IDE", architecture: "amd64", ...disk("ide"), modules: ["ata_piix", "sd_mod"], node: "sda" },
  { name: "AHCI", architecture: "i386", ...disk("ahci"), modules: ["ahci", "sd_mod"], node: "sda" },
  { name: "floppy", architecture: "amd64", option: (file) => ["--floppy", file], modules: ["floppy"], node: "fd0", copyKiB: 711, sizeKiB: 1440, blockKiB: 9 },
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

/** The first run copies and marks the last KiB; the second, after the reset, finds the mark and reads again. */
function scriptFor({ node, copyKiB, sizeKiB, blockKiB }: Medium, load: string): string {
  const blocks = copyKiB / blockKiB;
  const device = `/dev/${node}`;
  const source = `dd if=${device} bs=${blockKiB}k count=${blocks} 2>/dev/null | sha256sum`;
  const copy = `dd if=${device} bs=${blockKiB}k skip=${blocks} count=${blocks} 2>/dev/null | sha256sum`;
  return `
mount -t devtmpfs dev /dev
${load}
i=0; while [ ! -b ${device} ] && [ $i -lt 60 ]; do sleep 0.5; i=$((i+1)); done
if [ "$(dd if=${device} bs=1k skip=${sizeKiB - 1} count=1 2>/dev/null | head -c 6)" = MARKED ]; then
  echo "@@AGAIN $(${copy})"
else
  echo "@@READ $(${source})"
  dd if=${device} of=${device} bs=${blockKiB}k count=${blocks} seek=${blocks} conv=notrunc,fsync || echo "@@FAILED copy"
  echo 3 > /proc/sys/vm/drop_caches
  echo "@@BACK $(${copy})"
  echo MARKED | dd of=${device} bs=1k seek=${sizeKiB - 1} conv=notrunc,fsync 2>/dev/null
  echo @@DMESG
  dmesg
  echo @@RESET
  reboot -f
fi
poweroff -f
`;
}

for (const medium of MEDIA) {
  const { architecture } = medium;
  const kernel = missingGuest(architecture) === undefined ? debianKernel(architecture) : undefined;
  const skip = missingGuest(architecture) ?? (kernel ? false : "Debian's kernel package cannot be fetched here");
  test(`${medium.name}: the ${architecture} kernel reads back what it wrote, also after a reset`, { skip, timeout: 600_000 }, async () => {
    assert.ok(kernel);
    const { files, load } = kernel.modules(medium.modules, medium.options);
    const contents = pattern(medium.sizeKiB * KIB);
    const folder = mkdtempSync(join(tmpdir(), "ringfence-disk-"));
    try {
      const image = join(folder, "disk.img");
      writeFileSync(image, contents);
      const session = new Session([
        "run", "--kernel", kernel.image, "--initrd", busyboxInitramfs(architecture, scriptFor(medium, load), files), "--append", "console=ttyS0 panic=-1 loglevel=3",
        "--engine", "translator", "--memory", "256", "--serial", "stdio", "--timeout", "500", ...medium.option(image),
      ]);
      assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-3000)}`);
      const { output } = session;
      const source = contents.subarray(0, medium.copyKiB * KIB);
      assert.doesNotMatch(output, /@@FAILED/);
      for (const mark of ["READ", "BACK", "AGAIN"]) assert.equal(new RegExp(`@@${mark} (\\w+)`).exec(output)?.[1], sha256(source), `@@${mark}\n${output.slice(-3000)}`);
      contents.set(source, medium.copyKiB * KIB);
      contents.write("MARKED\n", (medium.sizeKiB - 1) * KIB);
      assert.equal(sha256(readFileSync(image)), sha256(contents), "the image holds what the guest wrote and nothing else");
      assert.deepEqual(kernelTrouble(output.slice(output.indexOf("@@DMESG"), output.indexOf("@@RESET"))), []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
