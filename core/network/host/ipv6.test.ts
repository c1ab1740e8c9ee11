// IPv6 through the gateway: a guest that has configured itself from an advertisement reaches services of the host on ::1 by TCP and UDP,
// asks for names, and gets no further than it may. On real sockets of the loopback interface.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { parseIpv6 } from "../stack/address.ts";
import type { GatewaySettings } from "../stack/gateway.ts";
import { parseIpv6 as parsePacket } from "../stack/ip-packet.ts";
import {
  FakeTcp, GATEWAY_ADDRESS6, GUEST_ADDRESS6, ip6, solicitGateway, Testbed, udpDatagram,
} from "../stack/testbed.ts";
import { readU16 } from "../wire/bytes.ts";
import { clock, LoopbackPair, until } from "./loopback-pair.ts";

const LOOPBACK6 = parseIpv6("::1") as Uint8Array;
const OUTSIDE6 = parseIpv6("2001:db8::7") as Uint8Array;
const skip = !Object.values(networkInterfaces()).flat().some((each) => each?.address === "::1") && "this host has no ::1";

/** A guest that has asked for the gateway, and the datagrams that come to it. */
function pairOf(change: Partial<GatewaySettings>) {
  const datagrams: Uint8Array[] = [];
  const pair = new LoopbackPair(change);
  pair.seen = (frame) => {
    if (readU16(frame, 12) === 0x86dd && frame[20] === 17) datagrams.push(frame);
  };
  pair.cable.b.send(solicitGateway());
  return Object.assign(pair, { datagrams });
}

test("a stream to a service on ::1 comes back byte for byte", { skip }, async (t) => {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, "::1");
  await once(server, "listening");
  t.after(() => server.close());
  using pair = pairOf({ hostServices: [{ protocol: "tcp", port: 80, host: { address: LOOPBACK6, port: (server.address() as AddressInfo).port } }] });
  const client = new FakeTcp();
  client.outgoing = Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 31 + (i >> 9));
  const sent = client.outgoing;
  client.outgoingEnded = true;
  pair.guest.splices.openToGuest(client, GUEST_ADDRESS6, GATEWAY_ADDRESS6, 80, clock.nowNs());
  await until(() => client.ended);
  assert.deepEqual(Uint8Array.from(client.received), sent);
});

test("datagrams reach a service on ::1 and come back", { skip }, async (t) => {
  const echo = createSocket("udp6").bind(0, "::1");
  await once(echo, "listening");
  t.after(() => echo.close());
  echo.on("message", (data, from) => echo.send(Buffer.concat([data, Buffer.from("!")]), from.port, from.address));
  using pair = pairOf({ hostServices: [{ protocol: "udp", port: 7, host: { address: LOOPBACK6, port: echo.address().port } }] });
  pair.cable.b.send(ip6(GUEST_ADDRESS6, GATEWAY_ADDRESS6, 17, udpDatagram(GUEST_ADDRESS6, 5000, GATEWAY_ADDRESS6, 7, [1, 2, 3])));
  await until(() => pair.datagrams.length > 0);
  const frame = pair.datagrams[0] as Uint8Array;
  const packet = parsePacket(frame, 14, frame.length, frame.subarray(6, 12)) ?? assert.fail();
  assert.deepEqual([...packet.source], [...GATEWAY_ADDRESS6]);
  assert.deepEqual([readU16(packet.data, packet.payloadAt), readU16(packet.data, packet.payloadAt + 2)], [7, 5000]);
  assert.deepEqual([...packet.data.subarray(packet.payloadAt + 8, packet.payloadAt + packet.payloadLength)], [1, 2, 3, 33]);
});

test("a forward from ::1 that nobody in the guest listens for is refused", { skip }, async () => {
  const probe = createServer().listen(0, "::1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  using pair = pairOf({ forwards: [{ protocol: "tcp", host: { address: LOOPBACK6, port }, guest: { address: GUEST_ADDRESS6, port: 22 } }] });
  await until(() => pair.gateway.nextDeadline() > -Infinity);
  const socket = connect(port, "::1");
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  assert.ok(["ECONNRESET", "ECONNREFUSED"].includes(error.code ?? ""), error.code);
});

test("without permission neither ::1, nor the host's own addresses, nor the outside are reached by IPv6", () => {
  const bed = new Testbed({ nat: false });
  const mapped = parseIpv6("::ffff:127.0.0.1") as Uint8Array;
  for (const nat of [false, true]) {
    const each = nat ? new Testbed({ nat: true, allows: (_, to) => to.port !== 25 }) : bed;
    each.exchange(solicitGateway());
    const destinations = nat ? [LOOPBACK6, mapped, parseIpv6("fe80::1") as Uint8Array] : [OUTSIDE6, LOOPBACK6, mapped];
    for (const to of destinations) {
      each.exchange(ip6(GUEST_ADDRESS6, to, 17, udpDatagram(GUEST_ADDRESS6, 5000, to, 9, [1])));
      assert.equal(each.sockets.datagrams.length, 0);
    }
    each.exchange(ip6(GUEST_ADDRESS6, OUTSIDE6, 17, udpDatagram(GUEST_ADDRESS6, 5000, OUTSIDE6, 25, [1])));
    assert.equal(each.sockets.datagrams.length, 0);
    each.exchange(ip6(GUEST_ADDRESS6, OUTSIDE6, 17, udpDatagram(GUEST_ADDRESS6, 5000, OUTSIDE6, 9, [1])));
    assert.equal(each.sockets.datagrams.length, nat ? 1 : 0);
  }
});

test("an advertisement names the gateway as DNS server, and it answers there", () => {
  const bed = new Testbed();
  bed.run(1e9);
  const all = parseIpv6("ff02::2") as Uint8Array;
  const [advertisement] = bed.exchange(ip6(parseIpv6("fe80::ff:fe00:a") as Uint8Array, all, 58, Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0), 255));
  assert.ok(advertisement);
  const options = advertisement.subarray(54 + 16);
  const found: Record<number, Uint8Array> = {};
  for (let p = 0; p + 8 <= options.length; p += 8 * (options[p + 1] as number)) found[options[p] as number] = options.subarray(p, p + 8 * (options[p + 1] as number));
  assert.deepEqual(found[25]?.slice(8, 24), GATEWAY_ADDRESS6, "RFC 8106");
  assert.equal((found[3]?.[3] ?? 0) & 0x40, 0x40, "addresses are to be made from the prefix");
  bed.exchange(solicitGateway());
  const question = Uint8Array.of(0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, ...new TextEncoder().encode("gateway"), 0, 0, 28, 0, 1);
  const [answer] = bed.exchange(ip6(GUEST_ADDRESS6, GATEWAY_ADDRESS6, 17, udpDatagram(GUEST_ADDRESS6, 5000, GATEWAY_ADDRESS6, 53, question)));
  assert.deepEqual(answer?.slice(-16), GATEWAY_ADDRESS6);
});
