// DNS over TCP at the gateway: two questions in one stream, answers that UDP would cut, and the end. And UDP port forwards.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Gateway } from "../stack/gateway.ts";
import {
  FakeSockets, FakeTcp, FaultyCable, GATEWAY_ADDRESS, gatewaySettings, GUEST_ADDRESS, ip4, OUTSIDE, seededRandom, StackGuest, Testbed, udpDatagram,
} from "../stack/testbed.ts";

test("two questions in one stream are answered whole, and the stream ends", () => {
  const cable = new FaultyCable({ loss: 0, duplicate: 0, reorder: 0, delayNs: 1000 }, 1);
  const random = seededRandom(3);
  const random32 = (): number => Math.floor(random() * 2 ** 32);
  const sockets = new FakeSockets();
  const many = Array.from({ length: 100 }, () => ({ name: "big.test", ttl: 1, type: "A" as const, address: OUTSIDE }));
  sockets.answers.set("big.test A", many);
  const gateway = new Gateway(gatewaySettings(), cable.ends[0], { sockets, clock: cable.clock, random32, event: () => {}, wake: () => {} });
  const guest = new StackGuest(cable.ends[1], cable.clock, random32);
  const question = (id: number): number[] => {
    const message = [0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 98, 105, 103, 4, 116, 101, 115, 116, 0, 0, 1, 0, 1];
    return [0, message.length, ...message];
  };
  const client = new FakeTcp();
  client.outgoing = Uint8Array.of(...question(1), ...question(2));
  client.outgoingEnded = true;
  guest.splices.openToGuest(client, GUEST_ADDRESS, GATEWAY_ADDRESS, 53, 0);
  assert.ok(cable.run([gateway, guest], () => client.ended, 10e9));
  const size = 26 + 100 * 16;
  assert.equal(client.received.length, 2 * (2 + size));
  assert.deepEqual(client.received.slice(0, 10), [size >> 8, size & 255, 0, 1, 0x81, 0x80, 0, 1, 0, 100]);
  assert.equal(client.received[2 + size + 3], 2);
  assert.equal(client.wasReset, false);
});

test("a forwarded UDP port brings a sender to the guest and the guest's answer back", () => {
  const host = { address: Uint8Array.of(127, 0, 0, 1), port: 5353 };
  const bed = new Testbed({ forwards: [{ protocol: "udp", host, guest: { address: GUEST_ADDRESS, port: 53 } }] });
  bed.sayWhereGuestIs();
  const sender = { address: Uint8Array.of(127, 0, 0, 1), port: 4444 };
  bed.sockets.arrive(host, sender, Uint8Array.of(1, 2, 3));
  bed.run();
  const [frame] = bed.frames;
  assert.ok(frame);
  const port = ((frame[34] as number) << 8) | (frame[35] as number);
  assert.deepEqual([...frame.slice(-3)], [1, 2, 3]);
  bed.exchange(ip4(GUEST_ADDRESS, GATEWAY_ADDRESS, 17, udpDatagram(GUEST_ADDRESS, 53, GATEWAY_ADDRESS, port, [9])));
  assert.deepEqual(bed.sockets.datagrams.map(({ to, data }) => [to.port, ...data]), [[4444, 9]]);
  // Another port of the guest cannot answer in its name.
  bed.exchange(ip4(GUEST_ADDRESS, GATEWAY_ADDRESS, 17, udpDatagram(GUEST_ADDRESS, 54, GATEWAY_ADDRESS, port, [8])));
  assert.equal(bed.sockets.datagrams.length, 1);
});
