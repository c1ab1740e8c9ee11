import assert from "node:assert/strict";
import { test } from "node:test";
import { assembleVideoBios } from "../../testkit/build-video-bios.ts";
import { videoBiosImage } from "./image.ts";

test("it is an option ROM for 1234:1111 whose bytes add up to 0", () => {
  const image = videoBiosImage();
  const view = new DataView(image.buffer);
  assert.equal(view.getUint16(0, true), 0xaa55);
  assert.equal((image[2] ?? 0) * 512, image.length);
  assert.equal(image.reduce((sum, byte) => sum + byte, 0) & 0xff, 0);
  const pci = view.getUint16(0x18, true);
  assert.equal(Buffer.from(image).toString("latin1", pci, pci + 4), "PCIR");
  assert.deepEqual([view.getUint16(pci + 4, true), view.getUint16(pci + 6, true)], [0x1234, 0x1111]);
  assert.deepEqual([view.getUint16(pci + 16, true) * 512, image[pci + 21]], [image.length, 0x80]);
});

test("it is what its source assembles to", (t) => {
  const built = assembleVideoBios();
  if (!built) return t.skip("there is no nasm");
  assert.ok(Buffer.from(built).equals(videoBiosImage()), "run core/testkit/build-video-bios.ts");
});
