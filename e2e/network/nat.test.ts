// A Debian guest behind a gateway with NAT: a file from an HTTP server on this host's loopback and back again byte-exact,
// a port of the host that leads to the guest's web server, and a cable that is pulled and plugged while the guest runs.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer as createHttpServer, get } from "node:http";
import { createServer } from "node:net";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { freePort, listening } from "../fixtures/free-port.ts";
import { labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";

const BYTES = 100 * 1024 * 1024;
/** What the guest sends by itself; all of it goes back through its web server. */
const UPLOAD_BYTES = 10 * 1024 * 1024;

const SCRIPT = `
lease eth0
patiently ping -c 1 -w 2 10.0.2.1 && echo @@PING
echo "@@START $(cut -d' ' -f1 /proc/uptime)"
wget -q -O /tmp/file http://10.0.2.1:8000/file
echo "@@DOWN $(cut -d' ' -f1 /proc/uptime)"
head -c ${UPLOAD_BYTES} /tmp/file | nc 10.0.2.1 8001; echo
echo "@@UP $(cut -d' ' -f1 /proc/uptime)"
# Nothing else of the host's is to be had.
wget -q -T 3 -O - http://10.0.2.1:8002/ && echo "@@LEAK"
mkdir /tmp/www; mv /tmp/file /tmp/www; httpd -p 80 -h /tmp/www
echo @@SERVING
read line
carrier() { tries=0; until [ "$(cat /sys/class/net/eth0/carrier)" = $1 ]; do tries=$((tries+1)); [ $tries -gt 60 ] && break; sleep 1; done; echo "@@CARRIER $(cat /sys/class/net/eth0/carrier)"; }
carrier 0
ping -c 1 -w 2 10.0.2.1 >/dev/null && echo "@@LEAK ping without a cable"
echo @@PULLED
carrier 1
patiently ping -c 1 -w 2 10.0.2.1 && echo @@BACK
read line
`;

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

test("NAT: 100 MB from and to the host's loopback, a port forward, and a cable pulled and plugged", { skip: missingNetworkGuest() ?? false, timeout: 900_000 }, async (t) => {
  const content = randomBytes(BYTES);
  const web = createHttpServer((_request, response) => response.end(content));
  const digestOfUpload = Promise.withResolvers<string>();
  const sink = createServer({ allowHalfOpen: true }, (socket) => {
    const hash = createHash("sha256");
    socket.on("data", (chunk) => hash.update(chunk));
    socket.on("error", digestOfUpload.reject);
    socket.on("end", () => {
      digestOfUpload.resolve(hash.digest("hex"));
      socket.end("taken");
    });
  });
  t.after(() => {
    web.close();
    sink.close();
  });
  const forwarded = await freePort();
  const hostServices = [{ port: 8000, hostPort: await listening(web) }, { port: 8001, hostPort: await listening(sink) }];
  const guest = networkGuest("guest", [{ switch: "s1", vlan: 1 }], SCRIPT);
  const file = labFile({
    machines: [{ ...guest, memory: 512 }],
    switches: [{ name: "s1" }],
    gateways: [{ switch: "s1", vlan: 1, network: "10.0.2.0/24", nat: true, hostServices, forwards: [{ hostPort: forwarded, guest: "guest", guestPort: 80 }] }],
  });
  const session = new Session(["lab", "run", file, "--timeout", "800"]);
  await session.expect(/@@SERVING/, 700);
  assert.equal(await digestOfUpload.promise, sha256(content.subarray(0, UPLOAD_BYTES)), "what went up is what came down");
  const startMs = performance.now();
  const returned = await new Promise<string>((resolve, reject) => {
    get({ host: "127.0.0.1", port: forwarded, path: "/file" }, (response) => {
      const hash = createHash("sha256");
      response.on("data", (chunk: Buffer) => hash.update(chunk));
      response.on("error", reject);
      response.on("end", () => resolve(hash.digest("hex")));
    }).on("error", reject);
  });
  const returnMs = performance.now() - startMs;
  assert.equal(returned, sha256(content), "what came back is what was sent");
  session.type("!link unplug guest/nic0\nguest: next\n");
  await session.expect(/@@CARRIER 0[\s\S]*@@PULLED/, 200);
  session.type("!link plug guest/nic0\n");
  await session.expect(/@@CARRIER 1[\s\S]*@@BACK/, 200);
  session.type("guest: done\n");
  assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-3000)}`);
  assert.deepEqual(session.output.match(/@@(FAILED|LEAK).*/g), null);
  assert.match(session.output, /@@PING/);
  const [start, down, up] = ["START", "DOWN", "UP"].map((name) => Number(new RegExp(`@@${name} ([\\d.]+)`).exec(session.output)?.[1]));
  t.diagnostic(`100 MB down in ${((down ?? 0) - (start ?? 0)).toFixed(1)} s, 10 MB up in ${((up ?? 0) - (down ?? 0)).toFixed(1)} s, 100 MB back in ${(returnMs / 1000).toFixed(1)} s`);
});
