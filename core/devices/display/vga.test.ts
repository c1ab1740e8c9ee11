import assert from "node:assert/strict";
import { test } from "node:test";
import { MmioBus } from "../../bus/mmio-bus.ts";
import { PciBus } from "../../bus/pci-bus.ts";
import { PortBus } from "../../bus/port-bus.ts";
import { textLines } from "../../display/text.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { FakeClock } from "../../testkit/fake-clock.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { Vga, VGA_PORTS, VGA_WINDOW } from "./vga.ts";

const MS = 1e6;

function adapter(framebufferBytes = 4 << 20) {
  const clock = new FakeClock();
  const ports = new PortBus();
  const mmio = new MmioBus();
  const framebuffer = new Uint8Array(framebufferBytes);
  const framebufferAt: (number | null)[] = [];
  const mapFramebuffer = (base: number | null): boolean => framebufferAt.push(base) > 0;
  const vga = new Vga("vga", { clock, framebuffer, mmio, mapFramebuffer });
  for (const { base, length, bank } of VGA_PORTS) ports.map(base, length, vga, bank, "vga");
  mmio.map(VGA_WINDOW.base, VGA_WINDOW.length, vga, VGA_WINDOW.bank, "vga window");
  const bus = new PciBus({ memoryWindow: { base: 0xe0000000, end: 0xfec00000 }, setPirq: () => {} });
  bus.plug(2, 0, vga.pci);
  const set = (port: number, index: number, value: number): void => ports.write(port, 2, index | (value << 8));
  const dispi = (index: number, value: number): void => {
    ports.write(0x1ce, 2, index);
    ports.write(0x1cf, 2, value);
  };
  const readDispi = (index: number): number => {
    ports.write(0x1ce, 2, index);
    return ports.read(0x1cf, 2);
  };
  const attribute = (index: number, value: number): void => {
    ports.read(0x3da, 1);
    ports.write(0x3c0, 1, index);
    ports.write(0x3c0, 1, value);
    ports.write(0x3c0, 1, 0x20);
  };
  const picture = (): { width: number; height: number; at(x: number, y: number): string; bytes: Uint8Array } => {
    const { width, height } = vga.size();
    const bytes = new Uint8Array(width * height * 4);
    vga.render(bytes, clock.nowNs());
    const at = (x: number, y: number): string => Buffer.from(bytes).toString("hex", (y * width + x) * 4, (y * width + x) * 4 + 3);
    return { width, height, at, bytes };
  };
  const print = (text: string, at = 0, colour = 7): void => {
    for (let i = 0; i < text.length; i++) mmio.write(0xb8000 + (at + i) * 2, 2, text.charCodeAt(i) | (colour << 8));
  };
  return { clock, ports, mmio, framebuffer, framebufferAt, vga, set, dispi, readDispi, attribute, picture, print };
}

function setDispi(dispi: (index: number, value: number) => void, values: number[][]): void {
  for (const [index, value] of values) dispi(index ?? 0, value ?? 0);
}

/** Mode 13h, in the registers that differ from mode 3. */
function enterMode13(a: ReturnType<typeof adapter>): void {
  a.ports.write(0x3c2, 1, 0x63);
  for (const [index, value] of [[1, 1], [2, 15], [3, 0], [4, 0x0e]] as const) a.set(0x3c4, index, value);
  a.set(0x3d4, 0x11, 0);
  for (const [index, value] of [[0, 0x5f], [1, 0x4f], [7, 0x1f], [9, 0x41], [0x12, 0x8f], [0x13, 0x28], [0x14, 0x40], [0x17, 0xa3], [0x18, 0xff]] as const) {
    a.set(0x3d4, index, value);
  }
  for (const [index, value] of [[5, 0x40], [6, 5]] as const) a.set(0x3ce, index, value);
  a.attribute(0x10, 0x41);
}

test("it starts in a blank 80 by 25 text mode of 720 by 400 dots, cursor at the top left", () => {
  const { vga, picture } = adapter();
  const screen = vga.text();
  assert.deepEqual([screen?.columns, screen?.rows], [80, 25]);
  assert.deepEqual(screen?.cursor, { column: 0, row: 0, visible: true });
  assert.ok(screen?.cells.every((byte, i) => byte === (i & 1 ? 7 : 0x20)));
  const { width, height, at } = picture();
  assert.deepEqual([width, height], [720, 400]);
  assert.equal(at(0, 13), "aaaaaa", "cursor, light grey");
  assert.equal(at(0, 12), "000000");
  assert.equal(at(100, 100), "000000");
});

test("text written at B8000h is on the screen in its colours", () => {
  const { vga, print, picture } = adapter();
  print("Hello \xc4\xc4", 80, 0x1e);
  assert.deepEqual(textLines(vga.text() ?? assert.fail()).slice(0, 3), ["", "Hello ──", ""]);
  const { at } = picture();
  assert.equal(at(5 * 9, 16), "0000aa", "blue paper");
  const line = 16 + 7;
  assert.equal(at(6 * 9, line), "ffff55", "yellow line");
  assert.equal(at(6 * 9 + 8, line), "ffff55", "which reaches the ninth dot");
});

test("the cursor blinks, and only then is a still screen dirty", () => {
  const { vga, clock, picture, set } = adapter();
  assert.equal(picture().at(0, 14), "aaaaaa");
  assert.ok(!vga.isDirty(clock.nowNs()));
  clock.advance(230 * MS);
  assert.ok(vga.isDirty(clock.nowNs()));
  assert.equal(picture().at(0, 14), "000000");
  set(0x3d4, 0x0a, 0x2d); // cursor off
  picture();
  clock.advance(230 * MS);
  assert.ok(!vga.isDirty(clock.nowNs()));
});

test("blinking characters blink, unless the bit means a bright background", () => {
  const { vga, clock, picture, print, set, attribute } = adapter();
  set(0x3d4, 0x0a, 0x20);
  print("\xdb", 80, 0x87);
  assert.equal(picture().at(3, 20), "aaaaaa");
  clock.advance(460 * MS);
  assert.ok(vga.isDirty(clock.nowNs()));
  assert.equal(picture().at(3, 20), "000000");
  attribute(0x10, 0x04);
  print(" ", 80, 0x87);
  assert.equal(picture().at(3, 20), "555555");
});

test("a write of the value that is there does not make the screen dirty, another does", () => {
  const { vga, clock, picture, print } = adapter();
  print("A", 40);
  picture();
  print("A", 40);
  assert.ok(!vga.isDirty(clock.nowNs()));
  print("B", 40);
  assert.ok(vga.isDirty(clock.nowNs()));
});

test("start address and cursor location move, and the split screen starts again at 0", () => {
  const { vga, print, set } = adapter();
  print("top", 0);
  print("second page", 2000);
  set(0x3d4, 0x0c, 2000 >> 8);
  set(0x3d4, 0x0d, 2000 & 255);
  set(0x3d4, 0x0e, 2163 >> 8);
  set(0x3d4, 0x0f, 2163 & 255);
  const screen = vga.text() ?? assert.fail();
  assert.equal(textLines(screen)[0], "second page");
  assert.deepEqual(screen.cursor, { column: 3, row: 2, visible: true });
  set(0x3d4, 0x11, 0x0e);
  set(0x3d4, 0x18, 159); // split after 10 rows of 16
  set(0x3d4, 0x07, 0x0f);
  set(0x3d4, 0x09, 0x0f);
  assert.equal(textLines(vga.text() ?? assert.fail())[10], "top");
});

test("an 8 by 8 font in plane 2 makes 80 by 50", () => {
  const { vga, mmio, set, picture, print } = adapter();
  const sequential: [number, number, number][] = [[0x3c4, 2, 4], [0x3c4, 4, 7], [0x3ce, 4, 2], [0x3ce, 5, 0], [0x3ce, 6, 0]];
  const text: [number, number, number][] = [[0x3c4, 2, 3], [0x3c4, 4, 3], [0x3ce, 4, 0], [0x3ce, 5, 0x10], [0x3ce, 6, 0x0e]];
  for (const [port, index, value] of sequential) set(port, index, value);
  for (let row = 0; row < 8; row++) mmio.write(0xa0000 + 0x41 * 32 + row, 1, row === 7 ? 0xff : 0x80);
  assert.equal(mmio.read(0xa0000 + 0x41 * 32 + 7, 1), 0xff);
  for (const [port, index, value] of text) set(port, index, value);
  set(0x3d4, 0x09, 0x47);
  print("A", 80 * 49);
  const screen = vga.text() ?? assert.fail();
  assert.deepEqual([screen.rows, textLines(screen)[49]], [50, "A"]);
  const { at } = picture();
  assert.deepEqual([at(0, 392), at(1, 392), at(1, 399)], ["aaaaaa", "000000", "aaaaaa"]);
});

test("8-dot cells make the picture 640 wide", () => {
  const { vga, set } = adapter();
  set(0x3c4, 1, 1);
  assert.deepEqual(vga.size(), { width: 640, height: 400 });
});

test("the DAC reads back what was written, three at a time", () => {
  const { ports, picture, print } = adapter();
  ports.write(0x3c8, 1, 7);
  for (const value of [63, 0, 255]) ports.write(0x3c9, 1, value);
  ports.write(0x3c7, 1, 7);
  assert.equal(ports.read(0x3c7, 1), 3);
  assert.deepEqual([0, 0, 0].map(() => ports.read(0x3c9, 1)), [63, 0, 63]);
  print("\xdb", 1);
  assert.equal(picture().at(9, 0), "ff00ff");
});

test("CRTC registers 0 to 7 are protected but for line compare", () => {
  const { ports, set } = adapter();
  set(0x3d4, 0x00, 0x12);
  assert.equal(ports.read(0x3d5, 1), 0x5f);
  set(0x3d4, 0x07, 0x00);
  assert.equal(ports.read(0x3d5, 1), 0x0f);
});

test("the monochrome ports answer instead when miscellaneous output says so", () => {
  const { ports } = adapter();
  ports.write(0x3d4, 1, 0x0f);
  assert.equal(ports.read(0x3b5, 1), 0xff);
  ports.write(0x3c2, 1, 0x66);
  assert.equal(ports.read(0x3d5, 1), 0xff);
  ports.write(0x3b4, 2, 0x550e);
  assert.equal(ports.read(0x3b5, 1), 0x55);
});

test("input status 1 shows each retrace once a frame of 70 Hz", () => {
  const { ports, clock } = adapter();
  let retraces = 0;
  let isIn = false;
  let displayed = 0;
  for (let i = 0; i < 100_000; i++) {
    const status = ports.read(0x3da, 1);
    if (status & 8 && !isIn) retraces++;
    isIn = (status & 8) !== 0;
    if ((status & 1) === 0) displayed++;
    clock.advance(10_000);
  }
  assert.ok(retraces >= 69 && retraces <= 71, `${retraces} frames in a second`);
  assert.ok(displayed > 60_000 && displayed < 80_000, `${displayed} of 100000 looks while displaying`);
});

test("write mode 0: set/reset, rotation, logic and bit mask", () => {
  const { mmio, set } = adapter();
  set(0x3ce, 6, 5);
  set(0x3ce, 5, 0);
  set(0x3c4, 4, 6);
  set(0x3c4, 2, 15);
  const readPlane = (plane: number): number => {
    set(0x3ce, 4, plane);
    return mmio.read(0xa1234, 1);
  };
  const readPlanes = (): number[] => [0, 1, 2, 3].map(readPlane);
  mmio.write(0xa1234, 1, 0x5a);
  assert.deepEqual(readPlanes(), [0x5a, 0x5a, 0x5a, 0x5a]);
  set(0x3c4, 2, 0b0110);
  mmio.write(0xa1234, 1, 0xff);
  assert.deepEqual(readPlanes(), [0x5a, 0xff, 0xff, 0x5a]);
  set(0x3c4, 2, 15);
  set(0x3ce, 0, 0b0001);
  set(0x3ce, 1, 0b1001);
  mmio.write(0xa1234, 1, 0x0f);
  assert.deepEqual(readPlanes(), [0xff, 0x0f, 0x0f, 0x00]);
  set(0x3ce, 1, 0);
  set(0x3ce, 3, 0x18 | 4); // xor, rotated by 4
  mmio.read(0xa1234, 1);
  mmio.write(0xa1234, 1, 0x0f);
  assert.deepEqual(readPlanes(), [0x0f, 0xff, 0xff, 0xf0]);
  set(0x3ce, 3, 0);
  set(0x3ce, 8, 0x81);
  mmio.read(0xa1234, 1);
  mmio.write(0xa1234, 1, 0x7e);
  assert.deepEqual(readPlanes(), [0x0e, 0x7e, 0x7e, 0x70]);
});

test("write modes 1, 2 and 3, and read mode 1", () => {
  const { mmio, set } = adapter();
  const setup: [number, number, number][] = [[0x3ce, 6, 5], [0x3c4, 4, 6], [0x3c4, 2, 15], [0x3ce, 8, 0xff]];
  for (const [port, index, value] of setup) set(port, index, value);
  const readPlanes = (address: number): number[] =>
    [0, 1, 2, 3].map((plane) => {
      set(0x3ce, 4, plane);
      return mmio.read(address, 1);
    });
  set(0x3ce, 5, 2);
  mmio.write(0xa0000, 1, 0b1010);
  assert.deepEqual(readPlanes(0xa0000), [0, 0xff, 0, 0xff]);
  set(0x3ce, 5, 1);
  mmio.read(0xa0000, 1);
  mmio.write(0xa0001, 1, 0x33);
  assert.deepEqual(readPlanes(0xa0001), [0, 0xff, 0, 0xff], "copied through the latches");
  set(0x3ce, 5, 3);
  set(0x3ce, 0, 0b0100);
  mmio.read(0xa0001, 1);
  mmio.write(0xa0001, 1, 0xf0);
  assert.deepEqual(readPlanes(0xa0001), [0x00, 0x0f, 0xf0, 0x0f]);
  set(0x3ce, 5, 8);
  set(0x3ce, 2, 0b0100);
  set(0x3ce, 7, 15);
  assert.equal(mmio.read(0xa0001, 1), 0xf0, "where the colour is 4");
  set(0x3ce, 7, 0b0010);
  assert.equal(mmio.read(0xa0001, 1), 0xf0, "where plane 1 is clear");
});

test("mode 13h: 320 by 200 in 256 colours, chained", () => {
  const a = adapter();
  enterMode13(a);
  assert.deepEqual(a.vga.size(), { width: 320, height: 200 });
  assert.equal(a.vga.text(), null);
  for (let i = 0; i < 8; i++) {
    a.ports.write(0x3c8, 1, 100 + i);
    for (let c = 0; c < 3; c++) a.ports.write(0x3c9, 1, i * 9);
  }
  for (let x = 0; x < 8; x++) a.mmio.write(0xa0000 + 320 * 199 + 312 + x, 1, 100 + x);
  assert.equal(a.mmio.read(0xa0000 + 320 * 199 + 319, 1), 107);
  const { at } = a.picture();
  assert.deepEqual([312, 315, 319].map((x) => at(x, 199)), ["000000", "6d6d6d", "ffffff"]);
});

test("mode X: the same picture unchained, four pixels to an address", () => {
  const a = adapter();
  enterMode13(a);
  a.set(0x3c4, 4, 6);
  a.set(0x3d4, 0x14, 0);
  a.set(0x3d4, 0x17, 0xe3);
  a.ports.write(0x3c8, 1, 1);
  for (let c = 0; c < 3; c++) a.ports.write(0x3c9, 1, 63);
  a.set(0x3c4, 2, 1 << 2);
  a.mmio.write(0xa0000 + 80 * 3 + 5, 1, 1);
  const { at } = a.picture();
  assert.deepEqual([at(21, 3), at(22, 3), at(23, 3)], ["000000", "ffffff", "000000"]);
});

test("mode 12h: 16 colours in planes", () => {
  const a = adapter();
  a.set(0x3d4, 0x11, 0);
  a.ports.write(0x3c2, 1, 0xe3);
  const setup: [number, number, number][] = [
    [0x3c4, 1, 1], [0x3c4, 2, 15], [0x3c4, 4, 6], [0x3d4, 7, 0x3e], [0x3d4, 9, 0x40], [0x3d4, 0x12, 0xdf], [0x3d4, 0x13, 0x28],
    [0x3d4, 0x17, 0xe3], [0x3ce, 5, 0], [0x3ce, 6, 5],
  ];
  for (const [port, index, value] of setup) a.set(port, index, value);
  assert.deepEqual(a.vga.size(), { width: 640, height: 480 });
  a.set(0x3c4, 2, 0b1001);
  a.mmio.write(0xa0000 + 80 * 479 + 79, 1, 0x01);
  const { at } = a.picture();
  assert.deepEqual([at(638, 479), at(639, 479)], ["000000", "5555ff"]);
});

test("CGA's 320 by 200 in four colours has its odd lines 8 KiB on", () => {
  const a = adapter();
  a.set(0x3d4, 0x11, 0);
  const setup: [number, number, number][] = [
    [0x3c4, 1, 9], [0x3c4, 2, 3], [0x3c4, 4, 2], [0x3d4, 1, 0x27], [0x3d4, 9, 0xc1], [0x3d4, 0x13, 0x14], [0x3d4, 0x17, 0xa2],
    [0x3ce, 5, 0x30], [0x3ce, 6, 0x0f],
  ];
  for (const [port, index, value] of setup) a.set(port, index, value);
  assert.deepEqual(a.vga.size(), { width: 320, height: 200 });
  for (let i = 0; i < 0x4000; i++) a.mmio.write(0xb8000 + i, 1, 0);
  a.mmio.write(0xb8000 + 80, 1, 0b00_01_10_11);
  a.mmio.write(0xb8000 + 0x2000 + 81, 1, 0b11_00_00_00);
  const { at } = a.picture();
  assert.deepEqual([0, 1, 2, 3].map((x) => at(x, 2)), ["000000", "0000aa", "00aa00", "00aaaa"]);
  assert.deepEqual([at(3, 3), at(4, 3), at(5, 3)], ["000000", "00aaaa", "000000"]);
});

test("screen off is black", () => {
  const { ports, print, picture, vga, clock } = adapter();
  print("\xdb", 0);
  picture();
  ports.read(0x3da, 1);
  ports.write(0x3c0, 1, 0);
  assert.ok(vga.isDirty(clock.nowNs()));
  assert.equal(picture().at(3, 3), "000000");
});

test("dispi: found by its id, and tells its limits and memory", () => {
  const { readDispi, dispi } = adapter();
  assert.equal(readDispi(0), 0xb0c5);
  dispi(0, 0xb0c4);
  assert.equal(readDispi(0), 0xb0c4);
  dispi(0, 0x1234);
  assert.equal(readDispi(0), 0xb0c4);
  assert.equal(readDispi(10), 64);
  dispi(4, 2);
  assert.deepEqual([readDispi(1), readDispi(2), readDispi(3)], [2560, 1600, 32]);
});

for (const [bits, white, red] of [
  [15, [0xff, 0x7f], [0x00, 0x7c]],
  [16, [0xff, 0xff], [0x00, 0xf8]],
  [24, [0xff, 0xff, 0xff], [0, 0, 0xff]],
  [32, [0xff, 0xff, 0xff, 0], [0, 0, 0xff, 0]],
] as const) {
  test(`dispi: ${bits} bits a pixel straight from memory`, () => {
    const { dispi, framebuffer, vga, picture, clock } = adapter();
    setDispi(dispi, [[1, 800], [2, 600], [3, bits], [4, 0x41]]);
    assert.deepEqual(vga.size(), { width: 800, height: 600 });
    assert.equal(vga.text(), null);
    picture();
    assert.ok(!vga.isDirty(clock.nowNs()));
    framebuffer.set([...white, ...red], (5 * 800 + 6) * white.length);
    for (const [isFrameDue, count] of [[true, 4], [false, 16]] as const) {
      const looks = Array.from({ length: count }, () => vga.isDirty(clock.nowNs(), isFrameDue));
      assert.ok(looks.includes(true), `a changed pixel is noticed within ${count} looks`);
    }
    const { at } = picture();
    assert.deepEqual([at(5, 5), at(6, 5), at(7, 5), at(8, 5)], ["000000", "ffffff", "ff0000", "000000"]);
  });
}

test("dispi: 8 bits a pixel through the DAC, of 6 or 8 bits", () => {
  const { dispi, framebuffer, ports, picture } = adapter();
  setDispi(dispi, [[1, 640], [2, 480], [3, 8], [4, 0x61]]);
  ports.write(0x3c8, 1, 9);
  for (const value of [0x80, 0x40, 0xff]) ports.write(0x3c9, 1, value);
  framebuffer[640 * 2 + 1] = 9;
  assert.equal(picture().at(1, 2), "8040ff");
});

test("dispi: a bank of the framebuffer shows at A0000h", () => {
  const { dispi, framebuffer, mmio } = adapter();
  setDispi(dispi, [[1, 640], [2, 480], [3, 32], [4, 1], [5, 3]]);
  mmio.write(0xa0010, 4, 0x11223344);
  assert.equal(framebuffer[0x30010], 0x44);
  framebuffer[0x3ffff] = 0x77;
  assert.equal(mmio.read(0xaffff, 1), 0x77);
  assert.equal(mmio.read(0xb8000, 1), 0xff);
});

test("dispi: enabling clears the screen unless asked not to", () => {
  const { dispi, framebuffer } = adapter();
  framebuffer.fill(1);
  setDispi(dispi, [[1, 640], [2, 480], [3, 32], [4, 0x81]]);
  assert.equal(framebuffer[0], 1);
  dispi(4, 0);
  dispi(4, 1);
  assert.deepEqual([framebuffer[0], framebuffer[640 * 480 * 4 - 1], framebuffer[640 * 480 * 4]], [0, 0, 1]);
});

test("dispi: a virtual screen is panned, and no offset leaves the memory", () => {
  const { dispi, readDispi, framebuffer, picture } = adapter();
  setDispi(dispi, [[1, 640], [2, 480], [3, 8], [4, 1], [6, 1024], [8, 100], [9, 50]]);
  assert.equal(readDispi(7), (4 << 20) / 1024);
  framebuffer[50 * 1024 + 100] = 4;
  assert.equal(picture().at(0, 0), "aa0000");
  for (const index of [1, 2, 3, 6, 8, 9]) dispi(index, 0xffff);
  const { width, height } = picture();
  assert.ok(width <= 2560 && height <= 1600);
});

test("dispi: turning it off brings the text screen back", () => {
  const { dispi, vga, print, picture } = adapter();
  print("still here", 0);
  dispi(4, 1);
  picture();
  dispi(4, 0);
  assert.equal(textLines(vga.text() ?? assert.fail())[0], "still here");
});

test("PCI: the framebuffer goes where BAR 0 says, ports and dispi are in BAR 2", () => {
  const { vga, framebufferAt, mmio, ports } = adapter();
  assert.equal(vga.pci.readConfig(0, 4), 0x11111234);
  assert.equal(vga.pci.readConfig(0x0a, 2), 0x0300);
  vga.pci.writeConfig(0x10, 4, 0xffffffff);
  assert.equal(vga.pci.readConfig(0x10, 4), 0xffc00008);
  vga.pci.writeConfig(0x10, 4, 0xe0000000);
  vga.pci.writeConfig(0x18, 4, 0xe1000000);
  vga.pci.writeConfig(0x04, 2, 2);
  assert.deepEqual(framebufferAt, [0xe0000000]);
  assert.equal(mmio.read(0xe1000500, 2), 0xb0c5);
  assert.equal(mmio.read(0xe1000514, 4), 64);
  mmio.write(0xe1000502, 2, 1024);
  assert.equal(mmio.read(0xe1000502, 2), 1024);
  mmio.write(0xe1000414, 2, 0x550e);
  assert.equal(ports.read(0x3d5, 1), 0x55);
  assert.equal(mmio.read(0xe1000600, 4), 0);
});

test("a picture can be drawn at any byte of a buffer", () => {
  const { vga, print } = adapter();
  print("x", 3);
  const aligned = new Uint8Array(720 * 400 * 4);
  const odd = new Uint8Array(720 * 400 * 4 + 1).subarray(1);
  vga.render(aligned, 0);
  vga.render(odd, 0);
  assert.ok(Buffer.from(odd).equals(aligned));
});

test("any register values give a picture of the size they say", () => {
  const { vga, clock, ports, dispi } = adapter(1 << 20);
  const numbers = new SeededRandom(1);
  const random = (): number => numbers.below(0x10000);
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 40; i++) {
      ports.write([0x3c2, 0x3c4, 0x3ce, 0x3d4, 0x3b4, 0x3c0][random() % 6] ?? 0, 2, random() & 0xffff);
      if (i % 8 === 0) dispi(random() % 10, random() & 0xffff);
    }
    dispi(4, random() & 1);
    const { width, height } = vga.size();
    vga.isDirty(clock.nowNs());
    vga.update(new Uint32Array(width * height), false, clock.nowNs());
    vga.render(new Uint8Array(width * height * 4), clock.nowNs());
    vga.text();
  }
});

test("two lines of the picture may show the same memory", () => {
  const { vga, set, print, clock } = adapter();
  set(0x3d4, 0x13, 0); // every row is the first
  const picture = new Uint32Array(720 * 400);
  vga.update(picture, true, clock.nowNs());
  print("\xdb", 5);
  const rows = vga.update(picture, false, clock.nowNs());
  assert.deepEqual(rows, { first: 0, last: 399 });
  assert.equal(picture[399 * 720 + 45], 0xffaaaaaa);
});

test("only rows of text that changed are drawn, and those of the cursor's places", () => {
  const { vga, set, print, clock } = adapter();
  const picture = new Uint32Array(720 * 400);
  vga.update(picture, true, clock.nowNs());
  assert.equal(vga.update(picture, false, clock.nowNs()), null);
  print("x", 80 * 3);
  assert.deepEqual(vga.update(picture, false, clock.nowNs()), { first: 48, last: 63 });
  set(0x3d4, 0x0f, 80 * 2);
  assert.ok(vga.isDirty(clock.nowNs()));
  assert.deepEqual(vga.update(picture, false, clock.nowNs()), { first: 0, last: 47 });
  clock.advance(230 * MS);
  assert.deepEqual(vga.update(picture, false, clock.nowNs()), { first: 32, last: 47 });
});

test("what is drawn bit by bit is what is drawn at once, in every mode", () => {
  const a = adapter(1 << 20);
  const numbers = new SeededRandom(7);
  const modes = [
    () => {},
    () => enterMode13(a),
    () => a.set(0x3d4, 0x14, 0),
    () => a.set(0x3ce, 5, 0),
    () => setDispi(a.dispi, [[1, 320], [2, 200], [3, 16], [4, 1]]),
  ];
  for (const enter of modes) {
    enter();
    const { width, height } = a.vga.size();
    const kept = new Uint32Array(width * height);
    a.vga.update(kept, true, a.clock.nowNs());
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 5; i++) a.mmio.write(0xa0000 + numbers.below(0x20000), 1, numbers.below(256));
      a.framebuffer[numbers.below(0x20000)] = numbers.below(256);
      if (round % 5 === 0) a.clock.advance(230 * MS);
      a.vga.update(kept, false, a.clock.nowNs());
      const whole = new Uint32Array(width * height);
      a.vga.update(whole, true, a.clock.nowNs());
      assert.ok(Buffer.from(kept.buffer).equals(Buffer.from(whole.buffer)));
    }
  }
});

test("pictures far from square dots are stretched: 40 columns, and 200 lines of 640", () => {
  const { vga, set, print, picture } = adapter();
  set(0x3d4, 0x11, 0);
  set(0x3d4, 0x01, 39);
  assert.deepEqual(vga.size(), { width: 720, height: 400 });
  print("\xdb", 1);
  const { at } = picture();
  assert.deepEqual([at(17, 5), at(18, 5), at(35, 5), at(36, 5)], ["000000", "aaaaaa", "aaaaaa", "000000"]);
  set(0x3d4, 0x01, 79);
  set(0x3d4, 0x09, 0xc7); // double scan, rows of 8
  assert.deepEqual([vga.size(), vga.text()?.rows], [{ width: 720, height: 400 }, 25]);
});

test("text is panned by dots, lines and characters", () => {
  const { print, picture, set, attribute } = adapter();
  print("\xdb\xdb \xdb", 80);
  attribute(0x13, 2); // three dots to the left with cells of nine
  set(0x3d4, 0x08, 4); // four lines up
  const { at } = picture();
  assert.deepEqual([at(0, 12), at(14, 12), at(15, 12), at(24, 12), at(24, 11)], ["aaaaaa", "aaaaaa", "000000", "aaaaaa", "000000"]);
  set(0x3d4, 0x08, 0x20);
  assert.equal(picture().at(8, 16), "000000", "the space is third, now second");
  attribute(0x13, 8);
  assert.equal(picture().at(0, 16), "aaaaaa");
});

test("graphics are panned by dots, but not below a fixed split", () => {
  const a = adapter();
  enterMode13(a);
  a.ports.write(0x3c8, 1, 1);
  for (let c = 0; c < 3; c++) a.ports.write(0x3c9, 1, 63);
  a.set(0x3d4, 0x11, 0);
  a.mmio.write(0xa0000 + 5, 1, 1);
  a.attribute(0x13, 4);
  assert.equal(a.picture().at(3, 0), "ffffff", "two dots of 256 colours");
  a.set(0x3d4, 0x18, 99); // raw line 100 is picture line 50
  a.set(0x3d4, 0x07, 0x0f);
  a.set(0x3d4, 0x09, 0x01);
  assert.equal(a.picture().at(3, 50), "ffffff");
  a.attribute(0x10, 0x61);
  assert.deepEqual([a.picture().at(3, 0), a.picture().at(5, 50)], ["ffffff", "ffffff"]);
});

test("dots blink in 16 colours by turning over their top bit", () => {
  const a = adapter();
  a.set(0x3d4, 0x11, 0);
  const setup: [number, number, number][] = [[0x3c4, 1, 1], [0x3c4, 2, 15], [0x3c4, 4, 6], [0x3d4, 9, 0x40], [0x3d4, 0x17, 0xe3], [0x3ce, 5, 0], [0x3ce, 6, 5]];
  for (const [port, index, value] of setup) a.set(port, index, value);
  a.attribute(0x10, 0x09);
  for (let i = 0; i < 0x8000; i++) a.mmio.write(0xa0000 + i, 1, 0);
  a.set(0x3c4, 2, 1);
  a.mmio.write(0xa0000, 1, 0x80);
  assert.equal(a.picture().at(0, 0), "0000aa");
  assert.ok(!a.vga.isDirty(a.clock.nowNs()));
  a.clock.advance(460 * MS);
  assert.ok(a.vga.isDirty(a.clock.nowNs()));
  assert.equal(a.picture().at(0, 0), "5555ff");
});

test("registers that only steer accesses do not make the picture stale", () => {
  const { vga, set, picture, clock } = adapter();
  picture();
  const steering: [number, number, number][] = [[0x3c4, 2, 5], [0x3ce, 0, 3], [0x3ce, 1, 3], [0x3ce, 3, 8], [0x3ce, 4, 1], [0x3ce, 8, 1]];
  for (const [port, index, value] of steering) set(port, index, value);
  assert.ok(!vga.isDirty(clock.nowNs()));
});

test("saved state holds the linear framebuffer, and one too large is refused", () => {
  const a = adapter(1 << 20);
  setDispi(a.dispi, [[1, 640], [2, 480], [3, 8], [4, 1]]);
  a.framebuffer[700] = 4;
  const saved = a.vga.save();
  assert.equal((saved.framebuffer as Uint8Array).length, 701);
  const b = adapter(1 << 20);
  b.framebuffer.fill(9);
  b.vga.load(structuredClone(saved));
  assert.deepEqual([b.framebuffer[700], b.framebuffer[701], b.framebuffer[0]], [4, 0, 0]);
  assert.equal(b.picture().at(60, 1), "aa0000");
  a.framebuffer[(1 << 20) - 1] = 1;
  assert.throws(() => adapter(1 << 16).vga.load(a.vga.save()), /framebuffer/);
});

test("status 1 follows the timing of the mode: 60 Hz with 480 lines", () => {
  const { ports, set, clock } = adapter();
  ports.write(0x3c2, 1, 0xe3);
  set(0x3c4, 1, 1);
  set(0x3d4, 0x11, 0x0c);
  for (const [index, value] of [[6, 0x0b], [7, 0x3e], [0x10, 0xea], [0x12, 0xdf]] as const) set(0x3d4, index, value);
  let retraces = 0;
  let isIn = false;
  for (let i = 0; i < 50_000; i++) {
    const isNow = (ports.read(0x3da, 1) & 8) !== 0;
    if (isNow && !isIn) retraces++;
    isIn = isNow;
    clock.advance(20_000);
  }
  assert.ok(retraces >= 59 && retraces <= 61, `${retraces} frames in a second`);
});

deviceConformance(
  "vga",
  (bench) => new Vga("vga", { clock: bench.clock, framebuffer: new Uint8Array(0x10000), mmio: new MmioBus(), mapFramebuffer: () => false }),
  (vga) => {
    vga.writeReg(VGA_WINDOW.bank, 0x18000, 2, 0x1e41);
    vga.writeReg(1, 0x14, 2, 0x120e);
  },
  { banks: [12, 32, 3, 0x20000, 0x1000] },
);
