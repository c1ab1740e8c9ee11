// Guests that mean harm or know no better: small kernels, each of which must end, or go on, without anything thrown out of the
// machine, and leave it obedient. Sources are in NASM's notation beside the bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../storage/memory-backend.ts";
import { KERNEL_ENTRY, MachineBench, tinyKernel } from "../testkit/machine-bench.ts";

/** For position = port * 3 + size index, from [first] to [end]: OUT of a random value and IN, the position in three bytes to port
 *  E9h before. Position and random state live at 300000h, where a warm reset leaves them. Then "DONE" to E9h and HLT. */
const PORT_SWEEP =
  "eb0c000000000000000000000000fabc000009008b150000300085d27510a12a001000a3040030008b15220010003b152600100073578d4201a300003000b903" +
  "00000088d0e6e9c1ca08e2f7c1ca08a10400300069c00d661900055ff36e3ca304003000c1c80d5089d031d2b903000000f7f189d189c25883f90172067408ef" +
  "edeb91eeeceb8d66ef66edeb87bf0000000066bae9008a87c6001000ee4783ff0472eff4ebe7444f4e45";
const SWEEP_FIRST = 2;
const SWEEP_END = 6;
const SWEEP_SEED = 10;
/** 20,000 stores and loads of 1, 2, 4, 8 bytes, XADD and REP MOVSD at random offsets of the page at [base]; then "D" to E9h. */
const PAGE_SWEEP =
  "eb080000000000000000fadbe3bc000009008b2d0400300085ed75068b2d26001000813d00003000204e0000737eff050000300069ed0d66190081c55ff36e3c" +
  "892d0400300089efc1ef0881e7ff0f0000033d2200100069ed0d66190081c55ff36e3c89e8c1c80989e9c1e91c83f904722283f908722383f90c7226a3100030" +
  "00df2d10003000df3fb90400000089fef3a5eb8e88070207eb88668907668b07eb8089070fc107e976ffffffb044e6e9f4ebf9";
const PAGE_BASE = 2;
const PAGE_SEED = 6;
const PORTS = 0x10000;

test("a triple fault ends the machine with the reason and its registers", () => {
  // mov eax, 12345678h; ud2, without an IDT
  const b = new MachineBench(tinyKernel("b878563412 0f0b"));
  const result = b.slice();
  assert.equal(result.kind, "ended");
  assert.equal(result.exit?.kind, "tripleFault");
  const dump = result.exit?.kind === "tripleFault" ? result.exit.dump : "";
  assert.match(dump, /12345678/);
  assert.match(dump, /ud2/);
  assert.equal(b.slice().kind, "ended", "it stays ended");
});

const allDrives = () =>
  ([["disk", "ide", 0], ["disk", "ide", 1], ["cd", "ide", 2], ["disk", "ahci", 0], ["cd", "ahci", 1], ["disk", "virtio", 0], ["floppy", "fdc", 0]] as const).map(
    ([kind, controller, slot]) => ({ id: `${kind}-${controller}${slot}`, kind, controller, slot, medium: new MemoryBackend(1_474_560) }),
  );

for (const [seed, hasDrives] of [[1, false], [20_251_123, false], [7, true]] as const) {
  test(`random values to every port in every size, seed ${seed}${hasDrives ? ", with media in all drives" : ""}`, () => {
    let first = 0;
    let machines = 0;
    let marks = 0;
    while (first < PORTS * 3) {
      assert.ok(++machines < 400, `too many power-offs, the last near port ${Math.floor(first / 3).toString(16)}h`);
      const kernel = tinyKernel(PORT_SWEEP, { [SWEEP_FIRST]: first, [SWEEP_END]: PORTS * 3, [SWEEP_SEED]: seed + machines });
      const drives = hasDrives ? allDrives() : [];
      const b = new MachineBench(kernel, { drives, devices: { balloon: true, tablet: true } });
      const result = b.run(20_000, () => {
        for (const { medium } of drives) medium.deliver();
        return b.debug.endsWith("DONE");
      });
      assert.ok(result, `neither done nor ended: ${[...b.debug.slice(-3)].map((c) => c.charCodeAt(0))}`);
      marks += b.debug.length;
      if (result.kind !== "ended") break;
      // The kernel lies in an odd megabyte: with A20 off it is gone.
      assert.match(result.exit?.kind ?? "", /^(poweredOff|tripleFault)$/);
      const [lo, mid, high] = [...b.debug.slice(-3)].map((c) => c.charCodeAt(0)) as [number, number, number];
      const at = lo | (mid << 8) | (high << 16);
      assert.ok(at >= first && at < PORTS * 3, `the position ${at} is one of the sweep`);
      first = at + 1;
    }
    assert.ok(marks >= PORTS * 3 * 3, "every position was reached");
  });
}

const DEVICE_PAGES: Record<string, number> = {
  "the VGA window": 0xa0000,
  "VGA text memory": 0xb8000,
  "nothing": 0xf0000000,
  "the I/O APIC": 0xfec00000,
  "the HPET": 0xfed00000,
  "the local APIC": 0xfee00000,
  "the last pages": 0xffffe000,
};

for (const [name, base] of Object.entries(DEVICE_PAGES)) {
  test(`page tables over ${name} fault the guest, not the host`, () => {
    // mov eax, BASE; mov cr3, eax; mov eax, cr0; or eax, 80000000h; mov cr0, eax; nop
    const b = new MachineBench(tinyKernel("b800000000 0f22d8 0f20c0 0d00000080 0f22c0 90", { 1: base }));
    const result = b.run(5);
    assert.equal(result?.exit?.kind, "tripleFault");
  });

  test(`random stores and loads over ${name}`, () => {
    for (const seed of [3, 77]) {
      const b = new MachineBench(tinyKernel(PAGE_SWEEP, { [PAGE_BASE]: base, [PAGE_SEED]: seed }));
      const result = b.run(3000, () => b.debug.endsWith("D"));
      assert.ok(result, "it comes to an end");
      // The local APIC can be told to send an NMI, for which this guest has no handler, or an INIT.
      if (result.kind === "ended") assert.ok(name === "the local APIC" && result.exit?.kind === "tripleFault", JSON.stringify(result.exit));
    }
  });
}

test("a loop with interrupts off gives the host its thread back, and can be reset and powered off", () => {
  // mov al, '1'; out E9h, al; cli; jmp $
  const b = new MachineBench(tinyKernel("b031 e6e9 fa ebfe"));
  for (let n = 0; n < 5; n++) {
    const before = b.machine.nowNs();
    const result = b.slice();
    assert.equal(result.kind, "ran");
    assert.ok(result.instructions > 0);
    assert.ok(b.machine.nowNs() - before < 20e6, "one slice is a few milliseconds of the guest's time");
  }
  b.machine.pressPowerButton();
  assert.equal(b.slice().kind, "ran", "it does not listen to the button");
  b.machine.reset();
  b.slice();
  assert.equal(b.debug, "11");
});

test("an endless chain of exceptions gives the host its thread back", () => {
  // Every gate leads to a handler that takes a fresh stack and does UD2. The loader's code segment is 10h.
  // mov esp, 90000h; mov edi, 200000h; mov eax, 100000h + low half of handler; mov edx, 108E00h; fill: mov [edi], eax;
  // mov [edi+4], edx; add edi, 8; cmp edi, 200800h; jb fill; lidt [table]; handler: mov esp, 90000h; ud2; table: dw 7FFh; dd 200000h
  const handler = KERNEL_ENTRY + 43;
  const b = new MachineBench(
    tinyKernel(
      `bc00000900 bf00002000 b800000000 ba008e1000 8907 895704 83c708 81ff00082000 72f0 0f011d00000000 bc00000900 0f0b ff07 00002000`,
      { 11: 0x100000 | (handler & 0xffff), 39: handler + 7 },
    ),
  );
  for (let n = 0; n < 3; n++) assert.equal(b.slice().kind, "ran");
  b.machine.reset();
  assert.equal(b.slice().kind, "ran");
});
test("the guest resets itself, keeps its memory, and powers off", () => {
  // inc dword [300000h]; its digit to COM1; at 3: 2000h to port 604h; before: 6 to port CF9h; jmp $
  const b = new MachineBench(
    tinyKernel("ff0500003000 a000003000 0430 66baf803 ee 803d0000300003 7309 66baf90c b006 ee ebfe 66ba0406 66b80020 66ef ebfe"),
  );
  const result = b.run(20);
  assert.deepEqual(result?.exit, { kind: "poweredOff" });
  assert.equal(b.serial, "123");
});

test("the keyboard controller's reset and port 92h do the same", () => {
  for (const [port, value] of [[0x64, 0xfe], [0x92, 1]] as const) {
    // inc dword [300000h]; digit to E9h; cmp 3; jae $; mov al, VALUE; out PORT, al; jmp $
    const b = new MachineBench(
      tinyKernel(`ff0500003000 a000003000 0430 e6e9 803d0000300003 7306 b0${value.toString(16).padStart(2, "0")} e6${port.toString(16)} ebfe ebfe`),
    );
    b.run(10, () => b.debug.length >= 3);
    assert.equal(b.debug, "123", `port ${port.toString(16)}h`);
  }
});
