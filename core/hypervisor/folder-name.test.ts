import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { folderNameFor } from "./folder-name.ts";

const ID = "0123abcd-0000-4000-8000-000000000000";

test("names stay readable, Korean too", () => {
  assert.equal(folderNameFor("Debian 12 (test)", ID), "debian-12-test-0123abcd");
  assert.equal(folderNameFor("데모 머신", ID), "데모-머신-0123abcd");
  assert.equal(folderNameFor("한글".normalize("NFD"), ID), "한글-0123abcd");
});

test("what no file system should see does not get there", () => {
  assert.equal(folderNameFor("../../etc/passwd", ID), "etc-passwd-0123abcd");
  assert.equal(folderNameFor("CON", ID), "con-0123abcd");
  assert.equal(folderNameFor("***", ID), "machine-0123abcd");
  assert.equal(folderNameFor(".hidden. ", ID), "hidden-0123abcd");
});

test("any name gives a plain, short, visible one", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), (name) => {
      const folder = folderNameFor(name, ID);
      assert.match(folder, /^[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N}-]*-0123abcd$/u);
      assert.ok(Buffer.byteLength(folder) <= 80);
    }),
  );
});
