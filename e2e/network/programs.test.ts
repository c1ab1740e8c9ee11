// Debian's own programs in two guests of one VLAN: iperf3, curl of an nginx, dropbear behind a port of the host; a demo guest on another VLAN
// hears nothing of it and they nothing of its broadcasts, by the captures of every port: the three cards' and both gateways'. Then one
// guest is moved while all run.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { tool } from "../fixtures/apt-archive.ts";
import { Session } from "../fixtures/cli.ts";
import { type CpioEntry, FILE, FOLDER } from "../fixtures/cpio.ts";
import { programsOrReason } from "../fixtures/debian-programs.ts";
import { freePort } from "../fixtures/free-port.ts";
import { heardAt } from "../fixtures/heard-frames.ts";
import { labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";

const MEGABYTES = 16;
const MACS = { server: "52:54:00:00:10:01", client: "52:54:00:00:10:02", demo: "52:54:00:00:20:01" };
const SSH_PORT = 22;
/** Nobody has these: who hears that they are asked for is in one broadcast domain with who asks. */
const ASKED = { byClient: "10.0.10.201", byMovedClient: "10.0.20.202", byServer: "10.0.10.203" };

const SERVER = `
lease eth0
mkdir -p /tmp/www /run /var/lib/nginx /var/log/nginx
echo "of nginx" > /tmp/www/index.html; head -c ${MEGABYTES * 1048576} /dev/urandom > /tmp/www/big
echo "@@DIGEST $(sha256sum /tmp/www/big)"
echo "user root; events {} http { access_log off; server { listen 80; root /tmp/www; } }" > /tmp/nginx.conf
nginx -c /tmp/nginx.conf || echo "@@FAILED nginx"
iperf3 -s -D || echo "@@FAILED iperf3"
dropbear -s -r /etc/dropbear_key -p ${SSH_PORT} || echo "@@FAILED dropbear"
echo @@SERVING
read line
asks ${ASKED.byServer}
echo @@ASKED
read line
`;
const CLIENT = `
lease eth0
read line
asks ${ASKED.byClient}
patiently ping -c 3 -w 5 server && echo "@@PING server"
patiently curl -sSf -o /tmp/page http://server/ && echo "@@PAGE $(cat /tmp/page)"
curl -sS -D /tmp/head -o /tmp/big http://server/big; echo "@@GOT $(sha256sum /tmp/big)"; grep -i ^server: /tmp/head
for direction in "" -R; do
  patiently iperf3 -c server -n ${MEGABYTES}M -f m $direction --logfile /tmp/iperf; grep -E "sender|receiver" /tmp/iperf | sed "s/^/@@IPERF /"; rm -f /tmp/iperf
done
ping -c 2 -w 3 10.0.20.1 >/dev/null && echo "@@LEAK gateway of the other VLAN"
curl -sS -m 3 http://demo/ 2>/dev/null && echo "@@LEAK demo"
echo @@TRIED
read line
ping -c 2 -w 4 10.0.10.2 >/dev/null && echo "@@LEAK server, after the move"
lease eth0
asks ${ASKED.byMovedClient}
patiently curl -sSf -o /tmp/page http://demo/ && grep -o "<h1>.*</h1>" /tmp/page
echo @@MOVED
read line
`;

const programs = missingNetworkGuest() ?? programsOrReason(["iperf3", "nginx-light", "curl", "dropbear-bin"]);

test("programs of Debian within a VLAN, nothing across, and a guest that moves", { skip: typeof programs === "string" && programs, timeout: 1_200_000 }, async (t) => {
  if (typeof programs === "string") return;
  const work = mkdtempSync(join(tmpdir(), "ringfence-programs-test-"));
  t.after(() => rmSync(work, { recursive: true, force: true }));
  const key = (name: string): { path: string; publicLine: string } => {
    const path = join(work, name);
    const said = tool(...programs.command("dropbearkey", "-t", "ed25519", "-f", path)).toString();
    return { path, publicLine: /^ssh-ed25519 \S+/m.exec(said)?.[0] ?? "" };
  };
  const host = key("host"), user = key("user");
  const text = (name: string, content: string | Buffer, mode = FILE): CpioEntry => ({ name, mode, data: Buffer.from(content) });
  const account = [
    text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"), text("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    { name: "root", mode: FOLDER }, { name: "root/.ssh", mode: 0o040700 }, text("root/.ssh/authorized_keys", `${user.publicLine}\n`, 0o100600),
    text("etc/dropbear_key", readFileSync(host.path), 0o100600),
  ];
  const hostPort = await freePort();
  const captures = join(work, "captures");
  const file = labFile({
    machines: [
      networkGuest("server", [{ switch: "s1", vlan: 10, mac: MACS.server }], SERVER, ["virtio"], [...account, ...programs.entries(["nginx", "iperf3", "dropbear"])]),
      networkGuest("client", [{ switch: "s1", vlan: 10, mac: MACS.client }], CLIENT, ["virtio"], programs.entries(["curl", "iperf3"])),
      { name: "demo", append: "name=demo", memory: 32, nics: [{ switch: "s1", vlan: 20, mac: MACS.demo }] },
    ],
    switches: [{ name: "s1" }],
    gateways: [
      {
        switch: "s1", vlan: 10, network: "10.0.10.0/24", nat: true, forwards: [{ hostPort, guest: "server", guestPort: SSH_PORT }],
        reservations: [{ mac: MACS.server, address: "10.0.10.2", name: "server" }],
      },
      { switch: "s1", vlan: 20, network: "10.0.20.0/24" },
    ],
  });
  const session = new Session(["lab", "run", file, "--capture", captures, "--timeout", "1100"]);
  const digest = (await session.expect(/\[server\] @@DIGEST (\w{64})/, 600))[1];
  await session.expect(/\[server\] @@SERVING/, 300);
  await session.expect(/\[client\] @@LEASE eth0 10\.0\.10\.\d+ /, 300);
  await session.expect(/\[demo\] .*net0: 10\.0\.20\.\d+\/24 from 10\.0\.20\.1/, 300);
  session.type("demo: flood broadcast 200\nclient: begin\n");
  const got = (await session.expect(/\[client\] @@GOT (\w{64})/, 600))[1];
  session.type("demo: flood broadcast 200\ndemo: ping 10.0.10.2 2\ndemo: ping server 1\n");
  await session.expect(/\[client\] @@TRIED/, 600);
  await session.expect(/\[demo\] .*There is no host called server\./, 300);
  assert.equal(got, digest, "the file arrives byte-exact");

  await t.test("a port of the host leads to dropbear", async () => {
    // The key is known: another would be asked about, and nobody could answer.
    mkdirSync(join(work, ".ssh"));
    writeFileSync(join(work, ".ssh/known_hosts"), `127.0.0.1 ${host.publicLine}\n`);
    const sent = randomBytes(1 << 20);
    const login = programs.command("dbclient", "-i", user.path, "-p", `${hostPort}`, "root@127.0.0.1", "cat; echo @@STATUS >&2; exit 7");
    const client = spawn(...login, { env: { ...process.env, HOME: work }, timeout: 200_000 });
    const received: Buffer[] = [];
    let errors = "";
    client.stdout.on("data", (chunk: Buffer) => received.push(chunk));
    client.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString();
    });
    client.stdin.on("error", () => {});
    client.stdin.end(sent);
    const [status] = (await once(client, "close")) as [number | null];
    assert.equal(status, 7, errors);
    assert.match(errors, /@@STATUS/);
    assert.ok(Buffer.concat(received).equals(sent), "a megabyte comes back byte-exact");
    const stranger = spawnSync(...programs.command("dbclient", "-p", `${hostPort}`, "root@127.0.0.1", "true"), { env: { HOME: work, DROPBEAR_PASSWORD: "guess" }, timeout: 200_000 });
    assert.notEqual(stranger.status, 0, "nobody enters without the key");
    assert.match(stranger.stderr.toString(), /No auth methods|[Pp]assword|[Aa]uth/);
  });

  session.type("!link connect client/nic0 s1 20\n");
  for (let tries = 0; !/client\/nic0: link connect done/.test(session.errors); tries++) {
    assert.ok(tries < 600, session.errors);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  session.type("client: moved\nserver: alone\n");
  await session.expect(/\[client\] @@MOVED/, 300);
  await session.expect(/\[server\] @@ASKED/, 300);
  session.type("demo: poweroff\nclient: done\nserver: done\n");
  assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-3000)}`);

  const { output } = session;
  assert.deepEqual(output.match(/@@(FAILED|LEAK).*/g), null);
  assert.match(output, /\[server\] @@LEASE eth0 10\.0\.10\.2 /);
  assert.match(output, /\[client\] @@PING server/);
  assert.match(output, /\[client\] @@PAGE of nginx/);
  assert.match(output, /\[client\] Server: nginx\//);
  const rates = [...output.matchAll(/@@IPERF .*? sec +([\d.]+) MBytes +([\d.]+) Mbits\/sec.*?(sender|receiver)/g)];
  assert.equal(rates.length, 4, "iperf3 says what was sent and received, in both directions");
  // A receiver may count less: it takes its figure when the sender is done, with some still on the way.
  for (const [line, megabytes, , end] of rates) assert.ok(Number(megabytes) >= (end === "sender" ? MEGABYTES : MEGABYTES / 2), line);
  t.diagnostic(`iperf3 of ${MEGABYTES} MiB: ${rates.filter(([, , , end]) => end === "receiver").map(([, , rate]) => rate).join(" and back ")} Mb/s`);
  assert.match(output, /\[client\] @@LEASE eth0 10\.0\.20\.\d+ /);
  assert.match(output, /\[client\] <h1>demo<\/h1>/, "in its new VLAN it reaches whom it could not");

  const at = (port: string) => join(captures, `${port}.pcapng`);
  const heard = heardAt({ server: at("server.0"), client: at("client.0"), demo: at("demo.0"), gw10: at("s1-10.gateway"), gw20: at("s1-20.gateway") }, MACS);
  for (const port of ["server", "gw10"] as const) assert.deepEqual(heard[port].from, ["client", "gw10", "server"], `at ${port}`);
  for (const port of ["demo", "gw20"] as const) assert.deepEqual(heard[port].from, ["client", "demo", "gw20"], `at ${port}`);
  assert.deepEqual(heard.client.from, ["client", "demo", "gw10", "gw20", "server"], "the client has been in both");
  const heardQuestion = (address: string) => Object.entries(heard).flatMap(([port, { asked }]) => (asked.has(address) ? [port] : []));
  assert.deepEqual(heardQuestion(ASKED.byClient), ["server", "client", "gw10"]);
  assert.deepEqual(heardQuestion(ASKED.byServer), ["server", "gw10"]);
  assert.deepEqual(heardQuestion(ASKED.byMovedClient), ["client", "demo", "gw20"]);
  assert.ok(heard.demo.frames.filter((name) => name === "demo").length > 400, "the demo guest's broadcasts are in its own capture");
  const { frames } = heard.client;
  assert.ok(frames.indexOf("demo") > frames.lastIndexOf("server"), "the client hears the demo guest only when it no longer hears the server");
});
