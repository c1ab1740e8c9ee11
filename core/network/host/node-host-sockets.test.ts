// The gateway on real sockets of the loopback interface: streams both ways, refusal, a port forward, datagrams.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { parseIpv4 } from "../stack/address.ts";
import { FakeTcp, GATEWAY_ADDRESS, GUEST_ADDRESS, ip4, OUTSIDE, udpDatagram } from "../stack/testbed.ts";
import { clock, LoopbackPair, until } from "./loopback-pair.ts";

const LOOPBACK = parseIpv4("127.0.0.1") as Uint8Array;

test("a guest and a loopback server exchange a stream, byte for byte, with half-close", async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  using pair = new LoopbackPair({ hostServices: [{ protocol: "tcp", port: 80, host: { address: LOOPBACK, port } }] });
  const client = new FakeTcp();
  const data = Uint8Array.from({ length: 4 << 20 }, (_, i) => (i * 31 + (i >> 11)) & 255);
  client.outgoing = data;
  client.outgoingEnded = true;
  client.events = pair.guest.splices.openToGuest(client, GUEST_ADDRESS, GATEWAY_ADDRESS, 80, clock.nowNs());
  await until(() => client.ended);
  assert.deepEqual(Uint8Array.from(client.received), data);
  assert.equal(client.wasReset, false);
  server.close();
});

test("a closed port refuses, the outside is denied", async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  using pair = new LoopbackPair({ hostServices: [{ protocol: "tcp", port: 80, host: { address: LOOPBACK, port } }] });
  for (const far of [GATEWAY_ADDRESS, OUTSIDE]) {
    const client = new FakeTcp();
    pair.guest.splices.openToGuest(client, GUEST_ADDRESS, far, 80, clock.nowNs());
    await until(() => client.wasReset);
  }
  assert.equal(pair.gateway.occupancy.tcp, 0);
});

test("a forwarded port of the loopback interface reaches the guest, which refuses", async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  using pair = new LoopbackPair({ forwards: [{ protocol: "tcp", host: { address: LOOPBACK, port }, guest: { address: GUEST_ADDRESS, port: 22 } }] });
  const client = connect(port, "127.0.0.1");
  client.on("error", () => {});
  await new Promise((resolve) => client.once("close", resolve));
  assert.equal(pair.gateway.occupancy.tcp, 0);
});

test("datagrams go to a loopback service and come back", async () => {
  const service = createSocket("udp4");
  service.on("message", (data, from) => service.send(Uint8Array.from(data).reverse(), from.port, from.address));
  service.bind(0, "127.0.0.1");
  await once(service, "listening");
  const { port } = service.address();
  using pair = new LoopbackPair({ hostServices: [{ protocol: "udp", port: 99, host: { address: LOOPBACK, port } }] });
  const frames: Uint8Array[] = [];
  pair.seen = (frame) => frames.push(frame);
  pair.cable.b.send(ip4(GUEST_ADDRESS, GATEWAY_ADDRESS, 17, udpDatagram(GUEST_ADDRESS, 5000, GATEWAY_ADDRESS, 99, [1, 2, 3])));
  await until(() => frames.some((frame) => frame[23] === 17));
  assert.deepEqual([...(frames.find((frame) => frame[23] === 17) ?? []).slice(-3)], [3, 2, 1]);
  service.close();
});
