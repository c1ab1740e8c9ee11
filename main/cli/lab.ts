// `ringfence lab`: machines and the network between them, as one file.
import { resolve } from "node:path";
import type { CliHost } from "./cli.ts";
import { parse, seconds, UsageError } from "./command-line.ts";
import { runLab } from "./lab-run.ts";
import { LIBRARY_OPTIONS, libraryOf } from "./machines.ts";

const SUBCOMMANDS: Readonly<Record<string, (args: string[], host: CliHost) => Promise<number>>> = { run };

export async function lab(args: string[], host: CliHost): Promise<number> {
  const [name = "", ...rest] = args;
  const command = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  if (!command) throw new UsageError(`lab needs one of ${Object.keys(SUBCOMMANDS).join(", ")}.`);
  return command(rest, host);
}

async function run(args: string[], host: CliHost): Promise<number> {
  const { values, positionals } = parse(args, { ...LIBRARY_OPTIONS, timeout: { type: "string" }, capture: { type: "string" } });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError("lab run needs one lab file.");
  const options = {
    file: resolve(file),
    json: values.json === true,
    ...(values.timeout === undefined ? {} : { timeoutSeconds: seconds(values.timeout, "timeout") }),
    ...(values.capture === undefined ? {} : { captureFolder: resolve(values.capture) }),
  };
  return runLab(options, libraryOf(values, host), host);
}
