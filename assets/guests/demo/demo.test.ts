// The committed image is what its sources build, fits its container, and does what it promises: driven over the serial port under QEMU.
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import { buildDemo, ToolchainMissing, toolchainVersion } from "./build.ts";

const imagePath = join(import.meta.dirname, "demo.elf");
const guardMs = 180_000; // no assertion depends on time; this only ends a test that hangs

function toolchainSkip(): string | false {
  const recorded = readFileSync(join(import.meta.dirname, "toolchain.txt"), "utf8");
  try {
    const installed = toolchainVersion();
    const inLine = (lines: string): string => lines.trim().replace("\n", ", ");
    if (installed === recorded) return false;
    return `demo.elf was built with other tools (${inLine(recorded)}) than those installed (${inLine(installed)})`;
  } catch (error) {
    if (error instanceof ToolchainMissing) return error.message;
    throw error;
  }
}

test("the image is an ELF32 file with a Multiboot 1 header in its first 8 KiB", () => {
  const image = readFileSync(imagePath);
  assert.equal(image.readUInt32BE(0), 0x7f454c46);
  assert.equal(image[4], 1, "32-bit container");
  assert.ok(image.length < 200 * 1024);
  let header = 0;
  while (header < 8192 && image.readUInt32LE(header) !== 0x1badb002) header += 4;
  assert.ok(header < 8192, "header found");
  const sum = image.readUInt32LE(header) + image.readUInt32LE(header + 4) + image.readUInt32LE(header + 8);
  assert.equal(sum % 2 ** 32, 0);
});

test("the sources build the committed image byte for byte", { skip: toolchainSkip() }, () => {
  const scratch = mkdtempSync(join(tmpdir(), "demo guest "));
  try {
    assert.ok(buildDemo(scratch).equals(readFileSync(imagePath)), "demo.elf differs: run `npm run guest` and commit the result");
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

const prompt = "ringfence> ";
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is removed
const escapes = /\x1b\[[0-9;?]*[A-Za-z]/g;

class Qemu {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly exit: Promise<number | null>;
  #text = "";
  #changed: () => void = () => undefined;
  #ended = false;

  constructor(memoryMiB: number, ...more: string[]) {
    const fixed = ["-display", "none", "-serial", "stdio", "-no-reboot", "-accel", "tcg", ...(more.includes("-nic") ? [] : ["-nic", "none"])];
    this.#process = spawn("qemu-system-x86_64", ["-kernel", imagePath, "-m", String(memoryMiB), ...fixed, ...more]);
    this.#process.stdin.on("error", () => undefined); // the machine may be gone before the last keys
    this.#process.stdout.setEncoding("latin1").on("data", (text: string) => {
      this.#text += text;
      this.#changed();
    });
    this.exit = new Promise((resolve) => {
      this.#process.on("close", (code) => {
        this.#ended = true;
        this.#changed();
        resolve(code);
      });
    });
  }

  /** The text up to and with `mark`, without colours; taken away, so that the next wait begins after it. */
  async until(mark: string): Promise<string> {
    const deadline = AbortSignal.timeout(guardMs);
    for (;;) {
      const plain = this.#text.replaceAll("\r", "").replace(escapes, "");
      const at = plain.indexOf(mark);
      if (at >= 0) {
        this.#text = plain.slice(at + mark.length);
        return plain.slice(0, at + mark.length);
      }
      if (this.#ended || deadline.aborted) throw new Error(`"${mark}" did not come; the guest wrote:\n${plain}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        deadline.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  send(text: string): void {
    this.#process.stdin.write(text);
  }

  async command(line: string): Promise<string> {
    this.send(`${line}\r`);
    await this.until(`${line}\n`);
    return await this.until(prompt);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

const hasQemu = spawnSync("qemu-system-x86_64", ["--version"]).status === 0;
const skip = hasQemu ? false : "qemu-system-x86_64 is not installed (Debian: apt-get install qemu-system-x86)";

describe("under QEMU", { skip, timeout: 4 * guardMs }, () => {
  const machines: Qemu[] = [];
  after(() => {
    for (const machine of machines) machine.kill();
  });
  async function boot(memoryMiB: number, ...more: string[]): Promise<Qemu> {
    const machine = new Qemu(memoryMiB, ...more);
    machines.push(machine);
    await machine.until("Ringfence demo ready\n");
    await machine.until(prompt);
    return machine;
  }

  test("the commands answer and power off ends the machine", async () => {
    const guest = await boot(64);
    const help = await guest.command("help");
    for (const name of ["ring", "mem", "cpu", "bench", "uptime", "date", "crash", "poweroff"])
      assert.match(help, new RegExp(`^  ${name} `, "m"));
    const helpNet = await guest.command("help net");
    for (const name of ["net", "dhcp", "arp", "ping", "http", "flood", "vlan", "wait"]) assert.match(helpNet, new RegExp(`^  ${name} `, "m"));
    assert.match(await guest.command("net"), /^There is no network card/);
    assert.match(await guest.command("mem"), /usable[\s\S]*Frames of 4 KiB: 15\d{3} in all[\s\S]*4 levels/);
    assert.match(await guest.command("cpu"), /features [\s\S]*\bsyscall\b[\s\S]*hypervisor +TCGTCGTCGTCG/);
    assert.match(await guest.command("uptime"), /^Up 0 h \d\d min \d\d\.\d{3} s;/);
    assert.match(await guest.command("date"), /^(Sun|Mon|Tues|Wednes|Thurs|Fri|Satur)day 20\d\d-[01]\d-[0-3]\d [0-2]\d:[0-5]\d:[0-6]\d\n/);
    const bench = await guest.command("bench");
    assert.match(bench, /integer arithmetic +[1-9]\d*\.\d million instructions\/s[\s\S]*memory copy .*MiB\/s\n[\s\S]*ring 3 to ring 0/);
    assert.match(await guest.command("echo one  two"), /^one {2}two\n/);
    assert.match(await guest.command("nonsense"), /^Unknown command: nonsense\./);
    assert.match(await guest.command("about"), /Ringfence demo/);
    guest.send("poweroff\r");
    await guest.until("Powering off.");
    assert.equal(await guest.exit, 0);
  });

  test("ring 3 is refused everything privileged and the system goes on", async () => {
    const guest = await boot(16);
    const text = await guest.command("ring all");
    assert.match(text, /kernel runs in ring 0[\s\S]*program runs in ring 3/);
    for (const attempt of ["CLI", "HLT", "IN AL,64h", "MOV CR3,RAX", "WRMSR to LSTAR"])
      assert.match(text, new RegExp(`^  ${attempt} +refused: #GP 13 general protection, error 0000, RIP [0-9a-f]+$`, "m"));
    assert.match(text, /^ {2}read the kernel +refused: #PF 14 page fault, error 0005/m);
    assert.match(text, /^25 of 25 attempts were refused\.\nBack in ring 0: the system goes on/m);
    assert.match(await guest.command("wild"), /wild was ended: exception 14 #PF[\s\S]*address 0/);
    assert.match(await guest.command("echo alive"), /^alive\n/);
  });

  test("programs run in front and in the background, and give their memory back", async () => {
    const guest = await boot(32);
    const usedFrames = async (): Promise<string | undefined> => /(\d+) used/.exec(await guest.command("mem"))?.[1];
    const before = await usedFrames();
    assert.match(await guest.command("primes 100000"), /9592 primes up to 100000, the largest is 99991\./);
    assert.match(await guest.command("calc 2*(3+4)^2-0x10"), /^= 82 {2}\(0x52\)\n/);
    assert.match(await guest.command("calc (1"), /Error at column 3/);
    assert.match(await guest.command("calc 9223372036854775807+1"), /overflow/);
    assert.match(await guest.command("run mandelbrot"), /#/);
    assert.match(await guest.command("life 3"), /generation 3/);
    assert.match(await guest.command("hog"), /KiB taken; then the kernel refused/);
    guest.send("guess\r");
    await guest.until("Your guess: ");
    guest.send("500\r");
    await guest.until("A number from 1 to 100, please.");
    guest.send("quit\r");
    await guest.until(prompt);
    assert.match(await guest.command("spin &"), /^\[(\d+)\] spin runs in the background/);
    const spinning = /^ +(\d+) +3 .* spin$/m.exec(await guest.command("ps"))?.[1];
    assert.ok(spinning !== undefined);
    await guest.command(`kill ${spinning}`);
    await guest.until("spin ended, code 130");
    guest.send("spin\r");
    await guest.until("1 s");
    guest.send("\x03");
    await guest.until("^C\n");
    await guest.until(prompt);
    assert.equal(await usedFrames(), before);
  });

  test("the line editor knows arrows, history and Ctrl-C, and no input breaks it", async () => {
    const guest = await boot(64);
    guest.send("echo bc\x1b[D\x1b[Da\r"); // two to the left, then an insertion
    await guest.until("\nabc\n");
    await guest.until(prompt);
    guest.send("\x1b[A\r");
    await guest.until("\nabc\n");
    guest.send("half a line\x03");
    await guest.until("^C\n");
    let seed = 1;
    let noise = "";
    while (noise.length < 4000) {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      const code = (seed >> 16) % 256;
      if (code !== 13 && code !== 10) noise += String.fromCharCode(code);
    }
    guest.send(`${noise}\x18\x03\r`);
    guest.send("x".repeat(600));
    guest.send("\x15echo still here\r");
    await guest.until("\nstill here\n");
  });

  test("a triple fault, a reset and a kernel panic each end as they must", async () => {
    const crash = await boot(64);
    crash.send("crash\r");
    await crash.until("a triple fault.");
    assert.equal(await crash.exit, 0); // -no-reboot
    const panic = await boot(64);
    panic.send("panic\r");
    await panic.until("KERNEL PANIC");
    assert.match(await panic.until("Press Enter"), /exception 14 #PF[\s\S]*CR2 0000000000000010/);
    panic.send("\r");
    assert.equal(await panic.exit, 0);
  });

  test("its network works with another's card, DHCP server and TCP", async () => {
    const body = randomBytes(300_000);
    const server = createServer((_, response) => response.setHeader("content-type", "application/octet-stream").end(body));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const card = ["-nic", "user,model=virtio-net-pci,restrict=off,mac=52:54:00:12:34:56"];
      const append = `name=alice run="ping 10.0.2.2 3 10; http get 10.0.2.2:${port}/; net; poweroff"`;
      const guest = new Qemu(32, ...card, "-append", append);
      machines.push(guest);
      const text = await guest.until("Powering off.");
      assert.match(text, /^net0: 10\.0\.2\.15\/24 from 10\.0\.2\.2$/m);
      assert.match(text, /3 sent, 3 received, 0% loss/);
      assert.match(text, new RegExp(`200 OK: 300000 bytes in .*, CRC-32 ${crc32(body).toString(16).padStart(8, "0")}$`, "m"));
      assert.match(text, /52:54:00:12:34:56, link up[\s\S]* name +alice/);
      assert.equal(await guest.exit, 0);
    } finally {
      server.close();
    }
  });

  test("it takes 3.5 GiB, and commands from the command line", async () => {
    const guest = await boot(3584);
    assert.match(await guest.command("mem"), /917\d{3} in all/);
    guest.kill();
    const scripted = new Qemu(64, "-append", "exec=echo first;calc 6*7;poweroff");
    machines.push(scripted);
    await scripted.until("\nfirst\n");
    await scripted.until("= 42");
    assert.equal(await scripted.exit, 0);
  });
});
