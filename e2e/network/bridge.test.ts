// Bridges to the host's network, in network name spaces of their own: guests get addresses from a DHCP server of that network, fetch from it
// and serve to it, with large TCP packets that the kernel leaves to a card to cut; a lab that is not allowed stays out.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { Session } from "../fixtures/cli.ts";
import { HostNetwork, missingHostNetwork, type Peer, PEER } from "../fixtures/host-network.ts";
import { labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";
import { patternBytes } from "../fixtures/pattern-bytes.ts";
import { readPcapng } from "../fixtures/pcapng.ts";

const DOWN_BYTES = 8_000_000;
const SERVED_BYTES = 1_000_000;
const LONGEST_FRAME = 1514;
const MACS = { one: "525400009001", two: "525400009002" };
const colons = (mac: string): string => mac.replace(/..(?!$)/g, "$&:");
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const noNetwork = missingHostNetwork();
if (noNetwork !== undefined) console.log(`Bridges are not tested: ${noNetwork}.`);

async function expectError(session: Session, pattern: RegExp): Promise<void> {
  for (let tries = 0; !pattern.test(session.errors); tries++) {
    assert.ok(tries < 600 && session.process.exitCode === null, `${pattern}: ${session.errors}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** With somebody in it who answers. */
async function networkWithPeer(t: TestContext): Promise<{ host: HostNetwork; peer: Peer }> {
  const host = await HostNetwork.make();
  const peer = host.peer();
  t.after(() => {
    peer.close();
    host.close();
  });
  await peer.line("ready");
  return { host, peer };
}

test("demo guests in the host's network, both ways, with packets that are segmented on the way", { skip: noNetwork ?? false, timeout: 120_000 }, async (t) => {
  const { host, peer } = await networkWithPeer(t);
  const captures = mkdtempSync(join(tmpdir(), "ringfence-captures-"));
  t.after(() => rmSync(captures, { recursive: true }));
  const machine = (name: keyof typeof MACS) => ({ name, append: `name=${name}`, memory: 32, nics: [{ switch: "lan", vlan: 10, mac: colons(MACS[name]) }] });
  const file = labFile({ machines: [machine("one"), machine("two")], switches: [{ name: "lan" }], bridges: [{ name: "out", switch: "lan", vlan: 10, interface: "vmtap0" }] });
  const session = new Session(["lab", "run", file, "--allow-bridge", "--capture", captures, "--timeout", "100"], host.within);
  await expectError(session, /Bridge out to the host's interface vmtap0 is connected/);
  const addresses = await Promise.all((["one", "two"] as const).map(async (name) => (await peer.line(`lease ${MACS[name]} `)).split(" ")[2] ?? ""));
  assert.equal(new Set(addresses).size, 2, "each card is a station of its own");
  await session.expect(/\[one\] .*net0: 10\.9\.0\.10\d\/24 from 10\.9\.0\.1/, 60);
  await session.expect(/\[two\] .*net0: 10\.9\.0\.10\d\/24 from 10\.9\.0\.1/, 60);

  const before = host.sent();
  session.type(`one: http get ${PEER}/bytes/${DOWN_BYTES}\n`);
  const [, crc] = await session.expect(new RegExp(`\\[one\\] 200 OK: ${DOWN_BYTES} bytes in .* CRC-32 (\\w{8})`), 120);
  assert.equal(crc, crc32(patternBytes(DOWN_BYTES)).toString(16).padStart(8, "0"), "what came is what was sent");
  const after = host.sent();
  const perPacket = (after.bytes - before.bytes) / (after.packets - before.packets);
  t.diagnostic(`${Math.round(perPacket)} bytes to a packet of the host's`);
  assert.ok(perPacket > 2 * LONGEST_FRAME, "the host left it to a card to cut its packets");
  assert.equal(await peer.get(`http://${addresses[1]}/bytes/${SERVED_BYTES}`), sha256(patternBytes(SERVED_BYTES)));

  // The device goes, and comes back under the same name; the machines go on meanwhile.
  host.run("ip link del vmtap0");
  await expectError(session, /vmtap0 is not connected: This host has no interface vmtap0\.\n\s+As administrator:\n\s+ip link add vmtap0-a/);
  session.type(`one: ping ${addresses[1]} 3\n`);
  await session.expect(/\[one\] 3 sent, 3 received/, 60);
  host.run("ip link add link far0 name vmtap0 type macvtap mode passthru && ip link set vmtap0 up");
  const connections = () => session.errors.match(/is connected/g)?.length ?? 0;
  for (let tries = 0; connections() < 2 && !/is not (there|the device)/.test(session.errors); tries++) {
    assert.ok(tries < 600, session.errors);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  if (connections() === 2) assert.equal(await peer.get(`http://${addresses[0]}/bytes/1000`), sha256(patternBytes(1000)));
  session.type("one: poweroff\ntwo: poweroff\n");
  assert.equal(await session.exit(), 0, session.errors);

  const frames = readPcapng(join(captures, "out.bridge.pcapng"));
  assert.ok(frames.every((frame) => frame.length <= LONGEST_FRAME), "frames, not packets");
  assert.ok(frames.length > DOWN_BYTES / LONGEST_FRAME);
  assert.ok(!frames.some((frame) => frame.subarray(0, 5).equals(Buffer.from("0180c20000", "hex"))), "nothing of the spanning tree");
});

test("a lab is kept out of the host's network unless that is allowed", { skip: noNetwork ?? false, timeout: 100_000 }, async (t) => {
  const host = await HostNetwork.make();
  t.after(() => host.close());
  const machines = [{ name: "one", append: "name=one", memory: 32, nics: [{ switch: "lan", vlan: 10 }] }];
  const file = labFile({ machines, switches: [{ name: "lan" }], bridges: [{ switch: "lan", vlan: 10, interface: "vmtap0" }] });
  const received = () => Number(host.run("cat /sys/class/net/host0/statistics/rx_packets"));
  const before = received();
  const session = new Session(["lab", "run", file, "--timeout", "60"], host.within);
  await session.expect(/Ringfence demo ready/, 60);
  session.type("one: flood broadcast 50\none: poweroff\n");
  assert.equal(await session.exit(), 0, session.errors);
  assert.match(session.errors, /Bridge vmtap0 to the host's interface vmtap0 is off: --allow-bridge/);
  assert.equal(received(), before);
});

/** A user without privileges, as far as files of this copy may be read by all. */
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"];

test("a user without privileges is told what an administrator has to allow, and then needs none", { skip: noNetwork ?? missingUser() ?? false, timeout: 120_000 }, async (t) => {
  const { host, peer } = await networkWithPeer(t);
  const device = "/dev/tap$(cat /sys/class/net/vmtap0/ifindex)";
  host.run(`chown root ${device} && chmod 600 ${device}`);
  const machines = [{ name: "one", append: "name=one", memory: 32, nics: [{ switch: "lan", vlan: 10, mac: colons(MACS.one) }] }];
  const file = labFile({ machines, switches: [{ name: "lan" }], bridges: [{ name: "out", switch: "lan", vlan: 10, interface: "vmtap0" }] });
  chmodSync(dirname(file), 0o777);
  const session = new Session(["lab", "run", file, "--allow-bridge", "--timeout", "100"], [...host.within, "env", `HOME=${dirname(file)}`, ...NOBODY]);
  await expectError(session, /vmtap0 is not connected: \/dev\/tap\d+ of the interface vmtap0 may not be opened by nobody\.\n\s+As administrator:\n\s+chown nobody \/dev\/tap\d+/);
  host.run(`chown nobody ${device}`);
  await expectError(session, /vmtap0 is connected/);
  await peer.line(`lease ${MACS.one} `);
  session.type("one: poweroff\n");
  assert.equal(await session.exit(), 0, session.errors);
});

function missingUser(): string | undefined {
  const main = fileURLToPath(new URL("../../main/cli/main.mjs", import.meta.url));
  const [program = "", ...rest] = NOBODY;
  return spawnSync(program, [...rest, process.execPath, main, "--help"]).status === 0 ? undefined : "this copy of the program is not readable by every user, or there is no setpriv";
}

const noGuest = noNetwork ?? missingNetworkGuest();
const SCRIPT = `
lease eth0
wget -q -O /tmp/file http://${PEER}/bytes/${4 * DOWN_BYTES}; echo "@@DOWN $(sha256sum /tmp/file)"
nc ${PEER} 8001 < /tmp/file; echo @@UP
read line
`;

test("a Debian guest in the native VLAN of a trunk, with segmentation on either side", { skip: noGuest ?? false, timeout: 600_000 }, async (t) => {
  const { host, peer } = await networkWithPeer(t);
  const guest = networkGuest("guest", [{ switch: "lan", vlan: 10, mac: colons(MACS.one) }], SCRIPT);
  const file = labFile({ machines: [guest], switches: [{ name: "lan" }], bridges: [{ switch: "lan", trunk: [20], native: 10, interface: "vmtap0" }] });
  const session = new Session(["lab", "run", file, "--allow-bridge", "--timeout", "500"], host.within);
  const wanted = sha256(patternBytes(4 * DOWN_BYTES));
  await peer.line(`lease ${MACS.one} `);
  assert.equal((await session.expect(/@@DOWN (\w{64})/, 300))[1], wanted);
  assert.equal(await peer.line("taken "), `taken ${wanted}`);
  await session.expect(/@@UP/, 100);
  session.type("guest: done\n");
  assert.equal(await session.exit(), 0, session.errors);
});
