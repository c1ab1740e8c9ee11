// Builds the demo guest: programs and kernel with gcc and binutils, then one ELF32 file that a Multiboot 1 loader takes (a loader
// reads no more than the container: the code in it is 64-bit). The same tools give the same bytes: no paths, dates or build ids.
// `node assets/guests/demo/build.ts` rebuilds demo.elf and records the tools in toolchain.txt.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = import.meta.dirname;
const loadAddress = 0x100000;
const fileOffset = 0x1000; // of the only segment; the Multiboot header must lie in the first 8 KiB
const sizeLimit = 200 * 1024;

// The shell runs in ring 0 without a floating-point state, programs too: general registers only, and plain x86-64.
const compile =
  "-std=gnu11 -Wall -Wextra -Werror -march=x86-64 -mtune=generic -mgeneral-regs-only -mno-red-zone -ffreestanding -fno-pic -fno-pie " +
  "-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-ident -fno-builtin-printf " +
  "-fno-tree-loop-distribute-patterns -g0";
const link = "-nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -Wl,--hash-style=sysv";

export class ToolchainMissing extends Error {}

function run(tool: string, args: string[], cwd: string): string {
  const env = { ...process.env, LC_ALL: "C", SOURCE_DATE_EPOCH: "0" };
  return execFileSync(tool, args, { cwd, encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"] });
}

/** First lines of `gcc --version` and `ld --version`; throws ToolchainMissing where one is not installed. */
export function toolchainVersion(): string {
  try {
    return ["gcc", "ld"].map((tool) => `${run(tool, ["--version"], here).split("\n")[0]}\n`).join("");
  } catch (cause) {
    throw new ToolchainMissing("gcc and GNU ld are needed to build the demo guest (Debian: apt-get install gcc binutils)", { cause });
  }
}

function sources(folder: string, endings: string[]): string[] {
  return readdirSync(join(here, folder))
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .sort()
    .map((name) => `${folder}/${name}`);
}

/** ELF32 header, one program header, then the image: ELF-32 specification 1.2, chapters 1 and 2. */
function wrap(image: Buffer, entry: number, memoryBytes: number): Buffer {
  const file = Buffer.alloc(fileOffset + image.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  const halves: [number, number][] = [[16, 2], [18, 3], [40, 52], [42, 32], [44, 1], [46, 40]]; // executable, i386, sizes and counts
  const words: [number, number][] = [[20, 1], [24, entry], [28, 52]];
  const segment = [1, fileOffset, loadAddress, loadAddress, image.length, memoryBytes, 7, 0x1000];
  for (const [at, value] of halves) file.writeUInt16LE(value, at);
  for (const [at, value] of words) file.writeUInt32LE(value, at);
  segment.forEach((value, index) => {
    file.writeUInt32LE(value, 52 + 4 * index);
  });
  image.copy(file, fileOffset);
  return file;
}

function symbol(table: string, name: string): number {
  const line = table.split("\n").find((candidate) => candidate.endsWith(` ${name}`));
  if (line === undefined) throw new Error(`The kernel has no symbol ${name}`);
  return Number(BigInt(`0x${line.split(" ")[0]}`) & 0x7fffffffn);
}

/** Builds into `outDir` (made where missing) and returns the image. */
export function buildDemo(outDir: string): Buffer {
  toolchainVersion();
  mkdirSync(outDir, { recursive: true });
  const gcc = (flags: string, ...files: string[]): string => run("gcc", [...flags.split(" "), ...files], here);
  const shared = sources("lib", [".c"]);
  for (const source of sources("user", [".c"])) {
    const name = source.slice("user/".length, -".c".length);
    if (name === "user") continue;
    gcc(`${compile} -Os ${link} -Wl,-n -Wl,-s -T user/user.ld`, "-o", join(outDir, name), source, "user/user.c", ...shared);
  }
  const kernel = ["kernel", "kernel/net"].flatMap((folder) => sources(folder, [".c", ".S"]));
  gcc(`${compile} -O2 -mcmodel=kernel ${link} -T kernel/kernel.ld`, "-I", outDir, "-o", join(outDir, "kernel.elf"), ...kernel, ...shared);
  run("objcopy", ["-O", "binary", "kernel.elf", "kernel.bin"], outDir);
  const symbols = run("nm", ["kernel.elf"], outDir);
  const image = wrap(readFileSync(join(outDir, "kernel.bin")), symbol(symbols, "boot_start"), symbol(symbols, "kernel_end") - loadAddress);
  if (image.length > sizeLimit) throw new Error(`The image has ${image.length} bytes; the limit is ${sizeLimit}`);
  writeFileSync(join(outDir, "demo.elf"), image);
  return image;
}

if (import.meta.main) {
  const scratch = mkdtempSync(join(tmpdir(), "demo-guest-"));
  try {
    const image = buildDemo(scratch);
    writeFileSync(join(here, "demo.elf"), image);
    writeFileSync(join(here, "toolchain.txt"), toolchainVersion());
    console.log(`demo.elf: ${image.length} bytes`);
  } catch (error) {
    console.error(error instanceof ToolchainMissing ? error.message : error);
    process.exitCode = 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
