// Runs the guest that reads every clock of the PC (guest-programs/clocks.asm) through the command line, asks it now and then, and says
// how far each clock is from the time-stamp counter and from the host's clock.
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Session } from "../fixtures/cli.ts";
import { ProcessClock } from "./process-clock.ts";

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), "guest-programs/clocks.asm");
/** The 32-bit counters are followed over their wraps: the PM timer's comes after 1200 s. */
const LONGEST_GAP_S = 60;

export const ANSWER = /@( [0-9a-f]+){10}\n/;

/** How the local APIC's timer is used. */
export const APIC_MODES = { periodic: "p", deadline: "d", "one-shot": "o" } as const;
export type ApicMode = keyof typeof APIC_MODES;

export interface Answer {
  /** When the host got it. */
  hostMs: number;
  tsc: number;
  values: Record<ClockName, number>;
  worstLateness: number;
  lateness: number;
}
/** Counts a second. */
const RATES = { HPET: 1e8, "PM timer": 3_579_545, "8254 ticks": 1_193_182 / 1193, "RTC ticks": 1024, "HPET ticks": 1000, "APIC ticks": 1000, "RTC time": 1 };
export type ClockName = keyof typeof RATES;
export const COUNTERS: readonly ClockName[] = ["HPET", "PM timer"];
const WRAPS: Partial<Record<ClockName, number>> = { "PM timer": 2 ** 32, "RTC time": 86_400 };

export interface ClockFigures {
  /** By the guest's time-stamp counter, and by the host. */
  guestSeconds: number;
  hostSeconds: number;
  /** Seconds that each clock has counted meanwhile. */
  seconds: Record<ClockName, number>;
  /** From when the APIC's interrupt was due to its handler; for TSC deadline and one-shot. */
  lateness: { meanMicroseconds: number; worstMicroseconds: number } | undefined;
  hostCpuPercent: number;
}

export interface ClockRunOptions {
  seconds: number;
  mode: ApicMode;
  /** The guest computes between interrupts instead of halting. */
  isGuestBusy: boolean;
  cli?: readonly string[];
}

/** The guest's file, or why it cannot be built here. */
export function buildClockGuest(): { kernel: string } | { missing: string } {
  const kernel = join(mkdtempSync(join(tmpdir(), "ringfence-clocks-")), "clocks.bin");
  const run = spawnSync("nasm", ["-f", "bin", "-o", kernel, SOURCE], { encoding: "utf8" });
  if (run.error) return { missing: "no assembler is here: apt-get install nasm" };
  if (run.status !== 0) throw new Error(`nasm failed: ${run.stderr}`);
  return { kernel };
}

export async function measureClocks(kernel: string, { seconds, mode, isGuestBusy, cli = [] }: ClockRunOptions): Promise<ClockFigures> {
  const command = `${APIC_MODES[mode]}${isGuestBusy ? "b" : "i"}`;
  const session = new Session(["run", "--kernel", kernel, "--append", command, "--memory", "16", ...cli]);
  const cpu = new ProcessClock(session.process.pid);
  let from = 0;
  const ask = async (): Promise<Answer> => {
    from = session.output.length;
    session.type("?");
    const match = await session.expect(ANSWER, 60, from);
    return parseAnswer(match[0], performance.now());
  };
  try {
    await session.expect(/@READY/, 60);
    // The first answers come while the engine warms up.
    await ask();
    const answers = [await ask()];
    const cpuBefore = cpu.cpuSeconds();
    const endMs = performance.now() + seconds * 1000;
    for (let leftMs = seconds * 1000; leftMs > 0; leftMs = endMs - performance.now()) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(leftMs, LONGEST_GAP_S * 1000)));
      answers.push(await ask());
    }
    const used = cpu.cpuSeconds() - cpuBefore;
    return figuresOf(answers, mode, used);
  } finally {
    session.process.kill("SIGKILL");
  }
}

export function parseAnswer(line: string, hostMs: number): Answer {
  const words = line.trim().split(" ").slice(1).map((word) => Number.parseInt(word, 16));
  const [tsc = 0, hpet = 0, pm = 0, pit = 0, rtc = 0, hpetTicks = 0, apic = 0, second = 0, worstLateness = 0, lateness = 0] = words;
  const values = { HPET: hpet, "PM timer": pm, "8254 ticks": pit, "RTC ticks": rtc, "HPET ticks": hpetTicks, "APIC ticks": apic, "RTC time": second };
  return { hostMs, tsc, values, worstLateness, lateness };
}

export function figuresOf(answers: readonly Answer[], mode: ApicMode, cpuSeconds: number): ClockFigures {
  const first = answers[0] as Answer;
  const last = answers.at(-1) as Answer;
  const hostSeconds = (last.hostMs - first.hostMs) / 1000;
  const counted = (name: ClockName): number => {
    const wrap = WRAPS[name] ?? 2 ** 53;
    let total = 0;
    for (let n = 1; n < answers.length; n++) total += ((answers[n] as Answer).values[name] - (answers[n - 1] as Answer).values[name] + wrap) % wrap;
    return total / RATES[name];
  };
  const names = Object.keys(RATES) as ClockName[];
  const ticks = last.values["APIC ticks"] - first.values["APIC ticks"];
  return {
    guestSeconds: (last.tsc - first.tsc) / 1e9,
    hostSeconds,
    seconds: Object.fromEntries(names.map((name) => [name, counted(name)])) as Record<ClockName, number>,
    lateness: mode === "periodic" ? undefined : { meanMicroseconds: (last.lateness - first.lateness) / ticks / 1000, worstMicroseconds: last.worstLateness / 1000 },
    hostCpuPercent: (cpuSeconds / hostSeconds) * 100,
  };
}
