// A firewall rule between two VLANs, run by `ringfence lab run` with Debian guests: what it allows passes with its answers, and nothing else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";

const MACS = { server: "52:54:00:00:20:02", client: "52:54:00:00:10:02" };
const serving = (word: string): string => `
lease eth0
mkdir /tmp/www; head -c 1048576 /dev/urandom > /tmp/www/big; echo "of the ${word}" > /tmp/www/page
echo "@@DIGEST $(sha256sum /tmp/www/big)"
httpd -p 80 -h /tmp/www; httpd -p 81 -h /tmp/www
`;
const SERVER = `${serving("server")}
read line
wget -q -T 5 -O - http://10.0.10.2/page && echo "@@LEAK page of the client"
ping -c 1 -w 3 10.0.10.2 >/dev/null && echo "@@LEAK ping of the client"
echo @@TRIED
read line
`;
const CLIENT = `${serving("client")}
patiently wget -q -O /tmp/got http://10.0.20.2/big; echo "@@GOT $(sha256sum /tmp/got)"
wget -q -T 5 -O - http://10.0.20.2:81/page && echo "@@LEAK another port"
ping -c 1 -w 3 10.0.20.2 >/dev/null && echo "@@LEAK ping"
echo @@TRIED
read line
`;

test("a rule lets one VLAN's guests reach a port of the other's, and no more", { skip: missingNetworkGuest() ?? false, timeout: 600_000 }, async () => {
  const gateway = (vlan: number, mac: string) => ({ switch: "s1", vlan, network: `10.0.${vlan}.0/24`, reservations: [{ mac, address: `10.0.${vlan}.2` }] });
  const file = labFile({
    machines: [
      networkGuest("server", [{ switch: "s1", vlan: 20, mac: MACS.server }], SERVER),
      networkGuest("client", [{ switch: "s1", vlan: 10, mac: MACS.client }], CLIENT),
    ],
    switches: [{ name: "s1" }],
    gateways: [gateway(10, MACS.client), gateway(20, MACS.server)],
    rules: [{ from: "s1-10", to: "s1-20", protocol: "tcp", port: 80 }],
  });
  const session = new Session(["lab", "run", file, "--timeout", "550"]);
  const digest = (await session.expect(/\[server\] @@DIGEST (\w{64})/, 300))[1];
  const got = (await session.expect(/\[client\] @@GOT (\w{64})/, 300))[1];
  assert.equal(got, digest);
  await session.expect(/\[client\] @@TRIED/, 120);
  session.type("server: now\n");
  await session.expect(/\[server\] @@TRIED/, 120);
  for (const name of ["client", "server"]) session.type(`${name}: done\n`);
  assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-3000)}`);
  assert.deepEqual(session.output.match(/@@(FAILED|LEAK).*/g), null);
});
