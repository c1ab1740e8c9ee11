import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { cmosImage } from "./cmos-image.ts";
import { Rtc146818 } from "./rtc146818.ts";

const MS = 1_000_000;
/** 2024-02-28 23:59:58.500 UTC, a Wednesday. */
const EPOCH_MS = Date.UTC(2024, 1, 28, 23, 59, 58, 500);

function makeRtc(bench: DeviceBench, epochMs = EPOCH_MS): Rtc146818 {
  const rtc: Rtc146818 = new Rtc146818("rtc", bench.irq(), bench.timers(() => rtc), epochMs, cmosImage({ ramBytes: 256 << 20 }));
  return rtc;
}
function setup(epochMs = EPOCH_MS): { rtc: Rtc146818; bench: DeviceBench } {
  const bench = new DeviceBench();
  return { rtc: makeRtc(bench, epochMs), bench };
}
const read = (rtc: Rtc146818, index: number): number => {
  rtc.writeReg(0, 0, 1, index);
  return rtc.readReg(0, 1, 1);
};
const write = (rtc: Rtc146818, index: number, value: number): void => {
  rtc.writeReg(0, 0, 1, index);
  rtc.writeReg(0, 1, 1, value);
};
/** Century to seconds, in hex. */
const time = (rtc: Rtc146818): string => [0x32, 9, 8, 7, 6, 4, 2, 0].map((i) => read(rtc, i).toString(16).padStart(2, "0")).join(" ");

deviceConformance(
  "rtc146818",
  (bench) => makeRtc(bench),
  (rtc, bench) => {
    write(rtc, 0x0b, 0x72);
    write(rtc, 0x05, 0xff);
    bench.clock.advance(700 * MS);
    write(rtc, 0x40, 0x55);
    rtc.writeReg(0, 0, 1, 0x8f);
  },
  { banks: [2], survivesPowerOn: ["cmos", "baseSecond", "baseNs", "weekdayShift", "settledNs"] },
);

describe("rtc146818 time", () => {
  test("wall time is the epoch plus virtual time, in BCD", () => {
    const { rtc, bench } = setup();
    assert.equal(time(rtc), "20 24 02 28 04 23 59 58");
    bench.clock.advance(499 * MS);
    assert.equal(read(rtc, 0), 0x58);
    bench.clock.advance(1 * MS);
    assert.equal(read(rtc, 0), 0x59);
    bench.clock.advance(1000 * MS);
    assert.equal(time(rtc), "20 24 02 29 05 00 00 00");
  });

  test("binary and 12-hour modes", () => {
    const { rtc } = setup(Date.UTC(2030, 11, 31, 12, 45, 30));
    write(rtc, 0x0b, 0x04);
    assert.deepEqual([0x32, 9, 8, 7, 4, 2, 0].map((i) => read(rtc, i)), [20, 30, 12, 31, 0x8c, 45, 30]);
    write(rtc, 0x0b, 0x00);
    assert.equal(read(rtc, 4), 0x92);
  });

  test("midnight is 12 AM in 12-hour mode", () => {
    const { rtc } = setup(Date.UTC(2030, 0, 1, 0, 5));
    write(rtc, 0x0b, 0x00);
    assert.equal(read(rtc, 4), 0x12);
  });

  test("SET holds the registers; clearing it starts the clock from them", () => {
    const { rtc, bench } = setup();
    write(rtc, 0x0b, 0x82);
    bench.clock.advance(5000 * MS);
    assert.equal(read(rtc, 0), 0x58);
    const newYearsEve = [[0x32, 0x19], [9, 0x99], [8, 0x12], [7, 0x31], [6, 0x06], [4, 0x23], [2, 0x59], [0, 0x59]] as const;
    for (const [index, value] of newYearsEve) write(rtc, index, value);
    write(rtc, 0x0b, 0x02);
    assert.equal(time(rtc), "19 99 12 31 06 23 59 59");
    bench.clock.advance(1000 * MS);
    assert.equal(time(rtc), "20 00 01 01 07 00 00 00");
  });

  test("a single register written while the clock runs keeps the rest", () => {
    const { rtc, bench } = setup();
    write(rtc, 4, 0x08);
    assert.equal(time(rtc), "20 24 02 28 04 08 59 58");
    bench.clock.advance(500 * MS);
    assert.equal(read(rtc, 0), 0x59, "the second under way was not restarted");
  });

  test("senseless time registers give some time and do no harm", () => {
    const { rtc } = setup();
    write(rtc, 0x0b, 0x82);
    for (const index of [0x32, 9, 8, 7, 6, 4, 2, 0]) write(rtc, index, 0xff);
    write(rtc, 0x0b, 0x02);
    assert.doesNotThrow(() => time(rtc));
    rtc.load(rtc.save());
  });

  test("UIP is high for the last 2.2 ms of a second, and low while SET", () => {
    const { rtc, bench } = setup();
    assert.equal(read(rtc, 0x0a), 0x26);
    bench.clock.advance(498 * MS);
    assert.equal(read(rtc, 0x0a), 0xa6);
    bench.clock.advance(2 * MS);
    assert.equal(read(rtc, 0x0a), 0x26);
    write(rtc, 0x0b, 0x82);
    bench.clock.advance(999 * MS);
    assert.equal(read(rtc, 0x0a), 0x26);
  });

  test("the first update comes half a second after the divider is released", () => {
    const { rtc, bench } = setup();
    write(rtc, 0x0a, 0x70);
    bench.clock.advance(3000 * MS);
    assert.equal(read(rtc, 0), 0x58);
    write(rtc, 0x0a, 0x26);
    bench.clock.advance(499 * MS);
    assert.equal(read(rtc, 0), 0x58);
    bench.clock.advance(1 * MS);
    assert.equal(read(rtc, 0), 0x59);
  });
});

describe("rtc146818 interrupts", () => {
  test("periodic: 1024 Hz, one interrupt for each read of register C", () => {
    const { rtc, bench } = setup();
    write(rtc, 0x0b, 0x42);
    let interrupts = 0;
    for (let i = 0; i < 1000; i++) {
      bench.clock.advance(1 * MS);
      if (bench.irq().level) interrupts++;
      if (bench.irq().level) assert.equal(read(rtc, 0x0c) & 0xc0, 0xc0);
      assert.equal(bench.irq().level, false);
    }
    assert.ok(interrupts >= 975 && interrupts <= 1000, `${interrupts}`);
    assert.equal(bench.irq().rises, interrupts);
  });

  test("rates 1 and 2 are 256 Hz and 128 Hz", () => {
    for (const [rate, hz] of [[1, 256], [2, 128], [15, 2]] as const) {
      const { rtc, bench } = setup();
      write(rtc, 0x0a, 0x20 | rate);
      write(rtc, 0x0b, 0x42);
      for (let i = 0; i < 4000; i++) {
        bench.clock.advance(0.5 * MS);
        if (bench.irq().level) read(rtc, 0x0c);
      }
      assert.ok(Math.abs(bench.irq().rises - 2 * hz) <= 1, `${rate}: ${bench.irq().rises}`);
    }
  });

  test("update-ended comes at the whole second", () => {
    const { rtc, bench } = setup();
    write(rtc, 0x0b, 0x12);
    bench.clock.advance(499 * MS);
    assert.equal(bench.irq().level, false);
    bench.clock.advance(1 * MS);
    assert.equal(bench.irq().level, true);
    assert.equal(read(rtc, 0x0c) & 0x90, 0x90);
    assert.equal(read(rtc, 0x0c), 0);
  });

  test("the alarm goes off at its time, once a day, and every hour with a don't-care hour", () => {
    const { rtc, bench } = setup();
    for (const [index, value] of [[5, 0x00], [3, 0x10], [1, 0x00], [0x0b, 0x22]] as const) write(rtc, index, value);
    bench.clock.advance(601_499 * MS);
    assert.equal(bench.irq().level, false);
    bench.clock.advance(1 * MS);
    assert.equal(bench.irq().level, true);
    assert.equal(read(rtc, 0x0c) & 0xa0, 0xa0);
    bench.clock.advance(3600_000 * MS);
    assert.equal(bench.irq().rises, 1);
    write(rtc, 5, 0xff);
    bench.clock.advance(3600_000 * MS);
    assert.equal(bench.irq().rises, 2);
  });

  test("the flags are there for one who polls without interrupts", () => {
    const { rtc, bench } = setup();
    read(rtc, 0x0c);
    bench.clock.advance(600 * MS);
    assert.equal(read(rtc, 0x0c), 0x50);
    assert.equal(bench.irq().rises, 0);
  });

  test("reset turns interrupts off and keeps time and memory", () => {
    const { rtc, bench } = setup();
    write(rtc, 0x50, 0xa5);
    write(rtc, 0x0b, 0x72);
    bench.clock.advance(1500 * MS);
    rtc.reset("warm");
    assert.equal(bench.irq().level, false);
    assert.equal(read(rtc, 0x0b), 0x02);
    assert.equal(read(rtc, 0x50), 0xa5);
    assert.equal(read(rtc, 0x07), 0x29);
  });
});

describe("CMOS memory", () => {
  test("memory sizes and checksum of a 256 MiB machine", () => {
    const { rtc } = setup();
    const word = (index: number): number => read(rtc, index) | (read(rtc, index + 1) << 8);
    assert.equal(word(0x15), 640);
    assert.equal(word(0x17), 0xffff);
    assert.equal(word(0x34), 240 * 16);
    let sum = 0;
    for (let i = 0x10; i < 0x2e; i++) sum += read(rtc, i);
    assert.equal((read(rtc, 0x2e) << 8) | read(rtc, 0x2f), sum);
  });

  test("bit 7 of port 70h is the NMI mask and not part of the index", () => {
    const { rtc } = setup();
    write(rtc, 0x8f, 0x09);
    assert.equal(rtc.nmiMasked, true);
    assert.equal(read(rtc, 0x0f), 0x09);
    assert.equal(rtc.nmiMasked, false);
  });
});

describe("rtc146818 late periods and pauses", () => {
  /** Every 976.5625 us, register C read at each interrupt, as Windows does. */
  function counting(): { rtc: Rtc146818; bench: DeviceBench; serve(ms: number): number } {
    const { rtc, bench } = setup();
    write(rtc, 0x0b, 0x42);
    const serve = (ms: number): number => {
      let ticks = 0;
      for (let i = 0; i < ms * 20; i++) {
        bench.clock.advance(MS / 20);
        if (bench.irq().level && read(rtc, 0x0c) & 0x40) ticks++;
      }
      return ticks;
    };
    return { rtc, bench, serve };
  }

  test("periods missed in one jump follow as the guest reads register C", () => {
    const { bench, serve } = counting();
    bench.clock.advanceLate(500 * MS);
    assert.equal(serve(500), 1024);
    assert.equal(serve(1000), 1024);
  });

  test("periods that go by before the guest comes to read register C follow, up to a bound", () => {
    const { bench, serve } = counting();
    for (let i = 0; i < 10; i++) bench.clock.advance(10 * MS);
    assert.equal(serve(100), 204);
    for (let i = 0; i < 5000; i++) bench.clock.advance(10 * MS);
    assert.equal(serve(1000), 2025);
  });

  test("nothing is made up for where the periodic interrupt is off or has been set anew", () => {
    const { rtc, bench, serve } = counting();
    bench.clock.advanceLate(500 * MS);
    write(rtc, 0x0b, 0x02);
    write(rtc, 0x0b, 0x42);
    read(rtc, 0x0c);
    assert.ok(serve(1000) <= 1025);
  });

  test("a pause moves the time on, raises the alarm in it, and leaves the second's end where wall time has it", () => {
    const { rtc, bench } = setup();
    for (const index of [1, 3, 5]) write(rtc, index, 0x00);
    write(rtc, 0x0b, 0x22);
    rtc.advance(90_000.3 * 1000 * MS);
    assert.equal(time(rtc), "20 24 03 01 06 00 59 58");
    assert.ok(bench.irq().level);
    assert.equal(read(rtc, 0x0c), 0xb0);
    bench.clock.advance(199 * MS);
    assert.equal(read(rtc, 0), 0x58);
    bench.clock.advance(2 * MS);
    assert.equal(read(rtc, 0), 0x59);
    rtc.load(rtc.save());
  });
});
