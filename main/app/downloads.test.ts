import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Download } from "../../core/api/vm-state.ts";
import { Downloads } from "./downloads.ts";

const FILE = Buffer.alloc(300_000, "medium ");

/** A server whose answers the test writes, and the downloads from it. */
async function bench(t: { after(work: () => unknown): void }) {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-downloads-"));
  const waiting: ((response: ServerResponse) => void)[] = [];
  const server = createServer((request, response) => {
    const from = Number(/bytes=(\d+)/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const headers = { etag: '"1"', "content-length": FILE.length - from };
    response.writeHead(from > 0 ? 206 : 200, from > 0 ? { ...headers, "content-range": `bytes ${from}-${FILE.length - 1}/${FILE.length}` } : headers);
    const play = waiting.shift();
    if (play) play(response);
    else response.end(FILE.subarray(from));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const seen: Download[] = [];
  let wake = () => {};
  const downloads = new Downloads(join(folder, "media"), (download) => {
    seen.push(download);
    wake();
  });
  t.after(async () => {
    await downloads.close();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const until = async (holds: (download: Download) => boolean) => {
    while (!seen.some(holds)) await new Promise<void>((resolve) => (wake = resolve));
  };
  const source = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.iso`, fileName: "a.iso" };
  return { downloads, source, seen, until, waiting, media: join(folder, "media") };
}

test("a download is told from start to end, and verified if its checksum is known", async (t) => {
  const { downloads, source, seen, until, media } = await bench(t);
  const sha256 = createHash("sha256").update(FILE).digest("hex");
  const first = await downloads.start({ ...source, sha256 });
  assert.deepEqual([first.state, first.id, first.path], ["running", "a.iso", join(media, "a.iso")]);
  await until((d) => d.state === "done");
  assert.deepEqual([seen.at(-1)?.receivedBytes, seen.at(-1)?.isVerified], [FILE.length, true]);
  assert.deepEqual(readFileSync(join(media, "a.iso")), FILE);
  assert.deepEqual(downloads.list(), [seen.at(-1)]);
});

test("one that is paused goes on from where it was; one that is cancelled leaves nothing", async (t) => {
  const { downloads, source, until, waiting, media } = await bench(t);
  waiting.push((response) => response.write(FILE.subarray(0, 100_000)));
  await downloads.start(source);
  await until((d) => d.receivedBytes >= 100_000);
  await downloads.pause("a.iso");
  assert.equal(downloads.list()[0]?.state, "paused");
  const again = await downloads.start(source);
  assert.deepEqual([again.state, again.receivedBytes], ["running", 100_000]);
  await until((d) => d.state === "done");
  assert.deepEqual(readFileSync(join(media, "a.iso")), FILE);

  waiting.push((response) => response.write(FILE.subarray(0, 1000)));
  const other = { ...source, fileName: "b.iso" };
  await downloads.start(other);
  await until((d) => d.id === "b.iso" && d.receivedBytes >= 1000);
  await downloads.cancel("b.iso");
  assert.deepEqual(readdirSync(media), ["a.iso"]);
  assert.equal(downloads.list().length, 1);
  await assert.rejects(downloads.pause("b.iso"), { code: "notFound" });
});

test("a file that was fetched before is taken as it is; two starts are one download", async (t) => {
  const { downloads, source, until, waiting } = await bench(t);
  let requests = 0;
  waiting.push((response) => {
    requests++;
    response.end(FILE);
  });
  await Promise.all([downloads.start(source), downloads.start(source)]);
  await until((d) => d.state !== "running");
  assert.equal(downloads.list()[0]?.state, "done");
  assert.equal((await downloads.start(source)).state, "done");
  assert.equal(requests, 1);
});

test("a wrong checksum is a failure with its reason, and no file", async (t) => {
  const { downloads, source, seen, until, media } = await bench(t);
  await downloads.start({ ...source, sha256: "0".repeat(64) });
  await until((d) => d.state === "failed");
  assert.match(seen.at(-1)?.failure?.message ?? "", /SHA-256/);
  assert.deepEqual(readdirSync(media), []);
});
