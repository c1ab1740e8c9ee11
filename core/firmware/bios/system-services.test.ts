import assert from "node:assert/strict";
import { test } from "node:test";
import { CARRY, type Registers } from "../../testkit/system-bios-bench.ts";
import { booted } from "../../testkit/system-bios-media.ts";

const BUFFER = 0x8000;
const SMAP = 0x534d4150;
const low = (value: number): number => value & 0xffff;

function refused({ flags }: Registers): boolean {
  return (flags & CARRY) !== 0;
}

test("E820h lists memory without gaps in the list, and E801h and 88h agree with it", () => {
  const bios = booted();
  const ranges: { base: number; length: number; type: number }[] = [];
  for (let ebx = 0; ; ) {
    const result = bios.call(0x15, { eax: 0xe820, ebx, ecx: 20, edx: SMAP, edi: BUFFER });
    assert.ok(!refused(result));
    assert.deepEqual([result.eax >>> 0, result.ecx], [SMAP, 20]);
    const entry = Buffer.from(bios.peek(0, BUFFER, 20));
    ranges.push({ base: Number(entry.readBigUInt64LE(0)), length: Number(entry.readBigUInt64LE(8)), type: entry.readUInt32LE(16) });
    ebx = result.ebx;
    if (ebx === 0) break;
  }
  for (const [i, range] of ranges.entries()) {
    const before = ranges[i - 1];
    if (before) assert.ok(range.base >= before.base + before.length, "sorted, without overlaps");
  }
  assert.deepEqual(ranges[0], { base: 0, length: 0x9fc00, type: 1 });
  const high = ranges.find((r) => r.base === 0x100000) ?? assert.fail();
  const end = high.base + high.length;
  assert.ok(end > (64 << 20) - 0x20000 && end < 64 << 20, "tables at the end of RAM");
  assert.ok(ranges.some((r) => r.base === end && r.base + r.length === 64 << 20 && r.type === 2));
  const { eax, ebx, ecx, edx } = bios.call(0x15, { eax: 0xe801 });
  assert.deepEqual([low(eax), low(ecx)], [15 * 1024, 15 * 1024]);
  assert.equal(low(ebx), Math.floor((end - (16 << 20)) / 65536));
  assert.equal(low(edx), low(ebx));
  assert.equal(low(bios.call(0x15, { eax: 0x8800 }).eax), (end - 0x100000) / 1024);
  assert.ok(refused(bios.call(0x15, { eax: 0xe820, ecx: 20, edx: 0 })), "without the signature");
  assert.ok(refused(bios.call(0x15, { eax: 0xe820, ebx: 99, ecx: 20, edx: SMAP, edi: BUFFER })), "past the end");
});

test("24xxh switches A20, and memory wraps when it is off", () => {
  const bios = booted();
  const status = (): number => bios.call(0x15, { eax: 0x2402 }).eax & 0xff;
  assert.equal(status(), 1);
  assert.equal(low(bios.call(0x15, { eax: 0x2403 }).ebx), 3);
  bios.poke(0, 0x8000, [0x11]);
  bios.poke(0xffff, 0x8010, [0x22]);
  assert.equal(bios.peek(0, 0x8000, 1)[0], 0x11);
  bios.call(0x15, { eax: 0x2400 });
  assert.equal(status(), 0);
  assert.equal(bios.peek(0xffff, 0x8010, 1)[0], 0x11);
  bios.call(0x15, { eax: 0x2401 });
  assert.equal(bios.peek(0xffff, 0x8010, 1)[0], 0x22);
});

function descriptor(base: number): number[] {
  return [0xff, 0xff, base & 0xff, (base >> 8) & 0xff, (base >> 16) & 0xff, 0x93, 0, (base >>> 24) & 0xff];
}

test("87h moves blocks to and from above 1 MiB and leaves A20 and segments as they were", () => {
  const bios = booted();
  const data = Array.from({ length: 600 }, (_, i) => (i * 7) & 0xff);
  const table = (source: number, target: number): number[] => [...new Array<number>(16).fill(0), ...descriptor(source), ...descriptor(target), ...new Array<number>(16).fill(0)];
  bios.poke(0, BUFFER, data);
  bios.poke(0, 0x9000, table(BUFFER, 0x234567));
  assert.ok(!refused(bios.call(0x15, { eax: 0x8700, ecx: 300, esi: 0x9000 })));
  bios.poke(0, BUFFER, new Uint8Array(600));
  bios.poke(0, 0x9000, table(0x234567, BUFFER));
  const result = bios.call(0x15, { eax: 0x8700, ecx: 300, esi: 0x9000 });
  assert.deepEqual([refused(result), result.eax >> 8], [false, 0]);
  assert.deepEqual([...bios.peek(0, BUFFER, 600)], data);
});

test("86h waits as long as it is asked to, asleep", () => {
  const bios = booted();
  const from = bios.bench.machine.nowNs();
  const instructions = bios.instructions;
  assert.ok(!refused(bios.call(0x15, { eax: 0x8600, ecx: 7, edx: 0xa120 }))); // 500,000 us
  const passed = (bios.bench.machine.nowNs() - from) / 1e6;
  assert.ok(passed >= 500 && passed < 600, `${passed} ms`);
  assert.ok(bios.instructions - instructions < 3_000_000, "it does not spin");
});

test("83h sets its flag after the time, and can be cancelled", () => {
  const bios = booted();
  bios.poke(0, BUFFER, [0]);
  assert.ok(!refused(bios.call(0x15, { eax: 0x8300, ecx: 0, edx: 50_000, ebx: BUFFER })));
  assert.ok(refused(bios.call(0x15, { eax: 0x8300, ecx: 0, edx: 50_000, ebx: BUFFER })), "one is under way");
  assert.equal(bios.peek(0, BUFFER, 1)[0], 0);
  bios.call(0x15, { eax: 0x8301 });
  bios.call(0x15, { eax: 0x8300, ecx: 0, edx: 10_000, ebx: BUFFER });
  const until = bios.bench.machine.nowNs() + 30e6;
  bios.until(() => bios.bench.machine.nowNs() > until);
  assert.equal(bios.peek(0, BUFFER, 1)[0], 0x80);
});

test("C0h, C1h and what is not there", () => {
  const bios = booted();
  const { es, ebx, flags } = bios.call(0x15, { eax: 0xc000 });
  assert.equal(flags & CARRY, 0);
  assert.deepEqual([...bios.peek(es, low(ebx), 3)], [8, 0, 0xfc]);
  assert.equal(bios.call(0x15, { eax: 0xc100 }).es, 0x9fc0);
  for (const eax of [0x5300, 0x1000, 0xe980]) {
    const result = bios.call(0x15, { eax });
    assert.deepEqual([refused(result), low(result.eax) >> 8], [true, 0x86], eax.toString(16));
  }
});

test("1Ah: ticks go on, and time and date are the clock's", () => {
  const bios = booted(undefined, { epochMs: Date.UTC(2031, 4, 17, 21, 43, 5) });
  const ticks = (): number => {
    const { ecx, edx } = bios.call(0x1a, { eax: 0 });
    return low(ecx) * 65536 + low(edx);
  };
  const before = ticks();
  assert.ok(Math.abs(before / 18.2065 - (21 * 3600 + 43 * 60 + 5)) < 3, `${before}`);
  bios.call(0x15, { eax: 0x8600, ecx: 15, edx: 0x4240 });
  assert.ok(Math.abs(ticks() - before - 18) <= 1);
  const time = bios.call(0x1a, { eax: 0x0200 });
  assert.equal(low(time.ecx), 0x2143);
  const date = bios.call(0x1a, { eax: 0x0400 });
  assert.deepEqual([low(date.ecx), low(date.edx)], [0x2031, 0x0517]);
  bios.call(0x1a, { eax: 0x0500, ecx: 0x1999, edx: 0x1231 });
  bios.call(0x1a, { eax: 0x0300, ecx: 0x2359, edx: 0x3000 });
  const [changed, now] = [bios.call(0x1a, { eax: 0x0400 }), bios.call(0x1a, { eax: 0x0200 })];
  assert.deepEqual([low(changed.ecx), low(changed.edx), low(now.ecx)], [0x1999, 0x1231, 0x2359]);
  bios.call(0x1a, { eax: 0x0100, ecx: 0x0018, edx: 0x00af });
  const { ecx, edx } = bios.call(0x1a, { eax: 0 });
  assert.deepEqual([low(ecx), low(edx) >= 0xaf], [0x18, true]);
});

test("the alarm of 1Ah calls INT 4Ah", () => {
  const bios = booted(undefined, { epochMs: Date.UTC(2031, 4, 17, 12, 0, 0) });
  // 0:9000: mov byte [cs:9100h],1; iret
  bios.poke(0, 0x9000, [0x2e, 0xc6, 0x06, 0x00, 0x91, 0x01, 0xcf]);
  bios.poke(0, 0x9100, [0]);
  bios.poke(0, 0x4a * 4, [0x00, 0x90, 0x00, 0x00]);
  const now = bios.call(0x1a, { eax: 0x0200 });
  const seconds = (low(now.edx) >> 8) + 2;
  assert.ok(!refused(bios.call(0x1a, { eax: 0x0600, ecx: low(now.ecx), edx: seconds << 8 })));
  assert.ok(refused(bios.call(0x1a, { eax: 0x0600, ecx: low(now.ecx), edx: seconds << 8 })), "one is set");
  bios.call(0x15, { eax: 0x8600, ecx: 0x2d, edx: 0xc6c0 }); // 3 s
  assert.equal(bios.peek(0, 0x9100, 1)[0], 1);
});

test("PCI BIOS: present, finds devices and classes, reads and writes registers", () => {
  const bios = booted();
  const present = bios.call(0x1a, { eax: 0xb101, edi: 0 });
  assert.deepEqual([present.edx, low(present.ebx), low(present.eax)], [0x20494350, 0x0210, 0x0001]);
  const pm = bios.call(0x1a, { eax: 0xb102, ecx: 0x7113, edx: 0x8086, esi: 0 });
  assert.deepEqual([low(pm.ebx), low(pm.eax) >> 8, refused(pm)], [0x000b, 0, false]);
  const none = bios.call(0x1a, { eax: 0xb102, ecx: 0x7113, edx: 0x8086, esi: 1 });
  assert.deepEqual([low(none.eax) >> 8, refused(none)], [0x86, true]);
  assert.equal(low(bios.call(0x1a, { eax: 0xb102, ecx: 0x7113, edx: 0xffff, esi: 0 }).eax) >> 8, 0x83);
  assert.equal(low(bios.call(0x1a, { eax: 0xb103, ecx: 0x030000, esi: 0 }).ebx), 0x0010);
  const read = (eax: number, edi: number): number => bios.call(0x1a, { eax, ebx: 0x0010, edi }).ecx;
  assert.equal(read(0xb10a, 0), 0x11111234);
  assert.deepEqual([low(read(0xb109, 2)), read(0xb108, 1) & 0xff], [0x1111, 0x12]);
  bios.call(0x1a, { eax: 0xb10b, ebx: 0x0010, edi: 0x3c, ecx: 0x55 });
  assert.equal(read(0xb108, 0x3c) & 0xff, 0x55);
  assert.equal(low(bios.call(0x1a, { eax: 0xb109, ebx: 0x0010, edi: 3 }).eax) >> 8, 0x87, "a word at an odd register");
  assert.equal(low(bios.call(0x1a, { eax: 0xb17f }).eax) >> 8, 0x81);
});

test("PCI BIOS gives the interrupt routing into a buffer that is big enough", () => {
  const bios = booted();
  bios.poke(0, BUFFER, [0, 2, 0x00, 0x90, 0x00, 0x00]);
  const { eax, ebx, flags } = bios.call(0x1a, { eax: 0xb10e, ebx: 0, edi: BUFFER, ds: 0xf000 });
  assert.deepEqual([low(eax) >> 8, low(ebx), flags & CARRY], [0, 0x0c00, 0]);
  assert.equal(bios.peek16(0, BUFFER) % 16, 0);
  assert.deepEqual([...bios.peek(0, 0x9000, 3)], [0, 8, 0x60], "slot 1, INTA# on PIRQA");
  bios.poke(0, BUFFER, [4, 0]);
  assert.equal(low(bios.call(0x1a, { eax: 0xb10e, edi: BUFFER, ds: 0xf000 }).eax) >> 8, 0x89);
});

test("serial and printer services report their ports, and say nothing of ports that are not there", () => {
  const bios = booted();
  bios.poke(0x40, 0x7d, [0]); // COM2's time-out
  assert.equal(low(bios.call(0x14, { eax: 0x00e3, edx: 1 }).eax) >> 8, 0x60, "9600 8N1: the transmitter is empty");
  assert.equal((low(bios.call(0x14, { eax: 0x0141, edx: 1 }).eax) >> 8) & 0x80, 0, "sent");
  assert.equal((low(bios.call(0x14, { eax: 0x0200, edx: 1 }).eax) >> 8) & 0x80, 0x80, "nothing comes");
  assert.equal(low(bios.call(0x14, { eax: 0x0300, edx: 3 }).eax), 0x0300);
  assert.equal(low(bios.call(0x17, { eax: 0x0200, edx: 2 }).eax), 0x0200);
});

test("what a service does not document it keeps", () => {
  const bios = booted();
  const given = { ebx: 0x11112222, ecx: 0x33334444, esi: 0x77778888, edi: 0x9999aaaa, ebp: 0xbbbbcccc, ds: 0x1234, es: 0x5678 };
  const kept = (number: number, eax: number, changed: readonly (keyof Registers)[]): void => {
    const registers = { ...given, edx: 0x55556600, eax };
    const result = bios.call(number, registers);
    for (const [name, value] of Object.entries(registers)) {
      if (changed.includes(name as keyof Registers)) continue;
      assert.equal(result[name as keyof Registers] >>> 0, value, `INT ${number.toString(16)}h ${eax.toString(16)}h: ${name}`);
    }
    assert.equal(result.flags & 0x200, 0x200, "interrupts are on");
  };
  for (const [number, eax, ...changed] of [
    [0x11, 0xdead0000, "eax"], [0x12, 0, "eax"], [0x13, 0x0000, "eax"], [0x13, 0x0100, "eax"], [0x15, 0x8800, "eax"], [0x15, 0x2402, "eax"],
    [0x16, 0x0100, "eax"], [0x16, 0x0200, "eax"], [0x16, 0x1100, "eax"], [0x1a, 0x0000, "eax", "ecx", "edx"], [0x1c, 0], [0x08, 0], [0x70, 0],
    [0x74, 0], [0x76, 0], [0x09, 0], [0x0e, 0], [0x4f, 0], [0x15, 0x4f1e],
  ] as const) {
    kept(number, eax, changed as readonly (keyof Registers)[]);
  }
});

