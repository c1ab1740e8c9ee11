import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { DmaView } from "../memory/guest-memory.ts";
import { SeededRandom } from "../testkit/seeded-random.ts";
import type { AcpiBoard } from "./acpi.ts";
import { KernelError, type KernelErrorCode } from "./kernel-error.ts";
import { type Board, bootDirectly, type KernelImage } from "./load.ts";

const MIB = 0x100000;
const ACPI: AcpiBoard = {
  apicIds: [0],
  ioApicId: 1,
  pmBase: 0x600,
  pmTimerBits: 24,
  s5SleepType: 0,
  sciIrq: 9,
  hpetBase: 0xfed00000,
  comPorts: [{ base: 0x3f8, irq: 4 }],
  pciWindow: { base: 0xe0000000, end: 0xfec00000 },
};
const FRAMEBUFFER = { base: 0xe0000000, sizeBytes: 16 * MIB };

/** RAM that is made as it is written, and notes writes that are not wholly in it. */
class SparseRam implements DmaView {
  readonly sizeBytes: number;
  private readonly pages = new Map<number, Uint8Array>();
  private readonly holeEnd: number;

  constructor(sizeBytes: number, holeEnd = 0xc0000) {
    this.sizeBytes = sizeBytes;
    this.holeEnd = holeEnd;
  }

  isRam(gpa: number, length: number): boolean {
    return gpa >= 0 && gpa + length <= this.sizeBytes && (gpa + length <= 0xa0000 || gpa >= this.holeEnd);
  }

  read(gpa: number, into: Uint8Array): void {
    assert.ok(this.isRam(gpa, into.length), `read at ${gpa.toString(16)}h`);
    for (let done = 0; done < into.length; ) {
      const at = gpa + done;
      const length = Math.min(0x10000 - (at & 0xffff), into.length - done);
      const page = this.pages.get(Math.floor(at / 0x10000));
      if (page) into.set(page.subarray(at & 0xffff, (at & 0xffff) + length), done);
      else into.fill(0, done, done + length);
      done += length;
    }
  }

  write(gpa: number, from: Uint8Array): void {
    assert.ok(this.isRam(gpa, from.length), `write at ${gpa.toString(16)}h`);
    for (let done = 0; done < from.length; ) {
      const at = gpa + done;
      const length = Math.min(0x10000 - (at & 0xffff), from.length - done);
      const number = Math.floor(at / 0x10000);
      const page = this.pages.get(number) ?? new Uint8Array(0x10000);
      this.pages.set(number, page);
      page.set(from.subarray(done, done + length), at & 0xffff);
      done += length;
    }
  }

  bytes(gpa: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    this.read(gpa, bytes);
    return bytes;
  }

  text(gpa: number): string {
    const bytes = this.bytes(gpa, 4096);
    return bytes.toString("utf8", 0, bytes.indexOf(0));
  }
}

function boot(image: Partial<KernelImage> & { kernel: Uint8Array }, ramMiB = 128, board: Partial<Board> = {}) {
  const ram = new SparseRam(ramMiB * MIB);
  const state = bootDirectly({ name: "kernel", append: "", modules: [], ...image }, ram, {
    ramBytes: ramMiB * MIB,
    acpi: ACPI,
    hasLongMode: true,
    framebuffer: FRAMEBUFFER,
    ...board,
  });
  return { ram, state };
}

function refused(code: KernelErrorCode, message: RegExp, ...args: Parameters<typeof boot>): void {
  assert.throws(
    () => boot(...args),
    (error) => error instanceof KernelError && error.code === code && message.test(error.message) && error.message.includes(args[0].name ?? "kernel"),
    `${code} ${message}`,
  );
}

/** A bzImage whose protected-mode code is 4 KiB of 5Ah. */
function linuxImage(changes: (header: DataView) => void = () => {}): Uint8Array {
  const setup = 1024;
  const image = new Uint8Array(setup + 4096).fill(0x5a, setup);
  const header = new DataView(image.buffer);
  header.setUint8(0x1f1, 1); // setup sectors
  header.setUint32(0x1f4, 4096 / 16, true);
  header.setUint16(0x1fe, 0xaa55, true);
  header.setUint8(0x201, 0x6a);
  header.setUint32(0x202, 0x53726448, true);
  header.setUint16(0x206, 0x20f, true);
  header.setUint8(0x211, 1);
  header.setUint32(0x214, MIB, true);
  header.setUint32(0x22c, 0x7fffffff, true);
  header.setUint32(0x230, 0x200000, true);
  header.setUint8(0x234, 1);
  header.setUint16(0x236, 1, true);
  header.setUint32(0x238, 2047, true);
  header.setUint32(0x258, 16 * MIB, true);
  header.setUint32(0x260, 8 * MIB, true);
  changes(header);
  return image;
}

interface TestSegment {
  type?: number;
  virtual?: number;
  physical: number;
  data: Uint8Array;
  memoryBytes?: number;
}

function elf32(entry: number, segments: TestSegment[]): Uint8Array {
  const headersEnd = 52 + 32 * segments.length;
  const image = Buffer.alloc(headersEnd + segments.reduce((sum, segment) => sum + segment.data.length, 0));
  image.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  image.writeUInt16LE(2, 16);
  image.writeUInt16LE(3, 18);
  image.writeUInt32LE(entry, 24);
  image.writeUInt32LE(52, 28);
  image.writeUInt16LE(32, 42);
  image.writeUInt16LE(segments.length, 44);
  let at = headersEnd;
  segments.forEach(({ type = 1, physical, virtual = physical, data, memoryBytes = data.length }, i) => {
    const fields = [type, at, virtual, physical, data.length, memoryBytes, 7, 4];
    for (const [field, value] of fields.entries()) image.writeUInt32LE(value, 52 + 32 * i + 4 * field);
    image.set(data, at);
    at += data.length;
  });
  return image;
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function multibootHeader(flags: number, ...rest: number[]): Uint8Array {
  return words(0x1badb002, flags, -(0x1badb002 + flags), ...rest);
}

function pvhNote(entry: number): Uint8Array {
  return words(4, 4, 18, 0x006e6558, entry);
}

test("Linux: the 64-bit protocol's entry state, boot_params and page tables", () => {
  const { ram, state } = boot({ kernel: linuxImage(), append: "console=ttyS0 quiet", initrd: new Uint8Array(5000).fill(0x33) });
  assert.equal(state.mode, "long64");
  assert.equal(state.registers.rip, 16 * MIB + 0x200);
  assert.equal(state.efer, 0x500);
  assert.equal(state.cr0, 0x80000011);
  assert.equal(state.cr4 & 0x20, 0x20);
  assert.equal(state.segments.cs.selector, 0x10);
  assert.equal(state.segments.cs.flags & 0x2000, 0x2000);
  assert.equal(state.segments.ds.selector, 0x18);
  assert.equal(state.registers.rflags, 2);
  const params = ram.bytes(state.registers.rsi, 4096);
  assert.equal(params.toString("latin1", 0x202, 0x206), "HdrS");
  assert.equal(params[0x210], 0xff);
  assert.equal(ram.text(params.readUInt32LE(0x228)), "console=ttyS0 quiet");
  const initrd = params.readUInt32LE(0x218);
  assert.equal(params.readUInt32LE(0x21c), 5000);
  assert.equal(initrd & 0xfff, 0);
  assert.ok(initrd > 100 * MIB);
  assert.ok(ram.bytes(initrd, 5000).every((byte) => byte === 0x33));
  assert.ok(ram.bytes(16 * MIB, 4096).every((byte) => byte === 0x5a));
  // The page tables map every 2 MiB of the first 4 GiB to itself.
  const entry = (table: number, index: number): number => Number(ram.bytes(table + 8 * index, 8).readBigUInt64LE());
  const directory = entry(state.cr3, 0) - 3;
  for (const gpa of [0, 16 * MIB, 0xfee00000, 0xffe00000]) {
    const table = entry(directory, Math.floor(gpa / 2 ** 30)) - 3;
    assert.equal(entry(table, Math.floor(gpa / 2 ** 21) & 511), Math.floor(gpa / 2 ** 21) * 2 ** 21 + 0x83);
  }
  const gdt = ram.bytes(state.gdt.base, state.gdt.limit + 1);
  assert.equal(gdt.readBigUInt64LE(0x10), 0x00af9b000000ffffn);
  assert.equal(gdt.readBigUInt64LE(0x18), 0x00cf93000000ffffn);
});

test("Linux: the memory map, the screen and the RSDP are in boot_params", () => {
  const { ram, state } = boot({ kernel: linuxImage() }, 64);
  const params = ram.bytes(state.registers.rsi, 4096);
  const map = Array.from({ length: params[0x1e8] ?? 0 }, (_, i) => [
    Number(params.readBigUInt64LE(0x2d0 + 20 * i)), Number(params.readBigUInt64LE(0x2d8 + 20 * i)), params.readUInt32LE(0x2e0 + 20 * i),
  ]);
  assert.deepEqual(map, [
    [0, 0x9fc00, 1], [0x9fc00, 0x400, 2], [0xf0000, 0x10000, 2], [MIB, 63 * MIB - 0x10000, 1], [64 * MIB - 0x10000, 0xf000, 3],
    [64 * MIB - 0x1000, 0x1000, 4],
  ]);
  assert.deepEqual([params[6], params[7], params[0x0e], params[0x0f]], [3, 80, 25, 1]);
  assert.deepEqual(state.display, { kind: "text" });
  const rsdp = params.readUInt32LE(0x70);
  assert.equal(ram.bytes(rsdp, 8).toString("latin1"), "RSD PTR ");
  assert.ok(rsdp >= 0xe0000 && rsdp < MIB && rsdp % 16 === 0, "where a kernel searches for it");
  assert.equal(ram.bytes(64 * MIB - 0x1000, 4).toString("latin1"), "FACS");
  assert.equal(ram.bytes(0x400, 2).readUInt16LE(), 0x3f8);
  assert.equal(ram.bytes(0x413, 2).readUInt16LE(), 639);
});

test("the RSDP goes into the EBDA where there is no RAM below 1 MiB for it", () => {
  const ram = new SparseRam(64 * MIB, MIB);
  const state = bootDirectly({ name: "k", kernel: linuxImage(), append: "", modules: [] }, ram, { ramBytes: 64 * MIB, acpi: ACPI, hasLongMode: true });
  const rsdp = ram.bytes(state.registers.rsi + 0x70, 4).readUInt32LE();
  const ebda = ram.bytes(0x40e, 2).readUInt16LE() * 16;
  assert.ok(rsdp >= ebda && rsdp < ebda + 1024 && rsdp % 16 === 0);
  assert.equal(ram.bytes(rsdp, 8).toString("latin1"), "RSD PTR ");
});

test("Linux: a processor without long mode, or a kernel without the entry, gets the 32-bit protocol", () => {
  const without = linuxImage((header) => header.setUint16(0x236, 0, true));
  for (const { state } of [boot({ kernel: linuxImage() }, 128, { hasLongMode: false }), boot({ kernel: without })]) {
    assert.equal(state.mode, "protected32");
    assert.equal(state.registers.rip, 16 * MIB);
    assert.deepEqual([state.cr0, state.cr4, state.efer], [0x11, 0, 0]);
    assert.equal(state.segments.cs.flags, 0xc09b);
    assert.deepEqual([state.registers.rbx, state.registers.rbp, state.registers.rdi], [0, 0, 0]);
  }
  refused("badRequest", /no 64-bit entry point/, { kernel: without }, 128, { linuxProtocol: "long64" });
});

test("Linux: a kernel that cannot move is put at 1 MiB", () => {
  const { state } = boot({ kernel: linuxImage((header) => header.setUint8(0x234, 0)) });
  assert.equal(state.registers.rip, MIB + 0x200);
});

test("Linux: the real-mode protocol, where asked for", () => {
  const { ram, state } = boot({ kernel: linuxImage(), append: "x=y" }, 128, { linuxProtocol: "real" });
  assert.equal(state.mode, "real");
  assert.deepEqual([state.segments.cs.selector, state.registers.rip], [0x9020, 0]);
  assert.deepEqual([state.segments.ds.selector, state.segments.ss.selector, state.registers.rsp], [0x9000, 0x9000, 0xe000]);
  const setup = ram.bytes(0x90000, 1024);
  assert.equal(ram.text(setup.readUInt32LE(0x228)), "x=y");
  assert.equal((setup[0x211] ?? 0) & 0x80, 0x80);
});

test("Linux: vga= selects a mode of the linear framebuffer", () => {
  const { ram, state } = boot({ kernel: linuxImage(), append: "quiet vga=791" });
  assert.deepEqual(state.display, { kind: "linear", width: 1024, height: 768, bitsPerPixel: 16 });
  const params = ram.bytes(state.registers.rsi, 4096);
  assert.deepEqual([params[0x0f], params.readUInt16LE(0x12), params.readUInt16LE(0x14), params.readUInt16LE(0x16)], [0x23, 1024, 768, 16]);
  assert.equal(params.readUInt32LE(0x18), FRAMEBUFFER.base);
  assert.equal(params.readUInt16LE(0x24), 2048);
  assert.deepEqual([...params.subarray(0x26, 0x2c)], [5, 11, 6, 5, 5, 0]);
  assert.deepEqual(boot({ kernel: linuxImage(), append: "vga=0x344" }).state.display, { kind: "linear", width: 1024, height: 768, bitsPerPixel: 32 });
  for (const append of ["vga=normal", "vga=9999", "notvga=791", "vga=ask"]) {
    assert.deepEqual(boot({ kernel: linuxImage(), append }).state.display, { kind: "text" }, append);
  }
});

test("Linux: the initial RAM disk stays below the kernel's limit and off the kernel", () => {
  const low = linuxImage((header) => header.setUint32(0x22c, 0x2ffffff, true));
  const { ram, state } = boot({ kernel: low, initrd: new Uint8Array(20 * MIB) });
  const base = ram.bytes(state.registers.rsi, 4096).readUInt32LE(0x218);
  assert.ok(base + 20 * MIB <= 0x3000000 && base >= 24 * MIB, base.toString(16));
});

test("Linux: what does not fit is refused with the reason", () => {
  refused("initrdTooLarge", /\(200 MiB\) does not fit/, { kernel: linuxImage(), initrd: new Uint8Array(200 * MIB) });
  refused("initrdTooLarge", /40 MiB are left/, { kernel: linuxImage(), initrd: new Uint8Array(41 * MIB) }, 64);
  refused("notEnoughMemory", /at least 25 MiB/, { kernel: linuxImage() }, 24);
  boot({ kernel: linuxImage() }, 25);
  refused("notEnoughMemory", /2 MiB of memory are too few/, { kernel: linuxImage() }, 2);
  refused("badRequest", /3000 bytes/, { kernel: linuxImage(), append: "x".repeat(3000) });
  refused("badRequest", /no modules/, { kernel: linuxImage(), modules: [{ data: new Uint8Array(1), commandLine: "" }] });
});

test("Linux: files that are not whole or too old are refused", () => {
  const whole = linuxImage();
  refused("notAKernel", /truncated/, { kernel: whole.subarray(0, whole.length - 64), name: "vmlinuz" });
  refused("notAKernel", /truncated/, { kernel: whole.subarray(0, 0x210) });
  refused("notAKernel", /boot protocol is 2\.01/, { kernel: linuxImage((header) => header.setUint16(0x206, 0x201, true)) });
  refused("notAKernel", /zImage/, { kernel: linuxImage((header) => header.setUint8(0x211, 0)) });
  refused("notAKernel", /not RAM/, { kernel: linuxImage((header) => header.setUint32(0x25c, 5, true)) });
  refused("notAKernel", /not RAM/, { kernel: linuxImage((header) => header.setUint32(0x258, 0xffff0000, true)) });
});

const CODE = new Uint8Array(64).fill(0x90);

test("Multiboot: an ELF kernel with modules, memory map and command line", () => {
  const code = new Uint8Array([...multibootHeader(3), ...CODE]);
  const kernel = elf32(0xc0100010, [{ virtual: 0xc0100000, physical: MIB, data: code, memoryBytes: 0x5000 }]);
  const modules = [
    { data: new Uint8Array(4097).fill(1), commandLine: "first module" },
    { data: new Uint8Array(10).fill(2), commandLine: "" },
  ];
  const { ram, state } = boot({ kernel, modules, append: "a b", name: "os.elf", initrd: new Uint8Array(3).fill(9) });
  assert.equal(state.mode, "protected32");
  assert.equal(state.registers.rip, MIB + 0x10);
  assert.equal(state.registers.rax, 0x2badb002);
  const info = ram.bytes(state.registers.rbx, 128);
  assert.equal(info.readUInt32LE(0), 0x124d);
  assert.deepEqual([info.readUInt32LE(4), info.readUInt32LE(8)], [639, 127 * 1024 - 64]);
  assert.equal(ram.text(info.readUInt32LE(16)), "os.elf a b");
  assert.equal(info.readUInt32LE(20), 3);
  const list = ram.bytes(info.readUInt32LE(24), 48);
  const found = [0, 1, 2].map((i) => {
    const [start, end] = [list.readUInt32LE(16 * i), list.readUInt32LE(16 * i + 4)];
    assert.ok(start % 4096 === 0 && start >= MIB + 0x5000);
    return [end - start, ram.bytes(start, 1)[0], ram.text(list.readUInt32LE(16 * i + 8))];
  });
  assert.deepEqual(found, [[3, 9, ""], [4097, 1, "first module"], [10, 2, ""]]);
  const map = ram.bytes(info.readUInt32LE(48), info.readUInt32LE(44));
  assert.equal(map.length, 6 * 24);
  assert.deepEqual([map.readUInt32LE(0), map.readUInt32LE(24 * 3 + 4), map.readUInt32LE(24 * 3 + 20)], [20, MIB, 1]);
  assert.deepEqual([info.readUInt32LE(88), info.readUInt32LE(100), info[109]], [0xb8000, 80, 2]);
  assert.deepEqual(state.display, { kind: "text" });
});

test("Multiboot: memory after a segment's file bytes is zero even if it was not", () => {
  const kernel = elf32(MIB, [{ physical: MIB, data: new Uint8Array([...multibootHeader(0), ...CODE]), memoryBytes: 3 * MIB }]);
  const ram = new SparseRam(16 * MIB);
  ram.write(MIB, new Uint8Array(4 * MIB).fill(0xee));
  bootDirectly({ name: "k", kernel, append: "", modules: [] }, ram, { ramBytes: 16 * MIB, acpi: ACPI, hasLongMode: true });
  assert.ok(ram.bytes(MIB + CODE.length + 12, 3 * MIB - CODE.length - 12).every((byte) => byte === 0));
  assert.equal(ram.bytes(4 * MIB, 1)[0], 0xee);
});

test("Multiboot: load addresses in the header, and a graphics mode where asked for", () => {
  const header = multibootHeader(0x10004, 2 * MIB + 16, 2 * MIB, 0, 2 * MIB + 0x3000, 2 * MIB + 0x80, 0, 800, 600, 32);
  const kernel = new Uint8Array(4096);
  kernel.set(header, 16);
  kernel[0x80] = 0xf4;
  const { ram, state } = boot({ kernel });
  assert.equal(state.registers.rip, 2 * MIB + 0x80);
  assert.equal(ram.bytes(2 * MIB + 0x80, 1)[0], 0xf4);
  assert.deepEqual(state.display, { kind: "linear", width: 800, height: 600, bitsPerPixel: 32 });
  const info = ram.bytes(state.registers.rbx, 128);
  assert.deepEqual([info.readUInt32LE(88), info.readUInt32LE(96), info[108], info[109]], [FRAMEBUFFER.base, 3200, 32, 1]);
  assert.deepEqual([...info.subarray(110, 116)], [16, 8, 8, 8, 0, 8]);
});

test("Multiboot: a kernel all over low memory still gets its information", () => {
  const kernel = elf32(0x7000, [{ physical: 0x7000, data: new Uint8Array([...multibootHeader(0), ...CODE]), memoryBytes: 0x60000 }]);
  const { ram, state } = boot({ kernel });
  assert.ok(state.registers.rbx >= 0x67000 || state.registers.rbx < 0x7000);
  assert.equal(ram.text(ram.bytes(state.registers.rbx, 128).readUInt32LE(16)), "kernel");
  assert.ok(state.gdt.base + state.gdt.limit < 0xa0000);
});

test("Multiboot: headers that contradict themselves are refused", () => {
  const withHeader = (...rest: number[]): Uint8Array => {
    const kernel = new Uint8Array(4096);
    kernel.set(multibootHeader(0x10000, ...rest), 16);
    return kernel;
  };
  refused("notAKernel", /contradict/, { kernel: withHeader(MIB, 2 * MIB, 0, 0, MIB) });
  refused("notAKernel", /contradict/, { kernel: withHeader(2 * MIB, MIB, 0, 0, MIB) });
  refused("notAKernel", /shorter/, { kernel: withHeader(MIB, MIB, 2 * MIB, 0, MIB) });
  refused("notAKernel", /contradict/, { kernel: withHeader(MIB, MIB, MIB + 64, MIB + 32, MIB) });
  refused("notAKernel", /entry point/, { kernel: withHeader(MIB, MIB, 0, 0, 8 * MIB) });
  refused("notAKernel", /not RAM/, { kernel: withHeader(0xfffff000, 0xfffff000, 0, 0, 0xfffff000) });
  refused("notAKernel", /not RAM/, { kernel: withHeader(0xb8000, 0xb8000, 0, 0, 0xb8000) });
  refused("notAKernel", /flags 8h/, { kernel: elf32(MIB, [{ physical: MIB, data: multibootHeader(8) }]) });
  const noChecksum = multibootHeader(0);
  noChecksum[8] = 1;
  refused("notAKernel", /neither/, { kernel: elf32(MIB, [{ physical: MIB, data: noChecksum }]) });
});

test("ELF: segments outside RAM, wrapping, or larger than the file are refused", () => {
  const header = multibootHeader(0);
  const at = (physical: number, memoryBytes?: number): Uint8Array => elf32(MIB, [{ physical: MIB, data: header }, { physical, data: CODE, ...(memoryBytes ? { memoryBytes } : {}) }]);
  refused("notEnoughMemory", /at least 513 MiB/, { kernel: at(512 * MIB) });
  refused("notEnoughMemory", /3074 MiB/, { kernel: at(MIB, 0xc0000000) });
  refused("notAKernel", /not RAM/, { kernel: at(MIB, 0xf0000000) });
  refused("notAKernel", /not RAM/, { kernel: at(0xfffffff0, 0x100) });
  refused("notAKernel", /not RAM/, { kernel: at(0x9fff0, 0x100) });
  refused("notAKernel", /not RAM/, { kernel: at(0, 0x100) });
  refused("notAKernel", /larger in the file/, { kernel: at(4 * MIB, 8) });
  refused("notAKernel", /entry point/, { kernel: elf32(8 * MIB, [{ physical: MIB, data: header }]) });
  const whole = at(4 * MIB);
  refused("notAKernel", /truncated/, { kernel: whole.subarray(0, whole.length - 1) });
  refused("notAKernel", /truncated/, { kernel: whole.subarray(0, 60), name: "short" });
  const foreign = Uint8Array.from(whole);
  foreign[18] = 40;
  refused("notAKernel", /another processor/, { kernel: foreign });
});

test("a memory that a refused kernel would have used is left alone", () => {
  const ram = new SparseRam(128 * MIB);
  const kernel = elf32(MIB, [{ physical: MIB, data: new Uint8Array([...multibootHeader(0), ...CODE]) }, { physical: 0xfff00000, data: CODE }]);
  assert.throws(() => bootDirectly({ name: "k", kernel, append: "", modules: [] }, ram, { ramBytes: 128 * MIB, acpi: ACPI, hasLongMode: true }), KernelError);
  assert.ok(ram.bytes(MIB, 4096).every((byte) => byte === 0));
});

test("PVH: the start information of an ELF kernel with the note", () => {
  const kernel = elf32(0, [{ physical: MIB, data: CODE }, { type: 4, physical: 0, data: pvhNote(MIB + 8) }]);
  const { ram, state } = boot({ kernel, append: "root=x", initrd: new Uint8Array(100).fill(7), modules: [{ data: CODE, commandLine: "m" }] });
  assert.equal(state.mode, "protected32");
  assert.equal(state.registers.rip, MIB + 8);
  assert.equal(state.cr0, 0x11);
  const start = ram.bytes(state.registers.rbx, 56);
  assert.deepEqual([start.readUInt32LE(0), start.readUInt32LE(4), start.readUInt32LE(12), start.readUInt32LE(48)], [0x336ec578, 1, 2, 6]);
  assert.equal(ram.text(start.readUInt32LE(24)), "root=x");
  assert.equal(ram.bytes(start.readUInt32LE(32), 8).toString("latin1"), "RSD PTR ");
  const list = ram.bytes(start.readUInt32LE(16), 64);
  assert.deepEqual([list.readUInt32LE(8), list.readUInt32LE(40), list.readUInt32LE(16)], [100, 64, 0]);
  assert.equal(ram.bytes(list.readUInt32LE(0), 1)[0], 7);
  assert.equal(ram.text(list.readUInt32LE(48)), "m");
  const map = ram.bytes(start.readUInt32LE(40), 24 * 6);
  assert.deepEqual([map.readUInt32LE(72), map.readUInt32LE(88)], [MIB, 1]);
});

test("PVH: an entry point outside the kernel is refused", () => {
  refused("notAKernel", /entry point/, { kernel: elf32(0, [{ physical: MIB, data: CODE }, { type: 4, physical: 0, data: pvhNote(8 * MIB) }]) });
});

test("a module that does not fit is refused", () => {
  const kernel = elf32(MIB, [{ physical: MIB, data: new Uint8Array([...multibootHeader(0), ...CODE]) }]);
  refused("initrdTooLarge", /Module 2 .*\(100 MiB\)/, { kernel, modules: [{ data: CODE, commandLine: "" }, { data: new Uint8Array(100 * MIB), commandLine: "" }] }, 64);
});

test("what is no kernel is refused with what it is", () => {
  const cases: [RegExp, Uint8Array][] = [
    [/empty file/, new Uint8Array(0)],
    [/gzip/, Uint8Array.of(0x1f, 0x8b, 8, 0)],
    [/zstd/, Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd)],
    [/format that is not known/, new TextEncoder().encode("hello, world")],
    [/format that is not known/, new Uint8Array(100_000)],
  ];
  const disk = new Uint8Array(512);
  disk.set([0x55, 0xaa], 510);
  cases.push([/boot sector/, disk]);
  const iso = new Uint8Array(40_000);
  iso.set(new TextEncoder().encode("CD001"), 0x8001);
  cases.push([/ISO 9660/, iso]);
  for (const [message, kernel] of cases) refused("notAKernel", message, { kernel, name: "thing.bin" });
});

test("hostile headers: random changes end in a sound state or a clear refusal, never otherwise", () => {
  const random = new SeededRandom(0xb007);
  const multiboot = new Uint8Array(8192);
  multiboot.set(multibootHeader(0x10000, MIB + 16, MIB, 0, 0, MIB + 64), 16);
  const seeds = [
    linuxImage(),
    multiboot,
    elf32(MIB, [{ physical: MIB, data: new Uint8Array([...multibootHeader(7), ...CODE]) }, { physical: 2 * MIB, data: CODE, memoryBytes: 0x100 }]),
    elf32(0, [{ physical: MIB, data: CODE }, { type: 4, physical: 0, data: pvhNote(MIB) }]),
  ];
  let started = 0;
  for (let round = 0; round < 3000; round++) {
    const seed = seeds[round % seeds.length] ?? new Uint8Array(0);
    const kernel = Uint8Array.from(seed);
    const [from, span] = round % 4 === 0 ? [0x1f0, 0x80] : [0, 200];
    for (let i = 1 + random.below(4); i > 0; i--) {
      const at = from + random.below(span);
      kernel[at] = random.pick([0, 0xff, 0x7f, 0x80, 1, random.below(256)]);
    }
    if (round % 4 === 1) new DataView(kernel.buffer).setUint32(24, -(0x1badb002 + new DataView(kernel.buffer).getUint32(20, true)), true);
    const cut = random.below(8) === 0 ? random.below(kernel.length) : kernel.length;
    try {
      const { state } = boot({ kernel: kernel.subarray(0, cut), initrd: CODE, modules: [] }, 64);
      assert.ok(state.registers.rip < 64 * MIB);
      started++;
    } catch (error) {
      assert.ok(error instanceof KernelError, `round ${round}: ${String(error)}`);
    }
  }
  assert.ok(started > 300, `${started} of 3000 started`);
});

function withFile(path: string, debianPackage: string, what: string, check: (kernel: Uint8Array) => void): void {
  test(what, { skip: existsSync(path) ? false : `${path} is missing (Debian: ${debianPackage})` }, () => check(readFileSync(path)));
}

const INSTALLER = "/usr/lib/debian-installer/images/12";
withFile(`${INSTALLER}/amd64/text/debian-installer/amd64/linux`, "debian-installer-12-netboot-amd64", "Debian's amd64 kernel starts in 64-bit mode with 96 MiB", (kernel) => {
  const { state, ram } = boot({ kernel, initrd: new Uint8Array(MIB), append: "console=ttyS0" }, 96);
  assert.deepEqual([state.mode, state.registers.rip], ["long64", 16 * MIB + 0x200]);
  assert.ok(ram.bytes(16 * MIB, 64).some((byte) => byte !== 0));
  refused("notEnoughMemory", /needs at least 80 MiB/, { kernel }, 64);
  refused("notAKernel", /truncated/, { kernel: kernel.subarray(0, 1_000_000) });
  boot({ kernel }, 3584);
});
withFile(`${INSTALLER}/i386/text/debian-installer/i386/linux`, "debian-installer-12-netboot-i386", "Debian's i386 kernel starts in 32-bit mode with 64 MiB", (kernel) => {
  const { state } = boot({ kernel, initrd: new Uint8Array(MIB) }, 64);
  assert.deepEqual([state.mode, state.registers.rip], ["protected32", 16 * MIB]);
});
for (const [file, mode] of [["memtest86+x64.bin", "long64"], ["memtest86+ia32.bin", "protected32"]] as const) {
  withFile(`/boot/${file}`, "memtest86+", `${file} starts`, (kernel) => {
    const { state } = boot({ kernel }, 64);
    assert.deepEqual([state.mode, state.registers.rip & ~0x200], [mode, MIB]);
  });
}
withFile("/boot/invaders.exec", "grub-invaders", "grub-invaders starts as a Multiboot kernel", (kernel) => {
  const { state } = boot({ kernel }, 16);
  assert.deepEqual([state.registers.rip, state.registers.rax], [MIB + 0x24, 0x2badb002]);
});
