// Assembles the system BIOS with nasm and puts the image into core/firmware/bios/image.ts: node core/testkit/build-system-bios.ts [FILE]
// The bare image goes to FILE as well, for `qemu-system-i386 -bios FILE`.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("../firmware/bios/", import.meta.url));
/** Of the file that is written; whole, so that nothing takes it for an import of this one. */
const IMPORT = 'import { decodeBase64 } from "../../base/base64.ts";';
const EMPTY = 0xff;
/** Shorter runs of empty bytes are not worth a piece of their own. */
const LONGEST_GAP = 64;

/** The image, or null where there is no nasm. Throws what nasm says about the source. */
export function assembleSystemBios(): Uint8Array | null {
  const folder = mkdtempSync(join(tmpdir(), "system-bios-"));
  try {
    const output = join(folder, "image.bin");
    execFileSync("nasm", ["-f", "bin", "-i", SOURCE, "-o", output, join(SOURCE, "bios.asm")], { stdio: ["ignore", "ignore", "pipe"] });
    return Uint8Array.from(readFileSync(output));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`nasm: ${(error as { stderr?: Buffer }).stderr?.toString() ?? error}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What lies between long runs of empty bytes. */
function pieces(image: Uint8Array): { offset: number; end: number }[] {
  const found: { offset: number; end: number }[] = [];
  for (let at = 0; at < image.length; at++) {
    if (image[at] === EMPTY) continue;
    const last = found.at(-1);
    if (last && at - last.end < LONGEST_GAP) last.end = at + 1;
    else found.push({ offset: at, end: at + 1 });
  }
  return found;
}

if (import.meta.main) {
  const image = assembleSystemBios();
  if (!image) throw new Error("There is no nasm here");
  const written = pieces(image).map(({ offset, end }) => {
    const lines = Buffer.from(image.subarray(offset, end)).toString("base64").match(/.{1,132}/g) ?? [];
    return `  [\n    0x${offset.toString(16).padStart(4, "0")},\n${lines.map((line) => `    "${line}"`).join(" +\n")},\n  ],`;
  });
  writeFileSync(
    join(SOURCE, "image.ts"),
    `// The system BIOS, 64 KiB that end at 1 MiB. Made by core/testkit/build-system-bios.ts from bios.asm: do not edit.
${IMPORT}

const SIZE_BYTES = 0x${image.length.toString(16)};
/** What the image holds, by offset; all other bytes are FFh. */
const PIECES: readonly [number, string][] = [
${written.join("\n")}
];

/** A fresh copy of the image. */
export function systemBiosImage(): Uint8Array {
  const image = new Uint8Array(SIZE_BYTES).fill(0xff);
  for (const [offset, piece] of PIECES) image.set(decodeBase64(piece), offset);
  return image;
}
`,
  );
  if (process.argv[2]) writeFileSync(process.argv[2], image);
}
