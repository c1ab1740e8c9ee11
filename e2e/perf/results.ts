// What a run of the benchmark found, as it is kept in results/VERSION.json, and the figures that follow from it.
import type { Architecture } from "../fixtures/debian.ts";
import type { EngineName } from "./engines.ts";
import type { Boot, Idle, Sample } from "./measured-run.ts";
import { AIM_IDLE_PERCENT, AIM_INTEGER_TO_NATIVE, AIM_PEAK_MIB, AIMS, GROUP_NAMES, GROUPS, TESTS } from "./suite.ts";

export interface EngineResults {
  engine: EngineName;
  architecture: Architecture;
  /** A sample a round. */
  tests: Record<string, Sample[]>;
  boots: Boot[];
  /** Runs of the whole suite from power-on, without a restart. */
  suites: { cpuSeconds: number; peakMiB: number }[];
  failures: { round: number; test: string; why: string }[];
  idle?: Idle;
}
export interface BenchmarkResults {
  version: string;
  date: string;
  host: { processor: string; processors: number; kernel: string; node: string; qemu?: string; v86?: string };
  /** One-minute load averages of the host: at the start and after every run. */
  load: number[];
  rounds: number;
  memoryMiB: number;
  integerLoopMips?: number;
  engines: EngineResults[];
}

/** As it is kept in a file: six digits of a figure are more than it is worth. */
export function serialize(results: BenchmarkResults): string {
  return `${JSON.stringify(results, (_, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(6)) : value))}\n`;
}
export function roundsText(results: BenchmarkResults): string {
  return results.rounds === 1 ? "one round" : `medians of ${results.rounds} rounds`;
}

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : sorted.length === 0 ? undefined : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
/** Of those that are there. */
export function geometricMean(values: readonly (number | undefined)[]): number | undefined {
  const there = values.filter((value) => value !== undefined && value > 0) as number[];
  return there.length === 0 ? undefined : Math.exp(there.reduce((sum, value) => sum + Math.log(value), 0) / there.length);
}
export function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}

export function resultsOf(results: BenchmarkResults, architecture: Architecture, engine: EngineName): EngineResults | undefined {
  return results.engines.find((r) => r.engine === engine && r.architecture === architecture);
}
export function cpuOf(results: BenchmarkResults, architecture: Architecture, engine: EngineName, test: string): number | undefined {
  return median((resultsOf(results, architecture, engine)?.tests[test] ?? []).map((sample) => sample.cpuSeconds));
}
export function testRatio(results: BenchmarkResults, architecture: Architecture, a: EngineName, b: EngineName, test: string): number | undefined {
  return ratio(cpuOf(results, architecture, a, test), cpuOf(results, architecture, b, test));
}
export function meanRatio(results: BenchmarkResults, architecture: Architecture, a: EngineName, b: EngineName, tests: readonly string[]): number | undefined {
  return geometricMean(tests.map((test) => testRatio(results, architecture, a, b, test)));
}
export function bootOf(results: BenchmarkResults, architecture: Architecture, engine: EngineName): number | undefined {
  return median((resultsOf(results, architecture, engine)?.boots ?? []).map((boot) => boot.cpuSeconds));
}

export interface Verdict {
  /** What the figure is. */
  about: string;
  value: number;
  limit: number;
  unit: "ratio" | "MiB" | "%";
}
/** Every figure aimed at that was measured, for Ringfence's translator. */
export function verdicts(results: BenchmarkResults): Verdict[] {
  const found: Verdict[] = [];
  const add = (about: string, value: number | undefined, limit: number, unit: Verdict["unit"] = "ratio"): void => {
    if (value !== undefined) found.push({ about, value, limit, unit });
  };
  for (const architecture of ["amd64", "i386"] as const) {
    const aims = AIMS[architecture];
    const width = architecture === "amd64" ? "64-bit" : "32-bit";
    const against = `against ${aims.peer === "tcg" ? "QEMU TCG" : "v86"}`;
    if ("groups" in aims) {
      for (const group of GROUP_NAMES) {
        add(`${width} ${group} ${against}`, meanRatio(results, architecture, "ringfence", aims.peer, GROUPS[group]), aims.groups[group]);
      }
    } else add(`${width}, all tests, ${against}`, meanRatio(results, architecture, "ringfence", aims.peer, TESTS), aims.all);
    let worst: { test: string; value: number } | undefined;
    for (const test of TESTS) {
      const value = testRatio(results, architecture, "ringfence", aims.peer, test);
      if (value !== undefined && value > (worst?.value ?? 0)) worst = { test, value };
    }
    if (worst) add(`${width}, worst row (${worst.test}), ${against}`, worst.value, aims.row);
    add(`${width} integer against native`, meanRatio(results, architecture, "ringfence", "native", GROUPS.integer), AIM_INTEGER_TO_NATIVE);
    add(`${width} boot to userspace ${against}`, ratio(bootOf(results, architecture, "ringfence"), bootOf(results, architecture, aims.peer)), aims.boot);
    const ours = resultsOf(results, architecture, "ringfence");
    add(`${width} peak memory after the suite`, median((ours?.suites ?? []).map((run) => run.peakMiB)), AIM_PEAK_MIB.suite, "MiB");
    add(`${width} peak memory at an idle prompt`, ours?.idle?.peakMiB, AIM_PEAK_MIB.idle, "MiB");
    add(`${width} idle at a prompt, of one processor`, median(ours?.idle?.percent ?? []), AIM_IDLE_PERCENT, "%");
  }
  return found;
}

/** Tests whose checksums are not the same in all engines and rounds of an architecture. */
export function differingChecksums(results: BenchmarkResults): string[] {
  const lines: string[] = [];
  for (const architecture of ["amd64", "i386"] as const) {
    for (const test of TESTS) {
      const seen = new Map<string, Set<string>>();
      for (const engine of results.engines.filter((r) => r.architecture === architecture)) {
        for (const { checksum } of engine.tests[test] ?? []) seen.set(checksum, (seen.get(checksum) ?? new Set()).add(engine.engine));
      }
      if (seen.size > 1) lines.push(`${architecture} ${test}: ${[...seen].map(([checksum, engines]) => `${checksum} (${[...engines].join(", ")})`).join("; ")}`);
    }
  }
  return lines;
}
