// The suite that every device passes: reset, save and load, refusal of broken state, and safety of every register.
// A device is made on a DeviceBench, which gives it time and interrupt lines; other ports are made by the caller for each device.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AccessSize, BusDevice, Device } from "../bus/device.ts";
import { StateError } from "../state/device-state.ts";
import { DeviceBench } from "./device-bench.ts";
import { SeededRandom } from "./seeded-random.ts";

export interface ConformanceOptions {
  /** Length of each of the device's register ranges, by bank number. */
  banks?: readonly number[];
  /** The device has no state that poke() could change. */
  stateless?: boolean;
  /** State fields that a power-on reset leaves alone (battery-backed memory). */
  survivesPowerOn?: readonly string[];
}

type Made<D> = { device: D; bench: DeviceBench };
type Saved = Record<string, unknown>;

const SIZES = [1, 2, 4] as const;
const ACCESSES = 20_000;
const TWIN_ACCESSES = 4_000;
/** Banks up to this size are also walked register by register. */
const WALK_LIMIT = 0x1000;

/** Registers the suite's tests with node:test. `make` plugs a fresh device into the bench; `poke` changes its state visibly. */
export function deviceConformance<D extends Device>(
  name: string,
  make: (bench: DeviceBench) => D,
  poke: (device: D, bench: DeviceBench) => void,
  options: ConformanceOptions = {},
): void {
  const banks = options.banks ?? [];
  const survivors = new Set(options.survivesPowerOn ?? []);
  const fresh = (atNs = 0): Made<D> => {
    const bench = new DeviceBench();
    bench.clock.advance(atNs);
    return { device: make(bench), bench };
  };
  const poked = (): Made<D> => {
    const made = fresh();
    poke(made.device, made.bench);
    return made;
  };

  describe(`${name}: device conformance`, () => {
    test("a power-on reset gives the state of a fresh device", () => {
      const { device, bench } = poked();
      device.reset("power");
      const other = fresh(bench.clock.nowNs());
      const without = (state: Saved): Saved => Object.fromEntries(Object.entries(state).filter(([field]) => !survivors.has(field)));
      assert.deepEqual(without(device.save()), without(other.device.save()));
      assert.deepEqual(bench.highLines(), other.bench.highLines());
    });

    test("a warm reset leaves a state that can be saved and loaded", () => {
      const { device, bench } = poked();
      device.reset("warm");
      const other = fresh(bench.clock.nowNs());
      other.device.load(device.save());
      assert.deepEqual(other.device.save(), device.save());
    });

    test("saving twice gives the same, and loading what was saved changes nothing", () => {
      const { device, bench } = poked();
      const saved = device.save();
      const levels = bench.highLines();
      assert.deepEqual(device.save(), saved);
      device.load(saved);
      assert.deepEqual(device.save(), saved);
      assert.deepEqual(bench.highLines(), levels);
    });

    test("load brings back an earlier state, and a later one in a fresh device", () => {
      const { device, bench } = fresh();
      const before = device.save();
      const copyOfBefore = structuredClone(before);
      poke(device, bench);
      const after = device.save();
      if (!options.stateless) assert.notDeepEqual(after, before, "poke() must change the state");
      assert.deepEqual(before, copyOfBefore, "saved state must not change with the device");
      const levels = bench.highLines();
      device.load(before);
      assert.deepEqual(device.save(), before);
      device.load(after);
      assert.deepEqual(device.save(), after);
      const other = fresh(bench.clock.nowNs());
      other.device.load(after);
      assert.deepEqual(other.device.save(), after);
      assert.deepEqual(other.bench.highLines(), levels);
    });

    test("saved state is plain data that survives structuredClone", () => {
      const saved = poked().device.save();
      assertPlain(saved, "state");
      assert.deepEqual(structuredClone(saved), saved);
      assert.equal(saved.kind, poked().device.kind);
    });

    test("every broken field of saved state is refused and changes nothing", () => {
      const { device, bench } = poked();
      const saved = device.save();
      const before = structuredClone(saved);
      const levels = bench.highLines();
      for (const { what, state } of brokenVariants(saved)) {
        assert.throws(() => device.load(state), StateError, `${what} must be refused`);
        assert.deepEqual(device.save(), before, `${what} must change nothing`);
      }
      assert.deepEqual(bench.highLines(), levels);
    });

    if (banks.length === 0) return;

    test("every register at every size and offset can be read and written", () => {
      const { device } = fresh();
      const bus = registersOf(device);
      banks.forEach((length, bank) => {
        for (let offset = 0; offset < Math.min(length, WALK_LIMIT); offset++) {
          for (const size of SIZES) {
            checkedRead(bus, bank, offset, size);
            bus.writeReg(bank, offset, size, 0);
            bus.writeReg(bank, offset, size, 2 ** (8 * size) - 1);
            checkedRead(bus, bank, offset, size);
          }
        }
      });
    });

    test(`${ACCESSES} random accesses with saves, loads and time between are safe`, () => {
      const { device, bench } = fresh();
      const random = new SeededRandom(0x5eed);
      for (let done = 0; done < ACCESSES; done += 1000) {
        randomAccesses(registersOf(device), bench, banks, random, 1000);
        device.load(structuredClone(device.save()));
      }
      device.reset("power");
    });

    test("a device loaded from another's state answers as the other does", () => {
      for (const seed of [1, 2, 3]) {
        const one = poked();
        randomAccesses(registersOf(one.device), one.bench, banks, new SeededRandom(seed), TWIN_ACCESSES / 2);
        const two = fresh(one.bench.clock.nowNs());
        two.device.load(one.device.save());
        assert.deepEqual(two.bench.highLines(), one.bench.highLines());
        const first = randomAccesses(registersOf(one.device), one.bench, banks, new SeededRandom(seed + 100), TWIN_ACCESSES);
        const second = randomAccesses(registersOf(two.device), two.bench, banks, new SeededRandom(seed + 100), TWIN_ACCESSES);
        assert.equal(first.findIndex((line, i) => line !== second[i]), -1, firstDifference(first, second));
        assert.deepEqual(two.device.save(), one.device.save());
        assert.deepEqual(two.bench.highLines(), one.bench.highLines());
      }
    });
  });
}

function registersOf(device: Device & Partial<BusDevice>): BusDevice {
  if (!device.readReg || !device.writeReg) throw new Error(`${device.id} has banks but no registers`);
  return device as Device & BusDevice; // both methods were just seen
}

function checkedRead(bus: BusDevice, bank: number, offset: number, size: AccessSize): number {
  const value = bus.readReg(bank, offset, size);
  assert.ok(
    Number.isInteger(value) && value >= 0 && value < 2 ** (8 * size),
    `bank ${bank} offset ${offset.toString(16)}h size ${size} read ${value}`,
  );
  return value;
}

/** Does `count` random accesses, now and then letting time pass, and returns what was read, one line each. */
function randomAccesses(bus: BusDevice, bench: DeviceBench, banks: readonly number[], random: SeededRandom, count: number): string[] {
  const answers: string[] = [];
  for (let i = 0; i < count; i++) {
    const bank = random.below(banks.length);
    const offset = random.below(banks[bank] ?? 1);
    const size = random.pick(SIZES);
    const value = random.next() >>> (32 - 8 * size);
    if (random.below(2) === 0) answers.push(`${bank}:${offset.toString(16)}/${size}=${checkedRead(bus, bank, offset, size).toString(16)}`);
    else bus.writeReg(bank, offset, size, random.below(4) === 0 ? value & random.next() & 0x0f0f0f0f : value);
    if (random.below(64) === 0) bench.clock.advance(random.below(200_000));
  }
  return answers;
}

function firstDifference(first: string[], second: string[]): string {
  const at = first.findIndex((line, i) => line !== second[i]);
  return `read ${at}: ${first[at]} against ${second[at]}`;
}

function assertPlain(value: unknown, path: string): void {
  if (value === null || typeof value === "number" || typeof value === "string" || typeof value === "boolean") return;
  if (value instanceof Uint8Array) return;
  assert.equal(typeof value, "object", `${path} is not plain data`);
  const prototype: unknown = Object.getPrototypeOf(value);
  assert.ok(Array.isArray(value) || prototype === Object.prototype, `${path} is a class instance`);
  for (const [key, inner] of Object.entries(value as object)) assertPlain(inner, `${path}.${key}`);
}

/** The saved state with one thing wrong at a time. */
function* brokenVariants(saved: Saved): Generator<{ what: string; state: unknown }> {
  for (const state of [undefined, null, 7, "text", [], {}]) yield { what: `state ${String(state)}`, state };
  yield { what: "another kind", state: { ...saved, kind: `${String(saved["kind"])}-other` } };
  yield { what: "a newer version", state: { ...saved, version: Number(saved["version"]) + 1 } };
  yield { what: "version 0", state: { ...saved, version: 0 } };
  yield { what: "an unknown field", state: { ...saved, noSuchField: 1 } };
  for (const path of leafPaths(saved, [])) {
    for (const bad of wrongValues(valueAt(saved, path))) {
      const state = structuredClone(saved);
      setAt(state, path, bad);
      yield { what: `${path.join(".")} = ${describeBad(bad)}`, state };
    }
    if (typeof path.at(-1) === "number") continue; // a list with a hole: covered by the undefined above
    const state = structuredClone(saved);
    removeAt(state, path);
    yield { what: `${path.join(".")} missing`, state };
  }
}

type Path = (string | number)[];

/** Paths of all fields: containers too, and of long lists the first three entries only. */
function* leafPaths(value: unknown, path: Path): Generator<Path> {
  if (path.length > 0) yield path;
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return;
  if (Array.isArray(value)) for (let i = 0; i < Math.min(value.length, 3); i++) yield* leafPaths(value[i], [...path, i]);
  else for (const [key, inner] of Object.entries(value)) yield* leafPaths(inner, [...path, key]);
}

function wrongValues(value: unknown): unknown[] {
  if (typeof value === "number") return [Number.NaN, Infinity, -Infinity, 0.5, 2 ** 53, -(2 ** 53), "1", true, [], undefined];
  if (typeof value === "boolean") return [0, 1, "true", null, undefined];
  if (typeof value === "string") return [5, null, {}, undefined];
  if (value instanceof Uint8Array) return ["text", null, [...value.subarray(0, 4)], new Uint8Array(value.length * 2 + 65_537), undefined];
  if (Array.isArray(value)) return ["text", null, {}, new Array(100_000).fill(value[0] ?? 0), undefined];
  return value === null ? ["text", {}, undefined] : ["text", 5, [], undefined];
}

function describeBad(bad: unknown): string {
  return bad instanceof Uint8Array || Array.isArray(bad) ? `${bad.length} entries` : String(bad);
}

function valueAt(state: unknown, path: Path): unknown {
  let value = state;
  for (const key of path) value = (value as Record<string | number, unknown>)[key];
  return value;
}

function setAt(state: unknown, path: Path, value: unknown): void {
  (valueAt(state, path.slice(0, -1)) as Record<string | number, unknown>)[path.at(-1) ?? ""] = value;
}

function removeAt(state: unknown, path: Path): void {
  delete (valueAt(state, path.slice(0, -1)) as Record<string | number, unknown>)[path.at(-1) ?? ""];
}
