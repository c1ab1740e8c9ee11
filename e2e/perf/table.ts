// The benchmark's results as text: CPU seconds and ratios test by test with each group's geometric mean, whole-system figures, and
// what was aimed at.
import type { Architecture } from "../fixtures/debian.ts";
import { ENGINES, ENGINE_TITLES, type EngineName } from "./engines.ts";
import { type BenchmarkResults, bootOf, cpuOf, differingChecksums, meanRatio, median, resultsOf, roundsText, testRatio, verdicts } from "./results.ts";
import { AIMS, type Group, GROUP_NAMES, GROUPS, TESTS } from "./suite.ts";

/** Three significant digits, whole numbers from 100 on. */
export function figure(value: number | undefined): string {
  if (value === undefined) return "-";
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value >= 0.1 ? value.toFixed(3) : value.toFixed(4);
}
function ratioFigure(value: number | undefined): string {
  return value === undefined ? "-" : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
function layOut(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, n) => Math.max(cell.length, all[n] ?? 0)), []);
  return rows.map((row) => row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join("  ").trimEnd()).join("\n");
}

/** A column for each ratio worth reading: our engines' over the peers' and over native, and the peers' over native. */
function ratioPairs(engines: readonly EngineName[]): [EngineName, EngineName][] {
  const ours = engines.filter((e) => e === "ringfence" || e === "first" || e === "interpreter");
  const peers = engines.filter((e) => e === "tcg" || e === "v86");
  const native: EngineName[] = engines.includes("native") ? ["native"] : [];
  return [...ours.flatMap((a) => [...peers, ...native].map((b): [EngineName, EngineName] => [a, b])), ...peers.flatMap((a) => native.map((b): [EngineName, EngineName] => [a, b]))];
}

function testTable(results: BenchmarkResults, architecture: Architecture): string {
  const engines = ENGINES.filter((engine) => resultsOf(results, architecture, engine));
  const pairs = ratioPairs(engines);
  const aims = AIMS[architecture];
  const aimed = pairs.findIndex(([a, b]) => a === "ringfence" && b === aims.peer);
  const withAim = (cells: string[], aim: number | undefined, value: number | undefined): string[] => {
    if (aimed < 0) return cells;
    const text = aim === undefined || value === undefined ? "" : `${aim} ${value <= aim ? "met" : "MISSED"}`;
    return [...cells.slice(0, aimed + 1), text, ...cells.slice(aimed + 1)];
  };
  const title = (engine: EngineName): string => ENGINE_TITLES[engine];
  const rows: string[][] = [["", ...engines.map((e) => `${title(e)} s`), ...withAim(pairs.map(([a, b]) => `${title(a)}/${title(b)}`), undefined, undefined)]];
  const blank = engines.map(() => "");
  if (aimed >= 0) (rows[0] as string[])[engines.length + aimed + 2] = "aim";
  const means = (name: string, tests: readonly string[], aim: number | undefined): void => {
    const values = pairs.map(([a, b]) => meanRatio(results, architecture, a, b, tests));
    if (values.some((v) => v !== undefined)) rows.push([name, ...blank, ...withAim(values.map(ratioFigure), aim, values[aimed])]);
  };
  for (const group of GROUP_NAMES) {
    const measured = GROUPS[group].filter((test) => engines.some((e) => cpuOf(results, architecture, e, test) !== undefined));
    for (const test of measured) {
      const values = pairs.map(([a, b]) => testRatio(results, architecture, a, b, test));
      const over = aimed >= 0 && (values[aimed] ?? 0) > aims.row ? aims.row : undefined;
      rows.push([`  ${test}`, ...engines.map((e) => figure(cpuOf(results, architecture, e, test))), ...withAim(values.map(ratioFigure), over, values[aimed])]);
    }
    if (measured.length > 0) means(group, measured, groupAim(architecture, group));
  }
  means("all", TESTS, "all" in aims ? aims.all : undefined);
  return layOut(rows);
}
function groupAim(architecture: Architecture, group: Group): number | undefined {
  const aims = AIMS[architecture];
  return "groups" in aims ? aims.groups[group] : undefined;
}

/** Where an engine compiles on threads of its own, how much of a test that is. */
function threadTable(results: BenchmarkResults, architecture: Architecture): string {
  const engines = ENGINES.filter((engine) => engine !== "native" && resultsOf(results, architecture, engine));
  const share = (engine: EngineName, test: string): number | undefined => median((resultsOf(results, architecture, engine)?.tests[test] ?? []).map((s) => s.otherThreads));
  const rows = TESTS.map((test) => [test, ...engines.map((e) => share(e, test))]).filter((row) => row.slice(1).some((value) => value !== undefined));
  if (rows.length === 0) return "";
  const cells = rows.map((row) => row.map((value) => (typeof value === "number" ? `${(100 * value).toFixed(0)} %` : (value ?? "-"))));
  return `Share outside the busiest thread\n${layOut([["", ...engines.map((e) => ENGINE_TITLES[e])], ...cells])}`;
}

function systemTable(results: BenchmarkResults, architecture: Architecture): string {
  const engines = ENGINES.filter((engine) => engine !== "native" && resultsOf(results, architecture, engine));
  const row = (name: string, value: (engine: EngineName) => number | undefined): string[] => [name, ...engines.map((e) => figure(value(e)))];
  const of = (engine: EngineName): ReturnType<typeof resultsOf> => resultsOf(results, architecture, engine);
  const rows = [
    row("boot to userspace, CPU s", (e) => bootOf(results, architecture, e)),
    row("boot to userspace, wall s", (e) => median((of(e)?.boots ?? []).map((boot) => boot.wallSeconds))),
    row("boot and whole suite, CPU s", (e) => median((of(e)?.suites ?? []).map((run) => run.cpuSeconds))),
    row("peak memory after the suite, MiB", (e) => median((of(e)?.suites ?? []).map((run) => run.peakMiB))),
    row("peak memory at an idle prompt, MiB", (e) => of(e)?.idle?.peakMiB),
    row("idle at a prompt, % of one processor", (e) => median(of(e)?.idle?.percent ?? [])),
    row("answer to a typed command, ms", (e) => of(e)?.idle?.echoMs),
  ].filter((cells) => cells.slice(1).some((cell) => cell !== "-"));
  return rows.length === 0 ? "" : layOut([["", ...engines.map((e) => ENGINE_TITLES[e])], ...rows]);
}

export function describeResults(results: BenchmarkResults): string {
  const parts: string[] = [];
  for (const architecture of ["amd64", "i386"] as const) {
    if (!results.engines.some((r) => r.architecture === architecture)) continue;
    parts.push(`${architecture === "amd64" ? "64" : "32"}-bit guest of ${results.memoryMiB} MiB: CPU seconds of all threads, ${roundsText(results)}; geometric means of ratios`);
    parts.push(testTable(results, architecture), systemTable(results, architecture), threadTable(results, architecture));
  }
  const aims = verdicts(results);
  if (aims.length > 0) {
    const rows = aims.map(({ about, value, limit, unit }) => [about, figure(value), `at most ${limit}${unit === "ratio" ? "" : ` ${unit}`}`, value <= limit ? "met" : "MISSED"]);
    parts.push(`Aims\n${layOut(rows)}`);
  }
  if (results.integerLoopMips !== undefined) parts.push(`Integer loop in the interpreter: ${results.integerLoopMips.toFixed(0)} million guest instructions a CPU second`);
  const failures = results.engines.flatMap((r) => r.failures.map((f) => `${r.engine} ${r.architecture} round ${f.round}, ${f.test}: ${f.why}`));
  if (failures.length > 0) parts.push(`Failures\n${failures.join("\n")}`);
  const wrong = differingChecksums(results);
  parts.push(wrong.length > 0 ? `CHECKSUMS DIFFER\n${wrong.join("\n")}` : "Checksums are the same everywhere.");
  const { host, load } = results;
  const peers = [host.qemu && `QEMU ${host.qemu}`, host.v86 && `v86 ${host.v86}`].filter(Boolean).join(", ");
  parts.push(
    `Ringfence ${results.version}, ${results.date}; ${host.processor}, ${host.processors} processors, Linux ${host.kernel}, Node ${host.node}${peers ? `; ${peers}` : ""}\n` +
      `Load of the machine (one minute): ${Math.min(...load).toFixed(1)} to ${Math.max(...load).toFixed(1)}, median ${median(load)?.toFixed(1)}`,
  );
  return parts.filter(Boolean).join("\n\n");
}
