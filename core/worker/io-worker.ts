// Thread entry: the files of one machine. Reads and writes are done in the order of the submission ring, one after the other, so
// that a later read sees an earlier write; flushes run beside them in Node's pool, because they may take long and cover only what
// came before. With nothing to do the thread sleeps in its event loop and costs nothing.
//
// A file system that hangs holds this thread and no other: the guest waits for its disk, as it would for a real one.
import { parentPort, workerData } from "node:worker_threads";
import { ControlWord } from "../api/worker-protocol.ts";
import type { BlockError } from "../storage/block.ts";
import { ImageError } from "../storage/image-error.ts";
import { ImageFile } from "./image-file.ts";
import { type FromIoWorker, IoBuffer, IoOperation, IoWord, type IoWorkerStart, SLOT_BYTES, SLOT_COUNT, type ToIoWorker } from "./io-protocol.ts";

/** A fixed answer, or one that comes later. */
type Outcome = BlockError | null | Promise<BlockError | null>;

class IoServer {
  private readonly buffer: IoBuffer;
  private readonly control: Int32Array;
  private readonly holder: string;
  private readonly files = new Map<number, ImageFile>();
  private served = 0;
  private later = 0;
  private isOver = false;

  constructor(start: IoWorkerStart) {
    this.buffer = new IoBuffer(start.buffer);
    this.control = new Int32Array(start.control);
    this.holder = start.holder;
  }

  /** Serves the ring until shutdown. */
  async run(): Promise<void> {
    const { words } = this.buffer;
    while (!this.isOver) {
      const submitted = Atomics.load(words, IoWord.SUBMITTED);
      this.serveTo(submitted);
      // A ring that never runs dry must not starve flushes, whose answers come through the event loop.
      if (this.later > 0) await new Promise((resolve) => setImmediate(resolve));
      const wait = Atomics.waitAsync(words, IoWord.SUBMITTED, submitted);
      if (wait.async) await wait.value;
    }
  }

  private serveTo(submitted: number): void {
    // More than a ring full is not possible; a counter that says so is not believed.
    for (let n = 0; n < SLOT_COUNT && (submitted - this.served) | 0; n++) {
      const slot = this.buffer.submission(this.served);
      this.served = (this.served + 1) | 0;
      if (slot === undefined) continue;
      const outcome = this.perform(slot);
      if (outcome instanceof Promise) {
        this.later++;
        void outcome.then((error) => {
          this.later--;
          this.complete(slot, error);
        });
      } else this.complete(slot, outcome);
    }
  }

  private perform(slot: number): Outcome {
    const { operation, file: number, length, offset } = this.buffer.request(slot);
    const file = this.files.get(number);
    if (!file) return "removed";
    if (operation === IoOperation.FLUSH) return file.flush();
    if (operation === IoOperation.DISCARD) return file.discard(offset, length);
    if (length < 0 || length > SLOT_BYTES) return "outOfRange";
    const data = this.buffer.data(slot).subarray(0, length);
    return operation === IoOperation.READ ? file.read(offset, data) : operation === IoOperation.WRITE ? file.write(offset, data) : "io";
  }

  private complete(slot: number, error: BlockError | null): void {
    this.buffer.complete(slot, error);
    Atomics.add(this.control, ControlWord.SIGNAL, 1);
    Atomics.notify(this.control, ControlWord.SIGNAL);
  }

  async open(file: number, path: string, isWritable: boolean): Promise<FromIoWorker> {
    try {
      const image = await ImageFile.open(path, isWritable, this.holder);
      this.files.set(file, image);
      return { kind: "opened", file, sizeBytes: image.sizeBytes };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { kind: "refused", file, code: error instanceof ImageError ? error.code : "ioFailed", message };
    }
  }

  async close(file: number, behind: number): Promise<void> {
    this.serveTo(behind);
    const image = this.files.get(file);
    this.files.delete(file);
    await image?.close();
  }

  async shutdown(behind: number): Promise<void> {
    this.serveTo(behind);
    this.isOver = true;
    for (const file of [...this.files.keys()]) await this.close(file, behind);
    this.end();
  }

  end(): void {
    this.isOver = true;
    Atomics.store(this.buffer.words, IoWord.ENDED, 1);
    for (const word of [IoWord.ENDED, IoWord.ANSWERED, IoWord.SUBMITTED]) Atomics.notify(this.buffer.words, word);
    Atomics.add(this.control, ControlWord.SIGNAL, 1);
    Atomics.notify(this.control, ControlWord.SIGNAL);
  }
}

function main(start: IoWorkerStart): void {
  const { port } = start;
  const server = new IoServer(start);
  const words = new Int32Array(start.buffer);
  const handle = async (message: ToIoWorker): Promise<void> => {
    if (message.kind === "open") {
      port.postMessage(await server.open(message.file, message.path, message.isWritable));
      Atomics.add(words, IoWord.ANSWERED, 1);
      Atomics.notify(words, IoWord.ANSWERED);
    } else if (message.kind === "close") {
      await server.close(message.file, message.behind);
    } else {
      await server.shutdown(message.behind);
      port.close();
    }
  };
  const fail = (error: unknown): never => {
    server.end();
    throw error;
  };
  // One after the other: a file that is being closed is closed before it is opened again.
  let last = Promise.resolve();
  port.on("message", (message: ToIoWorker) => {
    last = last.then(() => handle(message)).catch(fail);
  });
  server.run().catch(fail);
}

// Only the machine's thread starts this file, with nothing else in workerData.
if (parentPort) main(workerData as IoWorkerStart);
