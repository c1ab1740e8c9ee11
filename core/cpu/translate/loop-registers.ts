// Which general registers a loop changes, as far as its instructions' operands tell: a guess that is good enough to begin with, and
// that whoever relies on it checks at the way back to the loop's head. Pushes and pops, calls and returns are taken to balance.
import { D_IS_MEM } from "../../isa/decoder.ts";
import { operandRegister } from "./operand-register.ts";
import type { BasicBlock, Instruction } from "./region.ts";
import type { Structure } from "./structure.ts";

const RAX = 1 << 0;
const RCX = 1 << 1;
const RDX = 1 << 2;
const RBX = 1 << 3;
const RBP = 1 << 5;
const RSI = 1 << 6;
const RDI = 1 << 7;
const ALL = 0xffff;

/** What is changed beside the operands, by lifter. */
const BESIDE = new Map([
  ["mul", RAX | RDX], ["imul1", RAX | RDX], ["div", RAX | RDX], ["idiv", RAX | RDX], ["cbw", RAX], ["cwd", RDX], ["lahf", RAX], ["xlat", RAX],
  ["cmpxchg", RAX], ["cmpxchg8b", RAX | RDX], ["cmpxchg16b", RAX | RDX], ["rdtsc", RAX | RDX], ["cpuid", RAX | RCX | RDX | RBX], ["leave", RBP],
  ["loop", RCX], ["loope", RCX], ["loopne", RCX],
]);

function changedBy({ form, decoded }: Instruction): number {
  let changed = BESIDE.get(form.lift) ?? 0;
  for (const operand of form.operands) {
    const { kind, write } = operand;
    if (kind === "strSrc") changed |= RSI | RCX;
    else if (kind === "strDst") changed |= RDI | RCX;
    if (write && kind.startsWith("gpr") && (kind !== "gprRm" || decoded[D_IS_MEM] === 0)) changed |= 1 << operandRegister(operand, decoded).number;
  }
  return changed;
}

/** For each loop's head a bit for each register that its loop changes; `isCalled`: an instruction that can change them all. */
export function loopRegisters(blocks: readonly BasicBlock[], structure: Structure, isCalled: (i: Instruction) => boolean): Map<number, number> {
  const heads = new Map<number, number>();
  if (!structure.isLoopHead.includes(true)) return heads;
  const { predecessors } = structure;
  const changed = blocks.map((b) => b.instructions.reduce((mask, i) => mask | (isCalled(i) ? ALL : changedBy(i)), 0));
  structure.isLoopHead.forEach((isHead, head) => {
    if (!isHead) return;
    let mask = changed[head] as number;
    const seen = new Set([head]);
    const work = (predecessors[head] as readonly number[]).filter((from) => structure.isBackEdge(from, head));
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      if (seen.has(block)) continue;
      seen.add(block);
      mask |= changed[block] as number;
      work.push(...(predecessors[block] as readonly number[]));
    }
    heads.set(head, mask);
  });
  return heads;
}
