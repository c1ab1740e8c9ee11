import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { I8042 } from "./i8042.ts";
import { Ps2Keyboard } from "./ps2-keyboard.ts";
import { Ps2Mouse } from "./ps2-mouse.ts";

const DATA = 0, COMMAND = 1;
const OBF = 0x01, AUX = 0x20;

interface Setup {
  kbc: I8042;
  keyboard: Ps2Keyboard;
  mouse: Ps2Mouse;
  bench: DeviceBench;
  events: string[];
  command(value: number): void;
  write(value: number): void;
  status(): number;
  /** Reads port 60h after giving the next byte time to come. */
  next(): number;
  /** Everything that comes. */
  drain(): string;
}

function connect(bench: DeviceBench, events: string[] = []): { kbc: I8042; keyboard: Ps2Keyboard; mouse: Ps2Mouse } {
  const keyboard: Ps2Keyboard = new Ps2Keyboard("keyboard", () => kbc.deviceReady());
  const mouse: Ps2Mouse = new Ps2Mouse("mouse", () => kbc.deviceReady());
  const kbc: I8042 = new I8042(
    "i8042",
    {
      keyboard,
      aux: mouse,
      keyboardIrq: bench.irq("irq1"),
      auxIrq: bench.irq("irq12"),
      onA20: (enabled) => events.push(`a20 ${enabled}`),
      onReset: () => events.push("reset"),
    },
    bench.timers(() => kbc),
  );
  return { kbc, keyboard, mouse };
}

function setup(): Setup {
  const bench = new DeviceBench();
  const events: string[] = [];
  const { kbc, keyboard, mouse } = connect(bench, events);
  const status = (): number => kbc.readReg(COMMAND, 0, 1);
  const next = (): number => {
    bench.clock.advance(300_000);
    return kbc.readReg(DATA, 0, 1);
  };
  return {
    kbc, keyboard, mouse, bench, events, status, next,
    command: (value) => kbc.writeReg(COMMAND, 0, 1, value),
    write: (value) => kbc.writeReg(DATA, 0, 1, value),
    drain: () => {
      const bytes: string[] = [];
      for (bench.clock.advance(300_000); status() & OBF; bench.clock.advance(300_000)) bytes.push(kbc.readReg(DATA, 0, 1).toString(16));
      return bytes.join(" ");
    },
  };
}

/** The controller alone, between two silent devices. */
function connectAlone(bench: DeviceBench): I8042 {
  const silent = { writeByte: () => {}, hasByte: () => false, takeByte: () => 0 };
  const kbc: I8042 = new I8042(
    "i8042",
    { keyboard: silent, aux: silent, keyboardIrq: bench.irq("irq1"), auxIrq: bench.irq("irq12"), onA20: () => {}, onReset: () => {} },
    bench.timers(() => kbc),
  );
  return kbc;
}

deviceConformance(
  "i8042",
  connectAlone,
  (kbc) => {
    const writes = [[COMMAND, 0x60], [DATA, 0x47], [COMMAND, 0xd3], [DATA, 0x5a], [COMMAND, 0xd2], [DATA, 0x11], [COMMAND, 0x65], [DATA, 9]] as const;
    for (const [bank, value] of writes) kbc.writeReg(bank, 0, 1, value);
    kbc.writeReg(COMMAND, 0, 1, 0xd4);
  },
  { banks: [1, 1] },
);

describe("i8042 controller", () => {
  test("self test and port tests answer as Linux expects", () => {
    const { command, next, status } = setup();
    command(0xaa);
    assert.equal(status() & (OBF | AUX), OBF);
    assert.equal(next(), 0x55);
    command(0xab);
    assert.equal(next(), 0x00);
    command(0xa9);
    assert.equal(next(), 0x00);
    assert.equal(status() & OBF, 0);
  });

  test("the command byte is read and written; the interface switches show in it", () => {
    const { command, write, next } = setup();
    command(0x20);
    assert.equal(next(), 0x65);
    command(0x60);
    write(0x47);
    command(0xa7);
    command(0xad);
    command(0x20);
    assert.equal(next(), 0x77);
    command(0xa8);
    command(0xae);
    command(0x20);
    assert.equal(next(), 0x47);
  });

  test("the aux loop returns its byte from the aux side with IRQ 12, and the multiplexing probe sees an ordinary controller", () => {
    const { command, write, kbc, status, bench } = setup();
    command(0x60);
    write(0x47);
    for (const value of [0x5a, 0xf0, 0x56, 0xa4]) {
      command(0xd3);
      write(value);
      assert.equal(status() & (OBF | AUX), OBF | AUX);
      assert.equal(bench.irq("irq12").level, true);
      assert.equal(kbc.readReg(DATA, 0, 1), value);
      assert.equal(bench.irq("irq12").level, false);
    }
  });

  test("a byte written to the keyboard buffer comes from the keyboard side, untranslated", () => {
    const { command, write, kbc, status, bench } = setup();
    command(0xd2);
    write(0x1c);
    assert.equal(status() & (OBF | AUX), OBF);
    assert.equal(bench.irq("irq1").level, true);
    assert.equal(kbc.readReg(DATA, 0, 1), 0x1c);
  });

  test("status tells whether the last write was a command", () => {
    const { command, write, status } = setup();
    command(0xae);
    assert.equal(status() & 0x08, 0x08);
    write(0xee);
    assert.equal(status() & 0x08, 0);
  });

  test("A20 by the output port and by its own commands; the reset pulse", () => {
    const { command, write, events, next, kbc } = setup();
    assert.equal(kbc.a20, true);
    command(0xd1);
    write(0xdd);
    assert.equal(kbc.a20, false);
    command(0xdf);
    command(0xdf);
    command(0xd0);
    assert.equal(next() & 0x03, 0x03);
    command(0xdd);
    command(0xfe);
    command(0xff);
    command(0xd1);
    write(0x02);
    assert.deepEqual(events, ["a20 false", "a20 true", "a20 false", "reset", "a20 true", "reset"]);
  });
});

describe("i8042 with a keyboard", () => {
  test("keys are translated to set 1, with IRQ 1 for each byte", () => {
    const { keyboard, drain, bench } = setup();
    keyboard.key("KeyA", true);
    assert.equal(bench.irq("irq1").level, true);
    keyboard.key("KeyA", false);
    keyboard.key("ArrowUp", true);
    keyboard.key("ArrowUp", false);
    keyboard.key("F7", true);
    assert.equal(drain(), "1e 9e e0 48 e0 c8 41");
    assert.equal(bench.irq("irq1").rises, 7);
    assert.equal(bench.irq("irq1").level, false);
  });

  test("without translation the codes are those of set 2", () => {
    const { keyboard, command, write, drain } = setup();
    command(0x60);
    write(0x25);
    keyboard.key("KeyA", true);
    keyboard.key("KeyA", false);
    assert.equal(drain(), "1c f0 1c");
  });

  test("the same byte is read again until the next one has had time to come", () => {
    const { keyboard, kbc, bench, status } = setup();
    keyboard.key("KeyA", true);
    keyboard.key("KeyB", true);
    assert.equal(kbc.readReg(DATA, 0, 1), 0x1e);
    assert.equal(status() & OBF, 0);
    assert.equal(kbc.readReg(DATA, 0, 1), 0x1e);
    bench.clock.advance(300_000);
    assert.equal(kbc.readReg(DATA, 0, 1), 0x30);
  });

  test("a disabled keyboard waits; a byte to it enables it", () => {
    const { keyboard, command, write, status, drain } = setup();
    command(0xad);
    keyboard.key("KeyA", true);
    assert.equal(status() & OBF, 0);
    command(0xae);
    assert.equal(drain(), "1e");
    command(0xad);
    write(0xee);
    assert.equal(drain(), "ee");
  });

  test("with its interrupt off the byte waits in the buffer without IRQ 1", () => {
    const { keyboard, command, write, status, bench } = setup();
    command(0x60);
    write(0x44);
    keyboard.key("KeyA", true);
    assert.equal(status() & OBF, OBF);
    assert.equal(bench.irq("irq1").level, false);
    command(0x60);
    write(0x45);
    assert.equal(bench.irq("irq1").level, true);
  });

  test("Linux's keyboard probe: reset, identify, lights, enable", () => {
    const { write, drain, keyboard } = setup();
    write(0xff);
    assert.equal(drain(), "fa aa");
    write(0xf2);
    assert.equal(drain(), "fa ab 41", "the second byte is translated");
    write(0xed);
    assert.equal(drain(), "fa");
    write(0x02);
    assert.equal(drain(), "fa");
    assert.equal(keyboard.lights, 2);
    write(0xf4);
    assert.equal(drain(), "fa");
  });

  test("keys that wait while the guest is away come in order", () => {
    const { keyboard, drain } = setup();
    for (const code of ["KeyQ", "KeyW", "KeyE"]) for (const down of [true, false]) keyboard.key(code, down);
    assert.equal(drain(), "10 90 11 91 12 92");
  });
});

describe("i8042 with a mouse", () => {
  test("Linux's mouse probe finds a wheel mouse, and its packets come from the aux side", () => {
    const { command, write, drain, mouse, bench, status } = setup();
    command(0x60);
    write(0x47);
    const send = (value: number): string => {
      command(0xd4);
      write(value);
      return drain();
    };
    assert.equal(send(0xff), "fa aa 0");
    for (const rate of [200, 100, 80]) assert.equal(send(0xf3) + send(rate), "fafa");
    assert.equal(send(0xf2), "fa 3");
    assert.equal(send(0xf4), "fa");
    mouse.move(5, -3, -1, 1);
    assert.equal(bench.irq("irq12").level, true);
    assert.equal(status() & AUX, AUX);
    assert.equal(drain(), "9 5 3 ff");
  });

  test("keyboard and mouse do not mix within a read, the keyboard going first", () => {
    const { command, write, drain, mouse, keyboard } = setup();
    command(0xd4);
    write(0xf4);
    assert.equal(drain(), "fa");
    mouse.move(1, 0, 0, 0);
    keyboard.key("KeyA", true);
    assert.equal(drain(), "8 1e 1 0");
  });

  test("a loaded controller goes on with what its devices hold", () => {
    const { keyboard, kbc } = setup();
    keyboard.key("KeyA", true);
    keyboard.key("KeyB", true);
    kbc.readReg(DATA, 0, 1);
    const bench = new DeviceBench();
    const other = connect(bench);
    other.kbc.load(kbc.save());
    other.keyboard.load(keyboard.save());
    bench.clock.advance(300_000);
    assert.equal(other.kbc.readReg(DATA, 0, 1), 0x30);
  });
});
