// Program entry: the process at a tap device, one for each bridge that is joined. Reading such a device blocks, libuv has no way to wait for
// it (it takes a character device for a file), and a thread that waits in read() cannot be ended: a process can, at once. Packets of the
// device go to standard output and records of standard input to the device (tap-records.ts); both ends block, so nothing is kept
// here, and what is too much waits, and is dropped, in the kernel's bounded queue or before standard input.
// Arguments: the device, its numbers, a name to hold it by. It ends when standard input does, and says on standard error why it could not go on.
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { deviceNumbers } from "./macvtap.ts";
import { RECORD_HEADER_BYTES, RECORD_MAX_BYTES, RecordReader, writeRecordLength } from "./tap-records.ts";

/** Reads that fail one after another: the device has gone for good. A single packet that the kernel cannot describe fails, too. */
const FAILURES_MAX = 64;

const SLEEP = new Int32Array(new SharedArrayBuffer(4));

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

/** Ends without waiting for the thread that reads, which may be waiting for a packet for ever. */
function end(reason?: string): never {
  if (reason !== undefined) {
    try {
      writeSync(2, `${reason}\n`);
    } catch {
      // Nobody listens.
    }
  }
  process.kill(process.pid, "SIGKILL");
  throw new Error("ended");
}

function readForEver(device: number): never {
  const record = new Uint8Array(RECORD_HEADER_BYTES + RECORD_MAX_BYTES);
  for (let failures = 0; ; ) {
    let length: number;
    try {
      length = readSync(device, record, RECORD_HEADER_BYTES, RECORD_MAX_BYTES, null);
    } catch (error) {
      if (++failures >= FAILURES_MAX) end(codeOf(error));
      continue;
    }
    if (length === 0) end("EOF");
    failures = 0;
    writeRecordLength(record, 0, length);
    say(record.subarray(0, RECORD_HEADER_BYTES + length));
  }
}

/** Waits until all is taken; whoever has closed standard output needs nothing any more. */
function say(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      const code = codeOf(error);
      if (code !== "EAGAIN") end(code);
      // Somebody has made it one that does not block.
      Atomics.wait(SLEEP, 0, 0, 1);
    }
  }
}

function main(path = "", numbers = "", name = ""): void {
  // Two programs at one device would each get some of the packets.
  const lock = createServer((socket) => socket.destroy());
  lock.on("error", (error: NodeJS.ErrnoException) => end(error.code === "EADDRINUSE" ? "EBUSY" : codeOf(error)));
  lock.listen(`\0${name}`, () => {
    try {
      serve(path, numbers);
    } catch (error) {
      end(codeOf(error));
    }
  });
}

function serve(path: string, numbers: string): void {
  const device = openSync(path, constants.O_RDWR);
  if (deviceNumbers(fstatSync(device).rdev) !== numbers) {
    closeSync(device);
    end("ENXIO");
  }
  // With streams of its own: joining them to ours would take the blocking from standard output.
  const reader = new Worker(new URL(import.meta.url), { workerData: { device }, stdout: true, stderr: true });
  reader.on("error", (error) => end(codeOf(error)));
  const records = new RecordReader();
  const write = (record: Uint8Array): void => {
    try {
      writeSync(device, record);
    } catch {
      // An interface that is down or gone: the packet is lost, as on a cable that is pulled.
    }
  };
  process.stdin.on("data", (chunk: Buffer) => {
    if (!records.push(chunk, write)) end("EPROTO");
  });
  process.stdin.on("end", () => end());
  process.stdin.on("error", () => end());
  say(new Uint8Array(RECORD_HEADER_BYTES));
}

if (isMainThread) main(...process.argv.slice(2));
// The thread is started with nothing else.
else readForEver((workerData as { device: number }).device);
