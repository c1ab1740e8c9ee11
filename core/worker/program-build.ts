// Which program this is, to the file: generated code that is kept between runs is only good for the one that made it.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Folders of core/ from which generated code follows. */
const SOURCES = ["cpu", "isa"];

/** A text that is another one after every change of the generator, of Node or of its options. */
export function programBuild(): string {
  const here = import.meta.url;
  const isBundled = !here.endsWith(".ts");
  const files = isBundled ? [fileURLToPath(here)] : SOURCES.flatMap((name) => filesIn(fileURLToPath(new URL(`../${name}/`, here))));
  const stamps = files.sort().map((path) => {
    const { size, mtimeMs } = statSync(path);
    return `${path} ${size} ${mtimeMs}`;
  });
  return [process.versions.v8, process.arch, ...process.execArgv, process.env["NODE_OPTIONS"] ?? "", ...stamps].join("\n");
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesIn(path);
    return entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts") ? [path] : [];
  });
}
