// Boots a Linux kernel in the npm package v86, with the guest's first serial port on stdin and stdout. Arguments: the package's
// folder, kernel, initrd, command line, memory in MiB. Run by the benchmark in a process of its own.
import { readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

interface V86 {
  add_listener(event: "serial0-output-byte", take: (byte: number) => void): void;
  serial_send_bytes(port: number, bytes: Uint8Array): void;
}
const [folder = "", kernel = "", initrd = "", append = "", memoryMiB = "256"] = process.argv.slice(2);
const BIOS = "/usr/share/seabios";
const image = (path: string): { buffer: ArrayBuffer } => ({ buffer: new Uint8Array(readFileSync(path)).buffer });

const { V86 } = (await import(pathToFileURL(join(folder, "build/libv86.mjs")).href)) as { V86: new (options: object) => V86 };
const machine = new V86({
  wasm_path: join(folder, "build/v86.wasm"),
  bios: image(join(BIOS, "bios.bin")),
  vga_bios: image(join(BIOS, "vgabios-stdvga.bin")),
  bzimage: image(kernel),
  initrd: image(initrd),
  cmdline: append,
  memory_size: Number(memoryMiB) * 1048576,
  vga_memory_size: 2 * 1048576,
  disable_keyboard: true,
  disable_mouse: true,
  disable_speaker: true,
  autostart: true,
});
let line: number[] = [];
machine.add_listener("serial0-output-byte", (byte) => {
  line.push(byte);
  if (byte !== 10 && line.length < 200) return;
  writeSync(1, Uint8Array.from(line));
  line = [];
});
process.stdin.on("data", (bytes: Buffer) => machine.serial_send_bytes(0, bytes));
