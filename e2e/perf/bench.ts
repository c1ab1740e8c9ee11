// `npm run bench`: the engine's speed on an integer loop, and Debian kernels booted by Ringfence and by QEMU's TCG in the same run,
// taking turns, medians of three (`--rounds N`). Prints a table of ratios; what is missing on this host is said with its package.
import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setEngineFlags } from "../../main/platform/v8-flags.ts";
import { type Architecture, busyboxInitramfs, installerFile, missingGuest } from "../fixtures/debian.ts";
import { type BootResult, bootToMark } from "./guest-run.ts";
import { integerLoopMips } from "./integer-loop.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" }, json: { type: "boolean", default: false } } });
const rounds = Math.max(1, Number.parseInt(values.rounds, 10) || 3);
const APPEND = "console=ttyS0 mitigations=off quiet";
const TARGET_MIPS = 60;
const TARGET_BOOT_RATIO = 10;

function median(results: BootResult[]): BootResult {
  return [...results].sort((a, b) => a.cpuSeconds - b.cpuSeconds)[results.length >> 1] as BootResult;
}
function hasQemu(): boolean {
  return spawnSync("qemu-system-x86_64", ["--version"], { stdio: "ignore" }).status === 0;
}

setEngineFlags();
const mips = integerLoopMips();
console.log(`Integer loop, 64-bit, paging on: ${mips.toFixed(0)} million guest instructions a CPU second (aim: at least ${TARGET_MIPS})`);

const table: { guest: string; ringfence: BootResult; tcg?: BootResult }[] = [];
for (const architecture of ["amd64", "i386"] as const satisfies readonly Architecture[]) {
  const missing = missingGuest(architecture);
  if (missing) {
    console.log(`Boot of the ${architecture} kernel left out: ${missing}`);
    continue;
  }
  const kernel = installerFile(architecture, "linux");
  const initrd = busyboxInitramfs(architecture, "echo @@BOOTED; sleep 100000");
  const ours = [process.execPath, join(root, "main/cli/main.ts"), "run", "--kernel", kernel, "--initrd", initrd, "--append", APPEND, "--memory", "256"];
  const qemu = [
    architecture === "amd64" ? "qemu-system-x86_64" : "qemu-system-i386", "-accel", "tcg,thread=single", "-M", "pc", "-smp", "1", "-m", "256",
    "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", APPEND,
  ];
  const mine: BootResult[] = [];
  const theirs: BootResult[] = [];
  for (let round = 0; round < rounds; round++) {
    mine.push(await bootToMark(ours, 600));
    if (hasQemu()) theirs.push(await bootToMark(qemu, 600));
  }
  table.push({ guest: `Debian 12 ${architecture} kernel to userspace`, ringfence: median(mine), ...(theirs.length > 0 ? { tcg: median(theirs) } : {}) });
}
if (table.length > 0 && !hasQemu()) console.log("QEMU's figures left out: apt-get install qemu-system-x86");
for (const { guest, ringfence, tcg } of table) {
  const ratio = tcg ? ringfence.cpuSeconds / tcg.cpuSeconds : undefined;
  const describe = (r: BootResult): string => `${r.cpuSeconds.toFixed(2)} CPU s, ${r.wallSeconds.toFixed(2)} s wall, ${r.peakMiB.toFixed(0)} MiB`;
  console.log(`${guest}: Ringfence ${describe(ringfence)}${tcg ? `; QEMU TCG ${describe(tcg)}; ratio ${ratio?.toFixed(2)} (aim: at most ${TARGET_BOOT_RATIO})` : ""}`);
}
console.log(`Machine load during the run: ${loadavg()[0]?.toFixed(2)}`);
if (values.json) console.log(JSON.stringify({ mips, boots: table }));
