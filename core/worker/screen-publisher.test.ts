import assert from "node:assert/strict";
import { test } from "node:test";
import { SCREEN_BYTES, SCREEN_PIXELS_OFFSET, ScreenWord } from "../api/worker-protocol.ts";
import { MmioBus } from "../bus/mmio-bus.ts";
import { Vga } from "../devices/display/vga.ts";
import { FakeScreen } from "../testkit/fake-screen.ts";
import { ScreenPublisher } from "./screen-publisher.ts";

function publisher() {
  const display = new FakeScreen();
  const shared = new SharedArrayBuffer(SCREEN_BYTES);
  const pixel = (x: number, y: number) => new Uint8Array(shared, SCREEN_PIXELS_OFFSET + (y * 80 + x) * 4, 4);
  return { display, screen: new ScreenPublisher(display, shared), words: new Int32Array(shared, 0, 16), pixel };
}

test("the first picture is published whole, and no more while nothing changes", () => {
  const { screen } = publisher();
  assert.deepEqual(screen.publish(0), { rect: { x: 0, y: 0, width: 80, height: 25 }, screenWidth: 80, screenHeight: 25 });
  assert.equal(screen.publish(0), undefined);
});

test("later only the rectangle around what differs", () => {
  const { display, screen, pixel } = publisher();
  screen.publish(0);
  display.write("\n\n  ab\n c");
  assert.deepEqual(screen.publish(0)?.rect, { x: 1, y: 2, width: 3, height: 2 });
  assert.deepEqual([...pixel(2, 2)], [0x61, 0x61, 0x61, 0xff]);
});

test("a dirty screen with the same picture is no news", () => {
  const { display, screen } = publisher();
  screen.publish(0);
  display.write(" ");
  assert.equal(display.isDirty(), true);
  assert.equal(screen.publish(0), undefined);
});

test("another mode is published whole; one too large is cut to what fits", () => {
  const { display, screen, words } = publisher();
  screen.publish(0);
  display.setMode(2560, 1600);
  display.fill(0x102030);
  assert.deepEqual(screen.publish(0), { rect: { x: 0, y: 0, width: 1920, height: 1200 }, screenWidth: 1920, screenHeight: 1200 });
  assert.equal(words[ScreenWord.BEGUN], words[ScreenWord.ENDED]);
  assert.equal(Buffer.from(screen.screenshot() ?? []).readUInt32BE(16), 1920);
});

test("there is no screenshot before the first picture", () => {
  assert.equal(publisher().screen.screenshot(), null);
});

test("an adapter that knows its changed rows draws them straight into the shared screen", () => {
  const clock = { now: 0 };
  const framebuffer = new Uint8Array(4 << 20);
  const vga = new Vga("vga", { clock: { nowNs: () => clock.now }, framebuffer, mmio: new MmioBus(), mapFramebuffer: () => true });
  const shared = new SharedArrayBuffer(SCREEN_BYTES);
  const screen = new ScreenPublisher(vga, shared);
  assert.deepEqual(screen.publish(0)?.rect, { x: 0, y: 0, width: 720, height: 400 });
  vga.enterLinearMode(640, 480, 32);
  assert.deepEqual(screen.publish(0)?.rect, { x: 0, y: 0, width: 640, height: 480 });
  framebuffer.fill(0x55, 640 * 4 * 100, 640 * 4 * 108);
  clock.now += 16e6;
  assert.deepEqual(screen.publish(clock.now)?.rect, { x: 0, y: 100, width: 640, height: 8 });
  assert.equal(new Uint32Array(shared, SCREEN_PIXELS_OFFSET)[640 * 107 + 3], 0xff555555);
  clock.now += 16e6;
  assert.equal(screen.publish(clock.now), undefined);
});

test("a screenshot shows even what no look has found yet, and the next picture reports it", () => {
  const framebuffer = new Uint8Array(4 << 20);
  const vga = new Vga("vga", { clock: { nowNs: () => 0 }, framebuffer, mmio: new MmioBus(), mapFramebuffer: () => true });
  const screen = new ScreenPublisher(vga, new SharedArrayBuffer(SCREEN_BYTES));
  vga.enterLinearMode(640, 480, 8);
  screen.publish(0);
  const before = Buffer.from(screen.screenshot() ?? []);
  framebuffer[640 * 6 + 1] = 15;
  assert.ok(!Buffer.from(screen.screenshot() ?? []).equals(before));
  assert.deepEqual(screen.publish(0)?.rect, { x: 0, y: 6, width: 640, height: 1 });
});

test("a mode too large for the shared screen is cut, and one that fits after it is whole", () => {
  const framebuffer = new Uint8Array(32 << 20);
  const vga = new Vga("vga", { clock: { nowNs: () => 0 }, framebuffer, mmio: new MmioBus(), mapFramebuffer: () => true });
  const shared = new SharedArrayBuffer(SCREEN_BYTES);
  const screen = new ScreenPublisher(vga, shared);
  vga.enterLinearMode(2560, 1600, 32);
  framebuffer[4] = 0xff;
  assert.deepEqual(screen.publish(0)?.rect, { x: 0, y: 0, width: 1920, height: 1200 });
  assert.equal(new Uint32Array(shared, SCREEN_PIXELS_OFFSET)[1], 0xffff0000);
  vga.enterLinearMode(1920, 1200, 32);
  framebuffer[8] = 0xff;
  screen.publish(0);
  assert.deepEqual([...new Uint32Array(shared, SCREEN_PIXELS_OFFSET, 3)], [0xff000000, 0xff000000, 0xffff0000]);
});
