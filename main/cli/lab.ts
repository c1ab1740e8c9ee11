// `ringfence lab`: machines and the network between them, as one file.
import { writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { createLab, exportLab } from "../../core/hypervisor/lab.ts";
import type { CliHost } from "./cli.ts";
import { outputPath, parse, seconds, UsageError } from "./command-line.ts";
import { readLab, runLab } from "./lab-run.ts";
import { LIBRARY_OPTIONS, libraryOf, print, printJson } from "./machines.ts";
import { withNetwork } from "./network-library.ts";

const SUBCOMMANDS: Readonly<Record<string, (args: string[], host: CliHost) => Promise<number>>> = { run, export: exportTo, import: importFrom };

export async function lab(args: string[], host: CliHost): Promise<number> {
  const [name = "", ...rest] = args;
  const command = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  if (!command) throw new UsageError(`lab needs one of ${Object.keys(SUBCOMMANDS).join(", ")}.`);
  return command(rest, host);
}

async function run(args: string[], host: CliHost): Promise<number> {
  const { values, positionals } = parse(args, { ...LIBRARY_OPTIONS, timeout: { type: "string" }, capture: { type: "string" }, "allow-bridge": { type: "boolean" } });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError("lab run needs one lab file.");
  const options = {
    file: resolve(file),
    json: values.json === true,
    allowsBridges: values["allow-bridge"] === true,
    ...(values.timeout === undefined ? {} : { timeoutSeconds: seconds(values.timeout, "timeout") }),
    ...(values.capture === undefined ? {} : { captureFolder: resolve(values.capture) }),
  };
  return runLab(options, libraryOf(values, host), host);
}

async function exportTo(args: string[], host: CliHost): Promise<number> {
  const { values, positionals } = parse(args, LIBRARY_OPTIONS);
  const [file, ...more] = positionals;
  if (more.length > 0) throw new UsageError("lab export takes one file, or none for standard output.");
  const path = file === undefined ? undefined : outputPath(file, "lab export");
  return withNetwork(values, host, async ({ hypervisor, network }) => {
    const found = await exportLab(hypervisor, network);
    if (path === undefined) return printJson(host, found);
    writeFileSync(path, `${JSON.stringify(found, null, 2)}\n`);
    return values.json ? printJson(host, { path }) : 0;
  });
}

async function importFrom(args: string[], host: CliHost): Promise<number> {
  const { values, positionals } = parse(args, LIBRARY_OPTIONS);
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError("lab import needs one lab file.");
  const path = resolve(file);
  const found = readLab(path);
  return withNetwork(values, host, async ({ hypervisor, network }) => {
    const ids = await createLab(hypervisor, network, found, dirname(path));
    const { bridges } = await network.get();
    for (const { name, interface: to } of bridges.slice(bridges.length - found.bridges.length)) {
      host.streams.stderr.write(`ringfence: Bridge ${name} to the host's interface ${to} is off; "net bridge ${name} on" lets machines into the host's network.\n`);
    }
    return values.json ? printJson(host, { ids }) : print(host, ids.join("\n"));
  });
}
