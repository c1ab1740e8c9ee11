// The other cards in Debian: an Intel 82540EM and a Realtek RTL8029 get leases, answer pings and carry files byte-exact both ways.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";

const KIBIBYTES = 1024;

/** Serves a file and fetches the other's. */
const peer = (own: string, other: string): string => `
lease eth0
mkdir /tmp/www; head -c ${KIBIBYTES * 1024} /dev/urandom > /tmp/www/file
echo "@@SIZE $(wc -c < /tmp/www/file)"
echo "@@OWN ${own} $(sha256sum /tmp/www/file)"
httpd -p 80 -h /tmp/www
patiently ping -c 1 -w 2 ${other} && echo "@@PING ${other}"
patiently wget -q -O /tmp/file http://${other}/file; echo "@@GOT ${other} $(sha256sum /tmp/file)"
dmesg | grep -iE "netdev watchdog|tx unit hang|mismatched read page" && echo "@@TROUBLE"
read line
`;

test("e1000 and ne2000 cards: leases, pings and files between them", { skip: missingNetworkGuest() ?? false, timeout: 900_000 }, async () => {
  const file = labFile({
    machines: [
      networkGuest("intel", [{ switch: "s1", vlan: 1, model: "e1000" }], peer("intel", "old"), ["e1000"]),
      networkGuest("old", [{ switch: "s1", vlan: 1, model: "ne2000" }], peer("old", "intel"), ["ne2000"]),
    ],
    switches: [{ name: "s1" }],
    gateways: [{ switch: "s1", vlan: 1, network: "192.168.7.0/24", reservations: [] }],
  });
  const session = new Session(["lab", "run", file, "--timeout", "800"]);
  const digest = async (pattern: RegExp) => (await session.expect(pattern, 700))[1];
  assert.equal(await digest(/\[old\] @@GOT intel (\w{64})/), await digest(/\[intel\] @@OWN intel (\w{64})/));
  assert.equal(await digest(/\[intel\] @@GOT old (\w{64})/), await digest(/\[old\] @@OWN old (\w{64})/));
  for (const name of ["intel", "old"]) assert.match(session.output, new RegExp(`\\[${name}\\] @@SIZE ${KIBIBYTES * 1024}\\b`));
  for (const name of ["intel", "old"]) session.type(`${name}: done\n`);
  assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-3000)}`);
  assert.deepEqual(session.output.match(/@@(FAILED|TROUBLE).*/g), null);
  for (const line of ["[intel] @@PING old", "[old] @@PING intel"]) assert.ok(session.output.includes(line), line);
});
