import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { VideoBiosBench } from "../../testkit/video-bios-bench.ts";

const BDA = 0x400;
const BUFFER = 0x8000;
const PLANAR = [0x0d, 0x0e, 0x10, 0x12];
const GRAPHICS = [4, 5, 6, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13];

function inMode(mode: number): VideoBiosBench {
  const bench = new VideoBiosBench();
  bench.call({ ax: mode });
  return bench;
}

test("after POST: vectors, BIOS data area, 80 by 25 text, and no port but the adapter's touched", () => {
  const bench = new VideoBiosBench();
  assert.equal(bench.peek16(0x10 * 4 + 2), 0xc000);
  assert.deepEqual(bench.peek(BDA + 0x49, 5), [3, 80, 0, 0, 0x10]);
  assert.deepEqual([bench.peek(BDA + 0x84, 1), bench.peek16(BDA + 0x85)], [[24], 16]);
  assert.deepEqual([bench.peek16(BDA + 0x63), bench.peek16(BDA + 0x10) & 0x30], [0x3d4, 0x20]);
  assert.deepEqual(bench.vga.size(), { width: 720, height: 400 });
  assert.equal(bench.otherPorts.size, 0);
});

const MODES: [number, number, number, number, number][] = [
  [0, 720, 400, 40, 24], [1, 720, 400, 40, 24], [2, 720, 400, 80, 24], [3, 720, 400, 80, 24], [4, 320, 200, 40, 24], [5, 320, 200, 40, 24],
  [6, 640, 400, 80, 24], [7, 720, 400, 80, 24], [0x0d, 320, 200, 40, 24], [0x0e, 640, 400, 80, 24], [0x0f, 640, 350, 80, 24],
  [0x10, 640, 350, 80, 24], [0x11, 640, 480, 80, 29], [0x12, 640, 480, 80, 29], [0x13, 320, 200, 40, 24],
];
test("00h and 0Fh: every standard mode has its size", () => {
  const bench = new VideoBiosBench();
  for (const [mode, width, height, columns, lastRow] of MODES) {
    bench.call({ ax: mode });
    assert.deepEqual(bench.vga.size(), { width, height }, `mode ${mode.toString(16)}h`);
    const { ax, bx } = bench.call({ ax: 0x0f00, bx: 0xffff });
    assert.deepEqual([ax, bx], [columns * 256 + mode, 0x00ff]);
    assert.deepEqual(bench.peek(BDA + 0x84, 1), [lastRow]);
  }
  assert.equal(bench.otherPorts.size, 0);
});

test("00h: bit 7 keeps memory, otherwise it is cleared; an unknown mode changes nothing", () => {
  const bench = new VideoBiosBench();
  bench.print("kept");
  bench.call({ ax: 0x83 });
  assert.equal(bench.lines()[0], "kept");
  assert.equal(bench.call({ ax: 0x0f00 }).ax & 0xff, 0x83);
  bench.call({ ax: 0x0008 });
  bench.call({ ax: 0x0054 });
  assert.equal(bench.lines()[0], "kept");
  bench.call({ ax: 0x0003 });
  assert.equal(bench.lines()[0], "");
});

test("01h: the cursor's shape, of 8 lines as they are in 16", () => {
  const bench = new VideoBiosBench();
  const shape = (): number[] => [bench.register(0x3d4, 0x0a), bench.register(0x3d4, 0x0b)];
  bench.call({ ax: 0x0100, cx: 0x0607 });
  assert.deepEqual(shape(), [13, 14]);
  assert.equal(bench.call({ ax: 0x0300 }).cx, 0x0607);
  bench.call({ ax: 0x0100, cx: 0x0007 });
  assert.deepEqual(shape(), [0, 15]);
  bench.call({ ax: 0x0100, cx: 0x2000 });
  assert.equal(bench.vga.text()?.cursor.visible, false);
  bench.call({ ax: 0x1201, bx: 0x34 });
  bench.call({ ax: 0x0100, cx: 0x0607 });
  assert.deepEqual(shape(), [6, 7]);
});

test("02h, 03h, 05h: each page has its cursor, and the shown page's is on the screen", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x0200, bx: 0x0000, dx: 0x0a14 });
  bench.call({ ax: 0x0200, bx: 0x0100, dx: 0x0506 });
  assert.deepEqual(bench.vga.text()?.cursor, { column: 20, row: 10, visible: true });
  assert.equal(bench.call({ ax: 0x0300, bx: 0x0100 }).dx, 0x0506);
  bench.call({ ax: 0x0501 });
  assert.deepEqual(bench.vga.text()?.cursor, { column: 6, row: 5, visible: true });
  bench.print("two");
  assert.equal(bench.lines()[5], "      two");
  bench.call({ ax: 0x0500 });
  assert.equal(bench.lines()[5], "");
});

test("06h and 07h: windows scroll up and down, and the lines that come are blank in the attribute given", () => {
  const bench = new VideoBiosBench();
  for (let row = 0; row < 5; row++) {
    bench.call({ ax: 0x0200, dx: row << 8 });
    bench.print(`${row}${row}${row}${row}`);
  }
  bench.call({ ax: 0x0601, bx: 0x1e00, cx: 0x0101, dx: 0x0302 });
  assert.deepEqual(bench.lines().slice(0, 5), ["0000", "1221", "2332", "3  3", "4444"]);
  assert.equal(bench.vga.text()?.cells[(3 * 80 + 1) * 2 + 1], 0x1e);
  bench.call({ ax: 0x0702, cx: 0x0000, dx: 0x0400 });
  assert.deepEqual(bench.lines().slice(0, 5), [" 000", " 221", "0332", "1  3", "2444"]);
  bench.call({ ax: 0x0600, bx: 0x0700, dx: 0xffff });
  assert.ok(bench.lines().every((line) => line === ""));
});

test("08h, 09h, 0Ah: characters with and without attributes, many at once", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x0200, dx: 0x0203 });
  bench.call({ ax: 0x0941, bx: 0x1f, cx: 3 });
  bench.call({ ax: 0x0a42, bx: 0x55, cx: 2 });
  assert.equal(bench.lines()[2], "   BBA");
  assert.equal(bench.call({ ax: 0x0800 }).ax, 0x1f42);
  bench.call({ ax: 0x0943, bx: 0x0107, cx: 1 });
  assert.equal(bench.call({ ax: 0x0800, bx: 0x0100 }).ax, 0x0743);
});

test("0Eh: teletype wraps, scrolls, and knows CR, LF, BS and BEL", () => {
  const bench = new VideoBiosBench();
  bench.print(`${"x".repeat(81)}\b\by\r\n\x07z`);
  assert.deepEqual(bench.lines().slice(0, 3), ["x".repeat(80), "y", "z"]);
  bench.call({ ax: 0x0200, dx: 0x184e });
  bench.call({ ax: 0x09ff, bx: 0x2b, cx: 2 });
  bench.print("abc");
  assert.equal(bench.lines()[23], `${" ".repeat(78)}ab`);
  assert.equal(bench.lines()[24], "c");
  assert.equal(bench.call({ ax: 0x0300 }).dx, 0x1801);
});

test("13h: strings with one attribute or with their own, moving the cursor or not", () => {
  const bench = new VideoBiosBench();
  bench.poke(BUFFER, ...Buffer.from("one"));
  bench.call({ ax: 0x1300, bx: 0x1c, cx: 3, dx: 0x0402, es: BUFFER >> 4 });
  assert.equal(bench.lines()[4], "  one");
  assert.equal(bench.call({ ax: 0x0300 }).dx, 0);
  assert.equal(bench.vga.text()?.cells[(4 * 80 + 2) * 2 + 1], 0x1c);
  bench.poke(BUFFER + 4, 0x41, 0x21, 0x42, 0x32);
  bench.call({ ax: 0x1303, cx: 2, dx: 0x064f, bp: BUFFER + 4 });
  const cells = bench.vga.text()?.cells ?? assert.fail();
  assert.deepEqual([...cells.subarray(559 * 2, 561 * 2)], [0x41, 0x21, 0x42, 0x32]);
  assert.equal(bench.call({ ax: 0x0300 }).dx, 0x0701);
});

for (const mode of GRAPHICS) {
  test(`mode ${mode.toString(16)}h: characters drawn are recognized, scroll, and are exclusive-ored away`, () => {
    const bench = inMode(mode);
    bench.call({ ax: 0x0200, dx: 0x0305 });
    bench.call({ ax: 0x0951, bx: 1, cx: 2 });
    assert.equal(bench.call({ ax: 0x0800 }).ax & 0xff, 0x51);
    const before = bench.picture();
    assert.ok(before.bytes.some((byte, i) => (i & 3) < 3 && byte !== 0));
    bench.call({ ax: 0x0601, cx: 0, dx: 0x184f });
    assert.equal(bench.call({ ax: 0x0800 }).ax & 0xff, 0x20);
    bench.call({ ax: 0x0200, dx: 0x0206 });
    assert.equal(bench.call({ ax: 0x0800 }).ax & 0xff, 0x51);
    bench.call({ ax: 0x0702, cx: 0x0006, dx: 0x0a06 });
    bench.call({ ax: 0x0200, dx: 0x0406 });
    assert.equal(bench.call({ ax: 0x0800 }).ax & 0xff, 0x51);
    if (mode === 0x13) return;
    bench.call({ ax: 0x0951, bx: 0x81, cx: 1 });
    assert.equal(bench.call({ ax: 0x0800 }).ax & 0xff, 0x20);
  });

  test(`mode ${mode.toString(16)}h: pixels are written, read and exclusive-ored`, () => {
    const bench = inMode(mode);
    const colours = mode === 0x13 ? 256 : mode === 6 || mode === 0x11 ? 2 : mode < 6 ? 4 : 16;
    const colour = (colours - 1) & (mode === 0x0f ? 5 : 15);
    for (const [x, y] of [[0, 0], [5, 1], [319, 199], [6, 2], [7, 2]] as const) {
      bench.call({ ax: 0x0c00 | colour, cx: x, dx: y });
      const read = bench.call({ ax: 0x0d00, cx: x, dx: y }).ax & 0xff;
      assert.equal(read & (colours - 1), colour, `${x}, ${y}`);
      const linesEach = mode === 6 || mode === 0x0e ? 2 : 1;
      assert.notEqual(bench.picture().at(x, y * linesEach), "000000");
    }
    assert.equal(bench.call({ ax: 0x0d00, cx: 5, dx: 2 }).ax & 0xff, 0);
    if (mode === 0x13) return;
    bench.call({ ax: 0x0c80 | colour, cx: 6, dx: 2 });
    assert.equal(bench.call({ ax: 0x0d00, cx: 6, dx: 2 }).ax & 0xff, 0);
    assert.equal(bench.call({ ax: 0x0d00, cx: 7, dx: 2 }).ax & (colours - 1), colour);
  });
}

test("teletype scrolls a graphics screen", () => {
  for (const mode of [6, 0x12, 0x13]) {
    const bench = inMode(mode);
    bench.print("top\r\n");
    for (let row = 0; row < 29; row++) bench.print("\n");
    bench.print("end", 7);
    const lastRow = bench.peek(BDA + 0x84, 1)[0] ?? 0;
    bench.call({ ax: 0x0200, dx: lastRow << 8 });
    assert.equal(bench.call({ ax: 0x0800 }).ax & 0xff, 0x65);
    bench.call({ ax: 0x0200, dx: 0 });
    assert.equal(bench.call({ ax: 0x0800 }).ax & 0xff, 0x20);
  }
});

test("CGA characters from 80h come from the font behind INT 1Fh", () => {
  const bench = inMode(6);
  bench.poke(BUFFER, 0xff, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0xff);
  bench.call({ ax: 0x1120, es: BUFFER >> 4 });
  bench.call({ ax: 0x0980, bx: 1, cx: 1 });
  const { at } = bench.picture();
  assert.deepEqual([at(0, 0), at(7, 1), at(1, 2), at(7, 15)], ["ffffff", "ffffff", "000000", "ffffff"]);
});

test("0Bh: border, background and the CGA's palettes", () => {
  const bench = inMode(4);
  const attributes = (): number[] => {
    bench.call({ ax: 0x1009, dx: BUFFER });
    return bench.peek(BUFFER, 4).concat(bench.peek(BUFFER + 16, 1));
  };
  assert.deepEqual(attributes(), [0, 0x13, 0x15, 0x17, 0]);
  bench.call({ ax: 0x0b00, bx: 0x0100 });
  assert.deepEqual(attributes(), [0, 0x12, 0x14, 0x16, 0]);
  bench.call({ ax: 0x0b00, bx: 0x0009 });
  assert.deepEqual(attributes(), [0x11, 2, 4, 6, 0x11]);
  bench.call({ ax: 0x0b00, bx: 0x0101 });
  assert.deepEqual(attributes(), [0x11, 3, 5, 7, 0x11]);
});

test("10h: attribute registers, one and all; blinking", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x1000, bx: 0x3904 });
  assert.equal(bench.call({ ax: 0x1007, bx: 4 }).bx, 0x3904);
  bench.call({ ax: 0x1001, bx: 0x1200 });
  assert.equal(bench.call({ ax: 0x1008 }).bx >> 8, 0x12);
  const all = [...Array.from({ length: 16 }, (_, i) => 63 - i), 5];
  bench.poke(BUFFER, ...all);
  bench.call({ ax: 0x1002, dx: BUFFER });
  bench.call({ ax: 0x1009, dx: BUFFER + 0x100 });
  assert.deepEqual(bench.peek(BUFFER + 0x100, 17), all);
  const mode = (): number => bench.call({ ax: 0x1007, bx: 0x10 }).bx >> 8;
  assert.equal(mode(), 0x0c);
  bench.call({ ax: 0x1003, bx: 0 });
  assert.deepEqual([mode(), (bench.peek(BDA + 0x65, 1)[0] ?? 0) & 0x20], [0x04, 0]);
  bench.call({ ax: 0x1003, bx: 1 });
  assert.deepEqual([mode(), (bench.peek(BDA + 0x65, 1)[0] ?? 0) & 0x20], [0x0c, 0x20]);
  bench.print("A");
  assert.notEqual(bench.picture().at(0, 14), undefined);
});

test("10h: the DAC, one entry and many, mask and pages", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x1010, bx: 100, dx: 0x1100, cx: 0x2233 });
  const one = bench.call({ ax: 0x1015, bx: 100 });
  assert.deepEqual([one.dx >> 8, one.cx], [0x11, 0x2233]);
  bench.poke(BUFFER, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  bench.call({ ax: 0x1012, bx: 200, cx: 3, dx: BUFFER });
  bench.call({ ax: 0x1017, bx: 199, cx: 4, dx: BUFFER + 16 });
  assert.deepEqual(bench.peek(BUFFER + 19, 9), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  bench.call({ ax: 0x1018, bx: 0x0f });
  assert.equal(bench.call({ ax: 0x1019 }).bx, 0x0f);
  bench.call({ ax: 0x1013, bx: 0x0100 });
  bench.call({ ax: 0x1013, bx: 0x0501 });
  assert.equal(bench.call({ ax: 0x101a }).bx, 0x0501);
  bench.call({ ax: 0x1013, bx: 0x0000 });
  bench.call({ ax: 0x1013, bx: 0x0201 });
  assert.equal(bench.call({ ax: 0x101a }).bx, 0x0200);
});

test("10h 1Bh and 12h 33h: greys of the same brightness", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x1010, bx: 7, dx: 0x3f00, cx: 0x0000 });
  bench.call({ ax: 0x101b, bx: 7, cx: 1 });
  const grey = bench.call({ ax: 0x1015, bx: 7 });
  assert.deepEqual([grey.dx >> 8, grey.cx], [19, 19 * 257]);
  assert.equal(bench.call({ ax: 0x1200, bx: 0x33 }).ax & 0xff, 0x12);
  bench.call({ ax: 0x1010, bx: 8, dx: 0x0000, cx: 0x3f00 });
  assert.equal(bench.call({ ax: 0x1015, bx: 8 }).cx, 37 * 257);
  bench.call({ ax: 0x1201, bx: 0x33 });
  bench.call({ ax: 0x1010, bx: 8, dx: 0x0000, cx: 0x3f00 });
  assert.equal(bench.call({ ax: 0x1015, bx: 8 }).cx, 0x3f00);
});

test("mode 13h starts with 16 colours, 16 greys and nine rounds of 24 hues", () => {
  const bench = inMode(0x13);
  const entry = (index: number): number[] => {
    const { dx, cx } = bench.call({ ax: 0x1015, bx: index });
    return [dx >> 8, cx >> 8, cx & 0xff];
  };
  assert.deepEqual([entry(6), entry(14), entry(15)], [[42, 21, 0], [63, 63, 21], [63, 63, 63]]);
  assert.deepEqual([entry(16), entry(31)], [[0, 0, 0], [63, 63, 63]]);
  assert.deepEqual([32, 33, 36, 40, 44, 48, 52, 55].map(entry), [
    [0, 0, 63], [16, 0, 63], [63, 0, 63], [63, 0, 0], [63, 63, 0], [0, 63, 0], [0, 63, 63], [0, 16, 63],
  ]);
  assert.deepEqual([entry(104), entry(247), entry(248)], [[0, 0, 28], [11, 12, 16], [0, 0, 0]]);
});

test("12h 31h keeps the palette over a mode set", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x1010, bx: 1, dx: 0x0900, cx: 0x0909 });
  bench.call({ ax: 0x1201, bx: 0x31 });
  bench.call({ ax: 0x0003 });
  assert.equal(bench.call({ ax: 0x1015, bx: 1 }).cx, 0x0909);
  bench.call({ ax: 0x1200, bx: 0x31 });
  bench.call({ ax: 0x0003 });
  assert.equal(bench.call({ ax: 0x1015, bx: 1 }).cx, 0x002a);
});

test("11h: ROM fonts give 80 by 50 and 80 by 28", () => {
  const bench = new VideoBiosBench();
  bench.call({ ax: 0x1112 });
  assert.deepEqual([bench.vga.text()?.rows, bench.peek(BDA + 0x84, 1)[0], bench.peek16(BDA + 0x85), bench.peek16(BDA + 0x4c)], [50, 49, 8, 0x2000]);
  for (let row = 0; row < 50; row++) bench.print(`\r\n${row}`);
  assert.deepEqual([bench.lines()[0], bench.lines()[49]], ["0", "49"]);
  bench.call({ ax: 0x1111 });
  assert.equal(bench.vga.text()?.rows, 28);
  bench.call({ ax: 0x1114 });
  assert.equal(bench.vga.text()?.rows, 25);
});

test("11h: a user's font, in a block of its own that attribute bit 3 selects", () => {
  const bench = new VideoBiosBench();
  bench.poke(BUFFER, ...new Array<number>(16).fill(0xff));
  bench.call({ ax: 0x1100, bx: 0x1005, cx: 1, dx: 0x41, bp: BUFFER });
  bench.call({ ax: 0x0941, bx: 0x0f, cx: 1 });
  assert.equal(bench.picture().at(0, 0), "000000");
  bench.call({ ax: 0x1103, bx: 0x24 });
  assert.equal(bench.picture().at(0, 0), "ffffff");
  assert.equal(bench.picture().at(7, 15), "ffffff");
  bench.call({ ax: 0x0941, bx: 0x07, cx: 1 });
  assert.equal(bench.picture().at(0, 0), "000000", "block 0 without the bit");
});

test("11h: heights that no font has do no harm", () => {
  const bench = new VideoBiosBench();
  for (const height of [0, 1, 33, 255]) bench.call({ ax: 0x1110, bx: height << 8, cx: 1, dx: 0x41, bp: BUFFER });
  assert.equal(bench.vga.text()?.rows, 25);
});

test("11h 30h: where the fonts are", () => {
  const bench = new VideoBiosBench();
  const font = (number: number): number[] => {
    const { es, bp, cx, dx } = bench.call({ ax: 0x1130, bx: number << 8 });
    assert.deepEqual([cx, dx & 0xff], [16, 24]);
    bench.poke(BUFFER, bp & 0xff, bp >> 8, es & 0xff, es >> 8);
    return [...bench.behind(BUFFER).subarray(0, 16 * 256)];
  };
  const rows = (bytes: number[], code: number, height: number): number[] => bytes.slice(code * height, (code + 1) * height);
  assert.deepEqual(rows(font(6), 0xdb, 16), new Array<number>(16).fill(0xff));
  assert.deepEqual(rows(font(2), 0xdb, 14), new Array<number>(14).fill(0xff));
  assert.deepEqual(rows(font(3), 0xdb, 8), new Array<number>(8).fill(0xff));
  assert.deepEqual(rows(font(0), 0x5b, 8), rows(font(4), 0x5b, 8));
  assert.deepEqual([font(5)[0], font(7)[0]], [0, 0]);
});

test("11h: fonts of graphics modes, the ROM's and the user's", () => {
  const bench = inMode(0x12);
  bench.call({ ax: 0x1123, bx: 3 });
  assert.deepEqual([bench.peek(BDA + 0x84, 1)[0], bench.peek16(BDA + 0x85)], [42, 8]);
  bench.poke(BUFFER + 0x41 * 8, 0xff, 0, 0, 0, 0, 0, 0, 0xff);
  bench.call({ ax: 0x1121, bx: 0, cx: 8, dx: 60, bp: BUFFER });
  assert.equal(bench.peek(BDA + 0x84, 1)[0], 59);
  bench.call({ ax: 0x0200, dx: 59 << 8 });
  bench.print("A", 4);
  const { at } = bench.picture();
  assert.deepEqual([at(0, 472), at(0, 473), at(7, 479)], ["aa0000", "000000", "aa0000"]);
});

test("12h: information, scan lines, addressing, screen off", () => {
  const bench = new VideoBiosBench();
  assert.deepEqual((({ bx, cx }) => [bx, cx])(bench.call({ ax: 0x1200, bx: 0x10 })), [3, 0x0f09]);
  for (const [lines, height] of [[0, 200], [1, 350], [2, 400]] as const) {
    assert.equal(bench.call({ ax: 0x1200 + lines, bx: 0x30 }).ax & 0xff, 0x12);
    bench.call({ ax: 3 });
    bench.print("x");
    const size = bench.vga.size();
    assert.deepEqual([size.height >= height && bench.vga.text()?.rows, bench.peek16(BDA + 0x85)], [25, [8, 14, 16][lines]]);
  }
  bench.call({ ax: 0x1201, bx: 0x32 });
  assert.equal(bench.mmio.read(0xb8000, 1), 0xff);
  bench.call({ ax: 0x1200, bx: 0x32 });
  assert.equal(bench.mmio.read(0xb8000, 1), 0x78);
  bench.call({ ax: 0x0940, bx: 0x70, cx: 5 });
  bench.call({ ax: 0x1201, bx: 0x36 });
  assert.equal(bench.picture().at(20, 0), "000000");
  bench.call({ ax: 0x1200, bx: 0x36 });
  assert.equal(bench.picture().at(20, 0), "aaaaaa");
  assert.equal(bench.call({ ax: 0x1203, bx: 0x34 }).ax, 0x1203, "unknown");
});

test("1Ah: a VGA with a colour display, and nothing else", () => {
  const bench = new VideoBiosBench();
  assert.deepEqual((({ ax, bx }) => [ax & 0xff, bx])(bench.call({ ax: 0x1a00, bx: 0x1234 })), [0x1a, 0x0008]);
  bench.call({ ax: 0x1a01, bx: 0x0007 });
  assert.equal(bench.call({ ax: 0x1a00 }).bx, 0x0007);
});

test("1Bh: state information", () => {
  const bench = inMode(0x12);
  assert.equal(bench.call({ ax: 0x1b00, di: BUFFER }).ax & 0xff, 0x1b);
  assert.deepEqual([...bench.behind(BUFFER).subarray(0, 9)], [0xff, 0xe0, 0x0f, 0, 0, 0, 0, 7, 2]);
  assert.deepEqual(bench.peek(BUFFER + 4, 30), bench.peek(BDA + 0x49, 30));
  assert.deepEqual(bench.peek(BUFFER + 0x22, 11), [30, 16, 0, 8, 0, 16, 0, 1, 3, 0, 0]);
  assert.equal(bench.peek(BUFFER + 0x31, 1)[0], 3);
});

test("1Ch: all state is saved and comes back", () => {
  const bench = inMode(0x12);
  const size = bench.call({ ax: 0x1c00, cx: 7 });
  assert.deepEqual([size.ax & 0xff, size.bx], [0x1c, 16]);
  bench.call({ ax: 0x1010, bx: 3, dx: 0x0700, cx: 0x0809 });
  bench.call({ ax: 0x0c0f, cx: 10, dx: 10 });
  bench.call({ ax: 0x0200, dx: 0x0203 });
  const before = bench.vga.save();
  const data = bench.peek(BDA + 0x49, 30);
  bench.call({ ax: 0x1c01, cx: 7, bx: BUFFER });
  assert.deepEqual(bench.vga.save(), before, "saving changes nothing");
  bench.call({ ax: 0x93 });
  bench.call({ ax: 0x83 });
  bench.call({ ax: 0x1c02, cx: 7, bx: BUFFER });
  assert.deepEqual(bench.peek(BDA + 0x49, 30), data);
  const { registers } = bench.vga.save() as unknown as { registers: { crtc: Uint8Array; dac: Uint8Array } };
  assert.deepEqual(registers, (before as unknown as { registers: unknown }).registers);
});

test("any function with any registers returns, and writes nowhere it should not", () => {
  const bench = new VideoBiosBench();
  const numbers = new SeededRandom(12345);
  const random = (): number => numbers.below(0x10000);
  for (let i = 0; i < 600; i++) {
    const ah = i % 0x20;
    // Counts and addresses stay small enough not to overwrite the caller; INT 10h itself cannot know.
    bench.call({ ax: (ah << 8) | (random() & 0xff), bx: random(), cx: random() & 0x1ff, dx: random(), bp: BUFFER, di: BUFFER, es: 0x1000 });
    bench.picture();
  }
  assert.equal(bench.otherPorts.size, 0);
  bench.call({ ax: 3 });
  bench.print("alive");
  assert.equal(bench.lines()[0], "alive");
});

test("planar modes draw on the page asked for", () => {
  for (const mode of PLANAR.slice(0, 3)) {
    const bench = inMode(mode);
    bench.call({ ax: 0x0c0f, bx: 0x0100, cx: 3, dx: 0 });
    assert.equal(bench.picture().at(3, 0), "000000");
    bench.call({ ax: 0x0501 });
    assert.equal(bench.picture().at(3, 0), "ffffff");
  }
});
