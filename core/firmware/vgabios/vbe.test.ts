import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { FRAMEBUFFER_BASE, VideoBiosBench } from "../../testkit/video-bios-bench.ts";

const INFO = 0x8000;
const SUCCESS = 0x004f;

function modesOf(bench: VideoBiosBench): number[] {
  assert.equal(bench.call({ ax: 0x4f00, di: INFO }).ax, SUCCESS);
  const list = bench.behind(INFO + 0x0e);
  const modes: number[] = [];
  for (let i = 0; ; i += 2) {
    const mode = (list[i] ?? 0) | ((list[i + 1] ?? 0) << 8);
    if (mode === 0xffff) return modes;
    modes.push(mode);
  }
}

test("4F00h: VBE 3.0 with names and memory", () => {
  const bench = new VideoBiosBench();
  bench.poke(INFO, ...Buffer.from("VBE2"));
  assert.equal(bench.call({ ax: 0x4f00, di: INFO }).ax, SUCCESS);
  assert.equal(Buffer.from(bench.peek(INFO, 4)).toString(), "VESA");
  assert.deepEqual([bench.peek16(INFO + 4), bench.peek32(INFO + 0x0a), bench.peek16(INFO + 0x12)], [0x0300, 1, 256]);
  assert.deepEqual([0x06, 0x16, 0x1a, 0x1e].map((at) => bench.textBehind(INFO + at)), ["Ringfence VBE", "Ringfence", "Ringfence VBE", "1.0"]);
});

test("4F00h: without the VBE2 signature nothing behind the mode list's end is written", () => {
  const bench = new VideoBiosBench();
  bench.poke(INFO, ...new Array<number>(512).fill(0xaa));
  bench.call({ ax: 0x4f00, di: INFO });
  assert.equal(bench.peek16(INFO + 0x14), 0xaaaa);
  assert.ok(bench.peek(INFO + 256, 256).every((byte) => byte === 0xaa));
});

test("4F01h and 4F02h: every listed mode is as described, linear and through the window", () => {
  const bench = new VideoBiosBench();
  const modes = modesOf(bench);
  const seen = new Set<string>();
  for (const mode of modes) {
    assert.equal(bench.call({ ax: 0x4f01, cx: mode, di: INFO }).ax, SUCCESS);
    assert.equal(bench.peek16(INFO) & 0x9b, 0x9b);
    const [pitch, width, height] = [0x10, 0x12, 0x14].map((at) => bench.peek16(INFO + at)) as [number, number, number];
    const bits = bench.peek(INFO + 0x19, 1)[0] ?? 0;
    seen.add(`${width}x${height}x${bits}`);
    assert.equal(pitch, (width * (bits === 15 ? 16 : bits)) / 8);
    assert.equal(bench.peek16(INFO + 0x32), pitch);
    assert.equal(bench.peek32(INFO + 0x28), FRAMEBUFFER_BASE);
    assert.ok(pitch * height <= 16 << 20);
    assert.equal(bench.peek(INFO + 0x1b, 1)[0], bits === 8 ? 4 : 6);
    assert.deepEqual(bench.peek(INFO + 0x36, 8), bench.peek(INFO + 0x1f, 8));
    assert.equal(bench.call({ ax: 0x4f02, bx: 0x4000 | mode }).ax, SUCCESS);
    assert.deepEqual(bench.vga.size(), { width, height });
    assert.equal(bench.call({ ax: 0x4f03 }).bx, 0x4000 | mode);
    assert.equal(bench.vga.describe().mode, `linear, ${bits} bits, ${width} x ${height}`);
  }
  for (const size of ["640x480", "800x600", "1024x768", "1280x1024", "1600x1200", "1920x1080", "1920x1200"]) {
    for (const bits of [8, 15, 16, 24, 32]) assert.ok(seen.has(`${size}x${bits}`), `${size}x${bits}`);
  }
  assert.equal(seen.size, modes.length);
  assert.equal(bench.otherPorts.size, 0);
});

test("4F01h: the masks of direct colours", () => {
  const bench = new VideoBiosBench();
  for (const [mode, masks] of [
    [0x116, [5, 10, 5, 5, 5, 0, 1, 15]],
    [0x117, [5, 11, 6, 5, 5, 0, 0, 0]],
    [0x118, [8, 16, 8, 8, 8, 0, 0, 0]],
    [0x144, [8, 16, 8, 8, 8, 0, 8, 24]],
  ] as const) {
    bench.call({ ax: 0x4f01, cx: mode, di: INFO });
    assert.deepEqual(bench.peek(INFO + 0x1f, 8), masks);
  }
});

test("4F01h and 4F02h refuse modes that are not", () => {
  const bench = new VideoBiosBench();
  for (const mode of [0x1ff, 0x106, 0x108]) {
    assert.equal(bench.call({ ax: 0x4f01, cx: mode, di: INFO }).ax, 0x014f);
    assert.equal(bench.call({ ax: 0x4f02, bx: mode }).ax, 0x014f);
  }
  assert.equal(bench.call({ ax: 0x4f02, bx: 0x0009 }).ax, 0x014f);
  assert.equal(bench.call({ ax: 0x4f0c }).ax, 0x0100);
  assert.equal(bench.vga.text()?.columns, 80);
});

test("4F02h: memory is cleared or kept, and VGA modes come back", () => {
  const bench = new VideoBiosBench();
  bench.framebuffer.fill(0x55, 0, 100);
  bench.call({ ax: 0x4f02, bx: 0xc144 });
  assert.equal(bench.framebuffer[0], 0x55);
  assert.equal(bench.call({ ax: 0x4f03 }).bx, 0xc144);
  bench.call({ ax: 0x4f02, bx: 0x4144 });
  assert.equal(bench.framebuffer[0], 0);
  bench.print("nothing", 7);
  assert.equal(bench.framebuffer.subarray(0, 3 << 20).some((byte) => byte !== 0), false);
  assert.equal(bench.call({ ax: 0x4f02, bx: 3 }).ax, SUCCESS);
  bench.print("text");
  assert.equal(bench.lines()[0], "text");
  assert.equal(bench.call({ ax: 0x4f03 }).bx, 3);
  bench.call({ ax: 0x4f02, bx: 0x4101 });
  bench.call({ ax: 0x0003 });
  assert.deepEqual(bench.vga.size(), { width: 720, height: 400 });
});

test("4F05h: the window shows any bank, also by the far call", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x4f02, bx: 0x118 });
  assert.equal(bench.call({ ax: 0x4f05, dx: 20 }).ax, SUCCESS);
  bench.mmio.write(0xa0123, 1, 0x77);
  assert.equal(bench.framebuffer[(20 << 16) + 0x123], 0x77);
  assert.equal(bench.call({ ax: 0x4f05, bx: 0x0100 }).dx, 20);
  assert.equal(bench.call({ ax: 0x4f05, dx: 256 }).ax, 0x014f);
  bench.call({ ax: 0x4f01, cx: 0x118, di: INFO });
  const registers = { bx: 0, cx: 0x1234, dx: 7, si: 1, di: 2, bp: 3 };
  const after = bench.callFar(bench.peek16(INFO + 0x0e), bench.peek16(INFO + 0x0c), registers);
  assert.deepEqual({ bx: after.bx, cx: after.cx, si: after.si, di: after.di, bp: after.bp }, { bx: 0, cx: 0x1234, si: 1, di: 2, bp: 3 });
  bench.mmio.write(0xa0000, 1, 0x66);
  assert.equal(bench.framebuffer[7 << 16], 0x66);
});

test("4F06h: lines as long as memory allows", () => {
  const bench = new VideoBiosBench();
  assert.equal(bench.call({ ax: 0x4f06, bx: 1 }).ax, 0x024f, "not in text");
  bench.call({ ax: 0x4f02, bx: 0x4117 });
  const facts = ({ ax, bx, cx, dx }: { ax: number; bx: number; cx: number; dx: number }): number[] => [ax, bx, cx, dx];
  assert.deepEqual(facts(bench.call({ ax: 0x4f06, bx: 1 })), [SUCCESS, 2048, 1024, 8192]);
  assert.deepEqual(facts(bench.call({ ax: 0x4f06, bx: 0, cx: 1500 })), [SUCCESS, 3008, 1504, 5577]);
  assert.deepEqual(facts(bench.call({ ax: 0x4f06, bx: 2, cx: 4001 })), [SUCCESS, 4016, 2008, 4177]);
  const longest = bench.call({ ax: 0x4f06, bx: 3 });
  assert.equal(longest.cx, 10920);
  assert.equal(bench.call({ ax: 0x4f06, bx: 0, cx: longest.cx + 8 }).ax, 0x024f);
  assert.equal(bench.call({ ax: 0x4f06, bx: 0, cx: 1016 }).ax, 0x024f);
});

test("4F07h: the display starts where asked, or stays", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x4f02, bx: 0x4105 });
  bench.call({ ax: 0x4f06, bx: 0, cx: 2048 });
  bench.framebuffer[2048 * 100 + 64] = 4;
  assert.equal(bench.call({ ax: 0x4f07, cx: 64, dx: 100 }).ax, SUCCESS);
  assert.equal(bench.picture().at(0, 0), "aa0000");
  const start = bench.call({ ax: 0x4f07, bx: 1 });
  assert.deepEqual([start.cx, start.dx], [64, 100]);
  assert.equal(bench.call({ ax: 0x4f07, bx: 0x80, cx: 0, dx: 0 }).ax, SUCCESS);
  assert.equal(bench.call({ ax: 0x4f07, cx: 0, dx: 9000 }).ax, 0x014f);
});

test("4F08h and 4F09h: a DAC of 6 or 8 bits, and its entries", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x4f02, bx: 0x4101 });
  assert.equal(bench.call({ ax: 0x4f08, bx: 1 }).bx >> 8, 6);
  assert.equal(bench.call({ ax: 0x4f08, bx: 0x0800 }).bx >> 8, 8);
  bench.poke(INFO, 0x10, 0x90, 0xf0, 0, 1, 2, 3, 0);
  assert.equal(bench.call({ ax: 0x4f09, bx: 0, cx: 2, dx: 40, di: INFO }).ax, SUCCESS);
  bench.framebuffer[0] = 40;
  assert.equal(bench.picture().at(0, 0), "f09010");
  bench.call({ ax: 0x4f09, bx: 1, cx: 2, dx: 40, di: INFO + 16 });
  assert.deepEqual(bench.peek(INFO + 16, 8), [0x10, 0x90, 0xf0, 0, 1, 2, 3, 0]);
  assert.equal(bench.call({ ax: 0x4f09, bx: 0x80, cx: 1, dx: 41, di: INFO }).ax, SUCCESS);
  assert.equal(bench.call({ ax: 0x4f09, bx: 0, cx: 1, dx: 256, di: INFO }).ax, 0x014f);
  assert.equal(bench.call({ ax: 0x4f08, bx: 0x0600 }).bx >> 8, 6);
});

test("4F04h: a VBE mode is saved and comes back over a text mode", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x4f02, bx: 0x4144 });
  bench.call({ ax: 0x4f07, cx: 0, dx: 5 });
  assert.equal(bench.call({ ax: 0x4f04, cx: 0x0f, dx: 0 }).bx, 17);
  assert.equal(bench.call({ ax: 0x4f04, cx: 0x0f, dx: 1, bx: INFO }).ax, SUCCESS);
  bench.framebuffer.fill(0x33, 5 * 4096, 6 * 4096);
  bench.call({ ax: 3 });
  assert.equal(bench.call({ ax: 0x4f04, cx: 0x0f, dx: 2, bx: INFO }).ax, SUCCESS);
  assert.equal(bench.call({ ax: 0x4f03 }).bx & 0x1ff, 0x144);
  assert.equal(bench.picture().at(0, 0), "333333", "kept, and panned as before");
  bench.call({ ax: 3 });
  bench.call({ ax: 0x4f04, cx: 0x0f, dx: 1, bx: INFO });
  bench.print("saved");
  bench.call({ ax: 0x4f02, bx: 0x4144 });
  bench.call({ ax: 0x4f04, cx: 0x0f, dx: 2, bx: INFO });
  assert.deepEqual(bench.vga.size(), { width: 720, height: 400 });
});

test("4F0Ah: the protected mode interface lies in the ROM, with its ports", () => {
  const bench = new VideoBiosBench();
  const { ax, es, di, cx } = bench.call({ ax: 0x4f0a });
  assert.equal(ax, SUCCESS);
  bench.poke(INFO, di & 0xff, di >> 8, es & 0xff, es >> 8);
  const table = new DataView(Uint8Array.from(bench.behind(INFO).subarray(0, cx)).buffer);
  const ports: number[] = [];
  for (let at = table.getUint16(6, true); table.getUint16(at, true) !== 0xffff; at += 2) ports.push(table.getUint16(at, true));
  assert.deepEqual(ports, [0x1ce, 0x1cf, 0x3c8, 0x3c9, 0x3da]);
  for (const at of [0, 2, 4]) assert.ok(table.getUint16(at, true) < cx);
});

test("4F0Ah: its 32-bit functions set window, start and palette", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x4f02, bx: 0x4105 });
  bench.call({ ax: 0x4f06, bx: 0, cx: 2048 });
  const { es, di } = bench.call({ ax: 0x4f0a });
  bench.poke(INFO, di & 0xff, di >> 8, es & 0xff, es >> 8);
  const table = bench.behind(INFO);
  const entry = (at: number): number => es * 16 + di + ((table[at] ?? 0) | ((table[at + 1] ?? 0) << 8));
  assert.equal(bench.callProtected(entry(0), { edx: 9 }), SUCCESS);
  assert.equal(bench.call({ ax: 0x4f05, bx: 0x0100 }).dx, 9);
  const start = (2048 * 70 + 40) / 4;
  assert.equal(bench.callProtected(entry(2), { ecx: start & 0xffff, edx: start >>> 16 }), SUCCESS);
  const { cx, dx } = bench.call({ ax: 0x4f07, bx: 1 });
  assert.deepEqual([cx, dx], [40, 70]);
  assert.equal(bench.callProtected(entry(2), { bx: 0x80, ecx: 0, edx: 0 }), SUCCESS);
  bench.poke(INFO, 3, 2, 1, 0);
  assert.equal(bench.callProtected(entry(4), { ecx: 1, edx: 77, edi: INFO }), SUCCESS);
  const colour = bench.call({ ax: 0x1015, bx: 77 });
  assert.deepEqual([colour.dx >> 8, colour.cx], [1, 0x0203]);
});

test("4F10h: the screen goes dark and comes back", () => {
  const bench = new VideoBiosBench();
  assert.equal(bench.call({ ax: 0x4f10 }).bx, 0x0710);
  bench.call({ ax: 0x4f10, bx: 0x0401 });
  assert.equal(bench.register(0x3c4, 1) & 0x20, 0x20);
  assert.equal(bench.call({ ax: 0x4f10, bx: 2 }).bx >> 8, 1);
  bench.call({ ax: 0x4f10, bx: 0x0001 });
  assert.equal(bench.register(0x3c4, 1) & 0x20, 0);
});

test("4F15h: EDID 1.3 of a monitor for 1920 by 1200", () => {
  const bench = new VideoBiosBench();
  assert.deepEqual((({ ax, bx }) => [ax, bx & 0xff])(bench.call({ ax: 0x4f15 })), [SUCCESS, 2]);
  assert.equal(bench.call({ ax: 0x4f15, bx: 1, di: INFO }).ax, SUCCESS);
  const edid = bench.peek(INFO, 128);
  assert.deepEqual(edid.slice(0, 8), [0, 255, 255, 255, 255, 255, 255, 0]);
  assert.equal(edid.reduce((sum, byte) => sum + byte, 0) & 0xff, 0);
  const at = (i: number): number => edid[i] ?? 0;
  assert.deepEqual([at(18), at(19), at(56) | ((at(58) & 0xf0) << 4), at(59) | ((at(61) & 0xf0) << 4)], [1, 3, 1920, 1200]);
  assert.equal(bench.call({ ax: 0x4f15, bx: 1, dx: 1, di: INFO }).ax, 0x014f);
});

test("any VBE function with any registers returns", () => {
  const bench = new VideoBiosBench();
  const numbers = new SeededRandom(99);
  const random = (): number => numbers.below(0x10000);
  for (let i = 0; i < 500; i++) {
    bench.call({ ax: 0x4f00 | i % 0x18, bx: random(), cx: random() & 0x1ff, dx: random() & 0x1ff, di: INFO, es: 0x1000 });
    if (i % 50 === 0) bench.call({ ax: 0x4f02, bx: 0x4000 | (0x100 + i / 10) });
  }
  assert.equal(bench.otherPorts.size, 0);
  bench.call({ ax: 3 });
  bench.print("alive");
  assert.equal(bench.lines()[0], "alive");
});
