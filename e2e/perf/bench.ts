// `npm run bench`: whole guests in Ringfence and its peers side by side, and natively, taking turns. See README.md in this folder.
import { mkdirSync, mkdtempSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setEngineFlags } from "../../main/platform/v8-flags.ts";
import { PROGRAM } from "../fixtures/cpio.ts";
import { type Architecture, busyboxFor, busyboxInitramfs, installerFile, missingGuest } from "../fixtures/debian.ts";
import { writeChart } from "./chart.ts";
import { ENGINES, type EngineName, engineCommand, missingEngine, qemuVersion, V86_VERSION } from "./engines.ts";
import { buildGuestProgram } from "./guest-programs.ts";
import { integerLoopMips } from "./integer-loop.ts";
import { measuredRun, type RunOptions } from "./measured-run.ts";
import { measureNetwork } from "./network-bench.ts";
import { type BenchmarkResults, differingChecksums, type EngineResults, serialize } from "./results.ts";
import { guestScript, selectTests, suiteScript, TESTS } from "./suite.ts";
import { describeResults } from "./table.ts";

const USAGE = `npm run bench -- [options]
  --rounds N        rounds, whose medians are taken (default 3)
  --tests A,B       tests or groups (default all)
  --engines A,B     of ${ENGINES.join(", ")} (default all but interpreter)
  --arch A,B        amd64, i386 (default both)
  --no-idle         leave out the time at an idle prompt
  --timeout S       seconds that a test may take (default 600), and that a boot may take
  --soak MINUTES    nothing of the above: the suite over and over in one guest, and the engine's memory after each pass
  --network         nothing of the above: the switch between synthetic ports, and the network's thread between cards
  --json FILE       write the results
  --release         write them to e2e/perf/results/VERSION.json, with the picture that the README shows; for complete runs only`;

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const MEMORY_MIB = 256;
const APPEND = "console=ttyS0 mitigations=off quiet";
const IDLE = { settle: 5, window: 10, windows: 3 };

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
function readOptions() {
  try {
    return parseArgs({
      options: {
        rounds: { type: "string", default: "3" },
        tests: { type: "string" },
        engines: { type: "string" },
        arch: { type: "string", default: "amd64,i386" },
        "no-idle": { type: "boolean", default: false },
        timeout: { type: "string", default: "600" },
        soak: { type: "string" },
        network: { type: "boolean", default: false },
        json: { type: "string" },
        release: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    return fail(`${(error as Error).message}\n${USAGE}`);
  }
}
function pick<T extends string>(words: string, known: readonly T[], what: string): T[] {
  const unknown = words.split(",").find((word) => !known.includes(word as T));
  if (unknown !== undefined) fail(`"${unknown}" is no ${what}: ${known.join(", ")}`);
  return known.filter((word) => words.split(",").includes(word));
}
function positive(text: string, option: string): number {
  const value = Number(text);
  if (!(value > 0)) fail(`--${option} wants a number above 0, not "${text}"`);
  return value;
}

const options = readOptions();
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}
if (options.network) {
  const results = await measureNetwork((line) => console.log(line));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  process.exit(0);
}
if (!existsSync("/proc/self/schedstat")) fail("The benchmark reads CPU times from Linux's /proc, which is not here.");
const rounds = Math.ceil(positive(options.rounds, "rounds"));
const timeout = positive(options.timeout, "timeout");
const architectures = pick<Architecture>(options.arch, ["amd64", "i386"], "architecture");
const namedEngines = options.engines === undefined ? ENGINES.filter((e) => e !== "interpreter") : pick<EngineName>(options.engines, ENGINES, "engine");
// There is no second run without a first.
const wantedEngines = ENGINES.filter((e) => namedEngines.includes(e) || (e === "first" && namedEngines.includes("ringfence")));
let tests: string[];
try {
  tests = options.tests === undefined ? [...TESTS] : selectTests(options.tests.split(","));
} catch (error) {
  fail((error as Error).message);
}
const complete = tests.length === TESTS.length;

type Job = Parameters<typeof guestScript>[1];
/** What runs in turn: an engine with a guest, or the host itself. */
interface Contender {
  results: EngineResults;
  run(tests: readonly string[], job: Job): Pick<RunOptions, "command" | "env" | "native">;
}
const work = mkdtempSync(join(tmpdir(), "ringfence-bench-"));
const scratch = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "ringfence-bench-"));
const temporary = [work, scratch];
process.on("exit", () => {
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

/** What the first run of a round has kept is there for the second one and at the prompt, and gone before the next round's first. */
function codeCacheOf(engine: EngineName, architecture: Architecture): Record<string, string> {
  const codeCache = join(work, `code-${architecture}`);
  if (engine === "first") rmSync(codeCache, { recursive: true, force: true });
  return { RINGFENCE_CODE_CACHE: engine === "interpreter" ? "off" : codeCache };
}

const contenders: Contender[] = [];
for (const architecture of architectures) {
  const folder = join(work, architecture);
  mkdirSync(folder);
  const built = buildGuestProgram(architecture, folder);
  const busybox = busyboxFor(architecture);
  const missing = "missing" in built ? built.missing : busybox ? undefined : "no static busybox is here: apt-get install busybox-static";
  if ("missing" in built || !busybox) {
    console.log(`Left out: everything of ${architecture}: ${missing}`);
    continue;
  }
  const { program } = built;
  const initrds = new Map<string, string>();
  const initrd = (chosen: readonly string[], job: Job): string => {
    const script = guestScript(chosen, job);
    const known = initrds.get(script);
    if (known !== undefined) return known;
    const path = busyboxInitramfs(architecture, script, [{ name: "bin/program", mode: PROGRAM, data: readFileSync(program) }]);
    initrds.set(script, path);
    temporary.push(dirname(path));
    return path;
  };
  for (const engine of wantedEngines) {
    const results: EngineResults = { engine, architecture, tests: {}, boots: [], suites: [], failures: [] };
    if (engine === "native") {
      const script = join(folder, "suite.sh");
      // Busybox goes by the name that it is called with.
      const named = join(folder, "busybox");
      symlinkSync(busybox, named);
      contenders.push({
        results,
        run(chosen) {
          writeFileSync(script, `${suiteScript(chosen)}\necho @@DONE\nread go\n`);
          // The guests have one processor, so the host's programs get one too.
          return { command: ["taskset", "-c", "0", named, "sh", script], env: { PROGRAM: program, BUSYBOX: named, SCRATCH: scratch }, native: true };
        },
      });
      continue;
    }
    const why = missingGuest(architecture) ?? missingEngine(engine, architecture);
    if (why !== undefined) {
      if (why !== null || options.engines !== undefined) console.log(`Left out: ${engine} ${architecture}: ${why ?? "it has no such guests"}`);
      continue;
    }
    contenders.push({
      results,
      run: (chosen, job) => ({
        ...(engine === "tcg" || engine === "v86" ? {} : { env: codeCacheOf(engine, architecture) }),
        command: engineCommand(engine, architecture, { kernel: installerFile(architecture, "linux"), initrd: initrd(chosen, job), append: APPEND, memoryMiB: MEMORY_MIB }),
      }),
    });
  }
}
if (contenders.length === 0) fail("Nothing can be measured here.");

const has = (engine: EngineName): boolean => contenders.some(({ results }) => results.engine === engine);
const qemu = qemuVersion("amd64");
const results: BenchmarkResults = {
  version: (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version,
  date: new Date().toISOString().slice(0, 10),
  host: {
    processor: cpus()[0]?.model ?? "unknown",
    processors: cpus().length,
    kernel: release(),
    node: process.versions.node,
    ...(has("tcg") && qemu !== undefined ? { qemu } : {}),
    ...(has("v86") ? { v86: V86_VERSION } : {}),
  },
  load: [loadavg()[0] ?? 0],
  rounds,
  memoryMiB: MEMORY_MIB,
  engines: contenders.map((contender) => contender.results),
};
const progress = (line: string): void => console.error(`${new Date().toTimeString().slice(0, 8)} ${line}`);

if (complete && options.soak === undefined) {
  setEngineFlags();
  results.integerLoopMips = integerLoopMips();
}

/** The suite once; where a test hangs or takes the engine down, the rest runs after a new start. */
async function runSuite({ results: into, run }: Contender, round: number): Promise<void> {
  const name = `round ${round} ${into.engine} ${into.architecture}`;
  let left: readonly string[] = tests;
  while (left.length > 0) {
    const whole = left.length === TESTS.length;
    const outcome = await measuredRun({
      ...run(left, "suite"),
      tests: left,
      bootSeconds: timeout,
      testSeconds: timeout,
      onSample: (test, sample) => progress(`${name} ${test.padEnd(10)} ${sample.cpuSeconds.toFixed(3)} CPU s (${(sample.otherThreads * 100).toFixed(0)} % outside the busiest thread), ${sample.wallSeconds.toFixed(3)} s`),
    });
    results.load.push(loadavg()[0] ?? 0);
    for (const [test, sample] of outcome.samples) into.tests[test] = [...(into.tests[test] ?? []), sample];
    for (const failure of outcome.failures) {
      progress(`${name} FAILED ${failure.test}: ${failure.why}`);
      into.failures.push({ round, ...failure });
    }
    if (outcome.boot) {
      progress(`${name} booted in ${outcome.boot.cpuSeconds.toFixed(2)} CPU s, ${outcome.boot.wallSeconds.toFixed(2)} s; peak ${outcome.peakMiB.toFixed(0)} MiB`);
      into.boots.push(outcome.boot);
      if (whole && outcome.failures.length === 0) into.suites.push({ cpuSeconds: outcome.cpuSeconds, peakMiB: outcome.peakMiB });
    }
    // Without userspace, or without any way on, another start would only end the same way.
    left = outcome.left.length < left.length ? outcome.left : [];
  }
}
async function runIdle({ results: into, run }: Contender): Promise<void> {
  const outcome = await measuredRun({ ...run([], "idle"), tests: [], bootSeconds: timeout, testSeconds: timeout, idle: IDLE });
  results.load.push(loadavg()[0] ?? 0);
  if (outcome.boot) into.boots.push(outcome.boot);
  for (const { why } of outcome.failures) {
    progress(`${into.engine} ${into.architecture} FAILED idle: ${why}`);
    into.failures.push({ round: 0, test: "idle", why });
  }
  if (!outcome.idle) return;
  into.idle = outcome.idle;
  progress(`${into.engine} ${into.architecture} idle: ${outcome.idle.percent.map((p) => p.toFixed(2)).join(", ")} %, peak ${outcome.idle.peakMiB.toFixed(0)} MiB`);
}

async function runSoak({ results: into, run }: Contender, minutes: number): Promise<void> {
  const name = `${into.engine} ${into.architecture}`;
  const outcome = await measuredRun({
    ...run(tests, "soak"),
    tests,
    bootSeconds: timeout,
    testSeconds: timeout,
    soakSeconds: minutes * 60,
    onPass: (pass) =>
      console.log(`${name} after ${pass.minutes.toFixed(1)} min, ${pass.cpuSeconds.toFixed(0)} CPU s: ${pass.residentMiB.toFixed(0)} MiB resident, peak ${pass.peakMiB.toFixed(0)} MiB`),
  });
  for (const failure of outcome.failures) console.log(`${name} FAILED ${failure.test}: ${failure.why}`);
  // The first pass warms up; from then on memory must not grow.
  const [, first] = outcome.passes;
  const last = outcome.passes.at(-1);
  if (first && last && last !== first) console.log(`${name}: ${(last.peakMiB - first.peakMiB).toFixed(0)} MiB more at the peak than after the second of ${outcome.passes.length} passes`);
  if (outcome.failures.length > 0) process.exitCode = 1;
}

if (options.soak !== undefined) {
  const minutes = positive(options.soak, "soak");
  for (const contender of contenders) if (!["native", "first"].includes(contender.results.engine)) await runSoak(contender, minutes);
  process.exit();
}
for (let round = 1; round <= rounds; round++) for (const contender of contenders) await runSuite(contender, round);
if (!options["no-idle"]) for (const contender of contenders) if (!["native", "first"].includes(contender.results.engine)) await runIdle(contender);

console.log(describeResults(results));
if (options.json !== undefined) writeFileSync(options.json, serialize(results));
if (options.release) {
  if (!complete || options["no-idle"] || architectures.length < 2 || !ENGINES.every((e) => e === "interpreter" || has(e))) {
    fail("A release's results are of all tests, engines and architectures, with the idle time: nothing was written.");
  }
  mkdirSync(join(here, "results"), { recursive: true });
  const path = join(here, "results", `${results.version}.json`);
  writeFileSync(path, serialize(results));
  console.log(`Wrote ${path} and ${writeChart(results)}`);
}
if (differingChecksums(results).length > 0 || results.engines.some((r) => r.failures.length > 0)) process.exitCode = 1;
