import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../../storage/memory-backend.ts";
import { patternedBytes } from "../../testkit/memory-disk.ts";
import { sampleIso } from "../../testkit/sample-media.ts";
import { CARRY, monitorSector, type Registers, SystemBiosBench } from "../../testkit/system-bios-bench.ts";
import { booted, bootableBytes, cdDrive, diskDrive, floppyDrive } from "../../testkit/system-bios-media.ts";

const BUFFER = 0x9000, PACKET = 0x8f00;
const low = (value: number): number => value & 0xffff;
const status = ({ eax, flags }: Registers): [number, boolean] => [low(eax) >> 8, (flags & CARRY) !== 0];
const sectorNumber = (bytes: Uint8Array, at = 0): number => Buffer.from(bytes).readUInt32LE(at);

function packet(count: number, lba: number, offset = BUFFER): number[] {
  return [16, 0, count, 0, offset & 0xff, offset >> 8, 0, 0, ...[0, 8, 16, 24].map((shift) => (lba >>> shift) & 0xff), 0, 0, 0, 0];
}

for (const controller of ["ide", "ahci", "virtio"] as const) {
  test(`${controller}: geometry, reads and writes by both kinds of address, refusals`, () => {
    const drive = diskDrive(controller);
    const bios = booted([drive]);
    assert.equal(bios.bootDrive(), 0x80);
    const { ecx, edx } = bios.call(0x13, { eax: 0x0800, edx: 0x80 });
    const [spt, heads] = [ecx & 0x3f, (low(edx) >> 8) + 1];
    assert.deepEqual([low(edx) & 0xff, spt, heads], [1, 63, 16]);
    const type = bios.call(0x13, { eax: 0x1500, edx: 0x80 });
    assert.equal(low(type.eax) >> 8, 3);
    // Cylinder 3, head 5, sector 7: three sectors, to an odd address too.
    const lba = (3 * heads + 5) * spt + 6;
    for (const at of [BUFFER, BUFFER + 1]) {
      assert.deepEqual(status(bios.call(0x13, { eax: 0x0203, ebx: at, ecx: 0x0307, edx: 0x0580 })), [0, false]);
      assert.deepEqual([0, 512, 1024].map((n) => sectorNumber(bios.peek(0, at, 1536), n)), [lba, lba + 1, lba + 2]);
    }
    assert.equal(low(bios.call(0x13, { eax: 0x4100, ebx: 0x55aa, edx: 0x80 }).ebx), 0xaa55);
    bios.poke(0, PACKET, packet(2, 1234));
    assert.deepEqual(status(bios.call(0x13, { eax: 0x4200, edx: 0x80, esi: PACKET })), [0, false]);
    assert.equal(sectorNumber(bios.peek(0, BUFFER, 1024), 512), 1235);
    bios.poke(0, BUFFER, new Uint8Array(512).fill(0x5a));
    bios.poke(0, PACKET, packet(1, 2000));
    assert.deepEqual(status(bios.call(0x13, { eax: 0x4300, edx: 0x80, esi: PACKET })), [0, false]);
    assert.deepEqual(status(bios.call(0x13, { eax: 0x0301, ebx: BUFFER, ecx: 0x0002, edx: 0x0080 })), [0, false]);
    const contents = drive.medium?.contents ?? new Uint8Array();
    for (const written of [2000, 1]) assert.ok(contents.subarray(written * 512, written * 512 + 512).every((byte) => byte === 0x5a));
    assert.equal(sectorNumber(contents, 2001 * 512), 2001);
    // Past the end, no sector 0, too many, no such drive, a packet that is too short.
    bios.poke(0, PACKET, packet(2, (8 << 20) / 512 - 1));
    assert.deepEqual(status(bios.call(0x13, { eax: 0x4200, edx: 0x80, esi: PACKET })), [1, true]);
    assert.deepEqual(status(bios.call(0x13, { eax: 0x0201, ebx: BUFFER, ecx: 0x0000, edx: 0x80 })), [1, true]);
    assert.deepEqual(status(bios.call(0x13, { eax: 0x0200, ebx: BUFFER, ecx: 0x0001, edx: 0x80 })), [1, true]);
    assert.deepEqual(status(bios.call(0x13, { eax: 0x0201, ebx: BUFFER, ecx: 0x0001, edx: 0x81 })), [1, true]);
    bios.poke(0, PACKET, [8]);
    assert.deepEqual(status(bios.call(0x13, { eax: 0x4200, edx: 0x80, esi: PACKET })), [1, true]);
    bios.poke(0, PACKET, [0x42, 0]);
    assert.deepEqual(status(bios.call(0x13, { eax: 0x4800, edx: 0x80, esi: PACKET })), [0, false]);
    const parameters = Buffer.from(bios.peek(0, PACKET, 0x42));
    assert.deepEqual([parameters.readUInt32LE(16), parameters.readUInt16LE(24), parameters.readUInt16LE(30)], [16384, 512, 0xbedd]);
  });
}

test("disks of all controllers are numbered one after another, IDE first", () => {
  const bios = booted([diskDrive("virtio", 0), diskDrive("ahci", 1), diskDrive("ide", 2)], { order: ["disk"] });
  assert.equal(bios.bootDrive(), 0x80);
  assert.equal(low(bios.call(0x13, { eax: 0x0800, edx: 0x82 }).edx) & 0xff, 3);
  assert.deepEqual(status(bios.call(0x13, { eax: 0x1000, edx: 0x82 })), [0, false]);
});

test("floppy: parameters, reads over a head's end, formatting, a change of medium, an empty drive", () => {
  const drive = floppyDrive(bootableBytes(1_474_560));
  const bios = booted([drive]);
  assert.equal(bios.bootDrive(), 0);
  const { ebx, ecx, edx, es, edi } = bios.call(0x13, { eax: 0x0800, edx: 0 });
  assert.deepEqual([low(ebx), low(ecx), low(edx)], [4, 0x4f12, 0x0101]);
  assert.equal(bios.peek(es, low(edi), 5)[4], 18);
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0204, ebx: BUFFER, ecx: 0x0511, edx: 0 })), [0, false]);
  assert.deepEqual([0, 1, 2, 3].map((n) => sectorNumber(bios.peek(0, BUFFER, 2048), n * 512)), [196, 197, 198, 199]);
  bios.poke(0, BUFFER, new Uint8Array(512).fill(0x77));
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0301, ebx: BUFFER, ecx: 0x0203, edx: 0x0100 })), [0, false]);
  assert.equal(drive.medium?.contents[((2 * 2 + 1) * 18 + 2) * 512], 0x77);
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0201, ebx: 0xfff0, es: 0x0000, ecx: 0x0203, edx: 0 })), [9, true], "DMA does not cross 64 KiB");
  bios.poke(0, BUFFER, Array.from({ length: 18 }, (_, i) => [7, 0, i + 1, 2]).flat());
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0512, ebx: BUFFER, ecx: 0x0701, edx: 0 })), [0, false]);
  assert.equal(drive.medium?.contents[7 * 36 * 512], 0xf6);
  const other = new MemoryBackend(patternedBytes(737_280));
  drive.medium = other;
  bios.bench.machine.setMedium("floppy0", other, false);
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0201, ebx: BUFFER, ecx: 0x0104, edx: 0 })), [6, true]);
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0201, ebx: BUFFER, ecx: 0x0104, edx: 0 })), [0, false]);
  assert.equal(sectorNumber(bios.peek(0, BUFFER, 4)), 21, "720 KiB: 9 sectors a track");
  bios.bench.machine.setMedium("floppy0", null, false);
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0201, ebx: BUFFER, ecx: 0x0104, edx: 0 })), [0x80, true]);
});

function bootCd(media: number, image: Uint8Array): Uint8Array {
  return sampleIso({ boots: [{ platform: 0, media, image }] });
}

for (const controller of ["ide", "ahci"] as const) {
  test(`CD on ${controller}: boots without emulation and reads its blocks`, () => {
    const image = new Uint8Array(2048);
    image.set(monitorSector());
    const cd = bootCd(0, image);
    const bios = booted([cdDrive(cd, controller, controller === "ide" ? 2 : 0)], { order: ["cd"] });
    const drive = bios.bootDrive();
    assert.equal(drive, 0xe0);
    bios.poke(0, PACKET, packet(2, 16));
    assert.deepEqual(status(bios.call(0x13, { eax: 0x4200, edx: drive, esi: PACKET })), [0, false]);
    assert.deepEqual([...bios.peek(0, BUFFER, 4096)], [...cd.subarray(16 * 2048, 18 * 2048)]);
    bios.poke(0, PACKET, packet(1, 900_000));
    assert.equal(status(bios.call(0x13, { eax: 0x4200, edx: drive, esi: PACKET }))[1], true);
    bios.poke(0, PACKET, new Uint8Array(19));
    assert.deepEqual(status(bios.call(0x13, { eax: 0x4b01, edx: drive, esi: PACKET })), [0, false]);
    assert.deepEqual([...bios.peek(0, PACKET, 3)], [0x13, 0, drive]);
    assert.deepEqual(status(bios.call(0x13, { eax: 0x4301, edx: drive, esi: PACKET })), [3, true]);
    bios.call(0x13, { eax: 0x4500, edx: drive });
    assert.deepEqual(status(bios.call(0x13, { eax: 0x4600, edx: drive })), [0xb1, true], "locked");
    bios.call(0x13, { eax: 0x4501, edx: drive });
  });
}

test("a CD that pretends to be a floppy pushes the real one up, and can be told to stop", () => {
  const cd = bootCd(2, bootableBytes(1_474_560));
  const bios = booted([cdDrive(cd), floppyDrive(patternedBytes(1_474_560))], { order: ["cd"] });
  assert.equal(bios.bootDrive(), 0);
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0201, ebx: BUFFER, ecx: 0x0402, edx: 0x0100 })), [0, false]);
  assert.equal(sectorNumber(bios.peek(0, BUFFER, 4)), (4 * 2 + 1) * 18 + 1);
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0301, ebx: BUFFER, ecx: 0x0402, edx: 0 })), [3, true]);
  assert.deepEqual(status(bios.call(0x13, { eax: 0x1600, edx: 1 })), [6, true], "its change line is on after power-on");
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0201, ebx: BUFFER, ecx: 0x0001, edx: 1 })), [0, false]);
  assert.equal(sectorNumber(bios.peek(0, BUFFER, 4)), 0, "the real floppy");
  assert.deepEqual(status(bios.call(0x13, { eax: 0x4b00, edx: 0, esi: PACKET })), [0, false]);
  assert.deepEqual([...bios.peek(0, PACKET, 3)], [0x13, 2, 0]);
  assert.deepEqual(status(bios.call(0x13, { eax: 0x0201, ebx: BUFFER, ecx: 0x0001, edx: 0 })), [0, false]);
  assert.equal(sectorNumber(bios.peek(0, BUFFER, 4)), 0, "which is A: again");
});

/** Starts media that do not boot, until the BIOS says so. */
function refusal(...drives: Parameters<typeof booted>[0] & object): string {
  const bios = new SystemBiosBench(drives);
  bios.until(() => /press a key|has no drives/.test(bios.output));
  return bios.output;
}

test("media that start nothing are named one by one, and the BIOS waits for others", () => {
  const filled = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);
  const blank = sampleIso();
  const iso = bootCd(0, new Uint8Array(2048));
  const astray = Uint8Array.from(iso);
  new DataView(astray.buffer).setUint32(17 * 2048 + 0x47, 0x7fffffff, true);
  for (const [contents, reason] of [
    [blank, "not bootable"], [astray, "cannot be read"], [iso.subarray(0, 17 * 2048), "cannot be read"], [filled(0x100000, 0xff), "not bootable"],
  ] as const) {
    const text = refusal(cdDrive(Uint8Array.from(contents)));
    assert.ok(text.includes("CD-ROM 1") && text.includes(reason), text);
  }
  assert.match(refusal(floppyDrive(filled(1_474_560, 0xff))), /Floppy A\.\.\.\r\n {2}not bootable/);
  assert.match(refusal(floppyDrive(null)), /Floppy A\.\.\.\r\n {2}no medium/);
  assert.match(refusal({ ...diskDrive(), medium: new MemoryBackend(filled(1 << 20, 0xff)) }), /Hard disk 1.*\r\n {2}not bootable/);
  assert.match(refusal(), /has no drives/);
});

test("an image that points past the end of its CD is refused", () => {
  const cd = bootCd(0, new Uint8Array(2048));
  const catalogue = new DataView(cd.buffer).getUint32(17 * 2048 + 0x47, true) * 2048;
  new DataView(cd.buffer).setUint32(catalogue + 32 + 8, 0x00ffffff, true);
  assert.match(refusal(cdDrive(cd)), /cannot be read/);
});

test("the order of the machine is followed, and the next device tried when one does not start", () => {
  const bios = booted([diskDrive(), cdDrive(null), floppyDrive(bootableBytes(1_474_560))], { order: ["cd", "disk", "floppy"] });
  assert.equal(bios.bootDrive(), 0x80);
  assert.match(bios.output, /CD-ROM 1.*no medium.*Hard disk 1/s);
  assert.ok(!bios.output.includes("Floppy"));
});
