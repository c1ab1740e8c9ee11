// Read-only TFTP server: RFC 1350 in octet mode with the options of RFC 2347: blksize (2348), timeout and tsize (2349), windowsize (7440).
// Transfers are bounded in all and per guest; the oldest of the guest gives way. Files are read some dozens of KiB ahead of the client.
// Block numbers wrap around to 0, as clients of large files expect.
// Left out: netascii and mail modes, writing, multicast.
import type { IpAddress } from "../stack/address.ts";
import { addressKey } from "../stack/address.ts";
import { readU16, writeU16 } from "../wire/bytes.ts";
import type { TftpFile, TftpFileError, TftpFiles } from "./tftp-files.ts";
import type { TftpRequest } from "./tftp-message.ts";
import {
  ACCESS_VIOLATION, ACKNOWLEDGEMENT, DATA, ERROR, formatError, formatOptions, ILLEGAL_OPERATION, NOT_DEFINED, NOT_FOUND, operationOf, parseRequest,
  READ, UNKNOWN_TRANSFER, WRITE,
} from "./tftp-message.ts";

export const TFTP_PORT = 69;

export interface TftpSettings {
  files: TftpFiles;
  /** Of the network: no block is so large that it would go out in fragments. */
  mtu: number;
  nowNs(): number;
  send(from: IpAddress, fromPort: number, guest: IpAddress, port: number, message: Uint8Array): void;
  /** Runs what a file's callback does, with the clock set and frames that come meanwhile held back. */
  run(work: () => void): void;
}

const TRANSFERS = 64;
const TRANSFERS_PER_GUEST = 16;
/** Answers to a guest come from these ports, one for each transfer. */
const FIRST_PORT = 0xd000;
const PORTS = 0x1000;
const WINDOW_MAX = 64;
const BLOCK_DEFAULT = 512;
const READ_AHEAD_BYTES = 65536;
const TRIES = 6;

const FILE_ERRORS: Record<TftpFileError, [code: number, text: string]> = {
  "not-found": [NOT_FOUND, "File not found"],
  denied: [ACCESS_VIOLATION, "Access violation"],
  failed: [NOT_DEFINED, "The file cannot be read"],
};

interface Transfer {
  readonly guest: IpAddress;
  readonly guestKey: string;
  readonly guestPort: number;
  readonly ours: IpAddress;
  readonly port: number;
  readonly name: string;
  file: TftpFile | undefined;
  blockBytes: number;
  windowBlocks: number;
  timeoutNs: number;
  /** What the client is told of its options, until it has acknowledged that. */
  accepted: Uint8Array | undefined;
  /** How many blocks the client has. */
  acknowledged: number;
  /** Bytes of the file: those from `start` to `end` are the client's next, from the first block on that is not acknowledged. */
  buffer: Uint8Array;
  start: number;
  end: number;
  isReading: boolean;
  /** The client has asked again for what was in this window. */
  wasRepeated: boolean;
  deadlineNs: number;
  tries: number;
}

export class TftpServer {
  private readonly settings: TftpSettings;
  private readonly transfers = new Map<number, Transfer>();
  private message = new Uint8Array(4 + BLOCK_DEFAULT);
  private nextPort = 0;

  constructor(settings: TftpSettings) {
    this.settings = settings;
  }

  get size(): number {
    return this.transfers.size;
  }

  /** A datagram to the server's well-known port. */
  request(guest: IpAddress, guestPort: number, ours: IpAddress, message: Uint8Array): void {
    const operation = operationOf(message);
    if (operation === ERROR) return;
    const refuse = (code: number, text: string): void => this.settings.send(ours, TFTP_PORT, guest, guestPort, formatError(code, text));
    if (operation === WRITE) {
      refuse(ACCESS_VIOLATION, "This server is read-only");
      return;
    }
    const request = operation === READ ? parseRequest(message) : undefined;
    if (request === undefined) {
      refuse(ILLEGAL_OPERATION, "Illegal TFTP operation");
      return;
    }
    if (request.mode !== "octet") {
      refuse(ILLEGAL_OPERATION, "Only octet mode is served");
      return;
    }
    const guestKey = addressKey(guest);
    for (const transfer of this.transfers.values()) {
      if (transfer.guestPort !== guestPort || transfer.guestKey !== guestKey) continue;
      // The client repeats its request because the answer is late or was lost: the transfer's own timer sees to that.
      if (transfer.name === request.name && transfer.acknowledged === 0) return;
      this.drop(transfer);
      break;
    }
    this.begin(guest.slice(), guestKey, guestPort, ours.slice(), request);
  }

  private begin(guest: IpAddress, guestKey: string, guestPort: number, ours: IpAddress, request: TftpRequest): void {
    this.makeRoom(guestKey);
    let port: number;
    do port = FIRST_PORT + (this.nextPort++ % PORTS);
    while (this.transfers.has(port));
    const transfer: Transfer = {
      guest, guestKey, guestPort, ours, port, name: request.name,
      file: undefined, blockBytes: BLOCK_DEFAULT, windowBlocks: 1, timeoutNs: 1e9, accepted: undefined, acknowledged: 0,
      buffer: new Uint8Array(0), start: 0, end: 0, isReading: false, wasRepeated: false, deadlineNs: Infinity, tries: 0,
    };
    this.transfers.set(port, transfer);
    this.settings.files.open(request.name, (file) =>
      this.settings.run(() => {
        if (this.transfers.get(port) !== transfer) {
          if (typeof file !== "string") file.close();
        } else if (typeof file === "string") {
          const [code, text] = FILE_ERRORS[file];
          this.fail(transfer, code, text);
        } else {
          transfer.file = file;
          this.negotiate(transfer, file, request.options);
        }
      }),
    );
  }

  private negotiate(transfer: Transfer, file: TftpFile, options: Map<string, string>): void {
    const headers = (transfer.guest.length === 4 ? 20 : 40) + 8 + 4;
    const number = (name: string, least: number, most: number): number | undefined => {
      const text = options.get(name);
      const value = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : -1;
      return value >= least && value <= most ? value : undefined;
    };
    const answer = new Map<string, string>();
    const blockBytes = number("blksize", 8, 65464);
    if (blockBytes !== undefined) {
      transfer.blockBytes = Math.min(blockBytes, this.settings.mtu - headers);
      answer.set("blksize", `${transfer.blockBytes}`);
    }
    const timeout = number("timeout", 1, 255);
    if (timeout !== undefined) {
      transfer.timeoutNs = timeout * 1e9;
      answer.set("timeout", `${timeout}`);
    }
    if (options.has("tsize")) answer.set("tsize", `${file.sizeBytes}`);
    const windowBlocks = number("windowsize", 1, 65535);
    if (windowBlocks !== undefined) {
      transfer.windowBlocks = Math.min(windowBlocks, WINDOW_MAX);
      answer.set("windowsize", `${transfer.windowBlocks}`);
    }
    transfer.buffer = new Uint8Array(Math.min(Math.max(READ_AHEAD_BYTES, transfer.blockBytes * transfer.windowBlocks), Math.max(1, file.sizeBytes)));
    if (this.message.length < 4 + transfer.blockBytes) this.message = new Uint8Array(4 + transfer.blockBytes);
    if (answer.size === 0) {
      this.fill(transfer);
      return;
    }
    transfer.accepted = formatOptions(answer);
    this.send(transfer);
  }

  /** A datagram to one of a transfer's ports: whether there is such a transfer. */
  receive(guest: IpAddress, guestPort: number, port: number, message: Uint8Array): boolean {
    const transfer = this.transfers.get(port);
    if (transfer === undefined) return false;
    if (transfer.guestPort !== guestPort || transfer.guestKey !== addressKey(guest)) {
      if (operationOf(message) !== ERROR) {
        this.settings.send(transfer.ours, port, guest, guestPort, formatError(UNKNOWN_TRANSFER, "Unknown transfer"));
      }
      return true;
    }
    const operation = operationOf(message);
    if (operation === ERROR) this.drop(transfer);
    else if (operation === ACKNOWLEDGEMENT && message.length >= 4) this.acknowledge(transfer, readU16(message, 2));
    else this.fail(transfer, ILLEGAL_OPERATION, "Illegal TFTP operation");
    return true;
  }

  private acknowledge(transfer: Transfer, number: number): void {
    if (transfer.accepted !== undefined) {
      if (number !== 0) return;
      transfer.accepted = undefined;
      this.fill(transfer);
      return;
    }
    if (transfer.isReading || transfer.file === undefined) return;
    const blocks = this.blocksFilled(transfer);
    const news = (number - transfer.acknowledged) & 0xffff;
    if (news === 0) {
      // A repeated acknowledgement is answered once in a window, and never where a window is one block (the sorcerer's apprentice).
      if (transfer.windowBlocks > 1 && !transfer.wasRepeated && transfer.acknowledged > 0) {
        transfer.wasRepeated = true;
        this.send(transfer);
      }
      return;
    }
    if (news > blocks) return;
    const done = news * transfer.blockBytes;
    if (done > transfer.end - transfer.start) {
      this.drop(transfer);
      return;
    }
    transfer.acknowledged += news;
    transfer.start += done;
    this.fill(transfer);
  }

  /** Blocks in the window. The one that ends the file is shorter than the others, and may be empty. */
  private blocksFilled(transfer: Transfer): number {
    return Math.min(transfer.windowBlocks, Math.floor((transfer.end - transfer.start) / transfer.blockBytes) + (this.unread(transfer) > 0 ? 0 : 1));
  }

  /** How much of the file has not been read yet. */
  private unread(transfer: Transfer): number {
    const position = transfer.acknowledged * transfer.blockBytes + transfer.end - transfer.start;
    return (transfer.file?.sizeBytes ?? 0) - position;
  }

  /** Sends the next window, after reading on where the buffer does not hold it. */
  private fill(transfer: Transfer): void {
    const { file, buffer } = transfer;
    if (file === undefined) return;
    transfer.tries = 0;
    transfer.wasRepeated = false;
    transfer.deadlineNs = Infinity;
    const unread = this.unread(transfer);
    const held = transfer.end - transfer.start;
    if (unread <= 0 || held >= transfer.windowBlocks * transfer.blockBytes) {
      this.send(transfer);
      return;
    }
    buffer.copyWithin(0, transfer.start, transfer.end);
    transfer.start = 0;
    transfer.end = held;
    transfer.isReading = true;
    const wanted = Math.min(buffer.length - held, unread);
    file.read(transfer.acknowledged * transfer.blockBytes + held, buffer.subarray(held, held + wanted), (count) =>
      this.settings.run(() => {
        if (this.transfers.get(transfer.port) !== transfer) return;
        transfer.isReading = false;
        // A file that has become shorter would end early, and the client take it for whole.
        if (count !== wanted) {
          this.fail(transfer, ...FILE_ERRORS.failed);
          return;
        }
        transfer.end += count;
        this.send(transfer);
      }),
    );
  }

  /** Sends the whole window, or the options. */
  private send(transfer: Transfer): void {
    const { settings, message } = this;
    transfer.deadlineNs = settings.nowNs() + transfer.timeoutNs;
    if (transfer.accepted !== undefined) {
      settings.send(transfer.ours, transfer.port, transfer.guest, transfer.guestPort, transfer.accepted);
      return;
    }
    const blocks = this.blocksFilled(transfer);
    for (let block = 0; block < blocks; block++) {
      const from = transfer.start + block * transfer.blockBytes;
      const data = transfer.buffer.subarray(from, Math.min(from + transfer.blockBytes, transfer.end));
      writeU16(message, 0, DATA);
      writeU16(message, 2, transfer.acknowledged + block + 1);
      message.set(data, 4);
      settings.send(transfer.ours, transfer.port, transfer.guest, transfer.guestPort, message.subarray(0, 4 + data.length));
    }
  }

  private fail(transfer: Transfer, code: number, text: string): void {
    this.drop(transfer);
    this.settings.send(transfer.ours, transfer.port, transfer.guest, transfer.guestPort, formatError(code, text));
  }

  private makeRoom(guestKey: string): void {
    let own = 0;
    let oldestOwn: Transfer | undefined;
    for (const transfer of this.transfers.values()) {
      if (transfer.guestKey !== guestKey) continue;
      own++;
      oldestOwn ??= transfer;
    }
    if (own >= TRANSFERS_PER_GUEST && oldestOwn !== undefined) this.drop(oldestOwn);
    else if (this.transfers.size >= TRANSFERS) this.drop(this.transfers.values().next().value as Transfer);
  }

  private drop(transfer: Transfer): void {
    this.transfers.delete(transfer.port);
    transfer.file?.close();
  }

  nextDeadline(): number {
    let next = Infinity;
    for (const transfer of this.transfers.values()) next = Math.min(next, transfer.deadlineNs);
    return next;
  }

  /** Repeats what has no answer, and gives up on the silent. */
  poll(): void {
    const nowNs = this.settings.nowNs();
    for (const transfer of this.transfers.values()) {
      if (transfer.deadlineNs > nowNs) continue;
      if (++transfer.tries >= TRIES) this.drop(transfer);
      else this.send(transfer);
    }
  }

  close(): void {
    for (const transfer of this.transfers.values()) this.drop(transfer);
  }
}
