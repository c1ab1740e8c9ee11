import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type NicConnection, type PacketRow, Topology } from "../api/network.ts";
import type { FromNetworkWorker } from "../api/network-protocol.ts";
import { NetworkGuest } from "../testkit/network-guest.ts";
import { NetworkFabric } from "../network/fabric/network-fabric.ts";
import { Cable } from "../network/port.ts";
import { parseIpv4 } from "../network/wire/ipv4.ts";
import { NetworkCaptures } from "./network-captures.ts";

const TOPOLOGY = Topology.parse({
  version: 1, switches: [{ name: "lan" }, { name: "far" }], trunks: [{ name: "t", ends: ["lan", "far"] }],
  gateways: [{ name: "gw", switch: "lan", vlan: 10, network: "10.0.10.0/24" }],
});
const TSHARK = spawnSync("tshark", ["--version"]).status === 0;
const unused = (): never => assert.fail("nothing here goes outside");

function bench(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-captures-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const clock = { now: 1e9, nowNs: () => clock.now };
  const fabric = new NetworkFabric({
    clock, sockets: { connectTcp: unused, listenTcp: unused, openUdp: unused, resolve: unused }, interfaces: { join: unused }, tftpFiles: unused, seed: 1,
    random32: () => 7, event: () => undefined, wake: () => undefined,
  });
  assert.equal(fabric.apply(TOPOLOGY), undefined);
  const posted: FromNetworkWorker[] = [];
  const captures = new NetworkCaptures({ fabric, nowNs: () => clock.now, epochMs: () => 1_700_000_000_000, post: (message) => posted.push(message) });
  t.after(() => captures.close());
  const pass = (ns: number): void => {
    for (const end = clock.now + ns; clock.now < end; ) {
      clock.now = Math.max(clock.now, Math.min(end, fabric.nextDeadlineNs()));
      fabric.poll();
      if (fabric.nextDeadlineNs() > end) clock.now = end;
    }
  };
  const guest = (name: string, last: number, connection: NicConnection): NetworkGuest => {
    const mac = `52:54:00:00:00:0${last}`;
    const cable = new Cable();
    const card = new NetworkGuest(mac, cable.a);
    assert.equal(fabric.attach({ link: `${name}-id/nic0`, machine: name, mac, wiring: { connection, cable: true }, end: cable.b }), undefined);
    return card;
  };
  const rows = (id: string): PacketRow[] => posted.flatMap((each) => (each.kind === "packets" && each.captureId === id ? each.rows : []));
  return { folder, captures, fabric, pass, guest, rows, posted };
}

/** One line of fields for each packet, as Wireshark's own decoder sees it. */
function tshark(path: string, ...fields: string[]): string[] {
  const { status, stdout, stderr } = spawnSync("tshark", ["-r", path, "-T", "fields", "-E", "separator=|", ...fields.flatMap((field) => ["-e", field])], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout.trimEnd().split("\n");
}

/** What is called innermost, by Wireshark and by us. */
const OURS: Readonly<Record<string, string>> = { dhcp: "DHCP", arp: "ARP", dns: "DNS", stp: "STP", icmpv6: "ICMPv6", data: "Ethernet" };

test("Wireshark's decoder reads the files and sees what the live view says", { skip: TSHARK ? false : "there is no tshark on this host" }, async (t) => {
  const { folder, captures, pass, guest, rows } = bench(t);
  const paths = { card: join(folder, "card.pcapng"), trunk: join(folder, "trunk.pcapng") };
  assert.equal(await captures.start("card", "web-id/nic0", paths.card, true), null);
  assert.equal(await captures.start("trunk", "trunk:t", paths.trunk, true), null);
  const web = guest("web", 1, { switch: "lan", vlans: { mode: "access", vlan: 10 } });
  assert.equal(web.dhcp("web", () => pass(1e6)), "10.0.10.10");
  web.arp(parseIpv4("10.0.10.10")!, parseIpv4("10.0.10.1")!);
  const question = Buffer.from(`000101000001000000000000${Buffer.from("\x07gateway\x03lab").toString("hex")}0000010001`, "hex");
  web.udp(parseIpv4("10.0.10.10")!, 5000, parseIpv4("10.0.10.1")!, 53, question, 0x02_5247_00_0000);
  web.send(1);
  pass(3e9);
  assert.equal(await captures.stop("card"), null);
  assert.equal(await captures.stop("trunk"), null);
  for (const [id, path] of Object.entries(paths)) {
    const seen = tshark(path, "frame.number", "frame.protocols", "frame.len", "vlan.id", "frame.interface_name").map((line) => {
      const [number, protocols = "", ...rest] = line.split("|");
      return [number, OURS[protocols.split(":").find((name) => name in OURS) ?? ""], ...rest].join("|");
    });
    const title = id === "card" ? "web-id/nic0" : "trunk t";
    const ours = rows(id).map(({ number, protocol, length, vlan }) => [number, protocol, length, vlan ?? "", title].join("|"));
    assert.deepEqual(seen, ours);
    assert.ok(ours.length > 4);
  }
  assert.deepEqual(new Set(rows("card").map((row) => row.protocol)), new Set(["DHCP", "ARP", "DNS", "Ethernet"]));
  assert.deepEqual(new Set(rows("trunk").map((row) => row.protocol)), new Set(["STP", "DHCP", "ARP", "DNS", "Ethernet"]));
  // Nothing untagged but the spanning tree, and no other VLAN.
  assert.deepEqual(new Set(rows("trunk").filter((row) => row.protocol !== "STP").map((row) => row.vlan)), new Set([10]));
  const times = tshark(paths.card, "frame.time_epoch").map(Number);
  assert.ok(times.every((time, i) => time >= 1_700_000_000 && time >= (times[i - 1] ?? 0)));
});

test("a flood is captured within bounds: the newest rows are shown, all is in the file", async (t) => {
  const { folder, captures, guest, rows, posted } = bench(t);
  const path = join(folder, "flood.pcapng");
  const web = guest("web", 1, { switch: "lan", vlans: { mode: "access", vlan: 10 } });
  assert.equal(await captures.start("flood", "web-id/nic0", path, true), null);
  for (let n = 0; n < 100_000; n++) web.send(n & 255, undefined, 1000);
  assert.equal(await captures.stop("flood"), null);
  assert.ok(rows("flood").length <= 600);
  assert.equal(rows("flood").at(-1)?.number, 100_000);
  assert.equal(captures.packet("flood", 1), null);
  assert.equal(captures.packet("flood", 100_001), null);
  assert.equal(captures.packet("flood", 0), null);
  assert.equal(captures.packet("flood", 100_000)?.number, 100_000);
  const last = posted.at(-1);
  assert.ok(last?.kind === "packets" && last.packets === 100_000 && last.bytes === 100_000_000);
  // What the disk was too slow for is counted in the statistics at the end.
  const file = readFileSync(path);
  const statistics = file.subarray(file.length - file.readUInt32LE(file.length - 4));
  assert.equal(statistics.readUInt32LE(0), 5);
  assert.equal(statistics.readBigUInt64LE(24), 100_000n);
  const dropped = Number(statistics.readBigUInt64LE(36));
  assert.ok(dropped < 100_000 && statSync(path).size >= (100_000 - dropped) * 1000);
});

test("stopped captures are kept for a while, and no more than some", async (t) => {
  const { captures } = bench(t);
  for (let n = 0; n < 20; n++) {
    assert.equal(await captures.start(`c${n}`, "trunk:t", null, true), null);
    assert.equal(await captures.stop(`c${n}`), null);
  }
  assert.match((await captures.stop("c0")) ?? "", /There is no capture c0/);
  assert.equal(await captures.stop("c19"), null);
  for (let n = 0; n < 56; n++) assert.equal(await captures.start(`d${n}`, "trunk:t", null, false), null);
  assert.match((await captures.start("more", "trunk:t", null, false)) ?? "", /64 captures already/);
});
