import assert from "node:assert/strict";
import { test } from "node:test";
import { SCREEN_BYTES, SCREEN_PIXELS_OFFSET, ScreenWord } from "../api/worker-protocol.ts";
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
