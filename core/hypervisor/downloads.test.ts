import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type DownloadProgress, discardDownload, download, unfinishedBytes } from "./downloads.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-download-"));
const BODY = Buffer.alloc(3_000_000);
for (let i = 0; i < BODY.length; i++) BODY[i] = (i * 7 + (i >> 11)) & 0xff;
const SHA = createHash("sha256").update(BODY).digest("hex");

/** What the server does, by the path that is asked for. */
type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const handlers = new Map<string, Handler>();
const asked: { path: string; range: string | undefined; ifRange: string | undefined }[] = [];
const server = createServer((request, response) => {
  asked.push({ path: request.url ?? "", range: request.headers.range, ifRange: request.headers["if-range"] as string | undefined });
  const handler = handlers.get(request.url ?? "");
  if (handler) handler(request, response);
  else response.writeHead(404).end();
});
let base = "";
before(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => {
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  resolve();
})));
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

let count = 0;
/** A new address with this behaviour, and a new file for it. */
function place(handler: Handler): { url: string; path: string; asked: () => (string | undefined)[] } {
  const name = `/${++count}.iso`;
  handlers.set(name, handler);
  return { url: base + name, path: join(folder, `${count}.iso`), asked: () => asked.filter((a) => a.path === name).map((a) => a.range) };
}

/** Serves a body with ranges, as file servers do. */
function files(body: Buffer, headers: Record<string, string> = { etag: '"v1"' }): Handler {
  return (request, response) => {
    const [, start] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
    const isSame = request.headers["if-range"] === undefined || Object.values(headers).includes(String(request.headers["if-range"]));
    if (start === undefined || !isSame) response.writeHead(200, { ...headers, "content-length": body.length }).end(body);
    else if (Number(start) >= body.length) response.writeHead(416).end();
    else {
      const rest = body.subarray(Number(start));
      response.writeHead(206, { ...headers, "content-length": rest.length, "content-range": `bytes ${start}-${body.length - 1}/${body.length}` }).end(rest);
    }
  };
}

/** The first answers end after so many bytes. */
function breaking(cuts: number[], then: Handler): Handler {
  return (request, response) => {
    const cut = cuts.shift();
    if (cut === undefined) return then(request, response);
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const range = start > 0 ? { "content-range": `bytes ${start}-${BODY.length - 1}/${BODY.length}` } : {};
    response.writeHead(start > 0 ? 206 : 200, { etag: '"v1"', "content-length": BODY.length - start, ...range });
    response.write(BODY.subarray(start, start + cut), () => response.destroy());
  };
}

const quick = { retries: 0, retryDelayMs: 0 };
const leftovers = (path: string) => readdirSync(folder).filter((name) => join(folder, name) !== path && join(folder, name).startsWith(path));

test("a file arrives whole, verified, with progress, and nothing is left beside it", async () => {
  const { url, path } = place(files(BODY));
  const progress: DownloadProgress[] = [];
  const result = await download({ url, path, sha256: SHA.toUpperCase(), sizeBytes: BODY.length }, { onProgress: (p) => progress.push(p) });
  assert.deepEqual(result, { path, sizeBytes: BODY.length, sha256: SHA, isVerified: true });
  assert.ok(readFileSync(path).equals(BODY));
  assert.deepEqual([progress.at(-1)?.receivedBytes, progress.at(-1)?.totalBytes], [BODY.length, BODY.length]);
  assert.deepEqual(leftovers(path), []);
});

test("without a checksum the result says that nothing was verified", async () => {
  const { url, path } = place(files(BODY));
  assert.deepEqual([(await download({ url, path })).isVerified, readFileSync(path).length], [false, BODY.length]);
});

test("a wrong checksum or size leaves no file and says why", async () => {
  const { url, path } = place(files(BODY));
  await assert.rejects(download({ url, path, sha256: "0".repeat(64) }), { reason: "wrongFile", message: /SHA-256/ });
  await assert.rejects(download({ url, path, sizeBytes: 5 }), { reason: "wrongFile", message: /5 bytes/ });
  await discardDownload(path);
  assert.deepEqual([existsSync(path), ...leftovers(path)], [false]);
});

test("a connection that breaks is made again and goes on where it was", async () => {
  const { url, path, asked: ranges } = place(breaking([1_000_000, 500_000], files(BODY)));
  await download({ url, path, sha256: SHA }, { retries: 1, retryDelayMs: 0 });
  assert.ok(readFileSync(path).equals(BODY));
  assert.equal(ranges().length, 3);
  assert.ok(ranges().slice(1).every((r) => /^bytes=[1-9]\d*-$/.test(r ?? "")), ranges().join());
});

test("a download that failed goes on the next time, and asks for the same version", async () => {
  const { url, path } = place(breaking([1_000_000], files(BODY)));
  await assert.rejects(download({ url, path }, quick), { reason: "network", code: "ioFailed" });
  const had = await unfinishedBytes(path);
  assert.ok(had > 0 && had <= 1_000_000);
  await download({ url, path }, quick);
  assert.ok(readFileSync(path).equals(BODY));
  const last = asked.at(-1);
  assert.deepEqual([last?.range, last?.ifRange], [`bytes=${had}-`, '"v1"']);
});

test("a server that has another version by now, or knows no ranges, or lost the file's end, sends it all again", async () => {
  const other = Buffer.from(BODY).fill(1, 0, 100);
  const small = BODY.subarray(0, 1000);
  const noRanges: Handler = (_, response) => response.writeHead(200, { "content-length": BODY.length }).end(BODY);
  for (const [then, expected] of [[files(other, { etag: '"v2"' }), other], [noRanges, BODY], [files(small, {}), small]] as const) {
    const { url, path } = place(breaking([1_000_000], then));
    await assert.rejects(download({ url, path }, quick), { reason: "network" });
    await download({ url, path }, { retries: 1, retryDelayMs: 0 });
    assert.ok(readFileSync(path).equals(expected));
  }
});

test("without a way to tell versions apart a part is taken up only if a checksum will tell", async () => {
  for (const sha256 of [undefined, SHA]) {
    const { url, path, asked: ranges } = place(files(BODY, {}));
    writeFileSync(`${path}.part`, BODY.subarray(0, 4000));
    writeFileSync(`${path}.part.json`, JSON.stringify({ url, validator: "", totalBytes: BODY.length }));
    await download({ url, path, sha256 }, quick);
    assert.ok(readFileSync(path).equals(BODY));
    assert.deepEqual(ranges(), [sha256 === undefined ? undefined : "bytes=4000-"]);
  }
});

test("a note that is broken or belongs to another address is not believed", async () => {
  for (const note of ["{", JSON.stringify({ url: "http://other/", validator: '"v1"', totalBytes: BODY.length })]) {
    const { url, path, asked: ranges } = place(files(BODY));
    writeFileSync(`${path}.part`, "rubbish");
    writeFileSync(`${path}.part.json`, note);
    await download({ url, path }, quick);
    assert.ok(readFileSync(path).equals(BODY));
    assert.deepEqual(ranges(), [undefined]);
  }
});

test("a part that is already whole needs no server", async () => {
  const { url, path, asked: ranges } = place(files(BODY));
  writeFileSync(`${path}.part`, BODY);
  writeFileSync(`${path}.part.json`, JSON.stringify({ url, validator: '"v1"', totalBytes: BODY.length }));
  assert.equal((await download({ url, path, sha256: SHA })).isVerified, true);
  assert.deepEqual(ranges(), []);
});

test("cancelling stops it and keeps what has arrived; discarding removes that", async () => {
  const { url, path } = place((_, response) => {
    response.writeHead(200, { etag: '"v1"', "content-length": BODY.length });
    response.write(BODY.subarray(0, 100_000)); // and never any more
  });
  const controller = new AbortController();
  const running = download({ url, path }, { ...quick, signal: controller.signal, onProgress: () => controller.abort() });
  await assert.rejects(running, { reason: "cancelled", message: /was cancelled/ });
  assert.ok((await unfinishedBytes(path)) > 0);
  await assert.rejects(download({ url, path }, { signal: controller.signal }), { reason: "cancelled" });
  await discardDownload(path);
  assert.deepEqual(leftovers(path), []);
});

test("a server that falls silent is given up", async () => {
  const { url, path } = place((_, response) => void response.writeHead(200, { "content-length": 10 }).write("x"));
  await assert.rejects(download({ url, path }, { ...quick, idleTimeoutMs: 50 }), { reason: "network", message: /Nothing has arrived/ });
});

test("refusals name the status and the address; only overload is tried again", async () => {
  for (const [status, reason, tries] of [[404, "refused", 1], [403, "refused", 1], [503, "network", 3]] as const) {
    const { url, path, asked: ranges } = place((_, response) => response.writeHead(status).end("no"));
    await assert.rejects(download({ url, path }, { retries: 2, retryDelayMs: 0 }), { reason, message: new RegExp(`${status}.*${url}`) });
    assert.equal(ranges().length, tries);
    assert.equal(existsSync(path), false);
  }
});

test("a server that is not there, an address that is none, a packed answer and too many bytes are refused", async () => {
  const { path } = place(files(BODY));
  await assert.rejects(download({ url: "http://127.0.0.1:1/x.iso", path }, quick), { reason: "network", message: /ECONNREFUSED|bad port/ });
  for (const url of ["file:///etc/passwd", "ftp://x/y", ""]) await assert.rejects(download({ url, path }), { reason: "refused", code: "badRequest" });
  const packed = place((_, response) => response.writeHead(200, { "content-encoding": "br" }).end("x"));
  await assert.rejects(download(packed, quick), { reason: "refused", message: /packed/ });
  const endless = place((_, response) => response.writeHead(200).end(BODY));
  await assert.rejects(download({ ...endless, sizeBytes: 1000 }, quick), { reason: "wrongFile", message: /more than/ });
});

test("a file that is there is never replaced; with the right checksum it is taken as it is", async () => {
  const { url, path, asked: ranges } = place(files(BODY));
  writeFileSync(path, BODY);
  assert.equal((await download({ url, path, sha256: SHA })).isVerified, true);
  truncateSync(path, 10);
  for (const sha256 of [SHA, undefined]) await assert.rejects(download({ url, path, sha256 }), { reason: "disk", code: "badRequest", message: /already/ });
  assert.equal(readFileSync(path).length, 10);
  assert.deepEqual(ranges(), []);
});

test("one file is downloaded once at a time", async () => {
  const { url, path } = place(files(BODY));
  const [first, second] = await Promise.allSettled([download({ url, path }), download({ url, path })]);
  assert.equal(first.status, "fulfilled");
  assert.ok(second.status === "rejected" && second.reason.reason === "busy");
});

test("a folder that is not there is named", async () => {
  const { url } = place(files(BODY));
  await assert.rejects(download({ url, path: join(folder, "none", "x.iso") }, quick), { reason: "disk", code: "ioFailed", message: /none/ });
});
