import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseKnownSystems } from "../../core/api/known-systems.ts";
import { listFolder, probeFile } from "./file-probe.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-probe-"));
after(() => rmSync(folder, { recursive: true }));
let count = 0;
const kindOf = async (bytes: Uint8Array) => {
  const path = join(folder, `file-${count++}`);
  writeFileSync(path, bytes);
  return (await probeFile(path, [])).kind;
};

function linux(): Buffer {
  const image = Buffer.alloc(2048);
  image.writeUInt16LE(0xaa55, 0x1fe);
  image.write("HdrS", 0x202);
  return image;
}

function multiboot(checksum: number): Buffer {
  const image = Buffer.alloc(8192);
  image.writeUInt32LE(0x1badb002, 4096);
  image.writeUInt32LE(3, 4100);
  image.writeUInt32LE(checksum >>> 0, 4104);
  return image;
}

function elf64(noteType: number, noteOffset = 176): Buffer {
  const image = Buffer.alloc(256);
  image.writeUInt32BE(0x7f454c46, 0);
  image[4] = 2;
  image.writeBigUInt64LE(64n, 32);
  image.writeUInt16LE(56, 54);
  image.writeUInt16LE(2, 56);
  image.writeUInt32LE(1, 64);
  image.writeUInt32LE(4, 120);
  image.writeBigUInt64LE(BigInt(noteOffset), 128);
  image.writeBigUInt64LE(24n, 152);
  image.writeUInt32LE(4, 176);
  image.writeUInt32LE(8, 180);
  image.writeUInt32LE(noteType, 184);
  image.write("Xen\0", 188);
  return image;
}

test("kernels are told apart by their headers", async () => {
  assert.equal(await kindOf(linux()), "linux");
  assert.equal(await kindOf(multiboot(-(0x1badb002 + 3))), "multiboot");
  assert.equal(await kindOf(multiboot(0)), "unknown");
  assert.equal(await kindOf(elf64(18)), "pvh");
  assert.equal(await kindOf(elf64(6)), "unknown");
  assert.equal(await kindOf(elf64(18, 0x7fffffff)), "unknown");
});

test("a CD image is a medium and no kernel, and belongs to the system whose label it has", async () => {
  const cd = Buffer.alloc(0x9000);
  cd.write("\u0001CD001\u0001", 0x8000, "latin1");
  cd.write("RESCUE".padEnd(32), 0x8028);
  cd.writeUInt16LE(2048, 0x8080);
  cd.writeUInt32LE(18, 0x8050);
  cd.write("\u00ffCD001\u0001", 0x8800, "latin1");
  const path = join(folder, "rescue.iso");
  writeFileSync(path, cd);
  const { systems } = parseKnownSystems(
    JSON.stringify({
      version: 1,
      systems: [{ id: "rescue", name: "Rescue", family: "other", bits: 32, memoryMiB: { minimum: 4, recommended: 8 }, diskMiB: 0, recognise: [{ label: "resc*" }] }],
    }),
    "test",
  );
  const probe = await probeFile(path, systems);
  assert.deepEqual([probe.kind, probe.medium?.kind, probe.medium?.label, probe.medium?.system], ["unknown", "cd", "RESCUE", "rescue"]);
});

test("anything else is unknown, and a file all the same", async () => {
  assert.equal(await kindOf(Buffer.from("hello")), "unknown");
  assert.equal(await kindOf(Buffer.alloc(0)), "unknown");
});

test("a missing file, a folder and the home folder", async () => {
  assert.deepEqual(await probeFile(join(folder, "none"), []), { exists: false, sizeBytes: 0, kind: "missing", medium: null });
  assert.equal((await probeFile(folder, [])).kind, "folder");
  assert.equal((await probeFile("~", [])).kind, "folder");
});

test("a folder is listed folders first, without hidden and dead entries", async () => {
  const place = join(folder, "place");
  for (const name of ["b", "a", ".hidden"]) mkdirSync(join(place, name), { recursive: true });
  writeFileSync(join(place, "0.txt"), "12345");
  symlinkSync("nowhere", join(place, "dead"));
  const listing = await listFolder(place);
  assert.deepEqual([listing.path, listing.parent], [place, folder]);
  assert.deepEqual(listing.entries, [{ name: "a", isFolder: true, sizeBytes: 0 }, { name: "b", isFolder: true, sizeBytes: 0 }, { name: "0.txt", isFolder: false, sizeBytes: 5 }]);
  assert.equal((await listFolder("/")).parent, null);
  assert.equal((await listFolder("")).path, homedir());
});

test("a folder that is not there is an error with a code", async () => {
  await assert.rejects(listFolder(join(folder, "none")), { code: "fileMissing" });
});
