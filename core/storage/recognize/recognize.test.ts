import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseKnownSystems } from "../../api/known-systems.ts";
import { MediumInfo } from "../../api/medium-info.ts";
import { sampleExt, sampleFloppy, sampleIso, sampleMbr } from "../../testkit/sample-media.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { BoundedSource, latin1, sourceOf } from "./byte-source.ts";
import { readIsoFile, readIsoVolume } from "./iso9660.ts";
import { recognizeMedium } from "./recognize.ts";
import { matchesPattern } from "./system-rules.ts";

const list = new URL("../../../assets/guests/systems.json", import.meta.url);
const { systems } = parseKnownSystems(readFileSync(list, "utf8"), "systems.json");
const look = (bytes: Uint8Array) => recognizeMedium(sourceOf(bytes), systems);
const bootImage = new Uint8Array(4096).fill(0x90);

/** A disk of some sectors with parts put at sector numbers. */
function disk(sectors: number, parts: Record<number, Uint8Array>): Uint8Array {
  const bytes = new Uint8Array(sectors * 512);
  for (const [sector, part] of Object.entries(parts)) bytes.set(part, Number(sector) * 512);
  return bytes;
}

async function fileText(iso: Uint8Array, path: string): Promise<string | null> {
  const source = new BoundedSource(sourceOf(iso));
  const volume = await readIsoVolume(source);
  assert.ok(volume);
  const bytes = await readIsoFile(source, volume, path, 100);
  return bytes && latin1(bytes, 0, bytes.length);
}

test("a Debian CD: label, boot entries, system", async () => {
  const info = await look(sampleIso({ label: "Debian 12.5.0 amd64 n", joliet: true, boots: [{ image: bootImage }, { image: bootImage, platform: 0xef }] }));
  assert.deepEqual(info, {
    kind: "cd", drives: ["cd"], sizeBytes: info.sizeBytes, label: "Debian 12.5.0 amd64 n", isBootable: true, isEfiBootable: true,
    details: ["ISO 9660", "Joliet", "El Torito x86, no emulation", "El Torito EFI, no emulation"], partitions: [], problems: [], system: "debian",
  });
});

test("a system is recognised by a file when the label says nothing, on plain, Rock Ridge and Joliet CDs", async () => {
  const files = { "/.disk/info": 'Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 NETINST' };
  for (const how of [{}, { joliet: true }, { rockRidge: true }]) assert.equal((await look(sampleIso({ label: "X", files, ...how }))).system, "debian", JSON.stringify(how));
  assert.equal((await look(sampleIso({ label: "X", files: { "/.disk/info": "Something else" } }))).system, null);
});

test("files are found by path through folders, whatever the case, and only there", async () => {
  const files = { "/isolinux/isolinux.cfg": "default linux", "/a/b/c/deep.txt": "down here", "/top.txt": "up" };
  for (const how of [{}, { joliet: true }, { rockRidge: true }]) {
    const iso = sampleIso({ files, ...how });
    assert.equal(await fileText(iso, "/isolinux/ISOLINUX.CFG"), "default linux");
    assert.equal(await fileText(iso, "a/b/c/deep.txt"), "down here");
    assert.equal(await fileText(iso, "/top.txt"), "up");
    for (const none of ["/", "", "/a/b", "/a/b/d/deep.txt", "/top.txt/x", "/isolinux/..", "/a/".repeat(40)]) assert.equal(await fileText(iso, none), null, none);
  }
});

test("floppy emulation, and entries that do not boot", async () => {
  const info = await look(sampleIso({ boots: [{ image: bootImage, media: 2, isBootable: false }] }));
  assert.deepEqual([info.isBootable, info.details[1], info.problems], [false, "El Torito x86, 1.44 M floppy, not bootable", []]);
});

test("a catalogue that is broken or points past the end does not boot, and says so", async () => {
  const good = sampleIso({ boots: [{ image: bootImage }] });
  const broken: ((iso: Uint8Array, view: DataView) => void)[] = [
    (_, view) => view.setUint32(17 * 2048 + 0x47, 0xffffffff, true),
    (_, view) => view.setUint32(20 * 2048 + 40, 0x7fffffff, true),
    (iso) => (iso[20 * 2048 + 4] = 1),
    (iso) => iso.fill(0xff, 20 * 2048, 21 * 2048),
  ];
  for (const harm of broken) {
    const iso = good.slice();
    harm(iso, new DataView(iso.buffer));
    const info = await look(iso);
    assert.deepEqual([info.kind, info.isBootable, info.problems], ["cd", false, ["badBootCatalogue"]]);
  }
});

test("a CD that was cut off says so", async () => {
  const iso = sampleIso({ label: "CUT", files: { "/a": "x".repeat(10_000) } });
  const info = await look(iso.subarray(0, iso.length - 4096));
  assert.deepEqual([info.label, info.problems], ["CUT", ["truncated"]]);
  assert.equal(await fileText(iso.subarray(0, iso.length - 4096), "/a"), null);
});

test("a CD that also starts as a disk fits both drives", async () => {
  const info = await look(sampleIso({ boots: [{ image: bootImage }], sector0: sampleMbr([{ type: 0xef, start: 1, count: 8 }]) }));
  assert.deepEqual([info.kind, info.drives, info.partitions.length], ["cd", ["cd", "floppy", "disk"], 1]);
});

test("a folder that contains itself, and one that has no end, do no harm", async () => {
  const iso = sampleIso({ files: { "/a/b": "x" } });
  const view = new DataView(iso.buffer);
  // The record of "/a" in the root folder, after those of the folder and its parent, points back to the root folder.
  view.setUint32(21 * 2048 + 34 * 2 + 2, 21, true);
  assert.equal(await fileText(iso, "/a/a/a/a/a/a/a/b"), null);
  view.setUint32(21 * 2048 + 34 * 2 + 10, 0xffffffff, true);
  assert.equal(await fileText(iso, "/a/a/none"), null);
});

test("floppies: boot code, label, system by root folder and by OEM name", async () => {
  const freeDos = await look(sampleFloppy({ files: ["KERNEL.SYS", "COMMAND.COM"], code: "\xfa\xfc", label: "FD BOOT" }));
  assert.deepEqual([freeDos.kind, freeDos.label, freeDos.isBootable, freeDos.system], ["floppy", "FD BOOT", true, "freedos"]);
  assert.equal((await look(sampleFloppy({ oemName: "FRDOS5.1" }))).system, "freedos");
  assert.equal((await look(sampleFloppy({ files: ["MSDOS.SYS"] }))).system, "ms-dos");
  assert.equal((await look(sampleFloppy({ code: "This is not a bootable disk." }))).isBootable, false);
});

test("a boot sector full of FFh, an empty disk and nothing at all are unknown", async () => {
  const ones = new Uint8Array(1440 * 1024).fill(0xff);
  assert.deepEqual([(await look(ones)).kind, (await look(ones)).isBootable], ["unknown", false]);
  assert.deepEqual([(await look(new Uint8Array(4 << 20))).kind, (await look(new Uint8Array(4 << 20))).drives], ["unknown", ["disk"]]);
  assert.equal((await look(new Uint8Array())).kind, "unknown");
  assert.equal((await look(Uint8Array.of(0x55))).kind, "unknown");
});

test("disks: primary and logical partitions with what is inside", async () => {
  const extended = sampleMbr([{ type: 0x82, start: 8, count: 100 }, { type: 5, start: 200, count: 100 }], "");
  const second = sampleMbr([{ type: 0x83, start: 8, count: 50 }], "");
  const info = await look(
    disk(16_384, {
      0: sampleMbr([{ type: 0x83, start: 64, count: 1000, isActive: true }, { type: 0x0f, start: 2000, count: 1000 }]),
      64: sampleExt("root", { compatible: 4, incompatible: 0x40 }),
      2000: extended,
      2200: second,
      2208: sampleExt("home"),
    }),
  );
  assert.deepEqual(info.partitions.map((p) => [p.type, p.offset / 512, p.isActive]), [["Linux", 64, true], ["extended", 2000, false], ["Linux swap", 2008, false], ["Linux", 2208, false]]);
  assert.deepEqual([info.kind, info.label, info.isBootable, info.details, info.problems], ["disk", "root", true, ["MBR partitions", "ext4", "ext2"], []]);
});

test("a disk with GRUB between its table and its first partition is a disk, although GRUB is a Multiboot kernel", async () => {
  const grub = new Uint8Array(512);
  const header = new DataView(grub.buffer);
  for (const [n, word] of [0x1badb002, 0, -0x1badb002].entries()) header.setUint32(64 + n * 4, word >>> 0, true);
  assert.equal((await look(disk(64, { 1: grub }))).kind, "kernel");
  const info = await look(disk(4000, { 0: sampleMbr([{ type: 0x83, start: 64, count: 1000, isActive: true }]), 1: grub, 64: sampleExt("root") }));
  assert.deepEqual([info.kind, info.label, info.isBootable], ["disk", "root", true]);
});

test("an extended partition whose chain loops, and partitions past the end, are told", async () => {
  const loop = sampleMbr([{ type: 0x83, start: 1, count: 1 }, { type: 5, start: 0, count: 100 }], "");
  const info = await look(disk(8000, { 0: sampleMbr([{ type: 5, start: 100, count: 100 }]), 100: loop }));
  assert.deepEqual(info.problems, ["badPartitionTable"]);
  const past = await look(disk(8000, { 0: sampleMbr([{ type: 0x83, start: 100, count: 0xffffffff }]) }));
  assert.deepEqual(past.problems, ["truncated"]);
});

test("a Linux kernel: version, width, system", async () => {
  const kernel = new Uint8Array(40_000);
  const view = new DataView(kernel.buffer);
  view.setUint16(0x1fe, 0xaa55, true);
  kernel.set(new TextEncoder().encode("HdrS"), 0x202);
  view.setUint16(0x206, 0x20f, true);
  view.setUint16(0x20e, 0x3000, true);
  view.setUint16(0x236, 1, true);
  kernel.set(new TextEncoder().encode("6.1.0-50-amd64 (debian-kernel@lists.debian.org) #1 SMP"), 0x3200);
  const info = await look(kernel);
  assert.deepEqual([info.kind, info.details, info.system, info.drives], ["kernel", ["Linux bzImage", "64 bit"], "debian", []]);
  view.setUint16(0x20e, 0xffff, true);
  assert.equal((await look(kernel)).system, null);
});

test("the built-in guest is a Multiboot kernel", async () => {
  const info = await look(readFileSync(new URL("../../../assets/guests/demo/demo.elf", import.meta.url)));
  assert.deepEqual([info.kind, info.details], ["kernel", ["Multiboot", "32 bit"]]);
});

test("an ELF file with a PVH note is a kernel, without one it is not", async () => {
  const elf = new Uint8Array(8192);
  const view = new DataView(elf.buffer);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2]);
  view.setUint32(32, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 4, true);
  view.setUint32(64 + 8, 4096, true);
  view.setUint32(64 + 32, 64, true);
  for (const [at, word] of [4, 8, 7, 0x006e6558, 0, 0, 4, 8, 18, 0x006e6558, 0x1000, 0].entries()) view.setUint32(4096 + at * 4, word, true);
  assert.deepEqual((await look(elf)).details, ["PVH", "64 bit"]);
  view.setUint32(64 + 32, 24, true);
  assert.equal((await look(elf)).kind, "unknown");
});

test("images of other programs and packed files are told apart from RAW ones", async () => {
  const marked = (text: string, at = 0, size = 4096) => {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    return bytes;
  };
  assert.deepEqual((await look(marked("QFI\xfb"))).problems, ["foreignDiskFormat"]);
  assert.deepEqual((await look(marked("conectix", 3584))).details, ["VHD"]);
  assert.deepEqual((await look(marked("PK\x03\x04"))).problems, ["packed"]);
  assert.deepEqual((await look(marked(`\0${"\xff".repeat(10)}\0`))).problems, ["rawSectors"]);
});

test("patterns: * is any text, case does not matter, long ones end soon", () => {
  for (const [text, pattern] of [["Debian 12 amd64", "debian *AMD64"], ["abc", "*"], ["", "*"], ["abc", "a*b*c"], ["aXbXc", "a*c"], ["a*c", "a*c"]]) {
    assert.ok(matchesPattern(text ?? "", pattern ?? ""), `${text} ${pattern}`);
  }
  for (const [text, pattern] of [["Debian", "deb"], ["", "a"], ["abc", "a*d"], ["abc", "*b"], ["a.c", "a?c"]]) assert.ok(!matchesPattern(text ?? "", pattern ?? ""), `${text} ${pattern}`);
  assert.ok(!matchesPattern("a".repeat(4000), `${"*a".repeat(90)}*b`));
});

test("whatever is broken in a medium, the answer is one, it is well-formed, and little was read for it", async () => {
  const bootCode = sampleMbr([{ type: 0x83, start: 64, count: 100 }, { type: 5, start: 200, count: 100 }, { type: 0xee, start: 1, count: 9 }]);
  const samples = [
    sampleIso({ label: "Debian", joliet: true, rockRidge: true, files: { "/.disk/info": "x", "/a/b/c": "y" }, boots: [{ image: bootImage }, { image: bootImage, platform: 0xef }] }),
    sampleIso({ rockRidge: true, files: { "/sources/boot.wim": "x", "/boot/grub/i386-pc/normal.mod": "y" }, sector0: bootCode }),
    sampleFloppy({ files: ["KERNEL.SYS"], label: "A" }).slice(0, 64 * 1024),
    disk(400, { 0: bootCode, 1: new TextEncoder().encode("EFI PART"), 64: sampleExt("x"), 200: sampleMbr([{ type: 0x83, start: 1, count: 1 }]) }),
  ];
  for (let seed = 1; seed <= 1500; seed++) {
    const random = new SeededRandom(seed);
    const sample = samples[seed % samples.length] ?? new Uint8Array();
    const bytes = sample.slice(0, random.below(4) === 0 ? random.below(sample.length) : sample.length);
    // Most of the structure is in a few places: half of the harm goes there.
    const places = [0, 440, 512, 16 * 2048, 17 * 2048, 18 * 2048, 20 * 2048, 21 * 2048, 22 * 2048, 64 * 512 + 1024];
    for (let n = random.below(40); n >= 0 && bytes.length > 0; n--) {
      const at = random.below(2) ? random.below(bytes.length) : (places[random.below(places.length)] ?? 0) + random.below(200);
      if (at < bytes.length) bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random.below(256)][random.below(6)] ?? 0;
    }
    let reads = 0;
    const info = await recognizeMedium(
      {
        sizeBytes: bytes.length,
        read(offset, length) {
          reads++;
          assert.ok(offset >= 0 && length > 0 && offset + length <= bytes.length, `seed ${seed} reads outside`);
          return bytes.subarray(offset, random.below(50) === 0 ? offset + random.below(length) : offset + length);
        },
      },
      systems,
    );
    MediumInfo.parse(info);
    assert.ok(reads <= 2000, `seed ${seed}: ${reads} reads`);
  }
});

test("a source that fails is heard of", async () => {
  const broken = { sizeBytes: 1 << 20, read: () => Promise.reject(new Error("gone")) };
  await assert.rejects(recognizeMedium(broken, systems), { message: "gone" });
});
