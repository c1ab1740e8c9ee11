// `ringfence run`: a throw-away machine, headless.
import { existsSync } from "node:fs";
import { Nic, NIC_MODELS, Topology } from "../../core/api/network.ts";
import type { VmWorkerStart } from "../../core/api/worker-protocol.ts";
import { firmwareFilesFor } from "../../core/hypervisor/firmware-files.ts";
import { BOOT_OPTIONS, type BootValues, bootFilesOf, capOf, memoryOf, outputPath, parse, seconds, UsageError, wholeNumber } from "./command-line.ts";
import type { CliHost } from "./cli.ts";
import { DRIVE_OPTIONS, type DriveValues, drivesOf, firmwareBootOf, firmwareOf } from "./drive-options.ts";
import { type ForegroundOptions, runInForeground } from "./foreground.ts";
import { networkOf, runJoined } from "./joined.ts";
import { STEP_OPTIONS, stepsOf } from "./script.ts";

const OPTIONS = {
  ...BOOT_OPTIONS,
  ...STEP_OPTIONS,
  ...DRIVE_OPTIONS,
  cpus: { type: "string" },
  engine: { type: "string" },
  serial: { type: "string" },
  screenshot: { type: "string" },
  "screen-text": { type: "boolean" },
  stats: { type: "boolean" },
  timeout: { type: "string" },
  "debug-exit": { type: "string" },
  debugcon: { type: "string" },
  lpt: { type: "string" },
  nic: { type: "string" },
  "nic-model": { type: "string" },
  "no-paravirtual": { type: "boolean" },
} as const;

export async function run(args: string[], host: CliHost): Promise<number> {
  const options = runOptions(args, host);
  const { values } = parse(args, OPTIONS);
  if (values.nic === undefined) {
    if (values["nic-model"] !== undefined) throw new UsageError("--nic-model needs --nic nat.");
    return runInForeground(options);
  }
  if (values.nic !== "nat") throw new UsageError(`--nic is nat, not "${values.nic}"; other networks are for lab run.`);
  const model = NIC_MODELS.find((known) => known === (values["nic-model"] ?? "virtio"));
  if (!model) throw new UsageError(`--nic-model is ${NIC_MODELS.join(", ")}, not "${values["nic-model"]}".`);
  const network = networkOf(null, host);
  await network.update(NAT);
  const nic = Nic.parse({ id: "nic0", model, mac: "52:54:00:12:34:56", connection: { switch: "nat", vlans: { mode: "access", vlan: 1 } } });
  return runJoined(network, { id: "machine", name: "machine", nics: [nic] }, options);
}

/** One card behind a gateway with DHCP, DNS and NAT. */
const NAT = Topology.parse({ version: 1, switches: [{ name: "nat" }], gateways: [{ name: "nat", switch: "nat", vlan: 1, network: "10.0.2.0/24", network6: "fd00:2::/64", nat: true }] });

/** Throws UsageError. */
const ENGINES = ["interpreter", "translator"] as const;
export function engineNamed(name: string): (typeof ENGINES)[number] {
  const engine = ENGINES.find((known) => known === name);
  if (!engine) throw new UsageError(`--engine is interpreter or translator, not "${name}".`);
  return engine;
}

export function runOptions(args: string[], host: CliHost): ForegroundOptions {
  const { values, positionals, tokens } = parse(args, OPTIONS);
  if (positionals[0] !== undefined) throw new UsageError(`run takes no argument "${positionals[0]}"; a kernel goes after --kernel.`);
  if (values.cpus !== undefined && wholeNumber(values.cpus, "cpus", 1, 255) > 1) throw new UsageError("--cpus above 1 is not supported yet.");
  const engine = engineNamed(values.engine ?? "translator");
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
    stats: values.stats === true,
    ...(values.timeout === undefined ? {} : { timeoutSeconds: seconds(values.timeout, "timeout") }),
    ...(values.screenshot === undefined ? {} : { screenshotPath: outputPath(values.screenshot, "screenshot") }),
  };
  const machine = {
    memoryMiB: memoryOf(values),
    cpuModel: "ringfence64",
    engine,
    capPercent: capOf(values),
    ...(debugExitPort === undefined ? {} : { debugExitPort }),
    ...(debugConsolePort === undefined ? {} : { debugConsolePort }),
    drives: drivesOf(values),
    devices: { tablet: true, balloon: true, entropy: true, paravirtual: values["no-paravirtual"] !== true },
    ...(values.lpt === undefined ? {} : { printerFile: outputPath(values.lpt, "lpt") }),
    ...host.startExtras,
  };
  return { ...options, start: { ...machine, ...bootOf(values, host) } };
}

/** A kernel if one is named; firmware if there is something for it to boot; else the demo guest. */
function bootOf(values: BootValues & DriveValues, host: CliHost): Pick<VmWorkerStart, "boot" | "firmware"> {
  const kernel = bootFilesOf(values);
  const firmware = firmwareOf(values);
  const firmwareBoot = firmwareBootOf(values);
  if (kernel) return { boot: kernel };
  if (!firmwareBoot) return { boot: demoGuest(host) };
  return { boot: { kind: "firmware", ...firmwareBoot }, firmware: firmwareFilesFor(firmware, ".") };
}

export function demoGuest(host: CliHost) {
  if (!existsSync(host.demoKernel)) throw new UsageError(`The demo guest is missing (${host.demoKernel}); name a kernel with --kernel.`);
  return { kind: "kernel" as const, kernel: host.demoKernel, append: "", modules: [] };
}
