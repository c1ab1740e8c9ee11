// The same program and the same video BIOS on QEMU's standard VGA and on ours must give the same picture. Skipped where QEMU or nasm
// is missing. Text modes are left out: QEMU widens shades to the ninth dot too, and does not underline.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoBiosBench } from "../../testkit/video-bios-bench.ts";
import { videoBiosImage } from "./image.ts";

/** All characters, a line of dots and a scrolled window; ends with a far return or, for QEMU, a byte on its debug console. */
const PROGRAM = `
bits 16
org 0x7c00
  xor ax, ax
  mov ds, ax
  mov es, ax
%if MODE >= 0x100
  mov ax, 0x4f02
  mov bx, MODE
  int 0x10
  mov dx, 3
  mov ax, 0x4f05
  xor bx, bx
  int 0x10
  mov ax, 0xa000
  mov es, ax
  xor di, di
  mov cx, 0x8000
  mov ax, 0x1234
fill:
  stosw
  add ax, 3
  loop fill
%else
  mov ax, MODE
  int 0x10
  xor si, si
character:
  mov ax, si
  mov dl, al
  and dl, 31
  shr al, 5
  add al, 2
  mov dh, al
  mov ah, 2
  mov bh, 0
  int 0x10
  mov ax, si
  mov bl, al
  and bx, 0x0f
  mov ah, 9
  mov cx, 1
  int 0x10
  inc si
  cmp si, 256
  jb character
  mov cx, 100
dot:
  mov ah, 0x0c
  mov al, cl
  mov dx, cx
  add dx, 60
  mov bh, 0
  int 0x10
  loop dot
  mov ax, 0x0602
  mov bh, 5
  mov cx, 0x0303
  mov dx, 0x0708
  int 0x10
%endif
%ifdef ON_QEMU
  mov al, 'D'
  out 0xe9, al
  cli
  hlt
%else
  retf
%endif
  times 510 - ($ - $$) db 0
  dw 0xaa55
`;

function isMissing(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return false;
  } catch {
    return true;
  }
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    assert.ok(tries < 600, `QEMU did not ${what} within a minute`);
    await sleep(100);
  }
}

async function onQemu(folder: string, boot: Uint8Array): Promise<{ width: number; height: number; rgb: Buffer }> {
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("boot.img"), boot);
  writeFileSync(at("rom.bin"), videoBiosImage());
  rmSync(at("screen.ppm"), { force: true });
  rmSync(at("done"), { force: true });
  const machine = ["-display", "none", "-monitor", "stdio", "-m", "16", "-net", "none", "-debugcon", `file:${at("done")}`];
  const adapter = ["-vga", "none", "-device", `VGA,romfile=${at("rom.bin")}`, "-drive", `file=${at("boot.img")},format=raw,if=floppy`];
  const qemu = spawn("qemu-system-i386", [...machine, ...adapter], { stdio: ["pipe", "ignore", "ignore"] });
  try {
    await until(() => existsSync(at("done")) && readFileSync(at("done"), "latin1").endsWith("D"), "finish the program");
    const size = (): number => (existsSync(at("screen.ppm")) ? readFileSync(at("screen.ppm")).length : 0);
    qemu.stdin.write(`screendump ${at("screen.ppm")}\n`);
    let before = -1;
    await until(() => {
      const isStill = size() > 0 && size() === before;
      before = size();
      return isStill;
    }, "write the picture");
  } finally {
    qemu.kill("SIGKILL");
  }
  const file = readFileSync(at("screen.ppm"));
  const header = /^P6\n(\d+) (\d+)\n255\n/.exec(file.toString("latin1", 0, 40)) ?? assert.fail("no picture");
  return { width: Number(header[1]), height: Number(header[2]), rgb: file.subarray(header[0].length) };
}

for (const mode of [0x04, 0x06, 0x0d, 0x12, 0x13, 0x101, 0x117]) {
  test(`mode ${mode.toString(16)}h is the same picture on QEMU's adapter`, async (t) => {
    if (["nasm", "qemu-system-i386"].some(isMissing)) return t.skip("there is no QEMU or no nasm");
    const folder = mkdtempSync(join(tmpdir(), "video-bios-qemu-"));
    try {
      const assemble = (...defines: string[]): Uint8Array => {
        writeFileSync(join(folder, "program.asm"), PROGRAM);
        execFileSync("nasm", ["-f", "bin", `-DMODE=${mode}`, ...defines, "-o", join(folder, "program.bin"), join(folder, "program.asm")]);
        return Uint8Array.from(readFileSync(join(folder, "program.bin")));
      };
      const theirs = await onQemu(folder, assemble("-DON_QEMU"));
      const bench = new VideoBiosBench();
      bench.poke(0x7c00, ...assemble());
      bench.callFar(0, 0x7c00, {});
      const ours = bench.picture();
      // QEMU shows 320 by 200 with every dot four times.
      const scale = theirs.width / ours.width;
      assert.equal(theirs.height, ours.height * scale);
      for (let y = 0; y < theirs.height; y++) {
        for (let x = 0; x < theirs.width; x++) {
          for (let c = 0; c < 3; c++) {
            const [a, b] = [theirs.rgb[(y * theirs.width + x) * 3 + c] ?? 0, ours.bytes[(Math.floor(y / scale) * ours.width + Math.floor(x / scale)) * 4 + c] ?? 0];
            // The two make 8 bits of 5 or 6 in slightly different ways.
            if (Math.abs(a - b) > 7) assert.fail(`${x}, ${y}: ${a} there, ${b} here`);
          }
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
