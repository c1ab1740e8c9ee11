// The ready lab of three demo machines, run by `ringfence lab run`: within a VLAN everything, across nothing, by what the machines say and
// by the captures of their cards.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Session } from "../fixtures/cli.ts";
import { readPcapng } from "../fixtures/pcapng.ts";

const lab = fileURLToPath(new URL("../../assets/labs/isolation.json", import.meta.url));
const MACS = { alice: "525400001001", bob: "525400001002", carol: "525400002001" };
/** Of the million bytes that alice fetches: byte n is n * 31 + n / 256. */
const CRC_OF_MILLION = "b4567b5b";
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is removed
const escapes = /\x1b\[[0-9;?]*[A-Za-z]/g;

test("three demo machines on two VLANs", { timeout: 600_000 }, async () => {
  const captures = mkdtempSync(join(tmpdir(), "ringfence-captures-"));
  try {
    const session = new Session(["lab", "run", lab, "--capture", captures, "--timeout", "500"]);
    const status = await session.exit();
    const output = session.output.replace(escapes, "");
    assert.equal(status, 0, `${session.errors}\n${output.slice(-3000)}`);
    const said = (name: string): string =>
      output.split("\n").filter((line) => line.startsWith(`[${name}] `)).map((line) => line.slice(name.length + 3)).join("\n");
    assert.match(said("alice"), /^net0: 10\.0\.10\.\d+\/24 from 10\.0\.10\.1$/m);
    assert.match(said("bob"), /^net0: 10\.0\.10\.\d+\/24 from 10\.0\.10\.1$/m);
    assert.match(said("carol"), /^net0: 10\.0\.20\.\d+\/24 from 10\.0\.20\.1$/m);
    assert.match(said("alice"), /^20 sent, 20 received, 0% loss$/m);
    assert.match(said("alice"), /^500 sent, 500 received, 0% loss$/m);
    assert.match(said("alice"), /<h1>bob<\/h1>/);
    assert.match(said("alice"), new RegExp(`^200 OK: 1000000 bytes in .* CRC-32 ${CRC_OF_MILLION}$`, "m"));
    assert.match(said("alice"), /^1 sent, 0 received, 100% loss$/m);
    assert.match(said("alice"), /^There is no host called carol\.$/m);
    assert.match(said("bob"), /<h1>alice<\/h1>/);
    assert.match(said("carol"), /^There is no host called bob\.$/m);

    const seen = (name: keyof typeof MACS): Set<string> =>
      new Set(readPcapng(join(captures, `${name}.0.pcapng`)).map((frame) => frame.subarray(6, 12).toString("hex")));
    for (const name of ["alice", "bob"] as const) {
      const stations = seen(name);
      assert.ok(stations.has(MACS.alice) && stations.has(MACS.bob), `${name}'s capture has both`);
      assert.ok(!stations.has(MACS.carol), `carol was heard by ${name}`);
    }
    const ofCarol = seen("carol");
    assert.ok(ofCarol.has(MACS.carol) && !ofCarol.has(MACS.alice) && !ofCarol.has(MACS.bob), "carol heard nobody of VLAN 10");
  } finally {
    rmSync(captures, { recursive: true, force: true });
  }
});
