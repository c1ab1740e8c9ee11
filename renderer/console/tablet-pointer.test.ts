import assert from "node:assert/strict";
import { test } from "node:test";
import { TabletPointer } from "./tablet-pointer.ts";

const box = { left: 100, top: 50, width: 640, height: 480 };
const at = (clientX: number, clientY: number, buttons = 0) => ({ clientX, clientY, buttons });

test("corners of the picture are corners of the tablet, and outside stays at the edge", () => {
  const sent: { x: number; y: number }[] = [];
  const pointer = new TabletPointer({ tablet: ({ x, y }) => sent.push({ x, y }) });
  for (const [x, y] of [[740, 530], [100, 50], [9999, -9999]] as const) {
    pointer.move(at(x, y), box);
    pointer.flush();
  }
  assert.deepEqual(sent, [{ x: 32767, y: 32767 }, { x: 0, y: 0 }, { x: 32767, y: 0 }]);
});

test("motion waits for the flush, buttons do not, and nothing is sent twice", () => {
  const sent: unknown[] = [];
  const pointer = new TabletPointer({ tablet: (place) => sent.push(place) });
  pointer.move(at(420, 290), box);
  assert.deepEqual(sent, []);
  pointer.move(at(420, 290, 1), box);
  pointer.flush();
  assert.deepEqual(sent, [{ x: 16384, y: 16384, wheel: 0, buttons: 1 }]);
  pointer.wheel({ deltaY: 250, deltaMode: 0 });
  pointer.flush();
  pointer.releaseAll();
  pointer.releaseAll();
  assert.deepEqual(sent.slice(1), [{ x: 16384, y: 16384, wheel: 2, buttons: 1 }, { x: 16384, y: 16384, wheel: 0, buttons: 0 }]);
});

test("a picture without size moves nothing", () => {
  const pointer = new TabletPointer({ tablet: () => assert.fail("sent") });
  pointer.move(at(5, 5, 1), { ...box, width: 0 });
  pointer.flush();
});
