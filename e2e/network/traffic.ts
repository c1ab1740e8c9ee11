// The guest's traffic program (guest-programs/traffic.c), built, and the same numbered stream on this side.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CpioEntry, PROGRAM } from "../fixtures/cpio.ts";
import { compileForGuest } from "../fixtures/guest-compiler.ts";

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), "guest-programs");
const BLOCK_BYTES = 256 * 1024;

/** `/bin/traffic` for a guest's initramfs, or why it cannot be built here. */
export function trafficProgram(): CpioEntry | { missing: string } {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-traffic-"));
  try {
    const path = join(folder, "traffic");
    const failed = compileForGuest("amd64", SOURCES, ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-static", "-no-pie", "-s", "traffic.c", "-o", path]);
    return failed ?? { name: "bin/traffic", mode: PROGRAM, data: readFileSync(path) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What `traffic stream SEED BYTES` writes, in blocks; `bytes` is a multiple of four. */
export function* trafficStream(seed: number, bytes: number): Generator<Buffer> {
  let word = Math.imul(seed, 2654435761);
  for (let left = bytes; left > 0; left -= BLOCK_BYTES) {
    const block = Buffer.alloc(Math.min(left, BLOCK_BYTES));
    for (let at = 0; at < block.length; at += 4) {
      block.writeInt32LE(word, at);
      word = (Math.imul(word, 1664525) + 1013904223) | 0;
    }
    yield block;
  }
}
