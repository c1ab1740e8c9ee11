// The registers as text, for the log of a triple fault. Lists what the Intel SDM calls the basic execution environment and the
// system registers; the FPU is left out.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";

const REGISTERS = ["AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"] as const;
const SEGMENTS = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"] as const;
const FLAGS = ["CF", "", "PF", "", "AF", "", "ZF", "SF", "TF", "IF", "DF", "OF", "", "", "NT", "", "RF", "VM", "AC", "VIF", "VIP", "ID"];

function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).toUpperCase().padStart(digits, "0");
}

function modeName(cpu: Cpu): string {
  if (!cpu.isProtected) return "real mode";
  if (cpu.isVm86) return "virtual-8086 mode";
  const bits = (cpu.segAttributes(L.CS) & L.ATTR_DB) !== 0 ? "32-bit" : "16-bit";
  if (!cpu.isLongActive) return `${bits} protected mode`;
  return cpu.is64 ? "64-bit mode" : `${bits} compatibility mode`;
}

/** Several lines without a final newline. */
export function dumpRegisters(cpu: Cpu): string {
  const wide = cpu.isLongActive;
  const field = (at: number) => (wide ? hex(cpu.getHigh(at), 8) : "") + hex(cpu.get(at), 8);
  const prefix = wide ? "R" : "E";
  const lines: string[] = [];
  const flags = cpu.eflags;
  const set = FLAGS.filter((name, bit) => name !== "" && (flags & (1 << bit)) !== 0);
  lines.push(`${modeName(cpu)}, CPL ${cpu.cpl}, IOPL ${cpu.iopl}`);
  lines.push(`${prefix}IP=${field(L.RIP)} EFLAGS=${hex(flags, 8)} [${set.join(" ")}]`);
  const names = REGISTERS.map((name, i) => ({ name: prefix + name, i }));
  if (wide) for (let i = 8; i < 16; i++) names.push({ name: i < 10 ? `R${i} ` : `R${i}`, i });
  for (let row = 0; row < names.length; row += 4) {
    lines.push(names.slice(row, row + 4).map(({ name, i }) => `${name}=${field(L.GPR + i * 8)}`).join(" "));
  }
  SEGMENTS.forEach((name, i) => {
    const at = L.SEG + i * L.SEG_SIZE;
    const base = field(at + L.SEG_BASE);
    lines.push(
      `${name.padEnd(4)} ${hex(cpu.selector(i), 4)} base=${base} limit=${hex(cpu.segLimit(i), 8)} attributes=${hex(cpu.segAttributes(i), 4)}`,
    );
  });
  lines.push(`GDTR base=${field(L.GDTR)} limit=${hex(cpu.get(L.GDTR + 8), 4)}`);
  lines.push(`IDTR base=${field(L.IDTR)} limit=${hex(cpu.get(L.IDTR + 8), 4)}`);
  lines.push(`CR0=${field(L.CR0)} CR2=${field(L.CR2)} CR3=${field(L.CR3)} CR4=${field(L.CR4)}`);
  lines.push(`EFER=${field(L.EFER)} DR6=${field(L.DR + 48)} DR7=${field(L.DR + 56)}`);
  return lines.join("\n");
}
