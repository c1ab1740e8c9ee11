// ARP, ICMP, UDP, fragments, DHCP, DNS and IPv6 at the gateway, from the guest's side of the cable.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DhcpMessage } from "../services/dhcp-message.ts";
import { ACKNOWLEDGE, DECLINE, DISCOVER, formatDhcp, NAK, OFFER, parseDhcp, RELEASE, REQUEST } from "../services/dhcp-message.ts";
import { formatIp, formatMac, parseIpv4, parseIpv6, parseMac } from "./address.ts";
import { parseIpv4 as parsePacket4, parseIpv6 as parsePacket6 } from "./ip-packet.ts";
import { readU16, writeU16 } from "../wire/bytes.ts";
import { internetChecksum, transportChecksum } from "../wire/checksum.ts";
import {
  arpRequest, ethernet, GATEWAY_ADDRESS, GATEWAY_MAC, GUEST_ADDRESS, GUEST_MAC, ip4, OUTSIDE, Testbed, udpDatagram,
} from "./testbed.ts";

function udpPayload(frame: Uint8Array | undefined): Uint8Array {
  assert.ok(frame);
  const packet = parsePacket4(frame, 14, frame.length, frame.subarray(6, 12));
  assert.ok(packet);
  assert.equal(packet.protocol, 17);
  const { data, payloadAt, payloadLength } = packet;
  assert.equal(transportChecksum(data, payloadAt, payloadLength, packet.source, packet.destination, 17), 0);
  return data.slice(payloadAt + 8, payloadAt + payloadLength);
}

function guestUdp(to: Uint8Array, port: number, data: ArrayLike<number>, from = 5000): Uint8Array {
  return ip4(GUEST_ADDRESS, to, 17, udpDatagram(GUEST_ADDRESS, from, to, port, data));
}

test("ARP is answered for the gateway's address and no other", () => {
  const bed = new Testbed();
  const [answer] = bed.exchange(arpRequest(GUEST_MAC, GUEST_ADDRESS, GATEWAY_ADDRESS));
  assert.deepEqual(answer?.subarray(0, 6), GUEST_MAC);
  assert.deepEqual(answer?.subarray(20, 32), Uint8Array.of(0, 2, ...GATEWAY_MAC, ...GATEWAY_ADDRESS));
  assert.deepEqual(bed.exchange(arpRequest(GUEST_MAC, GUEST_ADDRESS, parseIpv4("10.0.10.99") as Uint8Array)), []);
  const forged = arpRequest(GUEST_MAC, GUEST_ADDRESS, GATEWAY_ADDRESS);
  forged[22] = 2;
  forged[27] = 99;
  assert.deepEqual(bed.exchange(forged), []);
});

test("a ping of the gateway comes back, whole and in fragments", () => {
  const bed = new Testbed();
  bed.sayWhereGuestIs();
  const echo = (length: number): Uint8Array => {
    const message = new Uint8Array(8 + length).map((_, i) => i);
    message.set([8, 0, 0, 0]);
    writeU16(message, 2, internetChecksum(message, 0, message.length));
    return message;
  };
  const [small] = bed.exchange(ip4(GUEST_ADDRESS, GATEWAY_ADDRESS, 1, echo(56)));
  assert.equal(small?.[34], 0);
  assert.deepEqual(small?.subarray(38), echo(56).subarray(4));
  const large = echo(3000);
  assert.deepEqual(bed.exchange(ip4(GUEST_ADDRESS, GATEWAY_ADDRESS, 1, large.subarray(1480), 1480 >> 3, 9)).length, 0);
  const parts = bed.exchange(ip4(GUEST_ADDRESS, GATEWAY_ADDRESS, 1, large.subarray(0, 1480), 0x2000, 9));
  assert.deepEqual(parts.map((frame) => readU16(frame, 20) & 0x1fff), [0, 185, 370]);
  assert.equal(bed.gateway.occupancy.fragments, 0);
});

test("fragments are held within bounds and for half a minute", () => {
  const bed = new Testbed();
  bed.sayWhereGuestIs();
  for (let id = 0; id < 5000; id++) bed.exchange(ip4(GUEST_ADDRESS, GATEWAY_ADDRESS, 17, new Uint8Array(1480), 0x2000, id));
  assert.ok(bed.gateway.occupancy.fragments <= 16 * 1480, `${bed.gateway.occupancy.fragments}`);
  bed.run(31e9);
  bed.exchange(ip4(GUEST_ADDRESS, GATEWAY_ADDRESS, 17, new Uint8Array(8), 0x2000, 1));
  assert.equal(bed.gateway.occupancy.fragments, 8);
});

test("UDP goes out through one socket per guest port and comes back only from whom was asked", () => {
  const bed = new Testbed();
  bed.sayWhereGuestIs();
  bed.exchange(guestUdp(OUTSIDE, 123, [1, 2, 3]));
  bed.exchange(guestUdp(OUTSIDE, 124, [4]));
  assert.equal(bed.sockets.openUdpSockets, 1);
  const [first] = bed.sockets.datagrams;
  assert.deepEqual([formatIp(first?.to.address as Uint8Array), first?.to.port, ...(first?.data ?? [])], ["192.0.2.7", 123, 1, 2, 3]);
  bed.frames = [];
  first?.reply({ address: parseIpv4("192.0.2.8") as Uint8Array, port: 123 }, Uint8Array.of(66));
  bed.run();
  assert.deepEqual(bed.frames, []);
  first?.reply({ address: OUTSIDE, port: 123 }, Uint8Array.of(9, 8));
  bed.run();
  assert.deepEqual([...udpPayload(bed.frames[0])], [9, 8]);
  bed.run(400e9);
  assert.equal(bed.sockets.openUdpSockets, 0);
  assert.equal(bed.gateway.nextDeadline(), Infinity);
});

test("UDP flows of one guest are bounded, the oldest goes; unreachable places are refused", () => {
  const bed = new Testbed();
  bed.sayWhereGuestIs();
  for (let port = 1000; port < 3000; port++) bed.exchange(guestUdp(OUTSIDE, 9, [0], port));
  assert.equal(bed.sockets.openUdpSockets, 512);
  assert.equal(bed.gateway.occupancy.udp, 512);
  const before = bed.sockets.datagrams.length;
  for (const place of ["127.0.0.1", "0.0.0.0", "169.254.169.254", "255.1.2.3", "10.0.10.77"]) bed.exchange(guestUdp(parseIpv4(place) as Uint8Array, 9, [0]));
  assert.equal(bed.sockets.datagrams.length, before);
  const [port] = bed.exchange(guestUdp(GATEWAY_ADDRESS, 9, [0]));
  assert.deepEqual([port?.[34], port?.[35]], [3, 3]);
});

function dhcp(type: number, change: Partial<DhcpMessage> & { extra?: [number, Uint8Array][] } = {}, mac = GUEST_MAC): Uint8Array {
  const zero = new Uint8Array(4);
  const message = formatDhcp({
    operation: 1, transaction: 0x1234, seconds: 0, flags: 0, clientAddress: zero, yourAddress: zero, serverAddress: zero,
    relayAddress: zero, mac, bootFile: "", options: new Map([[53, Uint8Array.of(type)], ...(change.extra ?? [])]), ...change,
  });
  const to = new Uint8Array(4).fill(255);
  const frame = ip4(zero, to, 17, udpDatagram(zero, 68, to, 67, message));
  frame.fill(255, 0, 6);
  frame.set(mac, 6);
  return frame;
}

function ask(bed: Testbed, ...rest: Parameters<typeof dhcp>): DhcpMessage | undefined {
  const [frame] = bed.exchange(dhcp(...rest));
  return frame && parseDhcp(udpPayload(frame));
}

test("DHCP: discover, request, renewal, release; wrong requests are refused", () => {
  const bed = new Testbed();
  const offer = ask(bed, DISCOVER, { extra: [[12, new TextEncoder().encode("Web")]] });
  assert.equal(offer?.options.get(53)?.[0], OFFER);
  assert.equal(formatIp(offer?.yourAddress as Uint8Array), "10.0.10.10");
  assert.deepEqual(offer?.options.get(1), Uint8Array.of(255, 255, 255, 0));
  assert.deepEqual(offer?.options.get(3), GATEWAY_ADDRESS);
  assert.deepEqual(offer?.options.get(6), GATEWAY_ADDRESS);
  const address = offer?.yourAddress as Uint8Array;
  const selecting: [number, Uint8Array][] = [[54, GATEWAY_ADDRESS], [50, address]];
  assert.equal(ask(bed, REQUEST, { extra: selecting })?.options.get(53)?.[0], ACKNOWLEDGE);
  assert.deepEqual(bed.events, [{ kind: "lease", mac: "02:00:00:00:00:0a", address: "10.0.10.10", name: "web", bound: true }]);
  assert.equal(ask(bed, REQUEST, { extra: [[50, parseIpv4("10.0.99.1") as Uint8Array]] })?.options.get(53)?.[0], NAK);
  bed.sayWhereGuestIs();
  assert.deepEqual(ask(bed, REQUEST, { clientAddress: address })?.yourAddress, address);
  assert.equal(ask(bed, RELEASE, { clientAddress: address }), undefined);
  assert.equal([...bed.gateway.leases].length, 0);
});

test("DHCP: a reservation is kept for its machine, a declined address is not given again", () => {
  const mac = parseMac("02:00:00:00:00:55") as Uint8Array;
  const address = parseIpv4("10.0.10.10") as Uint8Array;
  const bed = new Testbed({ reservations: [{ mac, address, name: "db" }] });
  const other = ask(bed, DISCOVER)?.yourAddress as Uint8Array;
  assert.equal(formatIp(other), "10.0.10.11");
  assert.deepEqual(ask(bed, DISCOVER, {}, mac)?.yourAddress, address);
  ask(bed, DECLINE, { extra: [[54, GATEWAY_ADDRESS], [50, other]] });
  assert.equal(formatIp(ask(bed, DISCOVER)?.yourAddress as Uint8Array), "10.0.10.12");
});

test("DHCP: a boot ROM is told of the server and the file, in the header and in options", () => {
  const bed = new Testbed({ bootFile: "pxelinux.0" });
  const [frame] = bed.exchange(dhcp(DISCOVER, { extra: [[60, new TextEncoder().encode("PXEClient:Arch:00000")], [55, Uint8Array.of(1, 3, 66, 67)]] }));
  const message = udpPayload(frame);
  assert.deepEqual(message.slice(20, 24), GATEWAY_ADDRESS, "next server");
  assert.equal(new TextDecoder().decode(message.slice(108, 119)), "pxelinux.0\0");
  const options = parseDhcp(message)?.options;
  assert.equal(new TextDecoder().decode(options?.get(66)), "10.0.10.1");
  assert.equal(new TextDecoder().decode(options?.get(67)), "pxelinux.0");
  const plain = ask(new Testbed(), DISCOVER);
  assert.deepEqual([plain?.options.has(66), plain?.options.has(67)], [false, false]);
});

test("DHCP: a flood of discoveries holds neither the pool nor those who have leases", () => {
  const bed = new Testbed();
  const address = ask(bed, DISCOVER)?.yourAddress as Uint8Array;
  ask(bed, REQUEST, { extra: [[54, GATEWAY_ADDRESS], [50, address]] });
  for (let i = 0; i < 3000; i++) ask(bed, DISCOVER, {}, Uint8Array.of(2, 1, 0, 0, i >> 8, i & 255));
  assert.ok([...bed.gateway.leases].length <= 130);
  assert.deepEqual(ask(bed, REQUEST, { extra: [[50, address]] })?.options.get(53)?.[0], ACKNOWLEDGE);
  assert.equal(ask(bed, DISCOVER, {}, Uint8Array.of(2, 7, 7, 7, 7, 7))?.options.get(53)?.[0], OFFER);
  // One machine does not speak for another.
  const forged = dhcp(RELEASE, { clientAddress: address });
  forged[11] = 99;
  bed.exchange(forged);
  assert.ok([...bed.gateway.leases].some((lease) => formatIp(lease.address) === formatIp(address)));
});

function dnsQuestion(name: string, type: number, id = 77): Uint8Array {
  const labels = name.split(".").flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
  return Uint8Array.of(id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1);
}

function resolve(bed: Testbed, name: string, type: number): { code: number; count: number; tail: Uint8Array; truncated: boolean } {
  const answer = udpPayload(bed.exchange(guestUdp(GATEWAY_ADDRESS, 53, dnsQuestion(name, type)))[0]);
  assert.equal(readU16(answer, 0), 77);
  return { code: (answer[3] as number) & 15, count: readU16(answer, 6), tail: answer.slice(-16), truncated: ((answer[2] as number) & 2) !== 0 };
}

test("DNS: machines by name and backwards, the rest from the host's resolver", () => {
  const address = parseIpv4("10.0.10.50") as Uint8Array;
  const bed = new Testbed({ reservations: [{ mac: parseMac("02:00:00:00:00:55") as Uint8Array, address, name: "db" }] });
  bed.sayWhereGuestIs();
  for (const name of ["db", "db.lab.internal", "DB.Lab.Internal"]) {
    const answer = resolve(bed, name, 1);
    assert.deepEqual([answer.code, answer.count, ...answer.tail.slice(-4)], [0, 1, 10, 0, 10, 50], name);
  }
  assert.deepEqual([resolve(bed, "db", 28).code, resolve(bed, "db", 28).count], [0, 0]);
  assert.equal(resolve(bed, "nobody.lab.internal", 1).code, 3);
  assert.equal(resolve(bed, "50.10.0.10.in-addr.arpa", 12).count, 1);
  bed.sockets.answers.set("example.test A", [
    { name: "example.test", ttl: 60, type: "CNAME", target: "www.example.test" },
    { name: "www.example.test", ttl: 60, type: "A", address: OUTSIDE },
  ]);
  const outside = resolve(bed, "example.test", 1);
  assert.deepEqual([outside.count, ...outside.tail.slice(-4)], [2, ...OUTSIDE]);
  assert.equal(resolve(bed, "missing.test", 1).code, 3);
  const many = Array.from({ length: 60 }, () => ({ name: "big.test", ttl: 1, type: "A" as const, address: OUTSIDE }));
  bed.sockets.answers.set("big.test A", many);
  assert.ok(resolve(bed, "big.test", 1).truncated);
});

test("DNS and port forwards know a machine by what the user calls it, whatever it calls itself", () => {
  const forward = { protocol: "udp" as const, host: { address: parseIpv4("127.0.0.1") as Uint8Array, port: 5353 }, guest: { name: "Web", port: 53 } };
  const names = new Map([["02:00:00:00:00:0a", "Web"]]);
  const bed = new Testbed({ machineName: (mac) => names.get(formatMac(mac)), forwards: [forward] });
  const outside = { address: parseIpv4("127.0.0.1") as Uint8Array, port: 40_000 };
  bed.sockets.arrive(forward.host, outside, Uint8Array.of(9));
  bed.run();
  assert.deepEqual(bed.frames, [], "nobody has the name yet");
  ask(bed, REQUEST, { extra: [[50, GUEST_ADDRESS], [12, new TextEncoder().encode("localhost")]] });
  assert.equal((bed.events.at(-1) as { name: string }).name, "web");
  bed.sayWhereGuestIs();
  for (const name of ["web.lab.internal", "localhost.lab.internal"]) assert.deepEqual([...resolve(bed, name, 1).tail.slice(-4)], [...GUEST_ADDRESS], name);
  bed.frames = [];
  bed.sockets.arrive(forward.host, outside, Uint8Array.of(9));
  bed.run();
  assert.deepEqual(bed.frames.map((frame) => [...udpPayload(frame)]), [[9]]);
  names.set("02:00:00:00:00:0a", "db");
  assert.deepEqual([...resolve(bed, "db", 1).tail.slice(-4)], [...GUEST_ADDRESS], "a new name holds at once");
});

test("IPv6: a solicited advertisement carries the prefix, and the gateway answers for its address", () => {
  const bed = new Testbed();
  const guest = parseIpv6("fe80::ff:fe00:a") as Uint8Array;
  const send = (to: Uint8Array, message: Uint8Array, source = guest): Uint8Array[] => {
    writeU16(message, 2, transportChecksum(message, 0, message.length, source, to, 58));
    const header = [0x60, 0, 0, 0, message.length >> 8, message.length & 255, 58, 255, ...source, ...to];
    return bed.exchange(ethernet(Uint8Array.of(0x33, 0x33, 0, 0, 0, 2), GUEST_MAC, 0x86dd, [...header, ...message]));
  };
  bed.run(1e9);
  const [advertisement] = send(parseIpv6("ff02::2") as Uint8Array, Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0));
  assert.ok(advertisement);
  const packet = parsePacket6(advertisement, 14, advertisement.length, GATEWAY_MAC);
  assert.ok(packet);
  assert.equal(transportChecksum(packet.data, packet.payloadAt, packet.payloadLength, packet.source, packet.destination, 58), 0);
  assert.equal(formatIp(advertisement.slice(54 + 48, 54 + 64)), "fd00:10::");
  const target = parseIpv6("fd00:10::1") as Uint8Array;
  const own = parseIpv6("fd00:10::20") as Uint8Array;
  const solicitation = Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0, ...target, 1, 1, ...GUEST_MAC);
  const [answer] = send(parseIpv6("ff02::1:ff00:1") as Uint8Array, solicitation, own);
  assert.equal(answer?.[54], 136);
  assert.deepEqual(answer?.subarray(0, 6), GUEST_MAC);
  const [echo] = send(target, Uint8Array.of(128, 0, 0, 0, 1, 2, 3, 4, 5), own);
  assert.equal(echo?.[54], 129);
});
