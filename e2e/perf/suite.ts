// The benchmark's tests in their groups, the script that runs them in a guest or natively, and the figures aimed at.
import type { Architecture } from "../fixtures/debian.ts";

export const GROUPS = {
  integer: ["coremark", "sieve", "fib", "sha256", "interp"],
  memory: ["memcpy", "repmovs", "memloop", "chase"],
  float: ["nbody_387", "nbody_sse", "mandel_387", "mandel_sse", "simd"],
  system: ["syscall", "clock", "forkexec", "pagefault", "ctxsw"],
  code: ["smc_patch", "smc_jit", "smc_append", "jitwide"],
  busybox: ["bb_gzip", "bb_sha256", "bb_shloop", "bb_awk"],
} as const;
export type Group = keyof typeof GROUPS;
export const GROUP_NAMES = Object.keys(GROUPS) as Group[];
export const TESTS: readonly string[] = GROUP_NAMES.flatMap((group) => [...GROUPS[group]]);

/** Tests by their names and their groups' names, in the suite's order; throws at a word that is neither. */
export function selectTests(words: readonly string[]): string[] {
  const chosen = new Set<string>();
  for (const word of words) {
    const members: readonly string[] = word in GROUPS ? GROUPS[word as Group] : [word];
    for (const test of members) {
      if (!TESTS.includes(test)) throw new Error(`There is no test or group "${test}". Groups: ${GROUP_NAMES.join(" ")}; tests: ${TESTS.join(" ")}`);
      chosen.add(test);
    }
  }
  return TESTS.filter((test) => chosen.has(test));
}

/** The busybox jobs: how to prepare their input, and the command. Variables are the script's. */
const JOBS: Record<string, { text?: number; command: string }> = {
  bb_gzip: { text: 16, command: "$BUSYBOX gzip -c text" },
  bb_sha256: { text: 32, command: "$BUSYBOX sha256sum text" },
  bb_shloop: { command: "$BUSYBOX sh -c 'n=0; while [ $n -lt 200000 ]; do n=$((n+1)); done; echo $n'" },
  bb_awk: { command: "$BUSYBOX awk 'BEGIN { for (n = 0; n < 300000; n++) sum += n % 7; print sum }'" },
};

/** Shell lines that run the tests; $PROGRAM, $BUSYBOX and $SCRATCH say where things are. */
export function suiteScript(tests: readonly string[]): string {
  const lines = ['export BUSYBOX', 'cd "$SCRATCH"'];
  for (const test of tests) {
    const job = JOBS[test];
    if (job?.text !== undefined) lines.push(`$PROGRAM text text ${job.text}`);
    lines.push(`$PROGRAM ${job ? `command ${test} output ${job.command}` : test} || echo "@@FAILED ${test} $?"`);
    if (job) lines.push("$BUSYBOX rm -f text output");
  }
  return lines.join("\n");
}

/** What PID 1 of the guest runs: the tests once, the tests over and over, or an interactive shell that nobody talks to. */
export function guestScript(tests: readonly string[], job: "suite" | "soak" | "idle"): string {
  const start = "echo @@BOOTED\nstty -echo\nread go";
  if (job === "idle") return `${start}\necho @@IDLE\nexec setsid sh -c 'exec sh -i </dev/ttyS0 >/dev/ttyS0 2>&1'`;
  const suite = suiteScript(tests);
  const run = job === "soak" ? `while :; do\n${suite}\necho @@PASS\nread go\ndone` : `${suite}\necho @@DONE\nexec sleep 1000000`;
  return `${start}\nmount -t tmpfs -o size=120m tmpfs /tmp\nPROGRAM=/bin/program BUSYBOX=/bin/busybox SCRATCH=/tmp\n${run}`;
}

/** Upper limits of ratios of CPU seconds, Ringfence's over the peer's. */
export const AIMS = {
  amd64: { peer: "tcg", groups: { integer: 0.6, memory: 0.35, float: 0.35, system: 1, code: 1, busybox: 0.8 }, row: 1.5, boot: 1 },
  i386: { peer: "v86", all: 0.25, row: 1, boot: 0.3 },
} as const satisfies Record<Architecture, { peer: string; groups?: Record<Group, number>; all?: number; row: number; boot: number }>;
export const AIM_INTEGER_TO_NATIVE = 4;
export const AIM_PEAK_MIB = { suite: 400, idle: 260 };
export const AIM_IDLE_PERCENT = 1;
