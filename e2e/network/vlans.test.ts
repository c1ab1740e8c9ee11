// Four Debian guests on two VLANs of one switch, run by `ringfence lab run`: addresses and names from the gateways, a web page within a
// VLAN byte-exact, nothing across, and a guest on a trunk that sees both.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";
import { readPcapng } from "../fixtures/pcapng.ts";

const MEGABYTES = 4;
const MACS = { web: "52:54:00:00:10:01", client: "52:54:00:00:10:02", stranger: "52:54:00:00:20:01", router: "52:54:00:00:30:01" };

const WEB = `
lease eth0
mkdir /tmp/www; head -c ${MEGABYTES * 1048576} /dev/urandom > /tmp/www/big
echo "of VLAN 10" > /tmp/www/page
echo "@@SIZE $(wc -c < /tmp/www/big)"
echo "@@DIGEST $(sha256sum /tmp/www/big)"
httpd -p 80 -h /tmp/www
echo @@SERVING
read line
`;
const CLIENT = `
lease eth0
patiently ping -c 1 -w 2 web && echo "@@PING web"
patiently wget -q -O /tmp/big http://web/big; echo "@@GOT $(sha256sum /tmp/big)"
# Nobody of the other VLAN answers, by address or by name.
ping -c 2 -w 3 10.0.20.1 >/dev/null && echo "@@LEAK gateway of the other VLAN"
ping -c 1 -w 2 stranger >/dev/null 2>&1 && echo "@@LEAK stranger"
read line
`;
const STRANGER = `
lease eth0
for i in 1 2 3; do arping -b -c 1 -w 1 -I eth0 10.0.10.2 >/dev/null && echo "@@LEAK arp"; done
ip addr add 10.0.10.99/24 dev eth0
ping -c 2 -w 3 10.0.10.1 >/dev/null && echo "@@LEAK ping"
echo @@TRIED
read line
`;
const ROUTER = `
ip link set eth0 up
for id in 10 20; do vconfig add eth0 $id >/dev/null; lease eth0.$id; done
patiently ping -c 1 -w 2 10.0.10.1 >/dev/null && echo "@@PING 10"
patiently ping -c 1 -w 2 10.0.20.1 >/dev/null && echo "@@PING 20"
patiently wget -q -O /tmp/page http://10.0.10.2/page; echo "@@PAGE $(cat /tmp/page)"
read line
`;

test("VLANs of a lab: leases, names and pages within, nothing across, both on a trunk", { skip: missingNetworkGuest() ?? false, timeout: 900_000 }, async () => {
  const captures = mkdtempSync(join(tmpdir(), "ringfence-captures-"));
  const file = labFile({
    machines: [
      networkGuest("web", [{ switch: "s1", vlan: 10, mac: MACS.web }], WEB),
      networkGuest("client", [{ switch: "s1", vlan: 10, mac: MACS.client }], CLIENT),
      networkGuest("stranger", [{ switch: "s1", vlan: 20, mac: MACS.stranger }], STRANGER),
      networkGuest("router", [{ switch: "s1", trunk: [10, 20], mac: MACS.router }], ROUTER),
    ],
    switches: [{ name: "s1" }],
    gateways: [
      { switch: "s1", vlan: 10, network: "10.0.10.0/24", reservations: [{ mac: MACS.web, address: "10.0.10.2", name: "web" }] },
      { switch: "s1", vlan: 20, network: "10.0.20.0/24" },
    ],
  });
  const session = new Session(["lab", "run", file, "--capture", captures, "--timeout", "800"]);
  const digest = (await session.expect(/\[web\] @@DIGEST (\w{64})/, 600))[1];
  const got = (await session.expect(/\[client\] @@GOT (\w{64})/, 600))[1];
  await session.expect(/\[stranger\] @@TRIED/, 600);
  await session.expect(/\[router\] @@PAGE of VLAN 10/, 600);
  for (const name of ["client", "stranger", "router", "web"]) session.type(`${name}: done\n`);
  assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-3000)}`);
  const { output } = session;
  assert.equal(got, digest, "the page arrives byte-exact");
  assert.match(output, new RegExp(`@@SIZE ${MEGABYTES * 1048576}\\b`));
  assert.deepEqual(output.match(/@@(FAILED|LEAK).*/g), null);
  assert.match(output, /\[web\] @@LEASE eth0 10\.0\.10\.2 router ?(10\.0\.10\.1)? dns 10\.0\.10\.1 domain lab/);
  assert.match(output, /\[client\] @@LEASE eth0 10\.0\.10\.\d+ /);
  assert.match(output, /\[client\] @@PING web/);
  assert.match(output, /\[stranger\] @@LEASE eth0 10\.0\.20\.\d+ /);
  assert.match(output, /\[router\] @@LEASE eth0\.10 10\.0\.10\.\d+ /);
  assert.match(output, /\[router\] @@LEASE eth0\.20 10\.0\.20\.\d+ /);
  assert.match(output, /\[router\] @@PING 10/);
  assert.match(output, /\[router\] @@PING 20/);

  assert.deepEqual(readdirSync(captures).sort(), ["client.0.pcapng", "router.0.pcapng", "s1-10.gateway.pcapng", "s1-20.gateway.pcapng", "stranger.0.pcapng", "web.0.pcapng"]);
  const packets = (name: string) => readPcapng(join(captures, `${name}.pcapng`)).map((packet) => new Frame(packet));
  for (const name of ["stranger.0", "s1-20.gateway"]) {
    const heard = packets(name);
    assert.ok(heard.filter(({ source }) => source === MACS.stranger).length > 5, "the stranger spoke");
    for (const each of heard) assert.ok(![MACS.web, MACS.client].includes(each.source), `a frame of VLAN 10 reached ${name}: ${each}`);
  }
  for (const name of ["web.0", "client.0", "s1-10.gateway"]) {
    for (const each of packets(name)) assert.notEqual(each.source, MACS.stranger, `a frame of VLAN 20 reached ${name}: ${each}`);
  }
  for (const name of ["web.0", "client.0", "stranger.0", "s1-10.gateway", "s1-20.gateway"]) assert.ok(packets(name).every(({ tag }) => tag === undefined), `${name} sees no tags`);
  const onTrunk = packets("router.0").filter(({ destination }) => destination === "ff:ff:ff:ff:ff:ff");
  assert.ok(onTrunk.some(({ source, tag }) => source === MACS.stranger && tag === 20), "the trunk has the broadcasts of VLAN 20, with its tag");
  assert.ok(onTrunk.some(({ source, tag }) => source === MACS.client && tag === 10), "and those of VLAN 10");
});

class Frame {
  readonly destination: string;
  readonly source: string;
  /** VLAN, of a frame with a tag. */
  readonly tag: number | undefined;
  constructor(bytes: Buffer) {
    const mac = (at: number) => [...bytes.subarray(at, at + 6)].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
    this.destination = mac(0);
    this.source = mac(6);
    this.tag = bytes.readUInt16BE(12) === 0x8100 ? bytes.readUInt16BE(14) & 0xfff : undefined;
  }
  toString(): string {
    return `${this.source} > ${this.destination} ${this.tag ?? ""}`;
  }
}
