import assert from "node:assert/strict";
import { test } from "node:test";
import { assembleSystemBios } from "../../testkit/build-system-bios.ts";
import { systemBiosImage } from "./image.ts";

test("it fills the segment F000h and is entered at its last paragraph", () => {
  const image = systemBiosImage();
  assert.equal(image.length, 0x10000);
  assert.equal(image[0xfff0], 0xe9, "a near jump: the first instructions run below 4 GiB");
  assert.equal(image[0xfffe], 0xfc, "an AT");
});

test("it is what its source assembles to", (t) => {
  const built = assembleSystemBios();
  if (!built) return t.skip("there is no nasm");
  assert.ok(Buffer.from(built).equals(systemBiosImage()), "run core/testkit/build-system-bios.ts");
});
