// Assembles the video BIOS with nasm and puts the image into core/firmware/vgabios/image.ts: node core/testkit/build-video-bios.ts
// The fonts that the source includes are made here (derive-vga-fonts.ts).
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { textFont } from "../devices/display/vga-modes.ts";
import { deriveFont } from "./derive-vga-fonts.ts";

const SOURCE = fileURLToPath(new URL("../firmware/vgabios/", import.meta.url));
/** Of image.ts, not of this file. */
const IMPORT = 'import { decodeBase64 } from "../../base/base64.ts";';

/** The image, or null where there is no nasm. Throws what nasm says about the source. */
export function assembleVideoBios(): Uint8Array | null {
  const folder = mkdtempSync(join(tmpdir(), "video-bios-"));
  try {
    const font16 = textFont();
    writeFileSync(join(folder, "font-8x16.bin"), font16);
    writeFileSync(join(folder, "font-8x14.bin"), deriveFont(font16, 14));
    writeFileSync(join(folder, "font-8x8.bin"), deriveFont(font16, 8));
    const output = join(folder, "image.bin");
    execFileSync("nasm", ["-f", "bin", "-Wall", "-i", SOURCE, "-i", `${folder}/`, "-o", output, join(SOURCE, "vgabios.asm")], { stdio: ["ignore", "ignore", "pipe"] });
    const image = Uint8Array.from(readFileSync(output));
    const sum = image.reduce((total, byte) => total + byte, 0);
    image[image.length - 1] = -sum & 0xff;
    return image;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`nasm: ${(error as { stderr?: Buffer }).stderr?.toString() ?? error}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const image = assembleVideoBios();
  if (!image) throw new Error("There is no nasm here");
  const lines = Buffer.from(image).toString("base64").match(/.{1,132}/g) ?? [];
  writeFileSync(
    join(SOURCE, "image.ts"),
    `// The video BIOS as the machine has it at C0000h. Made by core/testkit/build-video-bios.ts from vgabios.asm: do not edit.
${IMPORT}

const IMAGE =
${lines.map((line) => `  "${line}"`).join(" +\n")};

/** A fresh copy of the ${image.length} bytes. */
export function videoBiosImage(): Uint8Array {
  return decodeBase64(IMAGE);
}
`,
  );
  if (process.argv[2]) writeFileSync(process.argv[2], image);
}
