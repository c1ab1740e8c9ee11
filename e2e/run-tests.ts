// `npm test`: every test of the project, unit tests first, then those that need a built app, a browser or a guest. Ends by
// saying what was skipped, why, and how to have it run; a run without tests fails. Arguments: parts of file names to run only those.
// Guests live in real time, and a host that is busy elsewhere can make one miss its cue. So up to two files that failed are run once
// more, by themselves; what then passes counts, and is named at the end, because it is still to be looked into.
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const MOST_RUN_AGAIN = 2;

interface Result {
  passed: number;
  failed: number;
  /** Names by reason. */
  skipped: Map<string, string[]>;
}

/** Runs test files; the results are by file. */
async function runFiles(files: string[], concurrency: number): Promise<Map<string, Result>> {
  const results = new Map<string, Result>();
  if (files.length === 0) return results;
  const resultOf = (file = ""): Result => {
    const result = results.get(file) ?? { passed: 0, failed: 0, skipped: new Map() };
    results.set(file, result);
    return result;
  };
  const stream = run({ files, concurrency, cwd: root });
  stream.on("test:pass", (data) => {
    if (data.details.type === "suite") return;
    const result = resultOf(data.file);
    if (data.skip === undefined) result.passed++;
    else {
      const reason = typeof data.skip === "string" && data.skip !== "" ? data.skip : "no reason given";
      result.skipped.set(reason, [...(result.skipped.get(reason) ?? []), data.name]);
    }
  });
  stream.on("test:fail", (data) => {
    if (data.details.type !== "suite") resultOf(data.file).failed++;
  });
  await new Promise<void>((resolve) => {
    const report = stream.compose(spec);
    report.on("data", (chunk: Buffer | string) => process.stdout.write(chunk));
    report.on("end", () => resolve());
  });
  return results;
}

const wanted = process.argv.slice(2);
const find = (pattern: string): string[] =>
  globSync(pattern, { cwd: root, exclude: (path) => path.includes("node_modules") || path.includes("dist") })
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .map((file) => join(root, file))
    .sort();

// Generated code is kept between the machines of this run, and not with the user's own.
const codeCache = mkdtempSync(join(tmpdir(), "ringfence-code-"));
process.env["RINGFENCE_CODE_CACHE"] ??= codeCache;
process.on("exit", () => rmSync(codeCache, { recursive: true, force: true }));

const units = find("{core,main,renderer,assets}/**/*.test.ts");
const journeys = find("e2e/**/*.test.ts");
if (journeys.some((file) => relative(root, file).startsWith(join("e2e", "app")))) {
  const built = spawnSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
  if (built.status !== 0) {
    console.error("The app could not be built; its journeys would test nothing.");
    process.exit(1);
  }
}
const results = new Map([...(await runFiles(units, 2)), ...(await runFiles(journeys, 1))]);

const failing = [...results].filter(([file, { failed }]) => failed > 0 && [...units, ...journeys].includes(file)).map(([file]) => file);
const late: string[] = [];
if (failing.length <= MOST_RUN_AGAIN) {
  for (const file of failing) {
    console.log(`\nOnce more, by itself: ${relative(root, file)}`);
    const again = (await runFiles([file], 1)).get(file);
    if (!again || again.failed > 0 || again.passed === 0) continue;
    results.set(file, again);
    late.push(file);
  }
}

let [passed, failed, skipped] = [0, 0, 0];
const reasons = new Map<string, string[]>();
for (const result of results.values()) {
  passed += result.passed;
  failed += result.failed;
  for (const [reason, names] of result.skipped) reasons.set(reason, [...(reasons.get(reason) ?? []), ...names]);
}
for (const [reason, names] of reasons) {
  skipped += names.length;
  console.log(`\nSkipped ${names.length}: ${reason}`);
  for (const name of names) console.log(`  - ${name}`);
}
if (late.length > 0) console.log("\nPassed only when run again:");
for (const file of late) console.log(`  - ${relative(root, file)}`);
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
if (passed + failed === 0) console.error("No test ran.");
process.exit(failed > 0 || passed === 0 ? 1 : 0);
