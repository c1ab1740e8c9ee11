import assert from "node:assert/strict";
import { test } from "node:test";
import { booted, diskDrive } from "../../testkit/system-bios-media.ts";

const BDA = 0x40;
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

test("power-on takes fewer instructions than a host runs in a tenth of a second", () => {
  const bios = booted();
  assert.equal(bios.bootDrive(), 0x80);
  assert.ok(bios.instructions < 3_000_000, `${bios.instructions} instructions`);
});

test("the BIOS data area tells what there is", () => {
  const bios = booted([diskDrive("ide", 0), diskDrive("ide", 1)]);
  assert.deepEqual([bios.peek16(BDA, 0x00), bios.peek16(BDA, 0x02), bios.peek16(BDA, 0x04)], [0x3f8, 0x2f8, 0]);
  assert.deepEqual([bios.peek16(BDA, 0x08), bios.peek16(BDA, 0x0a)], [0x378, 0]);
  assert.equal(bios.peek16(BDA, 0x0e), 0x9fc0);
  assert.equal(bios.peek(0x9fc0, 0, 1)[0], 1, "an EBDA of 1 KiB");
  assert.equal(bios.peek16(BDA, 0x10), 0x4426, "FPU, mouse, 80 by 25, two serial ports, one printer");
  assert.equal(bios.call(0x11, {}).eax & 0xffff, 0x4426);
  assert.equal(bios.call(0x12, { eax: 0x12340000 }).eax, 0x1234027f);
  assert.equal(bios.peek(BDA, 0x75, 1)[0], 2);
  assert.deepEqual([...bios.peek(BDA, 0x80, 4)], [0x1e, 0, 0x3e, 0]);
  // The parameter tables of both disks, by INT 41h and 46h.
  for (const number of [0x41, 0x46]) {
    const table = bios.peek(bios.peek16(0, number * 4 + 2), bios.peek16(0, number * 4), 16);
    assert.equal(sum(table), 0);
    assert.equal(table[14], 63);
  }
});

test("vectors lead into the ROM, user vectors nowhere, and the first PC's addresses work", () => {
  const bios = booted();
  const table = Buffer.from(bios.peek(0, 0, 0x400));
  const vector = (number: number): number[] => [table.readUInt16LE(number * 4 + 2), table.readUInt16LE(number * 4)];
  for (let number = 0; number < 0x78; number++) {
    if (number >= 0x60 && number < 0x68) assert.deepEqual(vector(number), [0, 0], `INT ${number.toString(16)}h`);
    else assert.ok((vector(number)[0] ?? 0) >= 0x9fc0, `INT ${number.toString(16)}h`);
  }
  assert.equal(bios.peek(0xf000, 0xfffe, 1)[0], 0xfc);
  for (const entry of [0xe05b, 0xe3fe, 0xe6f2, 0xe739, 0xe82e, 0xec59, 0xf841, 0xf84d, 0xf859, 0xfe6e]) {
    assert.equal(bios.peek(0xf000, entry, 1)[0], 0xe9, `a jump at ${entry.toString(16)}h`);
  }
});

test("the ROM is read-only once power-on is over, and tables lie in it", () => {
  const bios = booted();
  bios.poke(0xf000, 0xfff5, [0x58]);
  assert.notEqual(bios.peek(0xf000, 0xfff5, 1)[0], 0x58);
  const rom = Buffer.from(bios.peek(0xf000, 0, 0xfff0));
  const find = (signature: string): Uint8Array => {
    const at = Array.from({ length: 0x1000 }, (_, i) => i * 16).find((i) => rom.toString("latin1", i, i + signature.length) === signature);
    assert.ok(at !== undefined, signature);
    return rom.subarray(at);
  };
  assert.equal(sum(find("RSD PTR ").subarray(0, 36)), 0);
  assert.equal(sum(find("_32_").subarray(0, 16)), 0);
  assert.equal(sum(find("_MP_").subarray(0, 16)), 0);
  const pir = find("$PIR");
  assert.equal(sum(pir.subarray(0, (pir[6] ?? 0) + (pir[7] ?? 0) * 256)), 0);
  const smbios = find("_SM_");
  assert.equal(sum(smbios.subarray(0, 31)), 0);
  assert.equal(sum(smbios.subarray(16, 31)), 0);
  const mp = Buffer.from(find("_MP_")).readUInt32LE(4);
  assert.equal(rom.toString("latin1", mp - 0xf0000, mp - 0xf0000 + 4), "PCMP");
});

test("a jump to FFFF:0 and the keyboard's reset start over; memory is kept", () => {
  const bios = booted();
  bios.poke(0, 0x8000, [1, 2, 3]);
  // Code at 0:9000 as INT 60h: jump to FFFF:0.
  bios.poke(0, 0x9000, [0xea, 0x00, 0x00, 0xff, 0xff]);
  bios.poke(0, 0x60 * 4, [0x00, 0x90, 0x00, 0x00]);
  const before = bios.output.length;
  bios.begin(0x60, {});
  bios.until(() => bios.output.length > before + 20 && bios.output.endsWith("!"));
  assert.deepEqual([...bios.peek(0, 0x8000, 3)], [1, 2, 3]);
});

test("shutdown status 0Ah in CMOS: a reset goes on where 40:67 says", () => {
  const bios = booted();
  // 0:9000, as INT 60h: mov al,8Fh; out 70h,al; mov al,0Ah; out 71h,al; mov al,0FEh; out 64h,al; hlt
  bios.poke(0, 0x9000, [0xb0, 0x8f, 0xe6, 0x70, 0xb0, 0x0a, 0xe6, 0x71, 0xb0, 0xfe, 0xe6, 0x64, 0xf4]);
  // 0:9100: mov ax,0; mov ss,ax; mov sp,7C00h; mov dx,402h; mov al,'R'; out dx,al; hlt
  bios.poke(0, 0x9100, [0xb8, 0, 0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0xba, 0x02, 0x04, 0xb0, 0x52, 0xee, 0xf4]);
  bios.poke(0, 0x467, [0x00, 0x91, 0x00, 0x00]);
  bios.poke(0, 0x60 * 4, [0x00, 0x90, 0x00, 0x00]);
  bios.begin(0x60, {});
  bios.until(() => bios.output.endsWith("R"));
});
