// `ringfence vectors`: replays processor test vectors and says how many agree.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { CliHost } from "./cli.ts";
import { engineNamed } from "./run.ts";
import { parse, UsageError } from "./command-line.ts";

export async function vectors(args: string[], host: CliHost): Promise<number> {
  const { positionals, values } = parse(args, { engine: { type: "string" } });
  const engine = engineNamed(values.engine ?? "interpreter");
  if (positionals.length === 0) throw new UsageError("vectors needs at least one file.");
  const { stdin, stdout, stderr } = host.streams;
  const total = { passed: 0, failed: 0 };
  for (const path of positionals) {
    const input = path === "-" ? stdin : createReadStream(path);
    // Without this a file that cannot be read would end the loop below as if it were empty.
    const fault = new Promise<Error>((resolve) => input.once("error", resolve));
    const replay = host.replayVectors(createInterface({ input, crlfDelay: Infinity }), (line) => stdout.write(`${line}\n`), engine);
    const result = await Promise.race([replay, fault.then((error) => ({ error }))]);
    if ("error" in result) {
      stderr.write(`ringfence: ${path} cannot be read: ${result.error.message}\n`);
      return 1;
    }
    total.passed += result.passed;
    total.failed += result.failed;
  }
  stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  return total.failed > 0 ? 1 : 0;
}
