// INS and OUTS with REP: as many iterations as fit before something wants the run loop. AMD64 APM vol. 3; Intel SDM vol. 1, 18.5.
//
// The record is that of a string instruction: REC_DISP is the mask of the address size, REC_EXTRA 7:0 the source segment,
// 15:8 whether there is a repeat prefix, 23:16 the element size.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { checkIo } from "./ports.ts";
import { operandSize, segmentAddress } from "./record.ts";

const RCX = 1;
const RDX = 2;
const RSI = 6;
const RDI = 7;
/** Iterations in one go, so that a long transfer cannot hold off the machine's timers. */
const MAX_RUN = 1024;

/** Address size in bytes from the mask in the record. */
function addressSize(cpu: Cpu, rec: number): number {
  if (cpu.getHigh(rec + L.REC_DISP) !== 0) return 8;
  return cpu.get(rec + L.REC_DISP) === 0xffff ? 2 : 4;
}

function readCut(cpu: Cpu, register: number, size: number): number {
  return size === 2 ? cpu.gpr(register) & 0xffff : cpu.gpr(register);
}
function add(cpu: Cpu, register: number, size: number, delta: number): void {
  const sum = cpu.gpr(register) + delta;
  const carry = sum > 0xffffffff ? 1 : sum < 0 ? -1 : 0;
  cpu.writeRegister(L.GPR + register * 8, size, sum, cpu.gprHigh(register) + carry);
}

function transfer(cpu: Cpu, rec: number, isInput: boolean, address: number, size: number): void {
  const register = isInput ? RDI : RSI;
  const segment = isInput ? L.ES : cpu.get(rec + L.REC_EXTRA) & 0xff;
  const lo = readCut(cpu, register, address);
  const hi = address === 8 ? cpu.gprHigh(register) : 0;
  const linear = segmentAddress(cpu, segment, lo, hi, size, isInput);
  const port = cpu.gpr(RDX) & 0xffff;
  if (isInput) {
    cpu.mmu.checkWrite(linear, size, "current");
    const value = cpu.hooks.ioRead(port, size);
    if (size === 1) cpu.mmu.write8(linear, value & 0xff, "current");
    else if (size === 2) cpu.mmu.write16(linear, value & 0xffff, "current");
    else cpu.mmu.write32(linear, value >>> 0, "current");
  } else {
    const value =
      size === 1 ? cpu.mmu.read8(linear, "current") : size === 2 ? cpu.mmu.read16(linear, "current") : cpu.mmu.read32(linear, "current");
    cpu.hooks.ioWrite(port, size, value);
  }
  add(cpu, register, address, (cpu.get(L.EFLAGS_OTHER) & L.FL_DF) !== 0 ? -size : size);
}

/** Does as many iterations at once as one page, the segment and the device allow. 0: none, they have to be done one by one. */
function transferRun(cpu: Cpu, rec: number, isInput: boolean, address: number, size: number, most: number): number {
  const { hooks, mmu } = cpu;
  if (!mmu.lend || (isInput ? !hooks.ioReadRun : !hooks.ioWriteRun) || (cpu.get(L.EFLAGS_OTHER) & L.FL_DF) !== 0) return 0;
  const register = isInput ? RDI : RSI;
  const segment = isInput ? L.ES : cpu.get(rec + L.REC_EXTRA) & 0xff;
  const lo = readCut(cpu, register, address);
  const hi = address === 8 ? cpu.gprHigh(register) : 0;
  const linear = segmentAddress(cpu, segment, lo, hi, size, isInput);
  const left = address === 8 && cpu.gprHigh(RCX) !== 0 ? most : Math.min(most, readCut(cpu, RCX, address));
  const inPage = 4096 - (((linear % 4096) + 4096) % 4096);
  const beforeWrap = (address === 2 ? 0x10000 : 0x1_0000_0000) - lo;
  const beforeLimit = cpu.is64 ? Infinity : cpu.segLimit(segment) - lo + 1;
  const count = Math.min(left, Math.floor(Math.min(inPage, beforeWrap, beforeLimit) / size));
  // A data segment with the bit of conforming code expands down: its limit is the other way round.
  const isExpandDown = !cpu.is64 && (cpu.segAttributes(segment) & (L.ATTR_CODE | L.ATTR_CONFORMING)) === L.ATTR_CONFORMING;
  if (count < 2 || isExpandDown) return 0;
  const bytes = mmu.lend(linear, count * size, isInput);
  if (!bytes) return 0;
  const port = cpu.gpr(RDX) & 0xffff;
  const moved = (isInput ? hooks.ioReadRun?.(port, size, bytes) : hooks.ioWriteRun?.(port, size, bytes)) ?? 0;
  if (moved === 0) return 0;
  if (isInput) mmu.lentChanged?.(moved);
  add(cpu, register, address, moved);
  add(cpu, RCX, address, -moved / size);
  return moved / size;
}

/** True if the instruction is done; otherwise it has to be executed again. A fault leaves the iterations before it done. */
export function stringPort(cpu: Cpu, rec: number, isInput: boolean): boolean {
  const size = Math.min(operandSize(cpu, rec), 4);
  const address = addressSize(cpu, rec);
  const isRepeated = ((cpu.get(rec + L.REC_EXTRA) >>> 8) & 0xff) !== 0;
  const isCountZero = () => (readCut(cpu, RCX, address) | (address === 8 ? cpu.gprHigh(RCX) : 0)) === 0;
  // Even a count of 0 needs the right to the port.
  checkIo(cpu, cpu.gpr(RDX) & 0xffff, size);
  if (isRepeated && isCountZero()) return true;
  if (!isRepeated) {
    transfer(cpu, rec, isInput, address, size);
    return true;
  }
  const isTraced = (cpu.get(L.EFLAGS_OTHER) & L.FL_TF) !== 0;
  for (let run = isTraced ? 1 : MAX_RUN; run > 0; ) {
    const together = transferRun(cpu, rec, isInput, address, size, run);
    if (together === 0) {
      transfer(cpu, rec, isInput, address, size);
      add(cpu, RCX, address, -1);
    }
    run -= together || 1;
    if (isCountZero()) return true;
    if (cpu.get(L.EXIT_REQUEST) !== 0) return false;
  }
  return false;
}
