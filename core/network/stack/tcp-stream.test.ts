// Whole streams through the gateway over a bad cable: what goes in comes out, whatever is lost, doubled or late. The guest's end is a
// second stack that dials through the first.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Gateway } from "./gateway.ts";
import { FakeSockets, FakeTcp, FaultyCable, gatewaySettings, GUEST_ADDRESS, OUTSIDE, seededRandom, StackGuest } from "./testbed.ts";

function dial(cable: FaultyCable, seed: number) {
  const random = seededRandom(seed);
  const random32 = (): number => Math.floor(random() * 2 ** 32);
  const sockets = new FakeSockets();
  const gateway = new Gateway(gatewaySettings(), cable.ends[0], { sockets, clock: cable.clock, random32, event: () => {}, wake: () => {} });
  const guest = new StackGuest(cable.ends[1], cable.clock, random32);
  return { gateway, sockets, splices: guest.splices, guest };
}

function pattern(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

for (const seed of [1, 2, 3]) {
  test(`1 MB each way, byte-exact, with 5 % loss, duplication and reordering (seed ${seed})`, () => {
    const cable = new FaultyCable({ loss: 0.05, duplicate: 0.05, reorder: 0.05, delayNs: 200e3 }, seed);
    const { gateway, sockets, splices, guest } = dial(cable, seed);
    const up = pattern(1 << 20, seed);
    const down = pattern(1 << 20, seed + 100);
    const client = new FakeTcp();
    client.outgoing = up;
    client.outgoingEnded = true;
    splices.openToGuest(client, GUEST_ADDRESS, OUTSIDE, 80, 0);
    assert.ok(cable.run([gateway, guest], () => sockets.connections.length === 1, 60e9));
    const server = sockets.connections[0]?.socket as FakeTcp;
    server.outgoing = down;
    server.outgoingEnded = true;
    server.events?.readable();
    assert.ok(cable.run([gateway, guest], () => server.ended && client.ended, 600e9), `stuck at ${server.received.length}, ${client.received.length}`);
    assert.deepEqual(Uint8Array.from(server.received), up);
    assert.deepEqual(Uint8Array.from(client.received), down);
    assert.ok(cable.clock.now < 120e9, `took ${cable.clock.now / 1e9} s`);
    cable.run([gateway, guest], () => false, cable.clock.now + 200e9);
    assert.equal(gateway.occupancy.tcp, 0);
    assert.equal(splices.size, 0);
  });
}

test("a reader that stops holds the writer back, and nothing is lost when it goes on", () => {
  const cable = new FaultyCable({ loss: 0, duplicate: 0, reorder: 0, delayNs: 100e3 }, 9);
  const { gateway, sockets, splices, guest } = dial(cable, 9);
  const data = pattern(3 << 20, 9);
  const client = new FakeTcp();
  client.outgoing = data;
  client.outgoingEnded = true;
  splices.openToGuest(client, GUEST_ADDRESS, OUTSIDE, 80, 0);
  assert.ok(cable.run([gateway, guest], () => sockets.connections.length === 1, 60e9));
  const server = sockets.connections[0]?.socket as FakeTcp;
  server.window = 100_000;
  cable.run([gateway, guest], () => false, 300e9);
  assert.equal(server.received.length, 100_000);
  // What is under way is bounded by the two buffers, not by the stream.
  assert.ok(client.outgoing.length > data.length - 100_000 - (2 << 20), `${client.outgoing.length} left`);
  server.window = Infinity;
  server.events?.writable();
  assert.ok(cable.run([gateway, guest], () => server.ended, 600e9), `stuck at ${server.received.length}`);
  assert.deepEqual(Uint8Array.from(server.received), data);
});

test("a silent network has nothing to do but keep-alive", () => {
  const cable = new FaultyCable({ loss: 0, duplicate: 0, reorder: 0, delayNs: 100e3 }, 4);
  const { gateway, sockets, splices, guest } = dial(cable, 4);
  splices.openToGuest(new FakeTcp(), GUEST_ADDRESS, OUTSIDE, 80, 0);
  assert.ok(cable.run([gateway, guest], () => sockets.connections.length === 1, 60e9));
  cable.run([gateway, guest], () => false, 10e9);
  const sent = cable.sent;
  cable.run([gateway, guest], () => false, 3600e9);
  assert.equal(cable.sent, sent);
  assert.ok(gateway.nextDeadline() >= 7000e9, `${gateway.nextDeadline()}`);
});
