import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readBootImage } from "./boot-files.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-boot-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const kernel = file("kernel", "K");
const boot = { kind: "kernel" as const, kernel, append: "a=b", modules: [] };

test("kernel, initrd and modules are read; a module's command line begins with its file", () => {
  const initrd = file("initrd", "I");
  const module = `${file("module", "M")} x=1 y`;
  const image = readBootImage({ ...boot, initrd, modules: [module] }, 4);
  assert.ok(image.kind === "kernel");
  assert.equal(image.name, "kernel");
  assert.equal(Buffer.from(image.initrd ?? []).toString(), "I");
  assert.deepEqual(image.modules.map((m) => [Buffer.from(m.data).toString(), m.commandLine]), [["M", module]]);
});

test("a missing file, a folder and a device are named", () => {
  assert.throws(() => readBootImage({ ...boot, kernel: join(folder, "none") }, 4), { code: "fileMissing", message: `Kernel not found: ${join(folder, "none")}` });
  assert.throws(() => readBootImage({ ...boot, initrd: folder }, 4), { code: "fileMissing", message: `Initial RAM disk is a folder, not a file: ${folder}` });
  assert.throws(() => readBootImage({ ...boot, modules: ["/dev/zero x"] }, 4), { code: "ioFailed", message: "Module is not a regular file: /dev/zero" });
});

test("what cannot fit into memory is refused before it is read", () => {
  const huge = file("huge", "");
  truncateSync(huge, 5 * 1024 * 1024 * 1024);
  assert.throws(() => readBootImage({ ...boot, initrd: huge }, 64), { code: "initrdTooLarge", message: /does not fit into 64 MiB of memory: .*huge has 5120\.0 MiB/ });
  assert.throws(() => readBootImage({ ...boot, kernel: huge }, 64), { code: "notEnoughMemory" });
});
