import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { ParallelPort } from "./parallel-port.ts";

const DATA = 0;
const STATUS = 1;
const CONTROL = 2;
const IDLE = 0x0c; // selected, not in reset

function setup(hasPrinter = true): { bench: DeviceBench; port: ParallelPort; bytes: number[] } {
  const bench = new DeviceBench();
  const bytes: number[] = [];
  const port: ParallelPort = new ParallelPort("lpt1", bench.irq(), bench.timers(() => port), hasPrinter ? (byte) => bytes.push(byte) : null);
  port.writeReg(0, CONTROL, 1, IDLE);
  return { bench, port, bytes };
}

function strobe(port: ParallelPort, byte: number, control = IDLE): void {
  port.writeReg(0, DATA, 1, byte);
  port.writeReg(0, CONTROL, 1, control | 1);
  port.writeReg(0, CONTROL, 1, control);
}

deviceConformance(
  "parallel-port",
  (bench) => {
    const port: ParallelPort = new ParallelPort("lpt1", bench.irq(), bench.timers(() => port), () => {});
    return port;
  },
  (port, bench) => {
    port.writeReg(0, CONTROL, 1, IDLE);
    strobe(port, 0x41, IDLE | 0x10);
    bench.clock.advance(10_000);
    strobe(port, 0x42, IDLE | 0x10);
  },
  { banks: [3] },
);

describe("parallel-port", () => {
  test("a strobed byte is printed, and the printer is busy until it acknowledges", () => {
    const { bench, port, bytes } = setup();
    assert.equal(port.readReg(0, STATUS, 1), 0xdf);
    strobe(port, 0x41);
    assert.deepEqual(bytes, [0x41]);
    assert.equal(port.readReg(0, STATUS, 1) & 0x80, 0);
    strobe(port, 0x42);
    assert.deepEqual(bytes, [0x41], "a busy printer takes nothing");
    bench.clock.advance(10_000);
    assert.equal(port.readReg(0, STATUS, 1), 0xdf);
    assert.equal(bench.irq().rises, 0);
  });

  test("the acknowledgement interrupts where that is enabled, until the status is read", () => {
    const { bench, port } = setup();
    strobe(port, 0x41, IDLE | 0x10);
    assert.equal(bench.irq().level, false);
    bench.clock.advance(10_000);
    assert.equal(bench.irq().level, true);
    assert.equal(port.readReg(0, STATUS, 1) & 0x04, 0);
    assert.equal(bench.irq().level, false);
    assert.equal(port.readReg(0, STATUS, 1) & 0x04, 0x04);
  });

  test("each byte is an edge of its own, read status or not", () => {
    const { bench, port } = setup();
    for (const byte of [1, 2, 3]) {
      strobe(port, byte, IDLE | 0x10);
      bench.clock.advance(10_000);
    }
    assert.equal(bench.irq().rises, 3);
  });

  test("a printer that is not selected, or held in reset, takes nothing", () => {
    const { port, bytes } = setup();
    strobe(port, 1, 0x04);
    strobe(port, 2, 0x08);
    assert.deepEqual(bytes, []);
    assert.equal(port.readReg(0, STATUS, 1) & 0x80, 0);
  });

  test("the registers read back, and as an input the data pins float high", () => {
    const { port } = setup(false);
    port.writeReg(0, DATA, 1, 0xaa);
    assert.equal(port.readReg(0, DATA, 1), 0xaa);
    assert.equal(port.readReg(0, CONTROL, 1), 0xcc);
    port.writeReg(0, CONTROL, 1, 0x2c);
    assert.equal(port.readReg(0, DATA, 1), 0xff);
    assert.equal(port.readReg(0, STATUS, 1), 0x7f, "no printer");
  });
});
