// A thousand connections at once from one Debian guest through its gateway to servers on this host's loopback, over IPv4 and over IPv6 with
// an address that the guest has made from the gateway's advertisement; and the guest's own name from the gateway's DNS.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";
import { trafficProgram } from "./traffic.ts";

const CONNECTIONS = 1000;
const BYTES_EACH = 10_007;

const SCRIPT = `
lease eth0
nslookup -type=a guest.lab
nslookup -type=a nobody.lab
traffic many 10.0.2.1 7000 ${CONNECTIONS} ${BYTES_EACH}
has_address6() { ip -6 addr show dev eth0 scope global | grep -v tentative | grep -q "inet6 fd00:2:"; }
patiently has_address6
ip -6 addr show dev eth0 scope global
ip -6 route show default
traffic many fd00:2::1 7006 ${CONNECTIONS} ${BYTES_EACH}
`;

/** Sends back what it gets, but to nobody before `CONNECTIONS` are open at once. */
async function echoToMany(address: string) {
  const waiting: Socket[] = [];
  const seen = { open: 0, most: 0, failures: [] as string[], port: 0 };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    waiting.push(socket);
    seen.most = Math.max(seen.most, ++seen.open);
    socket.on("error", (error) => seen.failures.push(error.message));
    socket.on("close", () => seen.open--);
    if (waiting.length === CONNECTIONS) for (const each of waiting) each.pipe(each);
  });
  server.listen({ port: 0, host: address, backlog: CONNECTIONS });
  await once(server, "listening");
  seen.port = (server.address() as AddressInfo).port; // of a TCP server
  const close = (): void => {
    for (const socket of waiting) socket.destroy();
    server.close();
  };
  return { seen, close };
}

const program = trafficProgram();
const missing = missingNetworkGuest() ?? ("missing" in program ? program.missing : false);

test("NAT: a thousand connections at once, over IPv4 and over IPv6", { skip: missing, timeout: 900_000 }, async (t) => {
  assert.ok(!("missing" in program));
  const [over4, over6] = [await echoToMany("127.0.0.1"), await echoToMany("::1")];
  t.after(() => {
    over4.close();
    over6.close();
  });
  const hostServices = [{ port: 7000, hostPort: over4.seen.port }, { port: 7006, hostAddress: "::1", hostPort: over6.seen.port }];
  const guest = networkGuest("guest", [{ switch: "s1", vlan: 1 }], SCRIPT, ["virtio"], [program]);
  const file = labFile({
    machines: [guest],
    switches: [{ name: "s1" }],
    gateways: [{ switch: "s1", vlan: 1, network: "10.0.2.0/24", network6: "fd00:2::/64", nat: true, hostServices }],
  });
  const session = new Session(["lab", "run", file, "--timeout", "800"]);
  assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-3000)}`);
  const { output } = session;
  assert.deepEqual(output.match(/@@FAILED.*/g), null, output.slice(-3000));
  const own = /@@LEASE eth0 (10\.0\.2\.\d+) /.exec(output)?.[1];
  assert.match(output, new RegExp(`Name:\\s+guest\\.lab\\r?\\n.*Address: ${own}`), "DNS has the guest's name");
  assert.match(output, /nobody\.lab: NXDOMAIN/);
  assert.equal(output.match(new RegExp(`@@MANY ${CONNECTIONS} connected at once, ${CONNECTIONS} exact`, "g"))?.length, 2, output.slice(-3000));
  assert.equal(output.match(new RegExp(`@@ENDED ${CONNECTIONS}`, "g"))?.length, 2, "every end came too");
  assert.match(output, /inet6 fd00:2::\S+\/64 scope global dynamic/);
  assert.match(output, /default via fe80::\S+ dev eth0/, "the router is the one that advertises");
  for (const { seen } of [over4, over6]) assert.deepEqual([seen.most, seen.failures], [CONNECTIONS, []]);
});
