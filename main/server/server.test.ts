import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { SOCKET_PATH, UPLOAD_PATH } from "../../core/api/contract.ts";
import { FakeVmWorker } from "../../core/testkit/fake-vm-worker.ts";
import { type FakeApp, fakeApp } from "../testing/fake-app.ts";
import { type Server, startServer } from "./server.ts";

const root = mkdtempSync(join(tmpdir(), "ringfence-server-"));
const rendererFolder = join(root, "renderer");
let fake: FakeApp<FakeVmWorker>;
let server: Server;
let cookie = "";

before(async () => {
  mkdirSync(join(rendererFolder, "assets"), { recursive: true });
  writeFileSync(join(rendererFolder, "index.html"), "<title>page</title>");
  writeFileSync(join(rendererFolder, "assets", "main-1.js"), "1");
  writeFileSync(join(root, "secret.txt"), "secret");
  symlinkSync(join(root, "secret.txt"), join(rendererFolder, "link.txt"));
  fake = fakeApp(FakeVmWorker);
  server = await startServer({ app: fake.app, rendererFolder, port: 0 });
  cookie = ((await get(`/${new URL(server.address).search}`)).headers["set-cookie"]?.[0] ?? "").split(";")[0] ?? "";
});
after(async () => {
  await server.close();
  await fake.close();
  rmSync(root, { recursive: true });
});

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** As it is: no path is tidied, no redirect followed. */
function get(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port: server.port, path, method, headers }, (response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    call.on("error", reject);
    call.end();
  });
}

/** Settles with the status of a refusal, or 101. */
function open(headers: Record<string, string>, path = SOCKET_PATH): Promise<{ status: number; ws: WebSocket }> {
  return new Promise((resolve) => {
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { headers });
    ws.on("open", () => resolve({ status: 101, ws }));
    ws.on("unexpected-response", (_request, response) => resolve({ status: response.statusCode ?? 0, ws }));
    ws.on("error", () => undefined);
  });
}
const origin = () => `http://127.0.0.1:${server.port}`;

test("the first address trades its token for a cookie that no script reads and no other site sends", async () => {
  const token = new URL(server.address).searchParams.get("token") ?? "";
  assert.ok(Buffer.from(token, "base64url").length >= 24);
  const answer = await get(`/?token=${token}`);
  assert.equal(answer.status, 303);
  assert.equal(answer.headers["location"], "/");
  assert.match(String(answer.headers["set-cookie"]), /^ringfence-\d+=[\w-]{32}; HttpOnly; SameSite=Strict; Path=\/$/);
  assert.ok(!String(answer.headers["set-cookie"]).includes(token));
});

test("without the token there is nothing to see", async () => {
  for (const path of ["/", "/index.html", "/assets/main-1.js", "/?token=", `/?token=${"A".repeat(32)}`]) {
    const answer = await get(path);
    assert.equal(answer.status, 403, path);
    assert.ok(!answer.body.includes("page"));
  }
  assert.equal((await get("/", { cookie: cookie.replace(/.$/, "!") })).status, 403);
});

test("the page is served with its headers", async () => {
  const answer = await get("/", { cookie });
  assert.deepEqual([answer.status, answer.body, answer.headers["content-type"]], [200, "<title>page</title>", "text/html; charset=utf-8"]);
  assert.match(String(answer.headers["content-security-policy"]), /default-src 'none'; script-src 'self';.*frame-ancestors 'none'/);
  assert.equal(answer.headers["cross-origin-opener-policy"], "same-origin");
  assert.equal(answer.headers["cross-origin-embedder-policy"], "require-corp");
  assert.match(String((await get("/assets/main-1.js", { cookie })).headers["cache-control"]), /immutable/);
});

test("no path leads out of the folder", async () => {
  const paths = ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets/../../secret.txt", "/link.txt", "/%00", "/%", "//etc/passwd", "/..\\secret.txt", "/assets"];
  for (const path of paths) {
    const answer = await get(path, { cookie });
    assert.equal(answer.status, 404, path);
    assert.ok(!answer.body.includes("secret"));
  }
});

test("another host name is refused (DNS rebinding), and so are other methods", async () => {
  for (const host of ["evil.example", `evil.example:${server.port}`, "127.0.0.1", `127.0.0.1.evil.example:${server.port}`]) {
    assert.equal((await get("/", { cookie, host })).status, 421, host);
  }
  assert.equal((await get("/", { cookie }, "POST")).status, 405);
});

test("a socket is only for a signed-in page of this very origin", async () => {
  const refused: [Record<string, string>, string, number][] = [
    [{ cookie, origin: "http://evil.example" }, SOCKET_PATH, 403],
    [{ cookie, origin: "null" }, SOCKET_PATH, 403],
    [{ cookie, origin: `http://127.0.0.1:${server.port + 1}` }, SOCKET_PATH, 403],
    [{ cookie, origin: `https://127.0.0.1:${server.port}` }, SOCKET_PATH, 403],
    [{ cookie }, SOCKET_PATH, 403],
    [{ origin: origin() }, SOCKET_PATH, 403],
    [{ cookie, origin: "http://evil.example", host: "evil.example" }, SOCKET_PATH, 421],
    [{ cookie, origin: origin() }, "/elsewhere", 404],
  ];
  for (const [headers, path, status] of refused) assert.equal((await open(headers, path)).status, status, JSON.stringify(headers));
  const { status, ws } = await open({ cookie, origin: origin() });
  assert.equal(status, 101);
  ws.terminate();
});

test("a page of this host may send a file into the media folder, nobody else may send anything", async () => {
  const put = (path: string, headers: Record<string, string>) =>
    new Promise<Answer>((resolve, reject) => {
      const call = request({ host: "127.0.0.1", port: server.port, path, method: "PUT", headers }, (response) => {
        let body = "";
        response.on("data", (chunk) => (body += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      });
      call.on("error", reject);
      call.end("image");
    });
  const own = { cookie, origin: origin() };
  const refused: [Record<string, string>, string, number][] = [
    [{ cookie, origin: "http://evil.example" }, UPLOAD_PATH, 403],
    [{ cookie }, UPLOAD_PATH, 403],
    [{ origin: origin() }, UPLOAD_PATH, 403],
    [{ ...own, host: "evil.example" }, UPLOAD_PATH, 421],
    [own, "/elsewhere?name=a.iso", 405],
  ];
  for (const [headers, path, status] of refused) assert.equal((await put(path, headers)).status, status, JSON.stringify(headers));
  const answer = await put(`${UPLOAD_PATH}?name=${encodeURIComponent("../a b.iso")}`, own);
  const { path } = JSON.parse(answer.body) as { path: string };
  assert.deepEqual([answer.status, path, readFileSync(path, "utf8")], [200, join(fake.path, ".media", "a b.iso"), "image"]);
});

test("an upload that hangs up half-way leaves no file and harms nobody", async () => {
  await new Promise<void>((resolve) => {
    const socket = connect(server.port, "127.0.0.1", () => {
      const head = [`PUT ${UPLOAD_PATH}?name=half.iso HTTP/1.1`, `host: 127.0.0.1:${server.port}`, `origin: ${origin()}`, `cookie: ${cookie}`, "content-length: 1000"];
      socket.write(`${head.join("\r\n")}\r\n\r\nhalf`, () => socket.destroy());
    });
    socket.on("close", () => resolve());
  });
  // Whatever of it is still going on ends with the next request's answer at the latest.
  assert.equal((await get("/", { cookie })).status, 200);
  for (let left = 50; left > 0 && readdirSync(join(fake.path, ".media")).some((name) => name.startsWith(".")); left--) await get("/", { cookie });
  assert.deepEqual(readdirSync(join(fake.path, ".media")), ["a b.iso"]);
});

test("calls are answered, events and frames arrive", async () => {
  const { ws } = await open({ cookie, origin: origin() });
  const replies: Record<string, unknown>[] = [];
  const waiting: (() => void)[] = [];
  const frame = Promise.withResolvers<Buffer>();
  ws.on("message", (data: Buffer, isBinary) => {
    if (isBinary) frame.resolve(data);
    else {
      replies.push(JSON.parse(data.toString()));
      for (const wake of waiting.splice(0)) wake();
    }
  });
  const call = async (id: number, method: string, params: unknown) => {
    ws.send(JSON.stringify({ id, method, params }));
    for (;;) {
      const reply = replies.find((r) => r["id"] === id);
      if (reply) return reply as { ok: boolean; result: { vm: { id: string } } };
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  const made = await call(1, "vm.create", { name: "x", memoryMiB: 64, boot: { kind: "demo" } });
  const { id } = made.result.vm;
  assert.ok((await call(2, "vm.start", { id })).ok && (await call(3, "vm.watch", { id })).ok);
  fake.worker().show(3, 3, 5);
  assert.equal((await frame.promise).readUInt32LE(0), 0x52464652);
  assert.ok(replies.some((r) => r["event"] === "vm.changed"));
  await call(4, "vm.powerOff", { id });
  ws.terminate();
});

test("nonsense on a socket is answered or ends that socket, and nothing else", async () => {
  const { ws } = await open({ cookie, origin: origin() });
  const reply = new Promise<Record<string, unknown>>((resolve) => ws.once("message", (data: Buffer) => resolve(JSON.parse(data.toString()))));
  ws.send("{ not json");
  assert.deepEqual(await reply, { id: 0, ok: false, code: "badRequest", message: "The message is not a call." });
  for (const bad of [Buffer.alloc(10), "x".repeat(2 * 1024 * 1024)]) {
    const other = await open({ cookie, origin: origin() });
    const closed = new Promise<number>((resolve) => other.ws.on("close", resolve));
    other.ws.send(bad);
    assert.ok([1008, 1009].includes(await closed));
  }
  const answer = new Promise<Record<string, unknown>>((resolve) => ws.once("message", (data: Buffer) => resolve(JSON.parse(data.toString()))));
  ws.send(JSON.stringify({ id: 9, method: "app.info", params: {} }));
  assert.equal((await answer)["ok"], true);
  ws.terminate();
});

test("bytes that are no HTTP do no harm", async () => {
  await new Promise<void>((resolve) => {
    const socket = connect(server.port, "127.0.0.1", () => socket.write("\x16\x03\x01 hello\r\n\r\n"));
    socket.on("close", () => resolve());
    socket.on("error", () => undefined);
    socket.resume();
  });
  assert.equal((await get("/", { cookie })).status, 200);
});

test("a port that is taken is an error, not a hang", async () => {
  await assert.rejects(startServer({ app: fake.app, rendererFolder, port: server.port }), { code: "EADDRINUSE" });
});
