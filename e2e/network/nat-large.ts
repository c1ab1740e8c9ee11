// A gigabyte from this host's loopback to a Debian guest through NAT, and another one back, byte-exact by SHA-256.
//   node e2e/network/nat-large.ts [--megabytes 1024] [--ipv6]
// Down: the guest's wget from an HTTP server here. Up: a stream that the guest generates, by TCP to a server here. Takes minutes, so no test runs it:
// nat.test.ts moves less. Prints how long each took and the memory of the `ringfence` process meanwhile (Linux).
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { Session } from "../fixtures/cli.ts";
import { listening } from "../fixtures/free-port.ts";
import { labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";
import { trafficProgram, trafficStream } from "./traffic.ts";

const DOWN_SEED = 1;
const UP_SEED = 2;
const TIMEOUT_S = 7200;
const SAMPLE_MS = 1000;

const { values } = parseArgs({ options: { megabytes: { type: "string", default: "1024" }, ipv6: { type: "boolean", default: false } } });
const bytes = Number(values.megabytes) * 2 ** 20;
const [host, gateway] = values.ipv6 ? ["::1", "fd00:2::1"] : ["127.0.0.1", "10.0.2.1"];

const started = Date.now();
function say(text: string): void {
  console.log(`${String(Math.round((Date.now() - started) / 1000)).padStart(5)} s  ${text}`);
}

/** Resident memory of a process in MiB; 0 where the system does not say. */
function residentMib(pid: number): number {
  try {
    return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

const program = trafficProgram();
const missing = missingNetworkGuest() ?? ("missing" in program ? program.missing : undefined);
if (missing !== undefined || "missing" in program) {
  console.error(missing);
  process.exit(1);
}

const digestOf = (seed: number): string => {
  const hash = createHash("sha256");
  for (const block of trafficStream(seed, bytes)) hash.update(block);
  return hash.digest("hex");
};
const expected = { down: digestOf(DOWN_SEED), up: digestOf(UP_SEED) };
say(`the digests of ${values.megabytes} MiB each way are known`);

const web = createHttpServer((_request, response) => {
  response.setHeader("Content-Length", bytes);
  Readable.from(trafficStream(DOWN_SEED, bytes)).pipe(response);
});
const sink = createServer({ allowHalfOpen: true }, (socket) => {
  const hash = createHash("sha256");
  socket.on("data", (chunk) => hash.update(chunk));
  socket.on("end", () => socket.end(hash.digest("hex")));
  socket.on("error", (error) => say(`the guest's upload: ${error.message}`));
});
const hostServices = [{ port: 8000, hostAddress: host, hostPort: await listening(web, host) }, { port: 8001, hostAddress: host, hostPort: await listening(sink, host) }];
const script = `
lease eth0
has_address6() { ip -6 addr show dev eth0 scope global | grep -v tentative | grep -q inet6; }
patiently has_address6
echo "@@START"
wget -q -O - 'http://${values.ipv6 ? `[${gateway}]` : gateway}:8000/' | sha256sum > /tmp/down
echo "@@DOWN $(cut -c 1-64 /tmp/down)"
echo "@@UP $(traffic send ${gateway} 8001 ${UP_SEED} ${bytes})"
`;
const session = new Session([
  "lab", "run", "--timeout", String(TIMEOUT_S),
  labFile({
    machines: [networkGuest("guest", [{ switch: "s1", vlan: 1 }], script, ["virtio"], [program])],
    switches: [{ name: "s1" }],
    gateways: [{ switch: "s1", vlan: 1, network: "10.0.2.0/24", network6: "fd00:2::/64", nat: true, hostServices }],
  }),
]);
process.once("SIGINT", () => session.process.kill("SIGTERM"));
const samples: number[] = [];
const sampler = setInterval(() => samples.push(residentMib(session.process.pid ?? 0)), SAMPLE_MS);
/** What a part took, and the memory during it: when it began, the most, and when it ended. */
async function part(name: string, mark: RegExp): Promise<string> {
  const began = performance.now();
  const first = samples.length;
  const [, digest] = await session.expect(mark, TIMEOUT_S);
  const seconds = (performance.now() - began) / 1000;
  const own = samples.slice(first);
  say(`${name}: ${seconds.toFixed(1)} s, ${((bytes * 8) / seconds / 1e6).toFixed(0)} Mbit/s; resident ${own[0] ?? 0} MiB, most ${Math.max(0, ...own)}, last ${own.at(-1) ?? 0}`);
  return digest ?? "";
}
try {
  await session.expect(/@@START/, TIMEOUT_S);
  say(`the guest runs, with ${values.ipv6 ? "IPv6" : "IPv4"}`);
  assert.equal(await part("down", /@@DOWN ([0-9a-f]{64})/), expected.down, "what came down is what was served");
  assert.equal(await part("up", /@@UP ([0-9a-f]{64})/), expected.up, "what came up is what the guest generated");
  assert.equal(await session.exit(), 0, session.errors);
  assert.deepEqual(session.output.match(/@@FAILED.*/g), null);
  say("byte-exact both ways");
} finally {
  clearInterval(sampler);
  session.process.kill("SIGKILL");
  web.close();
  sink.close();
}
