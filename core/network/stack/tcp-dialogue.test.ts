// Scripted TCP dialogues: the guest's segments by hand, the gateway's answers looked at one by one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_LIMITS } from "./gateway.ts";
import { parseIpv4 as parsePacket } from "./ip-packet.ts";
import { readU16 } from "../wire/bytes.ts";
import type { TcpHeader, TcpSegment } from "./tcp-segment.ts";
import { ACK, emptySegment, FIN, parseSegment, PSH, RST, SYN } from "./tcp-segment.ts";
import type { FakeTcp } from "./testbed.ts";
import { GUEST_ADDRESS, OUTSIDE, tcp4, Testbed } from "./testbed.ts";

const MS = 1e6;

function segments(frames: Uint8Array[]): (TcpSegment & { text: string })[] {
  return frames
    .filter((frame) => readU16(frame, 12) === 0x0800)
    .map((frame) => {
      const packet = parsePacket(frame, 14, frame.length, frame.subarray(6, 12));
      assert.ok(packet);
      const segment = emptySegment();
      assert.ok(parseSegment(segment, packet.data, packet.payloadAt, packet.payloadLength));
      return { ...segment, sack: [...segment.sack], text: new TextDecoder().decode(frame.subarray(segment.dataAt, segment.dataAt + segment.dataLength)) };
    });
}

class Dialogue {
  readonly bed = new Testbed();
  /** The gateway's initial sequence number. */
  theirs = 0;
  socket!: FakeTcp;

  constructor(options: Partial<TcpHeader> = {}) {
    this.bed.sayWhereGuestIs();
    const [answer] = this.say({ sequence: 1000, flags: SYN, mss: 1460, windowScale: 2, sackPermitted: true, ...options });
    assert.ok(answer);
    assert.equal(answer.flags, SYN | ACK);
    assert.equal(answer.acknowledgement, 1001);
    this.theirs = answer.sequence;
    const connection = this.bed.sockets.connections[0];
    assert.ok(connection);
    this.socket = connection.socket;
    this.say({ sequence: 1001, acknowledgement: this.theirs + 1 });
  }

  say(header: Partial<TcpHeader>, text = ""): (TcpSegment & { text: string })[] {
    const wrapped = { ...header, acknowledgement: (header.acknowledgement ?? 0) >>> 0 };
    return segments(this.bed.exchange(tcp4(OUTSIDE, wrapped, new TextEncoder().encode(text))));
  }

  wait(ns: number): (TcpSegment & { text: string })[] {
    this.bed.frames = [];
    this.bed.run(ns);
    return segments(this.bed.frames);
  }

  /** The host's side sends. */
  hostSends(text: string | Uint8Array): (TcpSegment & { text: string })[] {
    this.socket.outgoing = typeof text === "string" ? new TextEncoder().encode(text) : new Uint8Array(text);
    this.socket.events?.readable();
    return this.wait(0);
  }

  at(offset: number): number {
    return (this.theirs + 1 + offset) >>> 0;
  }
}

test("the handshake offers segment size, window scale and SACK only to who offers them", () => {
  const bed = new Testbed();
  bed.sayWhereGuestIs();
  const [full] = segments(bed.exchange(tcp4(OUTSIDE, { sequence: 5, flags: SYN, mss: 1460, windowScale: 7, sackPermitted: true })));
  assert.equal(full?.mss, 1460);
  assert.equal(full?.windowScale, 7);
  assert.equal(full?.sackPermitted, true);
  const [plain] = segments(bed.exchange(tcp4(OUTSIDE, { sourcePort: 40001, sequence: 5, flags: SYN })));
  assert.equal(plain?.windowScale, -1);
  assert.equal(plain?.sackPermitted, false);
});

test("a refused connection is reset", () => {
  const bed = new Testbed();
  bed.sayWhereGuestIs();
  bed.sockets.refuse = true;
  const [answer] = segments(bed.exchange(tcp4(OUTSIDE, { sequence: 77, flags: SYN })));
  assert.equal(answer?.flags, RST | ACK);
  assert.equal(answer?.acknowledgement, 78);
  assert.equal(bed.gateway.occupancy.tcp, 0);
});

test("data is acknowledged after two segments or 20 ms, and reaches the host", () => {
  const d = new Dialogue();
  assert.deepEqual(d.say({ sequence: 1001, acknowledgement: d.at(0), flags: ACK | PSH }, "hello"), []);
  const [late] = d.wait(20 * MS);
  assert.equal(late?.acknowledgement, 1006);
  assert.equal(new TextDecoder().decode(Uint8Array.from(d.socket.received)), "hello");
});

test("a row of segments is acknowledged once and whole, and what a reset follows reaches the host", () => {
  const d = new Dialogue();
  const segment = (n: number, flags = ACK, text = `${n}`.repeat(1000)): Uint8Array =>
    tcp4(OUTSIDE, { sequence: 1001 + n * 1000, acknowledgement: d.at(0), flags }, new TextEncoder().encode(text));
  const received = (): string => new TextDecoder().decode(Uint8Array.from(d.socket.received));
  for (let n = 0; n < 7; n++) d.bed.cable.clients[0]?.receive(segment(n));
  const answers = segments(d.bed.exchange(segment(7)));
  assert.deepEqual(answers.map(({ acknowledgement }) => acknowledgement), [9001]);
  assert.equal(received(), Array.from("01234567", (digit) => digit.repeat(1000)).join(""));
  d.bed.cable.clients[0]?.receive(segment(8));
  d.bed.exchange(segment(9, RST | ACK, ""));
  assert.equal(received().length, 9000);
});

test("a fast sender is offered a megabyte, wherever in the window its data end, and a slow one is not", () => {
  for (const [pauseNs, expected] of [[1 * MS, 1 << 20], [400 * MS, 1 << 14]] as const) {
    const d = new Dialogue({ windowScale: 7 });
    let position = 0, window = 0;
    const text = new Uint8Array(1460);
    for (let round = 0; round < 600; round++) {
      // Never half a window at once.
      for (let n = 0; n < 4; n++, position += text.length) d.bed.cable.clients[0]?.receive(tcp4(OUTSIDE, { sequence: 1001 + position, acknowledgement: d.at(0), flags: ACK }, text));
      const answer = d.wait(pauseNs).at(-1);
      assert.equal(answer?.acknowledgement, 1001 + position);
      window = (answer?.window ?? 0) << 7;
    }
    assert.ok(Math.abs(window - expected) < 4096, `${window} after pauses of ${pauseNs / MS} ms`);
  }
});

test("data out of order is reported by SACK at once and delivered in order", () => {
  const d = new Dialogue();
  const [first] = d.say({ sequence: 1006, acknowledgement: d.at(0) }, "world");
  assert.equal(first?.acknowledgement, 1001);
  assert.deepEqual(first?.sack, [1006, 1011]);
  const [second] = d.say({ sequence: 1016, acknowledgement: d.at(0) }, "third");
  assert.deepEqual(second?.sack, [1016, 1021, 1006, 1011]);
  const [filled] = d.say({ sequence: 1001, acknowledgement: d.at(0) }, "hello");
  assert.equal(filled?.acknowledgement, 1011);
  assert.equal(new TextDecoder().decode(Uint8Array.from(d.socket.received)), "helloworld");
});

test("three duplicate acknowledgements bring the lost segment again, without SACK too", () => {
  for (const sackPermitted of [true, false]) {
    const d = new Dialogue({ sackPermitted });
    const sent = d.hostSends(new Uint8Array(14600));
    assert.equal(sent.length, 10);
    const again: TcpSegment[] = [];
    for (let i = 1; i <= 3; i++) {
      const sack = sackPermitted ? [{ start: d.at(1460), end: d.at(1460 * (i + 1)) }] : [];
      again.push(...d.say({ sequence: 1001, acknowledgement: d.at(0), sack }));
    }
    assert.deepEqual(again.map((segment) => segment.sequence), [d.at(0)], `sack ${sackPermitted}`);
    assert.equal(again[0]?.dataLength, 1460);
  }
});

test("without any answer the first segment is repeated with doubling intervals, and the connection ends", () => {
  const d = new Dialogue();
  d.hostSends("abc");
  const times: number[] = [];
  let last: TcpSegment | undefined;
  for (let i = 0; i < 2000; i++) {
    for (const segment of d.wait(500 * MS)) {
      times.push(d.bed.cable.clock.now / 1e9);
      last = segment;
    }
  }
  assert.ok(times.length >= 10, `${times.length}`);
  const gaps = times.slice(1, 6).map((time, i) => time - (times[i] as number));
  for (let i = 1; i < gaps.length; i++) assert.ok((gaps[i] as number) >= (gaps[i - 1] as number), `${gaps}`);
  assert.equal(last?.flags, RST | ACK);
  assert.equal(d.bed.gateway.occupancy.tcp, 0);
  assert.ok(d.socket.wasReset);
});

test("a shut window is probed for as long as the guest answers, and opens again", () => {
  const d = new Dialogue();
  d.say({ sequence: 1001, acknowledgement: d.at(0), window: 0 });
  assert.deepEqual(d.hostSends("abcdef"), []);
  let probes = 0;
  for (let i = 0; i < 1800; i++) {
    for (const probe of d.wait(1000 * MS)) {
      probes++;
      assert.equal(probe.sequence, d.at(0));
      assert.ok(probe.dataLength <= 1);
      d.say({ sequence: 1001, acknowledgement: d.at(0), window: 0 });
    }
  }
  assert.ok(probes >= 15, `${probes}`);
  const opened = d.say({ sequence: 1001, acknowledgement: d.at(0), window: 1000 });
  assert.equal(opened.map((segment) => segment.text).join(""), "abcdef");
});

test("either side may close first and go on reading", () => {
  const d = new Dialogue();
  const [ack] = d.say({ sequence: 1001, acknowledgement: d.at(0), flags: ACK | FIN });
  assert.equal(ack?.acknowledgement, 1002);
  assert.ok(d.socket.ended);
  assert.equal(d.hostSends("still here")[0]?.text, "still here");
  d.socket.outgoingEnded = true;
  d.socket.events?.readable();
  const [fin] = d.wait(0);
  assert.equal((fin?.flags ?? 0) & FIN, FIN);
  d.say({ sequence: 1002, acknowledgement: d.at(11) });
  assert.equal(d.bed.gateway.occupancy.tcp, 0);

  const e = new Dialogue();
  e.socket.outgoingEnded = true;
  e.socket.events?.readable();
  const [first] = e.wait(0);
  assert.equal((first?.flags ?? 0) & FIN, FIN);
  e.say({ sequence: 1001, acknowledgement: e.at(1) });
  e.say({ sequence: 1001, acknowledgement: e.at(1) }, "late");
  assert.equal(new TextDecoder().decode(Uint8Array.from(e.socket.received)), "late");
  const [last] = e.say({ sequence: 1005, acknowledgement: e.at(1), flags: ACK | FIN });
  assert.equal(last?.acknowledgement, 1006);
  assert.ok(e.socket.ended);
  // The FIN again, as if the last acknowledgement were lost.
  assert.equal(e.say({ sequence: 1005, acknowledgement: e.at(1), flags: ACK | FIN })[0]?.acknowledgement, 1006);
  e.wait(31e9);
  assert.equal(e.bed.gateway.occupancy.tcp, 0);
  assert.equal(e.socket.wasReset, false);
});

test("a reset counts only with the exact sequence number; others are challenged", () => {
  const d = new Dialogue();
  const [challenge] = d.say({ sequence: 1010, flags: RST });
  assert.equal(challenge?.flags, ACK);
  d.wait(200 * MS);
  const [syn] = d.say({ sequence: 1010, flags: SYN });
  assert.equal(syn?.flags, ACK);
  assert.equal(d.bed.gateway.occupancy.tcp, 1);
  assert.deepEqual(d.say({ sequence: 900000, flags: RST }), []);
  assert.deepEqual(d.say({ sequence: 1001, flags: RST }), []);
  assert.equal(d.bed.gateway.occupancy.tcp, 0);
  assert.ok(d.socket.wasReset);
});

test("a failing host socket resets the guest", () => {
  const d = new Dialogue();
  d.socket.events?.failed("reset");
  const [reset] = d.wait(0);
  assert.equal(reset?.flags, RST | ACK);
  assert.equal(reset?.sequence, d.at(0));
  assert.equal(d.bed.gateway.occupancy.tcp, 0);
});

test("a guest that went away is found out by keep-alive", () => {
  const d = new Dialogue();
  const probes = d.wait(7201e9);
  assert.equal(probes.length, 1);
  assert.equal(probes[0]?.sequence, d.at(-1));
  d.say({ sequence: 1001, acknowledgement: d.at(0) });
  assert.equal(d.bed.gateway.occupancy.tcp, 1);
  d.wait(9000e9);
  assert.equal(d.bed.gateway.occupancy.tcp, 0);
});

test("segments that belong to nothing are reset, and destinations out of reach refused", () => {
  const bed = new Testbed({ nat: false });
  bed.sayWhereGuestIs();
  const [reset] = segments(bed.exchange(tcp4(OUTSIDE, { sequence: 1, acknowledgement: 4711, flags: ACK })));
  assert.equal(reset?.flags, RST);
  assert.equal(reset?.sequence, 4711);
  const [icmp] = bed.exchange(tcp4(OUTSIDE, { sequence: 1, flags: SYN }));
  assert.deepEqual([icmp?.[23], icmp?.[34], icmp?.[35]], [1, 3, 13]);
  const loop = new Testbed();
  loop.sayWhereGuestIs();
  loop.exchange(tcp4(Uint8Array.of(127, 0, 0, 1), { sequence: 1, flags: SYN }));
  assert.equal(loop.sockets.connections.length, 0);
});

test("a SYN flood takes the flooder's share and no more", () => {
  const limits = { tcp: { ...DEFAULT_LIMITS.tcp, connections: 50, connectionsPerGuest: 20 }, udp: { flows: 10, flowsPerGuest: 5 } };
  const bed = new Testbed({ limits });
  bed.sayWhereGuestIs();
  for (let port = 1; port <= 500; port++) bed.exchange(tcp4(OUTSIDE, { sourcePort: port, sequence: 1, flags: SYN }));
  assert.equal(bed.gateway.occupancy.tcp, 20);
  assert.equal(bed.sockets.connections.filter((entry) => !entry.socket.wasReset).length, 20);
});

test("a port forward opens a connection to the guest", () => {
  const at = { address: Uint8Array.of(127, 0, 0, 1), port: 2222 };
  const bed = new Testbed({ forwards: [{ protocol: "tcp", host: at, guest: { address: GUEST_ADDRESS, port: 22 } }] });
  bed.sayWhereGuestIs();
  const d = Object.assign(Object.create(Dialogue.prototype) as Dialogue, { bed });
  const listener = bed.sockets.listeners[0];
  assert.deepEqual(listener?.at, at);
  const fake = new Dialogue().socket;
  fake.outgoing = new TextEncoder().encode("SSH-2.0");
  const events = listener?.accepted(fake, at);
  assert.ok(events);
  const [syn] = d.wait(0);
  assert.equal(syn?.flags, SYN);
  assert.equal(syn?.destinationPort, 22);
  const seq = syn?.sequence ?? 0;
  const far = Uint8Array.of(10, 0, 10, 1);
  const answer = { sourcePort: 22, destinationPort: syn?.sourcePort ?? 0 };
  const got = segments(bed.exchange(tcp4(far, { ...answer, sequence: 500, acknowledgement: (seq + 1) >>> 0, flags: SYN | ACK, mss: 1460 })));
  assert.equal(got.map((segment) => segment.text).join(""), "SSH-2.0");
  assert.equal(got.at(-1)?.acknowledgement, 501);
});
