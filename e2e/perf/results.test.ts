// The figures that follow from measurements, and how they are shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Architecture } from "../fixtures/debian.ts";
import { drawChart } from "./chart.ts";
import type { EngineName } from "./engines.ts";
import { type BenchmarkResults, differingChecksums, type EngineResults, geometricMean, median, verdicts } from "./results.ts";
import { guestScript, selectTests, TESTS } from "./suite.ts";
import { describeResults } from "./table.ts";

function engine(name: EngineName, architecture: Architecture, cpuSeconds: (test: string) => number, more: Partial<EngineResults> = {}): EngineResults {
  const sample = (seconds: number) => ({ cpuSeconds: seconds, otherThreads: 0.25, wallSeconds: seconds, guestSeconds: seconds, checksum: "c0ffee" });
  return {
    engine: name,
    architecture,
    // An outlier in each direction: the median is between.
    tests: Object.fromEntries(TESTS.map((t) => [t, [sample(cpuSeconds(t) * 9), sample(cpuSeconds(t)), sample(cpuSeconds(t) / 9)]])),
    boots: [{ cpuSeconds: 4, wallSeconds: 5 }],
    suites: [{ cpuSeconds: 100, peakMiB: 390 }],
    failures: [],
    ...more,
  };
}
function results(engines: EngineResults[]): BenchmarkResults {
  const host = { processor: "A <processor>", processors: 2, kernel: "6", node: "24", qemu: "7", v86: "0.5" };
  return { version: "1.2.3", date: "2026-11-23", host, load: [0.5, 1.5], rounds: 3, memoryMiB: 256, engines };
}
const usual = (): BenchmarkResults =>
  results([
    engine("native", "amd64", () => 0.1),
    engine("ringfence", "amd64", (t) => (t === "sieve" ? 3.2 : 0.5)),
    engine("tcg", "amd64", () => 1),
    engine("ringfence", "i386", () => 0.2, { boots: [{ cpuSeconds: 1, wallSeconds: 1 }], idle: { percent: [0.4, 0.6, 3], peakMiB: 300, echoMs: 5 } }),
    engine("v86", "i386", () => 1),
  ]);

test("medians and geometric means", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1]), 2.5);
  assert.equal(median([]), undefined);
  assert.equal(geometricMean([1, 4, undefined]), 2);
  assert.equal(geometricMean([undefined]), undefined);
});

test("verdicts compare geometric means, worst rows, boots, memory and idle time with what is aimed at", () => {
  const found = new Map(verdicts(usual()).map((v) => [v.about, v]));
  const close = (about: string, value: number): void => {
    assert.ok(found.has(about), `${about} is in ${[...found.keys()].join("; ")}`);
    assert.ok(Math.abs((found.get(about)?.value ?? 0) - value) < 1e-9, `${about}: ${found.get(about)?.value}, not ${value}`);
  };
  close("64-bit integer against QEMU TCG", (0.5 ** 4 * 3.2) ** 0.2);
  close("64-bit memory against QEMU TCG", 0.5);
  close("64-bit, worst row (sieve), against QEMU TCG", 3.2);
  close("64-bit integer against native", (5 ** 4 * 32) ** 0.2);
  close("64-bit boot to userspace against QEMU TCG", 1);
  close("32-bit, all tests, against v86", 0.2);
  close("32-bit boot to userspace against v86", 0.25);
  close("32-bit peak memory at an idle prompt", 300);
  close("32-bit idle at a prompt, of one processor", 0.6);
  assert.equal(found.get("64-bit integer against QEMU TCG")?.limit, 0.6);
  assert.equal(found.has("32-bit integer against native"), false, "nothing was measured natively");
});

test("the table marks what is met and missed, and a row above the limit", () => {
  const text = describeResults(usual());
  assert.match(text, /^ {2}sieve .* 3\.20 +1\.5 MISSED/m);
  assert.match(text, /^memory .* 0\.50 +0\.35 MISSED/m);
  assert.match(text, /^all +0\.20 +0\.25 met/m);
  assert.match(text, /32-bit peak memory at an idle prompt +300 +at most 260 MiB +MISSED/);
  assert.match(text, /^Share outside the busiest thread[\s\S]*^coremark +25 % +25 %/m);
  assert.match(text, /Checksums are the same everywhere/);
  assert.doesNotMatch(text, /NaN|undefined/);
});

test("a checksum that differs is named with the engines that have it", () => {
  const wrong = usual();
  const sample = wrong.engines[1]?.tests["fib"]?.[0];
  assert.ok(sample);
  sample.checksum = "bad";
  assert.deepEqual(differingChecksums(wrong), ["amd64 fib: c0ffee (native, ringfence, tcg); bad (ringfence)"]);
  assert.match(describeResults(wrong), /CHECKSUMS DIFFER\namd64 fib/);
});

test("incomplete results are shown as far as they go", () => {
  const partial = results([engine("ringfence", "amd64", () => 1, { tests: {}, boots: [], suites: [] })]);
  assert.doesNotMatch(describeResults(partial), /NaN|undefined/);
});

test("the picture has a bar for each group and both peers, and escapes the host's words", () => {
  const svg = drawChart(usual());
  assert.equal(svg.match(/<rect [^>]*class="(?:faster|slower)"/g)?.length, 16);
  assert.match(svg, /class="faster"[\s\S]*>0\.50</);
  assert.match(svg, /A &#60;processor&#62;/);
  assert.doesNotMatch(svg, /NaN|undefined/);
});

test("tests are chosen by name and by group, in the suite's order", () => {
  assert.deepEqual(selectTests(["chase", "integer"]), ["coremark", "sieve", "fib", "sha256", "interp", "chase"]);
  assert.throws(() => selectTests(["sieves"]), /no test or group "sieves"/);
});

test("the guest's script runs exactly the tests asked for and reports each that fails", () => {
  const script = guestScript(["fib", "bb_gzip"], "suite");
  assert.match(script, /\$PROGRAM fib \|\| echo "@@FAILED fib \$\?"/);
  assert.match(script, /\$PROGRAM command bb_gzip output \$BUSYBOX gzip -c text \|\| echo "@@FAILED bb_gzip/);
  assert.doesNotMatch(script, /sieve|bb_awk/);
  assert.match(guestScript([], "idle"), /@@IDLE/);
});
