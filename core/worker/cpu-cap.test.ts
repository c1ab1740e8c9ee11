import assert from "node:assert/strict";
import { test } from "node:test";
import { CpuCap } from "./cpu-cap.ts";

const MS = 1e6;

/** A guest that never rests by itself, on a host whose sleeps end `lateNs` late. Gives the CPU share of each 2 s window. */
function windows(cap: CpuCap, seconds: number, lateNs: number, begin = { nowNs: 0, cpuNs: 0 }): number[] {
  let { nowNs, cpuNs } = begin;
  const shares: number[] = [];
  for (let w = 0; w < seconds / 2; w++) {
    const from = { nowNs, cpuNs };
    while (nowNs - from.nowNs < 2000 * MS) {
      cap.account(nowNs, cpuNs);
      const restNs = cap.restNs();
      if (restNs > 0) {
        nowNs += restNs + lateNs;
        cpuNs += 20e3; // going to sleep and waking costs something too
      } else {
        const sliceNs = cap.sliceNs(2 * MS) * 1.1;
        nowNs += sliceNs;
        cpuNs += sliceNs;
      }
    }
    shares.push(((cpuNs - from.cpuNs) / (nowNs - from.nowNs)) * 100);
  }
  return shares;
}

for (const percent of [1, 5, 20, 37, 50, 80, 99]) {
  test(`a busy thread capped at ${percent} % uses that much in every 2 s`, () => {
    for (const share of windows(new CpuCap(percent, 0, 0), 10, 300e3)) assert.ok(Math.abs(share - percent) < 1.5, `${share} %`);
  });
}

test("100 % never rests", () => {
  assert.ok(windows(new CpuCap(100, 0, 0), 4, 0).every((share) => share > 99.9));
});

test("an idle time is not saved up beyond a few tens of milliseconds", () => {
  const cap = new CpuCap(50, 0, 0);
  cap.account(60_000 * MS, 0);
  const [first = 0] = windows(cap, 2, 0, { nowNs: 60_000 * MS, cpuNs: 0 });
  assert.ok(first < 53, `${first} %`);
});

test("a new cap counts from when it is set", () => {
  const cap = new CpuCap(80, 0, 0);
  windows(cap, 2, 0);
  cap.set(20);
  const [share = 0] = windows(cap, 2, 0, { nowNs: 2001 * MS, cpuNs: 1601 * MS });
  assert.ok(Math.abs(share - 20) < 1.5, `${share} %`);
});

test("rests are short, so that the guest stays responsive", () => {
  const cap = new CpuCap(10, 0, 0);
  cap.account(2 * MS, 2 * MS);
  assert.ok(cap.restNs() > 0 && cap.restNs() <= 45 * MS, `${cap.restNs() / MS} ms`);
});
