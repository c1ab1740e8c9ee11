import assert from "node:assert/strict";
import { test } from "node:test";
import { layoutScreen } from "./screen-layout.ts";

const guest = { width: 640, height: 400 };

test("1x and 2x are whole device pixels on any display", () => {
  for (const ratio of [1, 1.25, 1.5, 2, 3]) {
    for (const scale of ["1x", "2x"] as const) {
      const layout = layoutScreen(scale, guest, { width: 100, height: 100 }, ratio);
      const devicePixels = (layout.cssWidth * ratio) / guest.width;
      assert.ok(Math.abs(devicePixels - Math.round(devicePixels)) < 1e-9, `${scale} at ${ratio}`);
      assert.equal(layout.smooth, false);
    }
  }
  assert.equal(layoutScreen("2x", guest, { width: 1, height: 1 }, 1).cssWidth, 1280);
});

test("fit keeps the shape, stays inside, and prefers a whole multiple that nearly fills", () => {
  const loose = layoutScreen("fit", guest, { width: 1300, height: 820 }, 1);
  assert.deepEqual([loose.cssWidth, loose.multiple, loose.smooth], [1280, 1, false]);
  const between = layoutScreen("fit", guest, { width: 960, height: 900 }, 1);
  assert.deepEqual(between, { cssWidth: 960, cssHeight: 600, multiple: 2, smooth: true });
  const small = layoutScreen("fit", guest, { width: 320, height: 900 }, 1);
  assert.deepEqual([small.cssWidth, small.multiple, small.smooth], [320, 1, true]);
});

test("no room yet is not an infinite or empty picture", () => {
  assert.equal(layoutScreen("fit", guest, { width: 0, height: 0 }, 1).cssWidth, 640);
  assert.equal(layoutScreen("fit", guest, { width: 0, height: 0 }, 0).cssWidth, 640);
});
