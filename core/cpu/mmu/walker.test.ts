// The page walker with tables made by hand: 2-level, PAE and 4-level paging, large pages, rights, accessed and dirty bits, reserved
// bits, and the error codes of page faults.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";

const P = 1n;
const W = 2n;
const U = 4n;
const A = 0x20n;
const D = 0x40n;
const PS = 0x80n;
const NX = 1n << 63n;
// Error code bits.
const PRESENT = 1;
const WRITE = 2;
const USER = 4;
const RESERVED = 8;
const FETCH = 16;

const PSE = L.CR4_PSE;
const PAE = L.CR4_PAE;
const LONG = L.EFER_LME | L.EFER_LMA;
/** Linear page used by most tests: different in every index of every scheme. */
const AT = 0x4060_5000;
const DATA = 0x180000;

/** 2-level tables that map AT with a 4 KiB page, its entries having `pde` and `pte` besides the address. */
function twoLevel(pde: bigint, pte: bigint, cr4 = PSE, cr0 = L.CR0_WP): EngineBench {
  const b = new EngineBench();
  b.poke32(0x200000 + (AT >>> 22) * 4, Number(0x201000n | pde));
  b.poke32(0x201000 + ((AT >>> 12) & 1023) * 4, Number(BigInt(DATA) | pte));
  return b.paged(0x200000, cr4, 0, cr0);
}
/** PAE tables. */
function pae(pdpte: bigint, pde: bigint, pte: bigint, efer = 0): EngineBench {
  const b = new EngineBench();
  b.poke64(0x200020 + (AT >>> 30) * 8, 0x201000n | pdpte);
  b.poke64(0x201000 + ((AT >>> 21) & 511) * 8, 0x202000n | pde);
  b.poke64(0x202000 + ((AT >>> 12) & 511) * 8, BigInt(DATA) | pte);
  return b.paged(0x200020, PAE, efer);
}
/** 4-level tables. */
function fourLevel(pml4e: bigint, pdpte: bigint, pde: bigint, pte: bigint, efer = LONG | L.EFER_NXE, cr0 = L.CR0_WP): EngineBench {
  const b = new EngineBench();
  b.poke64(0x200000, 0x201000n | pml4e);
  b.poke64(0x201000 + (AT >>> 30) * 8, 0x202000n | pdpte);
  b.poke64(0x202000 + ((AT >>> 21) & 511) * 8, 0x203000n | pde);
  b.poke64(0x203000 + ((AT >>> 12) & 511) * 8, BigInt(DATA) | pte);
  return b.paged(0x200000, PAE, efer, cr0);
}
const ALL = P | W | U;

const schemes: Record<string, (leaf: bigint, upper?: bigint, cr0?: number) => EngineBench> = {
  "2-level": (leaf, upper = ALL, cr0 = L.CR0_WP) => twoLevel(upper, leaf, PSE, cr0),
  PAE: (leaf, upper = ALL) => pae(P, upper, leaf),
  "4-level": (leaf, upper = ALL, cr0 = L.CR0_WP) => fourLevel(ALL, ALL, upper, leaf, LONG | L.EFER_NXE, cr0),
};

for (const [name, make] of Object.entries(schemes)) {
  test(`${name}: a mapped byte is found, an absent one faults with its address`, () => {
    const b = make(ALL);
    b.poke(DATA + 0x123, 0x5a);
    assert.equal(b.cpu.mmu.read8(AT + 0x123, "current"), 0x5a);
    b.cpu.mmu.write8(AT + 0x124, 0xa5, "current");
    assert.equal(b.peek32(DATA + 0x124) & 0xff, 0xa5);
    assert.equal(b.access("read", AT + 0x1000), 0);
    assert.equal(b.access("write", AT + 0x1000), WRITE);
    assert.equal(b.ring(3).access("read", AT + 0x1000), USER);
    try {
      b.cpu.mmu.read8(AT + 0x1fff, "current");
      assert.fail("an absent page was read");
    } catch (error) {
      assert.equal((error as { cr2: number }).cr2, AT + 0x1fff);
    }
  });

  test(`${name}: rights are those that all levels give`, () => {
    for (const [upper, leaf] of [[ALL, P], [P, ALL], [P | W, P | U], [P | U, P | W]] as const) {
      const b = make(leaf, upper);
      assert.equal(b.access("read", AT), "ok");
      assert.equal(b.access("write", AT), PRESENT | WRITE, "WP holds the kernel to the W bits");
      const isUser = (upper & leaf & U) !== 0n;
      assert.equal(b.ring(3).access("read", AT), isUser ? "ok" : PRESENT | USER);
      assert.equal(b.access("write", AT), PRESENT | USER | WRITE);
    }
  });

  test(`${name}: accessed bits come with any access, the dirty bit with a write`, () => {
    const b = make(ALL);
    const entries = () => [0x200000, 0x201000, 0x202000, 0x203000].flatMap((table) => {
      const found: bigint[] = [];
      for (let at = table; at < table + 0x1000; at += 8) if (b.peek64(at) !== 0n) found.push(b.peek64(at));
      return found;
    });
    const before = entries();
    assert.ok(before.every((e) => (e & (A | D)) === 0n && ((e >> 32n) & (A | D)) === 0n));
    b.access("read", AT);
    const afterRead = entries().map((e) => e | (e >> 32n));
    const isDirty = (e: bigint) => (e & D) !== 0n;
    assert.equal(afterRead.filter((e) => (e & A) !== 0n).length, name === "2-level" ? 2 : name === "PAE" ? 2 : 4);
    assert.equal(afterRead.filter(isDirty).length, 0);
    b.access("write", AT);
    assert.equal(entries().map((e) => e | (e >> 32n)).filter(isDirty).length, 1, "only the leaf is dirty");
  });

  test(`${name}: a refused access sets neither bit of the leaf`, () => {
    const b = make(P | U);
    assert.equal(b.access("write", AT), PRESENT | WRITE);
    const table = name === "2-level" ? 0x201000 : name === "PAE" ? 0x202000 : 0x203000;
    for (let at = table; at < table + 0x1000; at += 4) assert.equal(b.peek32(at) & Number(A | D), 0);
  });
}

test("without WP the kernel writes where W is clear, ring 3 does not", () => {
  for (const make of [schemes["2-level"], schemes["4-level"]]) {
    const b = (make as (leaf: bigint, upper?: bigint, cr0?: number) => EngineBench)(P | U, ALL, 0);
    assert.equal(b.access("write", AT), "ok");
    assert.equal(b.ring(3).access("write", AT), PRESENT | WRITE | USER);
  }
});

test("4 MiB pages need CR4.PSE, and their low address bits are reserved", () => {
  const make = (pde: bigint, cr4: number) => {
    const b = new EngineBench(0x800000);
    b.poke32(0x200000 + (AT >>> 22) * 4, Number(pde));
    return b.paged(0x200000, cr4, 0);
  };
  const large = 0x400000n | PS | ALL;
  const b = make(large, PSE);
  b.poke(0x400000 + (AT & 0x3fffff), 0x77);
  assert.equal(b.cpu.mmu.read8(AT, "current"), 0x77);
  assert.equal(b.access("write", AT), "ok");
  assert.equal(b.peek32(0x200000 + (AT >>> 22) * 4), Number(large | A | D));
  assert.equal(make(large | 0x2000n, PSE).access("read", AT), PRESENT | RESERVED);
  assert.equal(make(large | 0x1000n, PSE).access("read", AT), "ok", "bit 12 is PAT");
  // Without PSE the entry names a page table, at 400000h, which is empty.
  assert.equal(make(large, 0).access("read", AT), 0);
});

test("2 MiB pages, in PAE and in long mode", () => {
  const p = pae(P, 0n, 0n);
  p.poke64(0x201000 + ((AT >>> 21) & 511) * 8, 0x200000n | PS | ALL);
  assert.equal(p.cpu.mmu.read8(AT, "current"), 0);
  p.poke(0x200000 + (AT & 0x1fffff), 0x66);
  assert.equal(p.cpu.mmu.read8(AT, "current"), 0x66);
  p.poke64(0x201000 + ((AT >>> 21) & 511) * 8, 0x200000n | 0x4000n | PS | ALL);
  assert.equal(p.access("read", AT), PRESENT | RESERVED);
  const l = fourLevel(ALL, ALL, 0n, 0n);
  l.poke64(0x202000 + ((AT >>> 21) & 511) * 8, 0x200000n | PS | ALL);
  l.poke(0x200000 + (AT & 0x1fffff), 0x55);
  assert.equal(l.cpu.mmu.read8(AT, "current"), 0x55);
});

test("1 GiB pages", () => {
  const b = fourLevel(ALL, 0n, 0n, 0n);
  b.poke64(0x201000 + (AT >>> 30) * 8, PS | ALL);
  const low = 0x4000_0000 + 0x300000;
  b.poke(0x300000, 0x44);
  assert.equal(b.cpu.mmu.read8(low, "current"), 0x44);
  b.poke64(0x201000 + (AT >>> 30) * 8, PS | ALL | 0x200000n);
  assert.equal(b.access("read", low), PRESENT | RESERVED);
});

test("reserved bits: PS in a PML4 entry, addresses beyond 40 bits, NX where EFER.NXE is clear", () => {
  assert.equal(fourLevel(ALL | PS, ALL, ALL, ALL).access("read", AT), PRESENT | RESERVED);
  assert.equal(fourLevel(ALL, ALL | (1n << 40n), ALL, ALL).access("read", AT), PRESENT | RESERVED);
  assert.equal(fourLevel(ALL, ALL, ALL, ALL | (1n << 51n)).access("write", AT), PRESENT | RESERVED | WRITE);
  assert.equal(fourLevel(ALL, ALL, ALL, ALL | (1n << 52n)).access("read", AT), "ok", "bits 62:52 are the guest's");
  assert.equal(fourLevel(ALL, ALL, ALL, ALL | NX, LONG).access("read", AT), PRESENT | RESERVED);
  assert.equal(fourLevel(ALL, ALL, ALL, ALL | NX).access("read", AT), "ok");
  assert.equal(pae(P, ALL, ALL | NX).ring(3).access("read", AT), PRESENT | RESERVED | USER);
});

test("fetches: NX at any level refuses them, and the error code says so", () => {
  const fetch = (b: EngineBench): number | null | undefined => {
    b.cpu.setRip(AT);
    b.poke(DATA, 0x90);
    return b.step()?.errorCode;
  };
  assert.equal(fetch(fourLevel(ALL, ALL, ALL, ALL)), undefined);
  assert.equal(fetch(fourLevel(ALL, ALL, ALL, ALL | NX)), PRESENT | FETCH);
  assert.equal(fetch(fourLevel(ALL, ALL | NX, ALL, ALL)), PRESENT | FETCH);
  assert.equal(fetch(fourLevel(ALL, ALL, ALL, 0n)), FETCH);
  assert.equal(fetch(fourLevel(ALL, ALL, ALL, P | W).ring(3)), PRESENT | USER | FETCH);
  assert.equal(fetch(pae(P, ALL, ALL | NX, L.EFER_NXE)), PRESENT | FETCH);
  assert.equal(fetch(twoLevel(ALL, 0n)), 0, "without NX there is no fetch bit");
});

test("tables and pages where there is no memory fault or read as nothing, and hurt no one", () => {
  for (const where of [0xf000_0000n, 0xa_0000n, 0xfee0_0000n, 0xff_ffff_f000n]) {
    const b = fourLevel(ALL, ALL, ALL, ALL);
    b.map.unmap(0xa0000, 0x20000);
    b.poke64(0x200000, where | ALL);
    assert.equal(b.access("read", AT), 0, `tables at ${where.toString(16)}h`);
    b.poke64(0x200000, 0x201000n | ALL);
    b.poke64(0x203000 + ((AT >>> 12) & 511) * 8, where | ALL);
    b.cpu.setRip(0x1000);
    assert.equal(b.access("read", AT), "ok", `a page at ${where.toString(16)}h`);
  }
  const b = new EngineBench().paged(0xf000_0000, PSE, 0);
  assert.equal(b.access("write", AT), WRITE, "CR3 at nothing");
});

test("an operand across two pages needs both, and changes nothing if the second is refused", () => {
  const b = new EngineBench();
  // Page tables for the first 4 MiB one to one, page 31h absent, page 33h read-only.
  b.poke32(0x200000, 0x201000 | 7);
  for (let page = 0; page < 1024; page++) b.poke32(0x201000 + page * 4, (page << 12) | (page === 0x31 ? 0 : page === 0x33 ? 5 : 7));
  b.paged(0x200000, PSE, 0);
  // mov [30ffeh], eax; then to 32ffeh; then 34ffeh.
  const store = (at: number) => {
    b.cpu.setRip(0x1000);
    b.cpu.setGpr(0, 0x11223344);
    b.poke(0x1000, 0xa3, at & 255, (at >> 8) & 255, (at >> 16) & 255, 0);
    b.engine.blocks.flush();
    return b.step();
  };
  assert.deepEqual(store(0x30ffe), { vector: 14, errorCode: WRITE, address: 0x31000 });
  assert.equal(b.peek32(0x30ffc), 0);
  assert.deepEqual(store(0x32ffe), { vector: 14, errorCode: PRESENT | WRITE, address: 0x33000 });
  assert.equal(b.peek32(0x32ffc), 0);
  assert.equal(store(0x34ffe), null);
  assert.deepEqual([b.peek32(0x34ffc) >>> 16, b.peek32(0x35000) & 0xffff], [0x3344, 0x1122]);
});

test("translations are kept until the guest says otherwise", () => {
  const b = new EngineBench().long();
  b.poke64(0x202008, 0n);
  // mov al, [200000h] faults; mapped by the tables it works; INVLPG makes a change seen.
  b.code("8a042500003000");
  assert.equal(b.step()?.vector, 14);
  b.poke64(0x202008, 0x200000n | PS | ALL);
  b.poke(0x300000, 0x12);
  b.cpu.setRip(0x1000);
  assert.equal(b.step(), null);
  assert.equal(b.cpu.gpr(0) & 0xff, 0x12);
  b.poke64(0x202008, 0n);
  b.cpu.mmu.invalidatePage(0x300000);
  b.cpu.setRip(0x1000);
  assert.deepEqual(b.step(), { vector: 14, errorCode: 0, address: 0x300000 });
});

test("operands out of the canonical halves raise #GP, or #SS through the stack", () => {
  const b = new EngineBench().long();
  const run = (hex: string, lo: number, hi: number) => {
    b.cpu.setRip(0x1000);
    b.cpu.setGpr(3, lo, hi);
    b.cpu.setGpr(4, lo, hi);
    b.engine.blocks.flush();
    b.code(hex);
    const fault = b.step();
    return fault && [fault.vector, fault.errorCode];
  };
  assert.deepEqual(run("488b03", 0, 0x8000), [13, 0]);
  assert.deepEqual(run("488903", 0xfffffff8, 0xffff7fff), [13, 0]);
  assert.deepEqual(run("488b0424", 0, 0x8000), [12, 0]);
  assert.deepEqual(run("50", 8, 0x8000), [12, 0]);
  assert.deepEqual(run("488b03", 0xfffffffc, 0x7fff), [13, 0], "across the end of the lower half");
  assert.deepEqual(run("488b03", 0xfffffffc, 0xffffffff), [14, 0]);
});
