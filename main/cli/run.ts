// `ringfence run`: a throw-away machine, headless.
import { existsSync } from "node:fs";
import { BOOT_OPTIONS, bootFilesOf, capOf, memoryOf, outputPath, parse, seconds, UsageError, wholeNumber } from "./command-line.ts";
import type { CliHost } from "./cli.ts";
import { type ForegroundOptions, runInForeground } from "./foreground.ts";
import { STEP_OPTIONS, stepsOf } from "./script.ts";

const OPTIONS = {
  ...BOOT_OPTIONS,
  ...STEP_OPTIONS,
  cdrom: { type: "string" },
  disk: { type: "string", multiple: true },
  floppy: { type: "string" },
  bios: { type: "string" },
  cpus: { type: "string" },
  engine: { type: "string" },
  serial: { type: "string" },
  screenshot: { type: "string" },
  "screen-text": { type: "boolean" },
  timeout: { type: "string" },
  "debug-exit": { type: "string" },
  debugcon: { type: "string" },
} as const;

export async function run(args: string[], host: CliHost): Promise<number> {
  return runInForeground(runOptions(args, host));
}

/** Throws UsageError. */
export function runOptions(args: string[], host: CliHost): ForegroundOptions {
  const { values, positionals, tokens } = parse(args, OPTIONS);
  if (positionals[0] !== undefined) throw new UsageError(`run takes no argument "${positionals[0]}"; a kernel goes after --kernel.`);
  for (const name of ["cdrom", "disk", "floppy", "bios"] as const) {
    if (values[name] !== undefined) throw new UsageError(`--${name} is not supported yet: machines boot a kernel (--kernel) or the demo guest.`);
  }
  if (values.cpus !== undefined && wholeNumber(values.cpus, "cpus", 1, 255) > 1) throw new UsageError("--cpus above 1 is not supported yet.");
  const engine = values.engine ?? "interpreter";
  if (engine === "translator") throw new UsageError("--engine translator is not supported yet.");
  if (engine !== "interpreter") throw new UsageError(`--engine is interpreter or translator, not "${engine}".`);
  const serial = values.serial ?? "stdio";
  if (serial !== "stdio" && serial !== "none") throw new UsageError(`--serial is stdio or none, not "${serial}".`);
  const port = (name: "debug-exit" | "debugcon") => (values[name] === undefined ? undefined : wholeNumber(values[name], name, 0, 0xffff));
  const debugExitPort = port("debug-exit");
  const debugConsolePort = port("debugcon");
  const options: Omit<ForegroundOptions, "start"> = {
    spawn: host.spawn,
    streams: host.streams,
    serial,
    steps: stepsOf(tokens),
    screenText: values["screen-text"] === true,
    ...(values.timeout === undefined ? {} : { timeoutSeconds: seconds(values.timeout, "timeout") }),
    ...(values.screenshot === undefined ? {} : { screenshotPath: outputPath(values.screenshot, "screenshot") }),
  };
  const machine = {
    memoryMiB: memoryOf(values),
    cpuModel: "ringfence64",
    engine: "interpreter" as const,
    capPercent: capOf(values),
    ...(debugExitPort === undefined ? {} : { debugExitPort }),
    ...(debugConsolePort === undefined ? {} : { debugConsolePort }),
    ...host.startExtras,
  };
  return { ...options, start: { ...machine, boot: bootFilesOf(values) ?? demoGuest(host) } };
}

export function demoGuest(host: CliHost) {
  if (!existsSync(host.demoKernel)) throw new UsageError(`The demo guest is missing (${host.demoKernel}); name a kernel with --kernel.`);
  return { kind: "kernel" as const, kernel: host.demoKernel, append: "", modules: [] };
}
