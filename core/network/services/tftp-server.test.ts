// TFTP through the gateway: what a boot ROM asks and gets, lost and repeated packets, refusals, bounds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIpv4 as packet4 } from "../stack/ip-packet.ts";
import { readU16 } from "../wire/bytes.ts";
import { GATEWAY_ADDRESS, GUEST_ADDRESS, ip4, seededRandom, Testbed, udpDatagram } from "../stack/testbed.ts";
import type { TftpFile, TftpFileError, TftpFiles } from "./tftp-files.ts";

/** Files in memory; reads answer at once or, with `isSlow`, when the test says so. */
class MemoryFiles implements TftpFiles {
  readonly contents: Record<string, Uint8Array>;
  readonly waiting: (() => void)[] = [];
  isSlow = false;
  openCount = 0;

  constructor(contents: Record<string, Uint8Array>) {
    this.contents = contents;
  }

  open(name: string, opened: (file: TftpFile | TftpFileError) => void): void {
    const bytes = this.contents[name];
    if (bytes === undefined) {
      opened(name.includes("..") ? "denied" : "not-found");
      return;
    }
    this.openCount++;
    opened({
      sizeBytes: bytes.length,
      read: (position, into, done) => {
        const answer = (): void => {
          const part = bytes.subarray(position, position + into.length);
          into.set(part);
          done(part.length);
        };
        if (this.isSlow) this.waiting.push(answer);
        else answer();
      },
      close: () => {
        this.openCount--;
      },
    });
  }
}

interface Message {
  port: number;
  operation: number;
  block: number;
  bytes: Uint8Array;
}

class Client {
  readonly bed: Testbed;
  readonly files: MemoryFiles;

  constructor(contents: Record<string, Uint8Array>) {
    this.files = new MemoryFiles(contents);
    this.bed = new Testbed({ tftp: this.files });
    this.bed.sayWhereGuestIs();
  }

  send(port: number, payload: ArrayLike<number>, from = 2000, guest = GUEST_ADDRESS): Message[] {
    return this.read(this.bed.exchange(ip4(guest, GATEWAY_ADDRESS, 17, udpDatagram(guest, from, GATEWAY_ADDRESS, port, payload))));
  }

  read(frames: Uint8Array[]): Message[] {
    return frames.filter((frame) => readU16(frame, 12) === 0x0800).map((frame) => {
      const packet = packet4(frame, 14, frame.length, frame.subarray(6, 12));
      assert.ok(packet);
      const { data, payloadAt: at, payloadLength } = packet;
      assert.equal(packet.protocol, 17);
      return { port: readU16(data, at), operation: readU16(data, at + 8), block: readU16(data, at + 10), bytes: data.slice(at + 12, at + payloadLength) };
    });
  }

  ask(name: string, options: Record<string, number> = {}, from = 2000): Message[] {
    return this.send(69, request(1, name, "octet", options), from);
  }

  acknowledge(port: number, block: number, from = 2000): Message[] {
    return this.send(port, [0, 4, (block >> 8) & 255, block & 255], from);
  }

  /** Fetches a file as a client that acknowledges each window; `lose` says which of the answers never arrive. */
  fetch(name: string, options: Record<string, number>, lose: () => boolean = () => false): Uint8Array {
    const parts: Uint8Array[] = [];
    let size = 0;
    let messages = this.ask(name, options);
    const blockBytes = options["blksize"] ?? 512;
    for (let rounds = 0; rounds < 20_000; rounds++) {
      let answered = -1;
      let port = 0;
      for (const message of messages) {
        if (lose()) continue;
        port = message.port;
        if (message.operation === 6) answered = 0;
        else {
          assert.equal(message.operation, 3);
          if (message.block === ((parts.length + 1) & 0xffff)) {
            parts.push(message.bytes);
            size += message.bytes.length;
          }
          answered = parts.length;
        }
      }
      const isLast = parts.length > 0 && (parts.at(-1) as Uint8Array).length < blockBytes;
      if (isLast) {
        this.acknowledge(port, parts.length);
        const whole = new Uint8Array(size);
        let at = 0;
        for (const part of parts) {
          whole.set(part, at);
          at += part.length;
        }
        return whole;
      }
      if (answered >= 0 && !lose()) messages = this.acknowledge(port, answered);
      else {
        this.bed.frames = [];
        this.bed.run(1.1e9);
        messages = this.read(this.bed.frames);
      }
    }
    assert.fail("the file never ended");
  }
}

function request(operation: number, name: string, mode: string, options: Record<string, number> = {}): number[] {
  const text = [name, mode, ...Object.entries(options).flatMap(([key, value]) => [key, `${value}`])].map((part) => `${part}\0`).join("");
  return [0, operation, ...new TextEncoder().encode(text)];
}

function noise(length: number, seed = 1): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => random() * 256);
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("a file comes in blocks of 512 bytes, each after the one before was acknowledged", () => {
  const client = new Client({ "pxelinux.0": noise(1024) });
  const [first] = client.ask("pxelinux.0");
  assert.ok(first);
  assert.notEqual(first.port, 69);
  assert.deepEqual([first.operation, first.block, first.bytes], [3, 1, noise(1024).subarray(0, 512)]);
  assert.deepEqual(client.acknowledge(first.port, 1).map((message) => [message.block, message.bytes.length]), [[2, 512]]);
  assert.deepEqual(client.acknowledge(first.port, 1), [], "a repeated acknowledgement is not answered");
  assert.deepEqual(client.acknowledge(first.port, 2).map((message) => [message.block, message.bytes.length]), [[3, 0]], "an empty block ends it");
  assert.deepEqual(client.acknowledge(first.port, 3), []);
  assert.deepEqual([client.bed.gateway.occupancy.tftp, client.files.openCount], [0, 0]);
});

test("options are answered, within what a packet holds", () => {
  const client = new Client({ kernel: noise(70_000) });
  const [answer] = client.ask("kernel", { BLKSIZE: 9000, tsize: 0, timeout: 3, windowsize: 4, unknown: 5 });
  assert.equal(answer?.operation, 6);
  const message = Uint8Array.of((answer?.block ?? 0) >> 8, (answer?.block ?? 0) & 255, ...(answer?.bytes ?? []));
  assert.equal(text(message), "blksize\x001468\x00timeout\x003\x00tsize\x0070000\x00windowsize\x004\x00");
  const window = client.acknowledge(answer?.port ?? 0, 0);
  assert.deepEqual(window.map((part) => [part.block, part.bytes.length]), [[1, 1468], [2, 1468], [3, 1468], [4, 1468]]);
});

test("files arrive whole with any block and window size, with packets lost, and beyond 65,535 blocks", () => {
  const file = noise(40_000, 3);
  const client = new Client({ file, large: noise(65_540 * 8 + 3, 5), exact: noise(4096), empty: new Uint8Array(0) });
  for (const [blksize, windowsize] of [[8, 1], [512, 1], [1000, 7], [1428, 64], [1024, 16]] as const) {
    assert.deepEqual(client.fetch("file", { blksize, windowsize }), file, `blocks of ${blksize}, windows of ${windowsize}`);
    const random = seededRandom(blksize);
    assert.deepEqual(client.fetch("file", { blksize, windowsize }, () => random() < 0.05), file, `blocks of ${blksize}, with loss`);
  }
  assert.deepEqual(client.fetch("exact", { blksize: 1024, windowsize: 4 }), noise(4096));
  assert.deepEqual(client.fetch("empty", {}), new Uint8Array(0));
  assert.deepEqual(client.fetch("large", { blksize: 8, windowsize: 64 }), noise(65_540 * 8 + 3, 5));
  client.bed.run(60e9);
  assert.deepEqual([client.bed.gateway.occupancy.tftp, client.files.openCount], [0, 0]);
});

test("what is not there, not allowed or not TFTP is refused", () => {
  const client = new Client({ file: noise(10) });
  const error = (messages: Message[]): unknown[] => messages.map((message) => [message.operation, message.block, text(message.bytes)]);
  assert.deepEqual(error(client.ask("nothing")), [[5, 1, "File not found\0"]]);
  assert.deepEqual(error(client.ask("../etc/shadow")), [[5, 2, "Access violation\0"]]);
  assert.deepEqual(error(client.send(69, request(2, "file", "octet"))), [[5, 2, "This server is read-only\0"]]);
  assert.deepEqual(error(client.send(69, request(1, "file", "netascii"))), [[5, 4, "Only octet mode is served\0"]]);
  for (const bad of [[], [0], [0, 1], [0, 1, 65], [0, 1, 65, 0], [0, 1, 65, 0, 66], [0, 9, 0], [1, 1, 65, 0, 66, 0], [0, 1, ...new Array<number>(600).fill(65), 0]]) {
    assert.deepEqual(error(client.send(69, bad)), [[5, 4, "Illegal TFTP operation\0"]]);
  }
  assert.deepEqual(client.send(69, [0, 5, 0, 0, 0]), [], "an error is never answered with one");
  const [first] = client.ask("file", { blksize: 8 });
  const stranger = client.acknowledge(first?.port ?? 0, 0, 2001);
  assert.deepEqual(error(stranger), [[5, 5, "Unknown transfer\0"]]);
  assert.equal(client.acknowledge(first?.port ?? 0, 0).length, 1, "which does not disturb the transfer");
  assert.deepEqual(error(client.send(first?.port ?? 0, [0, 3, 0, 1])), [[5, 4, "Illegal TFTP operation\0"]]);
  assert.equal(client.bed.gateway.occupancy.tftp, 0);
});

test("a silent client is reminded and given up, and one that says so at once", () => {
  const client = new Client({ file: noise(5000) });
  client.ask("file");
  client.bed.frames = [];
  client.bed.run(3.5e9);
  assert.deepEqual(client.read(client.bed.frames).map((message) => message.block), [1, 1, 1]);
  client.bed.run(10e9);
  assert.deepEqual([client.bed.gateway.occupancy.tftp, client.files.openCount, client.bed.gateway.nextDeadline()], [0, 0, Infinity]);
  const [first] = client.ask("file");
  client.send(first?.port ?? 0, [0, 5, 0, 0, 0]);
  assert.deepEqual([client.bed.gateway.occupancy.tftp, client.files.openCount], [0, 0]);
});

test("a repeated request starts no second transfer, another one replaces it", () => {
  const client = new Client({ file: noise(5000), other: noise(5000) });
  client.ask("file");
  assert.deepEqual(client.ask("file"), []);
  client.ask("other");
  assert.deepEqual([client.bed.gateway.occupancy.tftp, client.files.openCount], [1, 1]);
});

test("a guest's flood of requests takes neither memory nor the transfers of others", () => {
  const client = new Client({ file: noise(5000) });
  const other = Uint8Array.of(10, 0, 10, 30);
  client.send(69, request(1, "file", "octet"), 1, other);
  for (let port = 1000; port < 3000; port++) client.ask("file", { windowsize: 65535, blksize: 65464 }, port);
  assert.deepEqual([client.bed.gateway.occupancy.tftp, client.files.openCount], [17, 17]);
});

test("a slow file delays only its own transfer, and one that is gone meanwhile is forgotten", () => {
  const client = new Client({ file: noise(600) });
  client.files.isSlow = true;
  assert.deepEqual(client.ask("file"), []);
  client.bed.run(30e9);
  client.bed.frames = [];
  client.files.waiting.shift()?.();
  client.bed.run();
  const [first] = client.read(client.bed.frames);
  assert.equal(first?.block, 1);
  client.acknowledge(first?.port ?? 0, 1);
  client.send(first?.port ?? 0, [0, 5, 0, 0, 0]);
  client.bed.frames = [];
  client.files.waiting.shift()?.();
  client.bed.run();
  assert.deepEqual(client.bed.frames, []);
});
