import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FRAME_HEADER_BYTES } from "../../core/api/contract.ts";
import type { Frame } from "./frame.ts";
import { encodeFrame, parseFrame } from "./frame.ts";

const frame: Frame = {
  id: "한글-id",
  thumbnail: true,
  screenWidth: 8,
  screenHeight: 4,
  x: 2,
  y: 1,
  width: 3,
  height: 2,
  pixels: Uint8ClampedArray.from({ length: 24 }, (_, i) => i),
};

test("a frame survives the wire, whatever the length of its id", () => {
  assert.deepEqual(parseFrame(encodeFrame(frame)), frame);
  assert.equal(parseFrame(encodeFrame({ ...frame, id: "abcd", thumbnail: false }))?.thumbnail, false);
});

test("a frame that is cut short, lies outside its screen or has another magic is refused", () => {
  const good = encodeFrame(frame);
  assert.equal(parseFrame(good.slice(0, good.byteLength - 1)), null);
  assert.equal(parseFrame(good.slice(0, FRAME_HEADER_BYTES - 1)), null);
  assert.equal(parseFrame(encodeFrame({ ...frame, x: 6 })), null);
  const bad = good.slice(0);
  new DataView(bad).setUint32(0, 1, true);
  assert.equal(parseFrame(bad), null);
});

test("no message throws", () => {
  const head = new Uint8Array(encodeFrame(frame)).subarray(0, 4);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (tail) => {
      const message = new Uint8Array(4 + tail.length);
      message.set(head);
      message.set(tail, 4);
      parseFrame(message.buffer);
    }),
  );
});
