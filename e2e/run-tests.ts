// `npm test`: every test of the project, unit tests first, then those that need a built app, a browser or a guest. Ends by
// saying what was skipped, why, and how to have it run; a run without tests fails. Arguments: parts of file names to run only those.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

interface Totals {
  passed: number;
  failed: number;
  skipped: Map<string, string[]>;
}

async function runFiles(files: string[], concurrency: number, totals: Totals): Promise<void> {
  if (files.length === 0) return;
  const stream = run({ files, concurrency, cwd: root });
  stream.on("test:pass", (data) => {
    if (data.details.type === "suite") return;
    if (data.skip === undefined) totals.passed++;
    else {
      const reason = typeof data.skip === "string" && data.skip !== "" ? data.skip : "no reason given";
      totals.skipped.set(reason, [...(totals.skipped.get(reason) ?? []), data.name]);
    }
  });
  stream.on("test:fail", (data) => {
    if (data.details.type !== "suite") totals.failed++;
  });
  await new Promise<void>((resolve) => {
    const report = stream.compose(spec);
    report.on("data", (chunk: Buffer | string) => process.stdout.write(chunk));
    report.on("end", () => resolve());
  });
}

const wanted = process.argv.slice(2);
const find = (pattern: string): string[] =>
  globSync(pattern, { cwd: root, exclude: (path) => path.includes("node_modules") || path.includes("dist") })
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .map((file) => join(root, file))
    .sort();

const units = find("{core,main,renderer,assets}/**/*.test.ts");
const journeys = find("e2e/**/*.test.ts");
if (journeys.some((file) => relative(root, file).startsWith(join("e2e", "app")))) {
  const built = spawnSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
  if (built.status !== 0) {
    console.error("The app could not be built; its journeys would test nothing.");
    process.exit(1);
  }
}
const totals: Totals = { passed: 0, failed: 0, skipped: new Map() };
await runFiles(units, 2, totals);
await runFiles(journeys, 1, totals);

let skipped = 0;
for (const [reason, names] of totals.skipped) {
  skipped += names.length;
  console.log(`\nSkipped ${names.length}: ${reason}`);
  for (const name of names) console.log(`  - ${name}`);
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${skipped} skipped`);
if (totals.passed + totals.failed === 0) console.error("No test ran.");
process.exit(totals.failed > 0 || totals.passed === 0 ? 1 : 0);
