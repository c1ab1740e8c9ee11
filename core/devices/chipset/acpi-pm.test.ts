import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nsOfTick } from "../../time/ticks.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { ACPI_DISABLE, ACPI_ENABLE, AcpiPm, GPE0, PM1_CONTROL, PM1_EVENT, PM_TIMER, PM_TIMER_HZ, SLEEP_TYPE_S5 } from "./acpi-pm.ts";

function makePm(bench: DeviceBench, events: string[] = [], bits: 24 | 32 = 32): AcpiPm {
  const pm: AcpiPm = new AcpiPm("pm", { sci: bench.irq("sci"), onPowerOff: () => events.push("off") }, bench.timers(() => pm), bits);
  return pm;
}

function setup(bits: 24 | 32 = 32): { pm: AcpiPm; bench: DeviceBench; events: string[]; toTick(tick: number): void } {
  const bench = new DeviceBench();
  const events: string[] = [];
  const pm = makePm(bench, events, bits);
  return { pm, bench, events, toTick: (tick) => bench.clock.advance(nsOfTick(tick, PM_TIMER_HZ) - bench.clock.nowNs()) };
}

const enableAcpi = (pm: AcpiPm): void => pm.writeReg(1, 0, 1, ACPI_ENABLE);

for (const bits of [24, 32] as const) {
  deviceConformance(
    `acpi-pm, ${bits}-bit timer`,
    (bench) => makePm(bench, [], bits),
    (pm, bench) => {
      enableAcpi(pm);
      pm.writeReg(0, PM1_EVENT + 2, 2, 0x0101);
      pm.pressPowerButton();
      bench.clock.advance(5_000_000_000);
    },
    { banks: [64, 2] },
  );
}

test("ACPI is switched on and off by the SMI command port", () => {
  const { pm } = setup();
  assert.equal(pm.readReg(0, PM1_CONTROL, 2), 0);
  enableAcpi(pm);
  assert.equal(pm.readReg(0, PM1_CONTROL, 2), 1);
  assert.equal(pm.isAcpiEnabled, true);
  pm.writeReg(1, 0, 1, ACPI_DISABLE);
  assert.equal(pm.readReg(0, PM1_CONTROL, 2), 0);
});

describe("power button", () => {
  test("sets its status and raises SCI once it is enabled; a written one clears both", () => {
    const { pm, bench } = setup();
    assert.equal(pm.pressPowerButton(), false);
    assert.equal(bench.irq("sci").level, false);
    enableAcpi(pm);
    pm.writeReg(0, PM1_EVENT + 2, 2, 0x0100);
    assert.equal(bench.irq("sci").level, true);
    assert.equal(pm.readReg(0, PM1_EVENT, 2), 0x0100);
    pm.writeReg(0, PM1_EVENT, 2, 0x0001);
    assert.equal(bench.irq("sci").level, true);
    pm.writeReg(0, PM1_EVENT, 2, 0x0100);
    assert.equal(bench.irq("sci").level, false);
    assert.equal(pm.pressPowerButton(), true);
  });
});

describe("sleep", () => {
  test("SLP_EN with the type of S5 powers off, and reads back as 0", () => {
    const { pm, events } = setup();
    enableAcpi(pm);
    pm.writeReg(0, PM1_CONTROL, 2, (SLEEP_TYPE_S5 << 10) | 1);
    assert.deepEqual(events, []);
    pm.writeReg(0, PM1_CONTROL, 2, (SLEEP_TYPE_S5 << 10) | 0x2001);
    assert.deepEqual(events, ["off"]);
    assert.equal(pm.readReg(0, PM1_CONTROL, 2), (SLEEP_TYPE_S5 << 10) | 1);
  });

  test("another type, taken from the same write, wakes at once", () => {
    const { pm, events } = setup();
    pm.writeReg(0, PM1_CONTROL + 1, 1, 0x20 | (1 << 2));
    assert.deepEqual(events, []);
    assert.equal(pm.readReg(0, PM1_EVENT, 2), 0x8000);
    pm.writeReg(0, PM1_EVENT, 2, 0x8000);
    assert.equal(pm.readReg(0, PM1_EVENT, 2), 0);
  });
});

describe("PM timer", () => {
  test("counts at 3.579545 MHz and wraps at its width", () => {
    for (const bits of [24, 32] as const) {
      const { pm, toTick } = setup(bits);
      toTick(3_579_545);
      assert.equal(pm.readReg(0, PM_TIMER, 4), 3_579_545);
      toTick(2 ** bits + 5);
      assert.equal(pm.readReg(0, PM_TIMER, 4), 5);
    }
  });

  test("does not take writes", () => {
    const { pm, toTick } = setup();
    toTick(100);
    pm.writeReg(0, PM_TIMER, 4, 0);
    assert.equal(pm.readReg(0, PM_TIMER, 4), 100);
  });

  test("a change of its highest bit sets TMR_STS and raises SCI if enabled", () => {
    const { pm, bench, toTick } = setup(24);
    enableAcpi(pm);
    pm.writeReg(0, PM1_EVENT + 2, 2, 0x0001);
    toTick(2 ** 23 - 1);
    assert.equal(bench.irq("sci").level, false);
    toTick(2 ** 23);
    assert.equal(bench.irq("sci").level, true);
    pm.writeReg(0, PM1_EVENT, 2, 1);
    assert.equal(bench.irq("sci").level, false);
    toTick(2 ** 24);
    assert.equal(bench.irq("sci").rises, 2);
  });

  test("TMR_STS is seen by one who polls", () => {
    const { pm, toTick } = setup(24);
    toTick(2 ** 23);
    assert.equal(pm.readReg(0, PM1_EVENT, 2), 1);
  });
});

test("general-purpose enables are kept and reset clears everything", () => {
  const { pm, bench } = setup();
  pm.writeReg(0, GPE0 + 2, 2, 0xa55a);
  assert.equal(pm.readReg(0, GPE0, 4), 0xa55a0000);
  enableAcpi(pm);
  pm.writeReg(0, PM1_EVENT + 2, 2, 0x0100);
  pm.pressPowerButton();
  pm.reset("warm");
  assert.equal(bench.irq("sci").level, false);
  assert.equal(pm.readReg(0, GPE0, 4), 0);
  assert.equal(pm.isAcpiEnabled, false);
});
