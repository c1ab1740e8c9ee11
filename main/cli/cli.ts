// The `ringfence` command: picks the command, turns what goes wrong into one line on stderr and a status.
import type { VmConfig } from "../../core/api/vm-config.ts";
import type { SpawnNetworkWorker } from "../../core/hypervisor/network-thread.ts";
import { VmError } from "../../core/hypervisor/vm-error.ts";
import type { SpawnVmWorker } from "../../core/hypervisor/vm-thread.ts";
import { UsageError } from "./command-line.ts";
import type { Streams } from "./foreground.ts";
import { capture, create, list, remove, show, start, stop } from "./machines.ts";
import { lab } from "./lab.ts";
import { fault, link } from "./link.ts";
import { net } from "./net.ts";
import { run } from "./run.ts";
import { USAGE } from "./usage.ts";
import { vectors } from "./vectors.ts";

/** What the command needs of its surroundings; tests put a machine of theirs into it. */
export interface CliHost {
  streams: Streams;
  spawn: SpawnVmWorker;
  demoKernel: string;
  libraryPath: string;
  /** Reads vectors line by line, tells each failure. */
  replayVectors(lines: AsyncIterable<string>, onFailure: (line: string) => void, engine: VmConfig["cpu"]["engine"]): Promise<{ passed: number; failed: number }>;
  spawnNetwork: SpawnNetworkWorker;
  startExtras?: { machineModule?: string };
}

const COMMANDS: Readonly<Record<string, (args: string[], host: CliHost) => Promise<number>>> = { run, vectors, list, create, show, start, stop, delete: remove, capture, net, link, fault, lab };

/** Gives the exit status; never rejects. */
export async function runCli(args: readonly string[], host: CliHost): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "help" || args.includes("--help") || args.includes("-h")) {
    host.streams[name === undefined ? "stderr" : "stdout"].write(USAGE);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  try {
    if (!command) throw new UsageError(`There is no command "${name}".`);
    return await command(rest, host);
  } catch (error) {
    return fail(error, rest.includes("--json"), host);
  }
}

function fail(error: unknown, asJson: boolean, { streams }: CliHost): number {
  if (error instanceof UsageError) {
    streams.stderr.write(`ringfence: ${error.message} See "ringfence --help".\n`);
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (asJson && error instanceof VmError) streams.stdout.write(`${JSON.stringify({ error: { code: error.code, message } }, null, 2)}\n`);
  streams.stderr.write(`ringfence: ${error instanceof VmError ? message : `Something unexpected went wrong: ${error instanceof Error ? (error.stack ?? message) : message}`}\n`);
  return 1;
}
