// For the tests of the gateway: a guest that wants nothing but ordinary service, to be asked while others misbehave. It answers ARP and
// neighbour solicitations for its addresses, and checks what the gateway gives it.
import assert from "node:assert/strict";
import { ACKNOWLEDGE, formatDhcp, parseDhcp, REQUEST } from "../network/services/dhcp-message.ts";
import { readU16, readU32, writeU16 } from "../network/wire/bytes.ts";
import { internetChecksum, transportChecksum } from "../network/wire/checksum.ts";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../network/wire/ethernet.ts";
import { BROADCAST_MAC, BROADCAST_V4, parseIpv4, parseMac } from "../network/stack/address.ts";
import { equalOctets } from "../network/stack/octets.ts";
import { arpReply, ethernet, GATEWAY_ADDRESS, GATEWAY_MAC, isQuestionFor, OUTSIDE, type Testbed, udpDatagram } from "../network/stack/testbed.ts";
import { putHeader } from "../network/stack/tcp-segment.ts";

export const WITNESS_MAC = parseMac("02:00:00:00:00:0b") as Uint8Array;
export const WITNESS_ADDRESS = parseIpv4("10.0.10.21") as Uint8Array;
/** A name server has to know this one: `answers.set("witness.test A", ...)`. */
const NAME = [7, 0x77, 0x69, 0x74, 0x6e, 0x65, 0x73, 0x73, 4, 0x74, 0x65, 0x73, 0x74, 0];

/** What the testbed has to be made with for the witness to have an address of its own. */
export const WITNESS_RESERVATION = { mac: WITNESS_MAC, address: WITNESS_ADDRESS, name: "witness" };

export class Witness {
  private readonly bed: Testbed;
  private port = 20_000;
  private readonly connection: { port: number; sequence: number; acknowledgement: number };

  /** Opens a connection that is to outlive everything. */
  constructor(bed: Testbed) {
    this.bed = bed;
    bed.sockets.answers.set("witness.test A", [{ name: "witness.test", ttl: 60, type: "A", address: OUTSIDE }]);
    this.connection = this.connect();
  }

  /** Sends a frame and gives the answers that are for this guest. */
  private exchange(frame: Uint8Array): Uint8Array[] {
    const { bed } = this;
    const mine: Uint8Array[] = [];
    let frames = bed.exchange(frame);
    while (frames.length > 0) {
      const asked = frames.some((each) => isQuestionFor(each, WITNESS_ADDRESS));
      mine.push(...frames.filter((each) => equalOctets(each.subarray(0, 6), WITNESS_MAC) && readU16(each, 12) === ETHERTYPE_IPV4));
      frames = asked ? bed.exchange(arpReply(WITNESS_MAC, WITNESS_ADDRESS)) : [];
    }
    return mine;
  }

  private ip(to: Uint8Array, protocol: number, payload: Uint8Array, from = WITNESS_ADDRESS, mac = GATEWAY_MAC): Uint8Array {
    const header = new Uint8Array(20);
    header.set([0x45, 0, 0, 0, 0, 9, 0, 0, 64, protocol, 0, 0, ...from, ...to]);
    writeU16(header, 2, 20 + payload.length);
    writeU16(header, 10, internetChecksum(header, 0, 20));
    return ethernet(mac, WITNESS_MAC, ETHERTYPE_IPV4, [...header, ...payload]);
  }

  private tcp(port: number, sequence: number, acknowledgement: number, flags: number, data: readonly number[] = []): Uint8Array[] {
    const segment = new Uint8Array(60 + data.length);
    const size = putHeader(segment, 0, {
      sourcePort: port, destinationPort: 80, sequence, acknowledgement, flags, window: 65535, mss: 0, windowScale: -1, sackPermitted: false, sack: [],
    });
    segment.set(data, size);
    const whole = segment.subarray(0, size + data.length);
    writeU16(whole, 16, transportChecksum(whole, 0, whole.length, WITNESS_ADDRESS, OUTSIDE, 6));
    return this.exchange(this.ip(OUTSIDE, 6, whole));
  }

  private connect(): { port: number; sequence: number; acknowledgement: number } {
    const port = this.port++;
    const [answer] = this.tcp(port, 1000, 0, 2);
    assert.ok(answer, "a connection is accepted");
    assert.equal((answer[14 + 20 + 13] as number) & 0x3f, 0x12, "with SYN and ACK");
    const acknowledgement = (readU32(answer, 14 + 20 + 4) + 1) >>> 0;
    this.tcp(port, 1001, acknowledgement, 0x10);
    return { port, sequence: 1001, acknowledgement };
  }

  /** Says something on a connection and sees that the host has it. */
  private say(connection: { port: number; sequence: number; acknowledgement: number }): void {
    const word = [connection.port & 255, connection.sequence & 255, 3];
    const [answer] = this.tcp(connection.port, connection.sequence, connection.acknowledgement, 0x18, word);
    const [late] = answer === undefined ? this.waitForAnswer() : [answer];
    connection.sequence += word.length;
    assert.ok(late, "data is acknowledged");
    assert.equal(readU32(late, 14 + 20 + 8), connection.sequence, "all of it");
    assert.ok(this.bed.sockets.connections.some(({ socket }) => word.every((byte, i) => socket.received.at(i - word.length) === byte)), "and the host has it");
  }

  /** An acknowledgement may be delayed. */
  private waitForAnswer(): Uint8Array[] {
    this.bed.frames = [];
    this.bed.run(50e6);
    return this.bed.frames.filter((frame) => equalOctets(frame.subarray(0, 6), WITNESS_MAC));
  }

  /** Everything the gateway serves, and the old connection. */
  assertServed(): void {
    const arp = this.bed.exchange(ethernet(BROADCAST_MAC, WITNESS_MAC, ETHERTYPE_ARP, [
      0, 1, 8, 0, 6, 4, 0, 1, ...WITNESS_MAC, ...WITNESS_ADDRESS, 0, 0, 0, 0, 0, 0, ...GATEWAY_ADDRESS,
    ]));
    assert.ok(arp.some((frame) => readU16(frame, 12) === ETHERTYPE_ARP && equalOctets(frame.subarray(0, 6), WITNESS_MAC)), "ARP is answered");
    const ping = Uint8Array.of(8, 0, 0, 0, 1, 2, 3, 4);
    writeU16(ping, 2, internetChecksum(ping, 0, 8));
    assert.equal(this.exchange(this.ip(GATEWAY_ADDRESS, 1, ping))[0]?.[34], 0, "ping is answered");
    const lease = this.exchange(this.ip(BROADCAST_V4, 17, udpDatagram(new Uint8Array(4), 68, BROADCAST_V4, 67, dhcpRequest()), new Uint8Array(4), BROADCAST_MAC));
    const message = lease[0] && parseDhcp(lease[0].subarray(42));
    assert.equal(message?.options.get(53)?.[0], ACKNOWLEDGE, "the lease is renewed");
    const question = Uint8Array.of(0, 5, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...NAME, 0, 1, 0, 1);
    const [answer] = this.exchange(this.ip(GATEWAY_ADDRESS, 17, udpDatagram(WITNESS_ADDRESS, this.port++, GATEWAY_ADDRESS, 53, question)));
    assert.ok(answer, "DNS answers");
    assert.deepEqual([(answer[45] as number) & 15, readU16(answer, 48)], [0, 1], "with the name's address");
    this.say(this.connection);
    const fresh = this.connect();
    this.say(fresh);
    this.tcp(fresh.port, fresh.sequence, fresh.acknowledgement, 0x14);
  }
}

function dhcpRequest(): Uint8Array {
  const none = new Uint8Array(4);
  return formatDhcp({
    operation: 1, transaction: 9, seconds: 0, flags: 0, clientAddress: none, yourAddress: none, serverAddress: none, relayAddress: none,
    mac: WITNESS_MAC, bootFile: "", options: new Map([[53, Uint8Array.of(REQUEST)], [50, WITNESS_ADDRESS]]),
  });
}

/** Whether a frame is one that a gateway may send. */
export function isPlausible(frame: Uint8Array, mtu: number): boolean {
  const type = readU16(frame, 12);
  const isKnown = type === ETHERTYPE_ARP || type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6;
  return isKnown && frame.length <= 14 + mtu && equalOctets(frame.subarray(6, 12), GATEWAY_MAC);
}
