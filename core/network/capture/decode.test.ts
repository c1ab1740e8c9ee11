import assert from "node:assert/strict";
import { test } from "node:test";
import { NetworkGuest } from "../../testkit/network-guest.ts";
import { PacketDetails, PacketRow } from "../../api/network.ts";
import { Cable } from "../port.ts";
import { parseIpv4 } from "../wire/ipv4.ts";
import { packetDetails, packetRow } from "./decode.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s+/g, ""), "hex"));
const row = (frame: Uint8Array): string => {
  const { vlan, source, destination, protocol, info } = PacketRow.parse(packetRow(1, 0, "in", frame));
  return [vlan ?? "-", source, destination, protocol, info].join(" | ");
};
const STATIONS = "525400000002 525400000001";
const ipv4 = (protocol: string, payload: string): Uint8Array => {
  const length = (20 + payload.replace(/\s+/g, "").length / 2).toString(16).padStart(4, "0");
  return bytes(`${STATIONS} 0800 4500 ${length} 0001 0000 40 ${protocol} 0000 0a000a0a 0a000a01 ${payload}`);
};

test("each protocol has its line", () => {
  const cases: [Uint8Array, string][] = [
    [bytes(`ffffffffffff 525400000001 0806 0001 0800 06 04 0001 525400000001 0a000a0a 000000000000 0a000a01`), "- | 52:54:00:00:00:01 | ff:ff:ff:ff:ff:ff | ARP | Who has 10.0.10.1? Tell 10.0.10.10"],
    [bytes(`${STATIONS} 8100 600a 0806 0001 0800 06 04 0002 525400000001 0a000a0a 525400000002 0a000a01`), "10 | 52:54:00:00:00:01 | 52:54:00:00:00:02 | ARP | 10.0.10.10 is at 52:54:00:00:00:01"],
    [ipv4("01", "08 00 0000 1234 0007"), "- | 10.0.10.10 | 10.0.10.1 | ICMP | Echo request id=0x1234 seq=7"],
    [ipv4("01", "03 03 0000 0000 0000"), "- | 10.0.10.10 | 10.0.10.1 | ICMP | Unreachable: port"],
    [ipv4("06", "9c40 0050 00000001 00000002 5002 ffff 0000 0000"), "- | 10.0.10.10 | 10.0.10.1 | TCP | 40000 → 80 [SYN] Seq=1 Win=65535 Len=0"],
    [ipv4("06", `9c40 0050 00000001 00000002 5018 ffff 0000 0000 ${Buffer.from("GET /index.html HTTP/1.1\r\nHost: web\r\n").toString("hex")}`), "- | 10.0.10.10 | 10.0.10.1 | HTTP | GET /index.html HTTP/1.1"],
    [ipv4("11", `14e9 0035 0023 0000 0001 0100 0001 0000 0000 0000 03${Buffer.from("web").toString("hex")}03${Buffer.from("lab").toString("hex")}00 0001 0001`), "- | 10.0.10.10 | 10.0.10.1 | DNS | Query A web.lab"],
    [ipv4("11", `0035 14e8 0000 0000 0001 8180 0001 0001 0000 0000 03${Buffer.from("web").toString("hex")}00 0001 0001 c00c 0001 0001 0000000a 0004 0a000a0b`), "- | 10.0.10.10 | 10.0.10.1 | DNS | Response A web: 10.0.10.11"],
    [ipv4("11", `0400 0045 0000 0000 0001 ${Buffer.from("pxelinux.0\0octet\0").toString("hex")}`), "- | 10.0.10.10 | 10.0.10.1 | TFTP | Read pxelinux.0"],
    [ipv4("11", "1111 2222 000c 0000 01020304"), "- | 10.0.10.10 | 10.0.10.1 | UDP | 4369 → 8738, 4 bytes"],
    [bytes(`333300000001 525400000001 86dd 60000000 0020 3a ff fe800000000000000000000000000001 ff020000000000000000000000000001 8800 0000 00000000 fe800000000000000000000000000001 02 01 525400000001`), "- | fe80::1 | ff02::1 | ICMPv6 | Neighbour advertisement of fe80::1"],
    [bytes("0180c2000000 525400000001 0027 424203 0000 02 02 3c 8000 025246000001 00000000 8000 025246000001 8001 0000 1400 0200 0f00 00 00000000000000"), "- | 52:54:00:00:00:01 | 01:80:c2:00:00:00 | STP | Root 02:52:46:00:00:01, cost 0, port 0x8001, designated"],
    [bytes(`${STATIONS} 88b5 00`), "- | 52:54:00:00:00:01 | 52:54:00:00:00:02 | Ethernet | Type 0x88b5"],
    [bytes("0102"), "- |  |  | Ethernet | Not a whole header"],
  ];
  for (const [frame, line] of cases) assert.equal(row(frame), line);
});

test("DHCP as a client sends it", () => {
  const cable = new Cable();
  const frames: Uint8Array[] = [];
  cable.b.connect({ receive: (frame) => frames.push(frame.slice()), canReceive: () => true, linkChanged() {}, sendReady() {} });
  const guest = new NetworkGuest("52:54:00:00:00:01", cable.a);
  guest.dhcp("web");
  assert.match(row(frames[0]!), /^- \| 0\.0\.0\.0 \| 255\.255\.255\.255 \| DHCP \| Discover \(0x[0-9a-f]{8}\)$/);
  const details = PacketDetails.parse(packetDetails(1, frames[0]!, frames[0]!.length, 5e9));
  assert.deepEqual(details.layers.map((layer) => layer.name), ["Frame", "Ethernet", "IPv4", "UDP", "DHCP"]);
  assert.deepEqual(details.layers[4]!.fields.at(-1)!.value, "web");
  assert.equal(details.bytes.length, frames[0]!.length * 2);
  assert.equal(parseIpv4("0.0.0.0"), 0);
});

test("whatever a frame holds, there is a row, and every field lies in the frame", () => {
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const seeds = [
    ipv4("11", `0035 14e8 0000 0000 0001 8180 0002 0003 0000 0000 c00c 0001 0001 c00c 0001 0001 0000000a 0004 0a000a0b c010 0010`),
    ipv4("06", "9c40 0050 00000001 00000002 f018 ffff 0000 0000 474554"),
    bytes(`${STATIONS} 8100 0001 8100 0001 8100 0001 8100 0001 8100 0001 0800 45`),
    bytes(`${STATIONS} 86dd 60000000 0020 00 ff ${"00".repeat(32)} 00ff 2c00`),
  ];
  for (let i = 0; i < 20_000; i++) {
    const frame = seeds[i % seeds.length]!.slice();
    for (let n = random(6); n >= 0; n--) frame[random(frame.length)] = random(256);
    const cut = frame.subarray(0, random(frame.length + 1));
    packetRow(1, 0, "out", cut);
    for (const { fields } of packetDetails(1, cut, cut.length, 0).layers) {
      for (const { offset, length, value } of fields) assert.ok(offset >= 0 && length >= 0 && offset + length <= cut.length && value.length <= 201, `${offset} ${length} ${value}`);
    }
  }
});
