import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { sampleFloppy } from "../testkit/sample-media.ts";
import { loadKnownSystems, recognizeFile } from "./media.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-media-"));
after(() => rmSync(folder, { recursive: true }));
const ownPath = fileURLToPath(new URL("../../assets/guests/systems.json", import.meta.url));
const none = join(folder, "none.json");

test("a file on the host is recognised with the systems that are known", async () => {
  const path = join(folder, "floppy.img");
  writeFileSync(path, sampleFloppy({ files: ["KERNEL.SYS"] }));
  const info = await recognizeFile(path, (await loadKnownSystems(ownPath, none)).systems);
  assert.deepEqual([info.kind, info.system], ["floppy", "freedos"]);
});

test("a missing file, a folder and a device are named", async () => {
  await assert.rejects(recognizeFile(join(folder, "none"), []), { code: "fileMissing", message: /none/ });
  await assert.rejects(recognizeFile(folder, []), { code: "fileMissing", message: /folder/ });
  await assert.rejects(recognizeFile("/dev/zero", []), { code: "ioFailed", message: /regular/ });
});

test("a user's list goes before ours; what is wrong with it is told and ours stays", async () => {
  const path = join(folder, "systems.json");
  const own = await loadKnownSystems(ownPath, none);
  assert.deepEqual(own.problems, []);
  writeFileSync(path, JSON.stringify({ version: 1, systems: [{ ...own.systems[0], id: "mine" }, { id: 7 }] }));
  const both = await loadKnownSystems(ownPath, path);
  assert.deepEqual([both.systems[0]?.id, both.systems.length, both.problems.length], ["mine", own.systems.length + 1, 1]);
  writeFileSync(path, "{");
  const broken = await loadKnownSystems(ownPath, path);
  assert.deepEqual([broken.systems.length, broken.problems.length], [own.systems.length, 1]);
  assert.equal((await loadKnownSystems(none, none)).problems.length, 1);
});
