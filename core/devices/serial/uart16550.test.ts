import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { Uart16550 } from "./uart16550.ts";

const RBR = 0, THR = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7;

interface Setup {
  uart: Uart16550;
  bench: DeviceBench;
  sent: number[];
  read(offset: number): number;
  write(offset: number, value: number): void;
  feed(text: string): number;
}

function makeUart(bench: DeviceBench, sent: number[] = []): Uart16550 {
  const uart: Uart16550 = new Uart16550("com1", bench.irq(), (byte) => sent.push(byte), bench.timers(() => uart));
  return uart;
}

function setup(): Setup {
  const bench = new DeviceBench();
  const sent: number[] = [];
  const uart = makeUart(bench, sent);
  const write = (offset: number, value: number): void => uart.writeReg(0, offset, 1, value);
  write(MCR, 0x0b);
  write(LCR, 0x03);
  return { uart, bench, sent, read: (offset) => uart.readReg(0, offset, 1), write, feed: (text) => uart.receive(new TextEncoder().encode(text)) };
}

deviceConformance(
  "uart16550",
  (bench) => makeUart(bench),
  (uart, bench) => {
    const writes = [[LCR, 0x83], [0, 1], [1, 0], [LCR, 0x03], [FCR, 0x81], [MCR, 0x0b], [IER, 0x0f], [SCR, 0x5a]] as const;
    for (const [offset, value] of writes) uart.writeReg(0, offset, 1, value);
    uart.receive(Uint8Array.of(1, 2, 3));
    bench.clock.advance(100_000);
  },
  { banks: [8] },
);

describe("uart16550 transmitter", () => {
  test("what is written to THR leaves at once and LSR shows it empty", () => {
    const { read, write, sent } = setup();
    for (const byte of [0x48, 0x69]) write(THR, byte);
    assert.deepEqual(sent, [0x48, 0x69]);
    assert.equal(read(LSR), 0x60);
  });

  test("enabling the THRE interrupt raises it; reading IIR clears it; the next byte raises it anew", () => {
    const { read, write, bench } = setup();
    write(IER, 0x02);
    assert.equal(bench.irq().level, true);
    assert.equal(read(IIR), 0x02);
    assert.equal(bench.irq().level, false);
    assert.equal(read(IIR), 0x01);
    write(THR, 0x41);
    assert.equal(bench.irq().level, true);
  });

  test("a byte written while THRE is pending gives a new edge", () => {
    const { write, bench } = setup();
    write(IER, 0x02);
    write(THR, 0x41);
    assert.equal(bench.irq().rises, 2);
  });

  test("disabling and enabling THRE raises it again, as Linux tests for", () => {
    const { read, write } = setup();
    write(IER, 0x02);
    assert.equal(read(IIR), 0x02);
    write(IER, 0);
    write(IER, 0x02);
    assert.equal(read(IIR), 0x02);
  });

  test("reading IIR for a higher interrupt leaves THRE pending", () => {
    const { read, write, feed } = setup();
    write(IER, 0x03);
    feed("x");
    assert.equal(read(IIR), 0x04);
    read(RBR);
    assert.equal(read(IIR), 0x02);
  });
});

describe("uart16550 receiver", () => {
  test("16450 mode takes one byte at a time", () => {
    const { read, write, feed, bench } = setup();
    write(IER, 0x01);
    assert.equal(feed("ab"), 1);
    assert.equal(bench.irq().level, true);
    assert.equal(read(LSR), 0x61);
    assert.equal(read(RBR), 0x61);
    assert.equal(bench.irq().level, false);
    assert.equal(feed("b"), 1);
  });

  test("FIFO mode takes sixteen, in order, and the rest waits at the host", () => {
    const { uart, read, write, feed } = setup();
    write(FCR, 0x01);
    assert.equal(feed("0123456789abcdefXYZ"), 16);
    assert.equal(uart.receiveRoom, 0);
    assert.equal(feed("X"), 0);
    assert.equal(read(RBR), 0x30);
    assert.equal(feed("XY"), 1);
    let text = "";
    while (read(LSR) & 1) text += String.fromCharCode(read(RBR));
    assert.equal(text, "123456789abcdefX");
    assert.equal(read(LSR) & 2, 0, "never an overrun from the host");
  });

  test("the interrupt comes at the trigger level and goes below it", () => {
    for (const [fcr, level] of [[0x01, 1], [0x41, 4], [0x81, 8], [0xc1, 14]] as const) {
      const { read, write, feed, bench } = setup();
      write(FCR, fcr);
      write(IER, 0x01);
      for (let i = 1; i < level; i++) feed("x");
      assert.equal(bench.irq().level, false);
      feed("x");
      assert.equal(bench.irq().level, true);
      assert.equal(read(IIR), 0xc4);
      read(RBR);
      assert.equal(bench.irq().level, false);
    }
  });

  test("below the trigger level the character timeout comes after four character times", () => {
    const { read, write, feed, bench } = setup();
    write(LCR, 0x83);
    write(0, 1);
    write(1, 0);
    write(LCR, 0x03);
    write(FCR, 0xc1);
    write(IER, 0x01);
    feed("ab");
    const fourCharacters = Math.ceil((4 * 10 * 1e9) / 115_200);
    bench.clock.advance(fourCharacters - 1);
    assert.equal(bench.irq().level, false);
    bench.clock.advance(1);
    assert.equal(bench.irq().level, true);
    assert.equal(read(IIR), 0xcc);
    assert.equal(read(RBR), 0x61);
    assert.equal(bench.irq().level, false, "a read starts the time anew");
    bench.clock.advance(fourCharacters);
    assert.equal(read(IIR), 0xcc);
    read(RBR);
    bench.clock.advance(10 * fourCharacters);
    assert.equal(read(IIR), 0xc1);
  });

  test("FCR bit 1 clears the receiver; switching the FIFO off does too", () => {
    const { read, write, feed } = setup();
    write(FCR, 0x01);
    feed("abc");
    write(FCR, 0x03);
    assert.equal(read(LSR) & 1, 0);
    feed("abc");
    write(FCR, 0);
    assert.equal(read(LSR) & 1, 0);
  });
});

describe("uart16550 identity and modem", () => {
  test("Linux's autoconfiguration finds a 16550A", () => {
    const { read, write } = setup();
    write(IER, 0);
    assert.equal(read(IER), 0);
    write(IER, 0xff);
    assert.equal(read(IER), 0x0f);
    write(IER, 0);
    write(MCR, 0x1a);
    assert.equal(read(MSR) & 0xf0, 0x90);
    write(MCR, 0x0b);
    write(LCR, 0xbf);
    write(FCR, 0);
    write(LCR, 0);
    write(FCR, 0x01);
    assert.equal(read(IIR) >> 6, 3);
    write(FCR, 0x21);
    assert.equal(read(IIR) & 0x20, 0, "no 64-byte FIFO");
    write(FCR, 0x00);
    assert.equal(read(IIR) >> 6, 0);
    for (const value of [0xa5, 0x5a]) {
      write(SCR, value);
      assert.equal(read(SCR), value);
    }
  });

  test("DLAB shows the divisor in place of data and IER", () => {
    const { read, write, sent } = setup();
    write(LCR, 0x83);
    write(0, 0x34);
    write(1, 0x12);
    assert.deepEqual([read(0), read(1)], [0x34, 0x12]);
    write(LCR, 0x03);
    assert.equal(read(IER), 0);
    assert.deepEqual(sent, []);
  });

  test("loopback receives what is sent, sends nothing out, takes nothing from the line, and drives no interrupt", () => {
    const { read, write, sent, feed, bench } = setup();
    write(IER, 0x01);
    write(MCR, 0x1b);
    write(THR, 0xae);
    assert.deepEqual(sent, []);
    assert.equal(feed("x"), 0);
    assert.equal(bench.irq().level, false);
    assert.equal(read(IIR), 0x04);
    assert.equal(read(RBR), 0xae);
  });

  test("loopback past the end of the FIFO is an overrun, told once in LSR", () => {
    const { read, write } = setup();
    write(FCR, 0x01);
    write(IER, 0x04);
    write(MCR, 0x1b);
    for (let i = 0; i < 17; i++) write(THR, i);
    assert.equal(read(IIR), 0xc6);
    assert.equal(read(LSR) & 2, 2);
    assert.equal(read(LSR) & 2, 0);
    assert.equal(read(RBR), 0);
  });

  test("MSR: the other end is there; changes in loopback are told once and interrupt", () => {
    const { read, write, bench } = setup();
    assert.equal(read(MSR), 0xb0);
    write(MCR, 0x1f);
    assert.equal(read(MSR), 0xf0);
    write(MCR, 0x10);
    assert.equal(read(MSR), 0x0f, "all four delta bits; RI's because it ended");
    write(IER, 0x08);
    write(MCR, 0x0b);
    assert.equal(bench.irq().level, true);
    assert.equal(read(IIR), 0x00);
    assert.equal(read(MSR), 0xbb);
    assert.equal(bench.irq().level, false);
  });

  test("OUT2 gates the interrupt line", () => {
    const { write, feed, bench } = setup();
    write(MCR, 0x03);
    write(IER, 0x01);
    feed("x");
    assert.equal(bench.irq().level, false);
    write(MCR, 0x0b);
    assert.equal(bench.irq().level, true);
  });
});
