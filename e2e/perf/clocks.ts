// Compares all clocks of a guest with one another and with the host's, with the host idle or loaded:
//   node e2e/perf/clocks.ts --minutes 10 --load none|busy [--apic periodic|deadline|one-shot] [--guest idle|busy] [--engine interpreter]
import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { APIC_MODES, type ApicMode, buildClockGuest, type ClockName, measureClocks } from "./clock-run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    load: { type: "string", default: "none" },
    apic: { type: "string", default: "periodic" },
    guest: { type: "string", default: "idle" },
    engine: { type: "string", default: "translator" },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0) || !["none", "busy"].includes(values.load) || !(values.apic in APIC_MODES) || !["idle", "busy"].includes(values.guest)) {
  console.error("--minutes NUMBER --load none|busy --apic periodic|deadline|one-shot --guest idle|busy --engine translator|interpreter");
  process.exit(2);
}
const guest = buildClockGuest();
if ("missing" in guest) {
  console.error(guest.missing);
  process.exit(2);
}

const loads: ChildProcess[] = [];
if (values.load === "busy") for (let n = availableParallelism(); n > 0; n--) loads.push(spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }));
process.on("exit", () => {
  for (const load of loads) load.kill("SIGKILL");
});

const mode = values.apic as ApicMode;
const result = await measureClocks(guest.kernel, { seconds: minutes * 60, mode, isGuestBusy: values.guest === "busy", cli: ["--engine", values.engine] });
const ppm = (seconds: number, reference: number): string => `${((seconds / reference - 1) * 1e6).toFixed(1).padStart(9)} ppm`;
console.log(`${result.hostSeconds.toFixed(3)} s; host load ${values.load} (average ${loadavg()[0]?.toFixed(1)}), guest ${values.guest}, APIC timer ${mode}, ${values.engine}`);
console.log(`${"".padEnd(11)} ${"from TSC".padStart(13)} ${"from host".padStart(13)}`);
console.log(`${"TSC".padEnd(11)} ${"".padStart(13)} ${ppm(result.guestSeconds, result.hostSeconds)}`);
for (const [name, seconds] of Object.entries(result.seconds) as [ClockName, number][]) {
  if (name === "APIC ticks" && mode === "one-shot") continue;
  console.log(`${name.padEnd(11)} ${ppm(seconds, result.guestSeconds)} ${ppm(seconds, result.hostSeconds)}`);
}
if (result.lateness) {
  const { meanMicroseconds, worstMicroseconds } = result.lateness;
  console.log(`APIC interrupts late by ${meanMicroseconds.toFixed(0)} us on average, ${(worstMicroseconds / 1000).toFixed(1)} ms at worst since the start`);
}
console.log(`the machine used ${result.hostCpuPercent.toFixed(1)} % of a core`);
process.exit(0);
