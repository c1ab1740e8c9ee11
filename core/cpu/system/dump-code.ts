// The instructions at RIP as text, for the log of a crash: a few lines of disassembly, or why there are none.
import { disassemble } from "../../isa/disassembler.ts";
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { GuestFault } from "./guest-fault.ts";
import { MODE_CODE_16, MODE_CODE_64, MODE_CODE_SIZE } from "./mode.ts";

const LINES = 5;
const LONGEST = 15;

/** Reads guest memory as ring 0 would; changes nothing but accessed bits. */
export function dumpCode(cpu: Cpu): string {
  const size = cpu.get(L.MODE_KEY) & MODE_CODE_SIZE;
  const mode = size === MODE_CODE_64 ? 64 : size === MODE_CODE_16 ? 16 : 32;
  const rip = cpu.linear(L.RIP);
  const base = mode === 64 ? 0 : cpu.segBase(L.CS);
  const bytes = new Uint8Array(LINES * LONGEST);
  let count = 0;
  try {
    while (count < bytes.length) bytes[count] = cpu.mmu.read8(base + rip + count++, "system");
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
    count--;
  }
  const lines: string[] = [];
  for (let at = 0; lines.length < LINES && at < count; ) {
    const { text, length } = disassemble(bytes.subarray(0, count), at, mode, rip + at);
    const raw = Array.from(bytes.subarray(at, at + length), (b) => b.toString(16).padStart(2, "0")).join(" ");
    lines.push(`  +${String(at).padEnd(3)} ${raw.padEnd(30)} ${text}`);
    at += length;
  }
  return lines.length > 0 ? `Code at RIP:\n${lines.join("\n")}` : "The code at RIP cannot be read.";
}
