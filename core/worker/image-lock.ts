// Who writes an image: a lock that the host lets go of by itself when its owner's thread or process ends, however it ends, so that
// none is ever left behind. It is a local socket (Linux: in the abstract name space; Windows: a named pipe; elsewhere: a socket file)
// named after the file's device and number, so that links to one file meet. Whoever finds it taken can ask it for its owner's name.
//
// Does not reach beyond this host, nor into containers with a network name space of their own.
import { unlinkSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Which file, whatever it is called. */
export interface FileIdentity {
  dev: bigint;
  ino: bigint;
}

const ANSWER_TIMEOUT_MS = 1000;
const NAME_MAX = 120;

export interface ImageLock {
  release(): Promise<void>;
}

export async function lockImage(file: FileIdentity, holder: string): Promise<ImageLock | { heldBy: string }> {
  const address = addressOf(file);
  // The second round is for a socket file that a dead process left (not Linux, not Windows).
  for (let round = 0; round < 2; round++) {
    const server = await listen(address, holder);
    if (server) return { release: () => new Promise((resolve) => server.close(() => resolve())) };
    const heldBy = await writerOf(file);
    if (heldBy !== undefined) return { heldBy };
    if (address.startsWith("/")) unlinkSync(address);
  }
  return { heldBy: "another program" };
}

/** Who holds the lock, if anybody does. */
export function writerOf(file: FileIdentity): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(addressOf(file));
    const isHeld = () => {
      socket.destroy();
      // The name comes from another process.
      const name = text.slice(0, NAME_MAX).replace(/\p{Cc}/gu, " ").trim();
      resolve(name === "" ? "another program" : name);
    };
    socket.setEncoding("utf8");
    socket.setTimeout(ANSWER_TIMEOUT_MS, isHeld);
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > NAME_MAX) isHeld();
    });
    socket.on("end", isHeld);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(undefined);
      else isHeld();
    });
  });
}

function listen(address: string, holder: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy()); // the asker has gone
      socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
      socket.end(holder.slice(0, NAME_MAX));
    });
    server.maxConnections = 16;
    server.on("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(undefined) : reject(error)));
    server.listen(address, () => resolve(server));
    server.unref();
  });
}

function addressOf({ dev, ino }: FileIdentity): string {
  const name = `ringfence-image-${dev}-${ino}`;
  if (process.platform === "linux") return `\0${name}`;
  if (process.platform === "win32") return `\\\\.\\pipe\\${name}`;
  return join(tmpdir(), `${name}.sock`);
}
