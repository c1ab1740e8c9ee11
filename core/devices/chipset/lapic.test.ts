import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApicBus } from "../../bus/apic-bus.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { Lapic } from "./lapic.ts";

const ID = 0x20, TPR = 0x80, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280;
const ICR_LO = 0x300, ICR_HI = 0x310, LVT_TIMER = 0x320, LVT_LINT0 = 0x350, LVT_LINT1 = 0x360, LVT_ERROR = 0x370;
const INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3e0;
const MASKED = 0x10000;

interface Setup {
  lapic: Lapic;
  bench: DeviceBench;
  bus: ApicBus;
  events: string[];
  read(offset: number): number;
  write(offset: number, value: number): void;
}

function connect(bench: DeviceBench, bus: ApicBus, apicId = 0, events: string[] = []): Lapic {
  const acknowledge = (): number => {
    events.push("inta");
    return 0x30;
  };
  const lapic: Lapic = new Lapic(
    `lapic${apicId}`,
    apicId,
    apicId === 0,
    {
      bus,
      extInt: { hasInterrupt: () => bench.irq("pic").level, acknowledge },
      onOutput: (level) => bench.irq(`intr${apicId}`).set(level),
      onNmi: () => events.push("nmi"),
      onInit: () => events.push("init"),
      onStartup: (vector) => events.push(`startup ${vector}`),
      onBaseChange: (gpa, enabled) => events.push(`base ${gpa.toString(16)} ${enabled}`),
    },
    bench.timers(() => lapic),
  );
  bus.attachLocal(lapic);
  return lapic;
}

function setup(): Setup {
  const bench = new DeviceBench();
  const bus = new ApicBus();
  const events: string[] = [];
  const lapic = connect(bench, bus, 0, events);
  const write = (offset: number, value: number): void => lapic.writeReg(0, offset, 4, value);
  write(SVR, 0x1ff);
  return { lapic, bench, bus, events, read: (offset) => lapic.readReg(0, offset, 4), write };
}

deviceConformance(
  "lapic",
  (bench) => connect(bench, new ApicBus()),
  (lapic, bench) => {
    lapic.enterVirtualWireMode();
    lapic.writeReg(0, LVT_TIMER, 4, 0x20040);
    lapic.writeReg(0, INITIAL, 4, 1_000_000);
    lapic.writeReg(0, LDR, 4, 0x0100_0000);
    lapic.writeReg(0, LVT_ERROR, 4, 0x45);
    lapic.receive(0, 0x51, true);
    lapic.acknowledge();
    lapic.receive(0, 0x61, false);
    bench.clock.advance(1_500_000);
  },
  { banks: [0x400] },
);

describe("lapic priorities", () => {
  test("the highest vector is taken first, and a class in service holds back its own and lower ones", () => {
    const { lapic, read, write } = setup();
    lapic.receive(0, 0x31, false);
    lapic.receive(0, 0x52, false);
    assert.equal(read(IRR + 0x20) >>> 0, 1 << 0x12);
    assert.equal(lapic.acknowledge(), 0x52);
    assert.equal(read(ISR + 0x20), 1 << 0x12);
    assert.equal(read(PPR), 0x50);
    assert.equal(lapic.hasInterrupt(), false);
    lapic.receive(0, 0x5f, false);
    assert.equal(lapic.hasInterrupt(), false, "same class");
    lapic.receive(0, 0x60, false);
    assert.equal(lapic.acknowledge(), 0x60);
    write(EOI, 0);
    write(EOI, 0);
    assert.equal(lapic.acknowledge(), 0x5f);
    write(EOI, 0);
    assert.equal(lapic.acknowledge(), 0x31);
  });

  test("TPR and CR8 hold back their class and below", () => {
    const { lapic, read, write, bench } = setup();
    write(TPR, 0x40);
    lapic.receive(0, 0x4f, false);
    assert.equal(bench.irq("intr0").level, false);
    assert.equal(lapic.cr8, 4);
    lapic.cr8 = 3;
    assert.equal(read(TPR), 0x30);
    assert.equal(bench.irq("intr0").level, true);
    lapic.cr8 = 4;
    assert.equal(bench.irq("intr0").level, false);
  });

  test("an acknowledge with nothing to give gives the spurious vector without ISR", () => {
    const { lapic, read } = setup();
    assert.equal(lapic.acknowledge(), 0xff);
    assert.equal(read(ISR + 0x70), 0);
  });

  test("EOI of a level-triggered vector is told to the I/O APICs, of an edge-triggered one not", () => {
    const { lapic, read, write, bus } = setup();
    const ended: number[] = [];
    bus.attachIo({ endOfInterrupt: (vector) => ended.push(vector) });
    lapic.receive(0, 0x41, true);
    assert.equal(read(TMR + 0x20), 2);
    lapic.acknowledge();
    write(EOI, 0);
    lapic.receive(0, 0x41, false);
    assert.equal(read(TMR + 0x20), 0);
    lapic.acknowledge();
    write(EOI, 0);
    assert.deepEqual(ended, [0x41]);
  });

  test("software disable masks the LVT, takes no interrupt and keeps what is pending", () => {
    const { lapic, read, write } = setup();
    write(LVT_LINT0, 0x700);
    lapic.receive(0, 0x41, false);
    write(SVR, 0xff);
    assert.equal(lapic.hasInterrupt(), false);
    assert.equal(read(LVT_LINT0), MASKED | 0x700);
    write(LVT_LINT0, 0x700);
    assert.equal(read(LVT_LINT0), MASKED | 0x700);
    assert.equal(lapic.receive(0, 0x42, false), false);
    write(SVR, 0x1ff);
    assert.equal(lapic.acknowledge(), 0x41);
  });
});

describe("lapic pins", () => {
  test("LINT0 in ExtINT mode passes the 8259 through: its INTA, no ISR, no EOI", () => {
    const { lapic, read, write, events, bench } = setup();
    write(LVT_LINT0, 0x700);
    lapic.setLint(0, true);
    assert.equal(bench.irq("intr0").level, true);
    assert.equal(lapic.acknowledge(), 0x30);
    assert.deepEqual(events, ["inta"]);
    assert.equal(read(ISR + 0x10), 0);
    lapic.setLint(0, false);
    assert.equal(bench.irq("intr0").level, false);
    lapic.setLint(0, true);
    write(LVT_LINT0, MASKED | 0x700);
    assert.equal(lapic.hasInterrupt(), false);
  });

  test("LINT0 fixed and edge-triggered: one interrupt for each rise, as Linux's virtual wire test wants", () => {
    const { lapic, write } = setup();
    write(LVT_LINT0, 0x31);
    lapic.setLint(0, true);
    assert.equal(lapic.acknowledge(), 0x31);
    write(EOI, 0);
    assert.equal(lapic.hasInterrupt(), false);
    lapic.setLint(0, false);
    lapic.setLint(0, true);
    assert.equal(lapic.acknowledge(), 0x31);
  });

  test("LINT0 fixed and level-triggered: remote IRR until EOI, then again while it is high", () => {
    const { lapic, read, write } = setup();
    write(LVT_LINT0, 0x8031);
    lapic.setLint(0, true);
    assert.equal(read(LVT_LINT0), 0xc031);
    assert.equal(lapic.acknowledge(), 0x31);
    write(EOI, 0);
    assert.equal(lapic.acknowledge(), 0x31);
    lapic.setLint(0, false);
    write(EOI, 0);
    assert.equal(read(LVT_LINT0), 0x8031);
    assert.equal(lapic.hasInterrupt(), false);
  });

  test("LINT1 is NMI on its rise", () => {
    const { lapic, write, events } = setup();
    write(LVT_LINT1, 0x400);
    lapic.setLint(1, true);
    lapic.setLint(1, true);
    assert.deepEqual(events, ["nmi"]);
  });

  test("an ExtINT message is acknowledged at the 8259", () => {
    const { lapic, bus, events } = setup();
    bus.send(0, false, 7, 0, false);
    assert.equal(lapic.acknowledge(), 0x30);
    assert.deepEqual(events, ["inta"]);
    assert.equal(lapic.hasInterrupt(), false);
  });

  test("with the APIC off in IA32_APIC_BASE, LINT0 is INTR and the registers are gone", () => {
    const { lapic, read, events, bench } = setup();
    assert.equal(lapic.writeApicBase(0xfee00100), true);
    assert.equal(read(ID), 0xffffffff);
    lapic.setLint(0, true);
    assert.equal(bench.irq("intr0").level, true);
    assert.equal(lapic.acknowledge(), 0x30);
    lapic.setLint(1, true);
    assert.deepEqual(events, ["base fee00000 false", "inta", "nmi"]);
    lapic.writeApicBase(0xfee00900);
    assert.equal(read(SVR), 0xff, "it comes back as after power-on");
  });

  test("reserved bits and x2APIC in IA32_APIC_BASE are refused", () => {
    const { lapic } = setup();
    for (const value of [0xfee00d00, 0xfee00901, 0xfee00a00, -1, 2 ** 53]) assert.equal(lapic.writeApicBase(value), false);
    assert.equal(lapic.apicBase, 0xfee00900);
  });
});

describe("lapic timer", () => {
  test("one-shot: counts down by the divider and interrupts once", () => {
    const { lapic, read, write, bench } = setup();
    write(LVT_TIMER, 0x40);
    write(DIVIDE, 0x03); // by 16
    write(INITIAL, 1000);
    bench.clock.advance(1600);
    assert.equal(read(CURRENT), 900);
    bench.clock.advance(14_399);
    assert.equal(lapic.hasInterrupt(), false);
    bench.clock.advance(1);
    assert.equal(lapic.acknowledge(), 0x40);
    write(EOI, 0);
    assert.equal(read(CURRENT), 0);
    bench.clock.advance(1e9);
    assert.equal(lapic.hasInterrupt(), false);
  });

  test("every divider", () => {
    const { read, write, bench } = setup();
    [2, 4, 8, 16, 32, 64, 128, 1].forEach((by, code) => {
      write(DIVIDE, (code & 3) | ((code & 4) << 1));
      write(INITIAL, 0xffffffff);
      bench.clock.advance(1280);
      assert.equal(0xffffffff - read(CURRENT), 1280 / by);
    });
  });

  test("periodic: no drift over late service, and a stop with 0", () => {
    const { lapic, read, write, bench } = setup();
    write(LVT_TIMER, 0x20040);
    write(DIVIDE, 0x0b);
    write(INITIAL, 1_000_000);
    let taken = 0;
    for (let i = 0; i < 100; i++) {
      bench.clock.advance(1_000_000);
      if (lapic.hasInterrupt() && lapic.acknowledge() === 0x40) taken++;
      write(EOI, 0);
    }
    assert.equal(taken, 100);
    bench.clock.advanceLate(2_500_000);
    assert.equal(lapic.acknowledge(), 0x40);
    write(EOI, 0);
    assert.equal(read(CURRENT), 500_000);
    bench.clock.advance(500_000);
    assert.equal(lapic.hasInterrupt(), true);
    write(INITIAL, 0);
    assert.equal(read(CURRENT), 0);
    lapic.acknowledge();
    write(EOI, 0);
    bench.clock.advance(10_000_000);
    assert.equal(lapic.hasInterrupt(), false);
  });

  test("periods missed in one jump follow as the guest takes them, up to a bound", () => {
    const { lapic, write, bench } = setup();
    write(LVT_TIMER, 0x20040);
    write(DIVIDE, 0x0b);
    write(INITIAL, 1_000_000);
    const serve = (ms: number): number => {
      let taken = 0;
      for (let i = 0; i < ms * 10; i++) {
        bench.clock.advance(100_000);
        if (!lapic.hasInterrupt()) continue;
        lapic.acknowledge();
        write(EOI, 0);
        taken++;
      }
      return taken;
    };
    bench.clock.advanceLate(20_500_000);
    assert.equal(serve(30), 50);
    assert.equal(serve(30), 30);
    bench.clock.advanceLate(60e9);
    assert.equal(serve(2000), 3001);
    bench.clock.advanceLate(20_000_000);
    write(INITIAL, 1_000_000);
    assert.ok(serve(30) <= 31);
  });

  test("a masked timer counts without interrupting, and what passed masked is not made up for", () => {
    const { lapic, read, write, bench } = setup();
    write(LVT_TIMER, MASKED | 0x20040);
    write(DIVIDE, 0x0b);
    write(INITIAL, 100_000);
    bench.clock.advance(250_000);
    assert.equal(read(CURRENT), 50_000);
    write(LVT_TIMER, 0x20040);
    assert.equal(lapic.hasInterrupt(), false);
    bench.clock.advance(50_000);
    assert.equal(lapic.hasInterrupt(), true);
  });

  test("TSC deadline: fires at its moment, at once if that has passed, and disarms", () => {
    const { lapic, read, write, bench } = setup();
    lapic.setTscDeadline(500);
    assert.equal(lapic.tscDeadlineNs, 0, "ignored in another mode");
    write(LVT_TIMER, 0x40040);
    write(INITIAL, 1000);
    assert.equal(read(INITIAL), 0);
    lapic.setTscDeadline(1000);
    bench.clock.advance(999);
    assert.equal(lapic.hasInterrupt(), false);
    bench.clock.advance(1);
    assert.equal(lapic.acknowledge(), 0x40);
    write(EOI, 0);
    assert.equal(lapic.tscDeadlineNs, 0);
    lapic.setTscDeadline(1);
    assert.equal(lapic.acknowledge(), 0x40);
    write(EOI, 0);
    lapic.setTscDeadline(5000);
    lapic.setTscDeadline(0);
    bench.clock.advance(10_000);
    assert.equal(lapic.hasInterrupt(), false);
  });

  test("a senselessly short period is served at most every 20 us", () => {
    const { lapic, write, bench } = setup();
    write(LVT_TIMER, 0x20040);
    write(DIVIDE, 0x0b);
    write(INITIAL, 1);
    let taken = 0;
    for (let i = 0; i < 1000; i++) {
      bench.clock.advance(1000);
      if (lapic.hasInterrupt() && lapic.acknowledge() === 0x40) taken++;
      write(EOI, 0);
    }
    assert.ok(taken >= 40 && taken <= 60, `${taken}`);
  });
});

describe("lapic messages", () => {
  test("physical, flat logical and cluster destinations", () => {
    const { lapic, write } = setup();
    assert.deepEqual([0, 1, 0xff].map((d) => lapic.isAddressed(d, false)), [true, false, true]);
    write(LDR, 0x04000000);
    assert.deepEqual([4, 0x84, 3, 0xff].map((d) => lapic.isAddressed(d, true)), [true, true, false, true]);
    write(DFR, 0x0fffffff);
    write(LDR, 0x12000000);
    assert.deepEqual([0x12, 0x13, 0x22, 0x11].map((d) => lapic.isAddressed(d, true)), [true, true, false, false]);
  });

  test("fixed, NMI, INIT and STARTUP to another processor", () => {
    const { write, bus, bench } = setup();
    const events: string[] = [];
    const other = connect(bench, bus, 1, events);
    other.writeReg(0, SVR, 4, 0x1ff);
    write(ICR_HI, 0x01000000);
    write(ICR_LO, 0x4045);
    assert.equal(other.acknowledge(), 0x45);
    write(ICR_LO, 0x4400);
    write(ICR_LO, 0xc500);
    write(ICR_LO, 0x8500); // de-assert: nothing
    write(ICR_LO, 0x4610);
    assert.deepEqual(events, ["nmi", "init", "startup 16"]);
    assert.equal(other.readReg(0, SVR, 4), 0xff, "INIT resets the local APIC");
    assert.equal(other.readReg(0, ID, 4), 0x01000000);
  });

  test("shorthands: self, all, all but self", () => {
    const { lapic, write, bus, bench } = setup();
    const other = connect(bench, bus, 1);
    other.writeReg(0, SVR, 4, 0x1ff);
    const taken = (): boolean[] => [lapic, other].map((l) => {
      const has = l.hasInterrupt();
      if (has) l.acknowledge();
      l.writeReg(0, EOI, 4, 0);
      return has;
    });
    write(ICR_LO, 0x44045);
    assert.deepEqual(taken(), [true, false]);
    write(ICR_LO, 0x84045);
    assert.deepEqual(taken(), [true, true]);
    write(ICR_LO, 0xc4045);
    assert.deepEqual(taken(), [false, true]);
  });

  test("lowest priority goes to the processor with the lower priority", () => {
    const { lapic, write, bus, bench } = setup();
    const other = connect(bench, bus, 1);
    other.writeReg(0, SVR, 4, 0x1ff);
    write(TPR, 0x20);
    bus.send(0xff, false, 1, 0x45, false);
    assert.deepEqual([lapic.hasInterrupt(), other.hasInterrupt()], [false, true]);
  });

  test("an MSI write is a message", () => {
    const { lapic, bus } = setup();
    assert.equal(bus.sendMsi(0xfee00000, 0x4055), true);
    assert.equal(lapic.acknowledge(), 0x55);
  });

  test("illegal vectors and registers go to ESR, after a write, and raise the error vector once", () => {
    const { lapic, read, write } = setup();
    write(LVT_ERROR, 0x61);
    write(ICR_LO, 0x0005);
    assert.equal(read(ESR), 0);
    assert.equal(lapic.acknowledge(), 0x61);
    write(EOI, 0);
    write(ICR_LO, 0x0005);
    assert.equal(lapic.hasInterrupt(), false);
    lapic.receive(0, 3, false);
    read(0x3f0);
    write(ESR, 0);
    assert.equal(read(ESR), 0xe0);
    write(ESR, 0);
    assert.equal(read(ESR), 0);
  });
});

describe("lapic end of interrupt in memory", () => {
  /** The guest's word, and an APIC that may use it. */
  function withWord(): Setup & { word: { bit: number }; offered(): number } {
    const word = { bit: 0 };
    let offered = 0;
    const bench = new DeviceBench();
    const bus = new ApicBus();
    const memoryEoi = {
      offer: () => {
        word.bit = 1;
        offered++;
        return true;
      },
      withdraw: () => {
        const isTaken = word.bit === 0;
        word.bit = 0;
        return isTaken;
      },
    };
    const quiet = { extInt: { hasInterrupt: () => false, acknowledge: () => 0 }, onNmi() {}, onInit() {}, onStartup() {} };
    const lapic: Lapic = new Lapic("lapic0", 0, true, { bus, ...quiet, onOutput: (level) => bench.irq("intr0").set(level), memoryEoi }, bench.timers(() => lapic));
    bus.attachLocal(lapic);
    const write = (offset: number, value: number): void => lapic.writeReg(0, offset, 4, value);
    write(SVR, 0x1ff);
    return { lapic, bench, bus, events: [], read: (offset) => lapic.readReg(0, offset, 4), write, word, offered: () => offered };
  }
  const inService = (s: Setup): boolean => [0, 1, 2, 3, 4, 5, 6, 7].some((n) => s.read(ISR + n * 0x10) !== 0);

  test("an interrupt that the guest has ended there is over when the next comes or a register is read", () => {
    const s = withWord();
    s.bus.send(0, false, 0, 0x51, false);
    assert.equal(s.lapic.acknowledge(), 0x51);
    assert.equal(s.word.bit, 1);
    s.word.bit = 0;
    s.bus.send(0, false, 0, 0x41, false);
    assert.equal(s.lapic.hasInterrupt(), true, "a lower one is not held back any more");
    assert.equal(s.lapic.acknowledge(), 0x41);
    s.word.bit = 0;
    assert.equal(inService(s), false);
  });

  test("a register read, or another interrupt, before the guest has ended it takes the offer back", () => {
    const s = withWord();
    s.bus.send(0, false, 0, 0x51, false);
    s.lapic.acknowledge();
    assert.equal(inService(s), true);
    assert.equal(s.word.bit, 0);
    s.write(EOI, 0);
    assert.equal(inService(s), false);
    s.bus.send(0, false, 0, 0x51, false);
    s.lapic.acknowledge();
    s.bus.send(0, false, 0, 0x61, false);
    assert.equal(s.word.bit, 0);
    s.lapic.acknowledge();
    assert.equal(s.word.bit, 0, "not alone in service");
    s.write(EOI, 0);
    s.write(EOI, 0);
    assert.equal(inService(s), false);
  });

  test("it is not offered for level-triggered interrupts, nor while another waits", () => {
    const s = withWord();
    s.bus.send(0, false, 0, 0x51, true);
    s.lapic.acknowledge();
    s.write(EOI, 0);
    s.bus.send(0, false, 0, 0x51, false);
    s.bus.send(0, false, 0, 0x41, false);
    s.lapic.acknowledge();
    assert.equal(s.offered(), 0);
  });
});
