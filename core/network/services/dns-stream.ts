// DNS over TCP (RFC 7766) at the gateway: messages with a length in front, served within the stack as if by a host socket.
import type { IpAddress } from "../stack/address.ts";
import type { HostTcp, HostTcpEvents } from "../stack/host-sockets.ts";
import { readU16, writeU16 } from "../wire/bytes.ts";
import type { DnsForwarder } from "./dns-forwarder.ts";

const WAITING_ANSWERS = 65536 + 2;

export class DnsStream implements HostTcp {
  private readonly dns: DnsForwarder;
  private readonly guest: IpAddress;
  private readonly events: HostTcpEvents;
  private input = new Uint8Array(0);
  private answers: Uint8Array[] = [];
  private waiting = 0;
  private underWay = 0;
  private inputEnded = false;
  private isClosed = false;

  constructor(dns: DnsForwarder, guest: IpAddress, events: HostTcpEvents) {
    this.dns = dns;
    this.guest = guest;
    this.events = events;
    events.connected();
  }

  read(into: Uint8Array): number {
    const first = this.answers[0];
    if (first === undefined) return this.inputEnded && this.underWay === 0 ? -1 : 0;
    const count = Math.min(into.length, first.length);
    into.set(first.subarray(0, count));
    if (count === first.length) this.answers.shift();
    else this.answers[0] = first.subarray(count);
    const wasFull = this.waiting >= WAITING_ANSWERS;
    this.waiting -= count;
    if (wasFull && this.waiting < WAITING_ANSWERS) this.events.writable();
    return count;
  }

  write(bytes: Uint8Array): number {
    if (this.waiting >= WAITING_ANSWERS) return 0;
    const input = new Uint8Array(this.input.length + bytes.length);
    input.set(this.input);
    input.set(bytes, this.input.length);
    let p = 0;
    while (p + 2 <= input.length && p + 2 + readU16(input, p) <= input.length) {
      const length = readU16(input, p);
      this.ask(input.slice(p + 2, p + 2 + length));
      p += 2 + length;
    }
    this.input = input.slice(p);
    return bytes.length;
  }

  private ask(message: Uint8Array): void {
    this.underWay++;
    let isAnswered = false;
    this.dns.query(this.guest, message, true, (answer) => {
      if (this.isClosed) return;
      isAnswered = true;
      this.underWay--;
      const framed = new Uint8Array(2 + answer.length);
      writeU16(framed, 0, answer.length);
      framed.set(answer, 2);
      this.answers.push(framed);
      this.waiting += framed.length;
      this.events.readable();
    });
    // What gets no answer at all (no query) is garbage: the stream cannot be trusted from here on.
    if (!isAnswered && (message.length < 12 || ((message[2] as number) & 0x80) !== 0)) this.underWay--;
  }

  end(): void {
    this.inputEnded = true;
    this.events.readable();
  }

  reset(): void {
    this.isClosed = true;
    this.answers = [];
  }
}
