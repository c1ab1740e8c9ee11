import assert from "node:assert/strict";
import test from "node:test";
import { ARP_REQUEST, arpSenderIp, arpSenderMac, arpTargetIp, isArp, writeArp } from "./arp.ts";
import { foldChecksum, internetChecksum, ipv4PseudoSum, ipv6PseudoSum, sumBytes, updateChecksumFor } from "./checksum.ts";
import { formatMac, insertTag, isLinkLocalGroup, parseMac, removeTag } from "./ethernet.ts";
import { ICMPV6_ECHO_REQUEST, isIcmp, isIcmpv6, writeIcmp, writeIcmpv6 } from "./icmp.ts";
import { formatIpv4, ipv4HeaderLength, ipv4Source, parseIpv4, PROTOCOL_TCP, PROTOCOL_UDP, writeIpv4 } from "./ipv4.ts";
import { formatIpv6, ipv6UpperLayer, isIpv6, writeIpv6 } from "./ipv6.ts";
import { TCP_SYN, tcpChecksumHolds, tcpHeaderLength, tcpSequence, writeTcp } from "./tcp.ts";
import { udpChecksumHolds, udpLength, writeUdp } from "./udp.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(text.replace(/ /g, "").match(/../g) ?? [], (b) => Number.parseInt(b, 16));

test("the checksum is that of the example in RFC 1071, and of an odd number of bytes", () => {
  assert.equal(sumBytes(hex("0001 f203 f4f5 f6f7"), 0, 8), 0x2ddf0);
  assert.equal(internetChecksum(hex("0001 f203 f4f5 f6f7"), 0, 8), 0x220d);
  assert.equal(internetChecksum(hex("0001 f2"), 0, 3), ~0xf201 & 0xffff);
  assert.equal(foldChecksum(sumBytes(new Uint8Array(131_072).fill(255), 0, 131_072)), 0);
});

test("an IPv4 header has the checksum of a known packet and is refused when damaged", () => {
  const packet = new Uint8Array(0x73);
  writeIpv4(packet, 0, 0x73, 0, 0x4000, 0x40, PROTOCOL_UDP, parseIpv4("192.168.0.1")!, parseIpv4("192.168.0.199")!);
  assert.deepEqual(packet.subarray(0, 20), hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7"));
  assert.equal(ipv4HeaderLength(packet, 0, packet.length), 20);
  assert.equal(formatIpv4(ipv4Source(packet, 0)), "192.168.0.1");
  assert.equal(ipv4HeaderLength(packet, 0, 0x72), 0, "truncated");
  packet[8] = 1;
  assert.equal(ipv4HeaderLength(packet, 0, packet.length), 0, "checksum");
  assert.equal(parseIpv4("1.2.3.256"), undefined);
});

test("a checksum is updated in place when an address is translated", () => {
  const packet = new Uint8Array(20);
  writeIpv4(packet, 0, 20, 7, 0, 64, PROTOCOL_TCP, parseIpv4("10.0.0.2")!, parseIpv4("9.9.9.9")!);
  const address = hex("c0a8 01fe");
  updateChecksumFor(packet, 10, 12, address);
  packet.set(address, 12);
  assert.equal(ipv4HeaderLength(packet, 0, 20), 20);
});

test("UDP, TCP and ICMP are written with checksums that hold, and those of IPv6 too", () => {
  const v4 = new Uint8Array(61).fill(0xa5);
  writeIpv4(v4, 0, 61, 0, 0, 64, PROTOCOL_UDP, 0x0a000001, 0x0a000002);
  let pseudo = ipv4PseudoSum(v4, 0, PROTOCOL_UDP, 41);
  writeUdp(v4, 20, 41, 68, 67, pseudo);
  assert.equal(udpLength(v4, 20, 61), 41);
  assert.equal(udpLength(v4, 20, 60), 0);
  assert.ok(udpChecksumHolds(v4, 20, 41, pseudo));
  v4[60]! ^= 1;
  assert.ok(!udpChecksumHolds(v4, 20, 41, pseudo));
  pseudo = ipv4PseudoSum(v4, 0, PROTOCOL_TCP, 41);
  writeTcp(v4, 20, 24, 41, 80, 40_000, 0xfedc_ba98, 0, TCP_SYN, 65_535, pseudo);
  assert.equal(tcpHeaderLength(v4, 20, 61), 24);
  assert.equal(tcpSequence(v4, 20), 0xfedc_ba98);
  assert.ok(tcpChecksumHolds(v4, 20, 41, pseudo));
  v4[32] = 0x40;
  assert.equal(tcpHeaderLength(v4, 20, 61), 0, "header shorter than the smallest");
  writeIcmp(v4, 20, 41, 8, 0, 1);
  assert.ok(isIcmp(v4, 20, 41));
  const v6 = new Uint8Array(60).fill(3);
  writeIpv6(v6, 0, 20, 58, 255, new Uint8Array(16).fill(1), new Uint8Array(16).fill(2));
  writeIcmpv6(v6, 0, 40, 20, ICMPV6_ECHO_REQUEST, 0, 1);
  assert.ok(isIpv6(v6, 0, 60));
  assert.ok(isIcmpv6(v6, 0, 40, 20));
  v6[9]! ^= 4;
  assert.ok(!isIcmpv6(v6, 0, 40, 20), "the pseudo-header counts");
  writeUdp(v6, 40, 20, 1, 2, ipv6PseudoSum(v6, 0, PROTOCOL_UDP, 20));
  assert.ok(udpChecksumHolds(v6, 40, 20, ipv6PseudoSum(v6, 0, PROTOCOL_UDP, 20), true));
});

test("extension headers are stepped over, and a chain that leads out of the packet is refused", () => {
  const packet = new Uint8Array(64);
  writeIpv6(packet, 0, 24, 0, 64, new Uint8Array(16), new Uint8Array(16));
  packet.set([60, 0], 40);
  packet.set([17, 0], 48);
  assert.equal(ipv6UpperLayer(packet, 0), 56 * 256 + 17);
  packet[49] = 2;
  assert.equal(ipv6UpperLayer(packet, 0), -1);
  packet[40] = 44;
  assert.equal(ipv6UpperLayer(packet, 0), -1, "fragment");
});

test("ARP packets are read as written, and short or foreign ones refused", () => {
  const bytes = new Uint8Array(42);
  writeArp(bytes, 14, ARP_REQUEST, 0x5254_0012_3456, 0x0a00_0a02, 0, 0x0a00_0a01);
  assert.ok(isArp(bytes, 14, 42));
  assert.ok(!isArp(bytes, 14, 41));
  assert.equal(formatMac(arpSenderMac(bytes, 14)), "52:54:00:12:34:56");
  assert.equal(arpSenderIp(bytes, 14), 0x0a00_0a02);
  assert.equal(arpTargetIp(bytes, 14), 0x0a00_0a01);
  bytes[18] = 8;
  assert.ok(!isArp(bytes, 14, 42));
});

test("a tag goes in after the addresses and comes out again; addresses have one text", () => {
  const frame = Uint8Array.from({ length: 60 }, (_, i) => i);
  const tagged = new Uint8Array(64);
  assert.equal(insertTag(tagged, frame, 0x600a), 64);
  assert.deepEqual(tagged.subarray(10, 18), hex("0a0b 8100 600a 0c0d"));
  const plain = new Uint8Array(60);
  assert.equal(removeTag(plain, tagged), 60);
  assert.deepEqual(plain, frame);
  assert.equal(parseMac("52:54:00:12:34"), undefined);
  assert.equal(parseMac("52-54-00-12-34-5F"), 0x5254_0012_345f);
  assert.ok(isLinkLocalGroup(hex("0180c200000f"), 0));
  assert.ok(!isLinkLocalGroup(hex("0180c2000010"), 0));
  assert.equal(formatIpv6(hex("20010db8 00000000 00010000 00000001")), "2001:db8::1:0:0:1");
  assert.equal(formatIpv6(new Uint8Array(16)), "::");
});

test("no reader throws on any bytes at any offset", () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => (i * 89) & 255);
  for (let length = 0; length <= 64; length++) {
    for (let offset = 0; offset <= length; offset++) {
      const part = bytes.subarray(0, length);
      isArp(part, offset, 64);
      ipv4HeaderLength(part, offset, 64);
      if (isIpv6(part, offset, 64)) ipv6UpperLayer(part, offset);
      udpLength(part, offset, 64);
      tcpHeaderLength(part, offset, 64);
    }
  }
});
