import assert from "node:assert/strict";
import { test } from "node:test";
import { layoutScreen } from "./screen-layout.ts";

const guest = { width: 640, height: 480 };

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
  const loose = layoutScreen("fit", guest, { width: 1300, height: 1000 }, 1);
  assert.deepEqual([loose.cssWidth, loose.multiple, loose.smooth], [1280, 1, false]);
  const between = layoutScreen("fit", guest, { width: 960, height: 900 }, 1);
  assert.deepEqual(between, { cssWidth: 960, cssHeight: 720, multiple: 2, smooth: true });
  const small = layoutScreen("fit", guest, { width: 320, height: 900 }, 1);
  assert.deepEqual([small.cssWidth, small.multiple, small.smooth], [320, 1, true]);
});

test("modes of few lines fill 4:3, later ones have square pixels, and 1x shows pixels as they are", () => {
  const shape = (width: number, height: number, scale: "fit" | "1x" = "fit") => {
    const layout = layoutScreen(scale, { width, height }, { width: 2000, height: 2000 }, 1);
    return Math.round((layout.cssWidth / layout.cssHeight) * 1000) / 1000;
  };
  for (const [width, height] of [[720, 400], [640, 400], [320, 200], [640, 350], [320, 240], [640, 480], [800, 600]] as const) {
    assert.equal(shape(width, height), 1.333, `${width}x${height}`);
  }
  assert.deepEqual([shape(1280, 1024), shape(1920, 1080), shape(720, 400, "1x")], [1.25, 1.778, 1.8]);
});

test("no room yet is not an infinite or empty picture", () => {
  assert.equal(layoutScreen("fit", guest, { width: 0, height: 0 }, 1).cssWidth, 640);
  assert.equal(layoutScreen("fit", guest, { width: 0, height: 0 }, 0).cssWidth, 640);
});
