import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { PIT_HZ, Pit8254 } from "./pit8254.ts";

const CONTROL = 3;
const COUNTER_2 = 2;

function setup(): { pit: Pit8254; tones: number[]; write(offset: number, value: number): void; port61(value: number): void } {
  const bench = new DeviceBench();
  const tones: number[] = [];
  const pit: Pit8254 = new Pit8254("pit", bench.irq(), bench.timers(() => pit), (hertz) => tones.push(Math.round(hertz)));
  return { pit, tones, write: (offset, value) => pit.writeReg(0, offset, 1, value), port61: (value) => pit.writeReg(1, 0, 1, value) };
}

describe("speaker", () => {
  test("a square wave of counter 2 sounds from the moment that port 61h opens gate and speaker", () => {
    const { tones, write, port61 } = setup();
    write(CONTROL, 0xb6);
    write(COUNTER_2, 1193 & 0xff);
    write(COUNTER_2, 1193 >> 8);
    assert.deepEqual(tones, []);
    port61(3);
    assert.deepEqual(tones, [1000]);
    port61(0);
    assert.deepEqual(tones, [1000, 0]);
  });

  test("a new count is a new tone, half a count none yet", () => {
    const { tones, write, port61 } = setup();
    port61(3);
    write(CONTROL, 0xb6);
    write(COUNTER_2, 1193 & 0xff);
    assert.deepEqual(tones, []);
    write(COUNTER_2, 1193 >> 8);
    write(COUNTER_2, 2386 & 0xff);
    write(COUNTER_2, 2386 >> 8);
    assert.deepEqual(tones, [1000, 500]);
  });

  test("a one-shot makes no tone, nor does the gate alone", () => {
    const { tones, write, port61 } = setup();
    write(CONTROL, 0xb6);
    write(COUNTER_2, 100);
    write(COUNTER_2, 0);
    port61(1);
    port61(2);
    write(CONTROL, 0xb0);
    write(COUNTER_2, 100);
    write(COUNTER_2, 0);
    port61(3);
    assert.deepEqual(tones, []);
  });

  test("a reset silences it; a loaded tone is asked for", () => {
    const one = setup();
    one.port61(3);
    one.write(CONTROL, 0xb6);
    one.write(COUNTER_2, 0);
    one.write(COUNTER_2, 0);
    assert.deepEqual(one.tones, [Math.round(PIT_HZ / 65536)]);
    const two = setup();
    two.pit.load(one.pit.save());
    assert.deepEqual(two.tones, []);
    assert.equal(two.pit.speakerHertz, PIT_HZ / 65536);
    two.pit.reset("warm");
    assert.deepEqual(two.tones, [0]);
  });
});
