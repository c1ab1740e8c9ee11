// One run of the suite in one engine, followed by its markers on the serial port:
//
//   @@BOOTED              userspace runs             answered with a line
//   @@START name          a test is ready            answered with a line when the clocks have been read
//   @@STOP name           it has done its work       likewise
//   @@RESULT name wall cpu checksum                  the guest's own clocks, and what it computed
//   @@FAILED name status  it ended otherwise
//   @@DONE                the end of the suite
//   @@PASS                the end of the suite, which starts again when answered
//   @@IDLE                a shell waits at its prompt
//
// While it waits for an answer the guest idles, so that the clocks are read at rest and no test is charged with another's time. Before a
// test is let go, and before the next one, threads that still compile for it in the background are waited for; what they use after
// the test's end is charged to it, and what they use after its preparation is not.
import { spawn } from "node:child_process";
import { ProcessClock } from "./process-clock.ts";

export interface Sample {
  cpuSeconds: number;
  /** Of these, the share outside the thread that used most of them: compilers, collectors, devices. 0 natively. */
  otherThreads: number;
  wallSeconds: number;
  /** What the guest's own clock says. */
  guestSeconds: number;
  checksum: string;
}
export interface Boot {
  cpuSeconds: number;
  wallSeconds: number;
}
export interface Idle {
  /** Percent of one host processor, in windows one after another. */
  percent: number[];
  peakMiB: number;
  /** From typing a command to its answer. */
  echoMs: number | undefined;
}
/** The engine's memory after one more pass through the suite. */
export interface Pass {
  minutes: number;
  cpuSeconds: number;
  residentMiB: number;
  peakMiB: number;
}
export interface RunResult {
  boot?: Boot;
  samples: Map<string, Sample>;
  failures: { test: string; why: string }[];
  /** Tests that this run did not come to. */
  left: string[];
  cpuSeconds: number;
  peakMiB: number;
  idle?: Idle;
  passes: Pass[];
}
export interface RunOptions {
  command: readonly string[];
  env?: Record<string, string>;
  tests: readonly string[];
  /** The clocks are the program's own: for a native run, where no engine's process is there to be read. */
  native?: boolean;
  bootSeconds: number;
  testSeconds: number;
  /** Seconds to wait at the prompt, then the seconds of each window. */
  idle?: { settle: number; window: number; windows: number };
  /** Passes through the suite are repeated until so much time is over. */
  soakSeconds?: number;
  onSample?(test: string, sample: Sample): void;
  onPass?(pass: Pass): void;
}

const wait = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Waits, for at most two seconds, until nothing but the emulating thread has been busy in three looks. */
async function quiet(clock: ProcessClock, emulating: string): Promise<void> {
  for (let looks = 0, calm = 0; looks < 200 && calm < 3; looks++) {
    await wait(0.01);
    calm = clock.isBusy(emulating) ? 0 : calm + 1;
  }
}
function busiest(threads: readonly [thread: string, seconds: number][], before: ReadonlyMap<string, number>): string {
  const used = ([thread, seconds]: readonly [string, number]): number => seconds - (before.get(thread) ?? 0);
  return threads.reduce((most, next) => (used(next) > used(most) ? next : most), threads[0] ?? ["", 0])[0];
}

/** Milliseconds in which an engine that is asked to end has to. */
const PATIENCE = 20_000;

/** Never rejects: what goes wrong is in `failures`, at the test that was under way ("boot" before the first). */
export function measuredRun(options: RunOptions): Promise<RunResult> {
  const { tests, native = false } = options;
  const [program = "", ...args] = options.command;
  const started = performance.now();
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...options.env } });
  const clock = new ProcessClock(child.pid);
  const killNow = (): void => clock.kill();
  process.on("exit", killNow);
  const result: RunResult = { samples: new Map(), failures: [], left: [], cpuSeconds: 0, peakMiB: 0, passes: [] };
  let booted = native;
  /** The tests before this one are over. */
  let position = 0;
  let begun: { test: string; threads: Map<string, number>; at: number } | undefined;
  let measured: Pick<Sample, "cpuSeconds" | "otherThreads" | "wallSeconds"> | undefined;
  let tail = "";
  let unfinishedLine = "";
  let heard: (line: string) => void = () => {};

  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    const end = (why: string | undefined): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      result.cpuSeconds = clock.cpuSeconds();
      result.peakMiB = clock.peakMiB();
      if (why !== undefined) {
        result.failures.push({ test: booted ? (tests[position] ?? "end") : "boot", why: `${why}; output ended with: ${JSON.stringify(tail.slice(-300))}` });
        result.left = booted ? tests.slice(position + 1) : [...tests];
      }
      child.removeAllListeners("exit");
      const gone = (): void => {
        process.off("exit", killNow);
        resolve(result);
      };
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) gone();
      else {
        child.once("exit", gone);
        if (why !== undefined) {
          clock.kill();
          return;
        }
        // A machine that has done its work is shut down, as its user would do: what it keeps for later runs it keeps then, too.
        const kill = clock.end();
        const killer = setTimeout(kill, PATIENCE);
        child.once("exit", () => {
          clearTimeout(killer);
          kill();
        });
      }
    };
    const limit = (seconds: number, what: string): void => {
      clearTimeout(timer);
      timer = setTimeout(() => end(`${what} within ${seconds} s`), seconds * 1000);
    };
    const answer = (): void => {
      child.stdin.write("\n");
    };
    const start = async (test: string): Promise<void> => {
      if (!native) await quiet(clock, busiest(clock.threads(), new Map()));
      begun = { test, threads: new Map(clock.threads()), at: performance.now() };
      if (!over) answer();
    };
    const stop = async (test: string): Promise<void> => {
      if (begun?.test === test) {
        const { threads: before, at } = begun;
        const wallSeconds = (performance.now() - at) / 1000;
        const atEnd = new Map(clock.threads());
        const emulating = busiest([...atEnd], before);
        if (!native) await quiet(clock, emulating);
        const emulatingSeconds = (atEnd.get(emulating) ?? 0) - (before.get(emulating) ?? 0);
        const others = clock.threads().filter(([thread]) => thread !== emulating);
        const otherSeconds = others.reduce((sum, [thread, seconds]) => sum + seconds - (before.get(thread) ?? 0), 0);
        const cpuSeconds = emulatingSeconds + otherSeconds;
        measured = { cpuSeconds, otherThreads: cpuSeconds > 0 ? otherSeconds / cpuSeconds : 0, wallSeconds };
      }
      if (!over) answer();
    };
    const passed = (test: string): void => {
      position = Math.max(position, tests.indexOf(test) + 1);
      begun = measured = undefined;
    };
    const take = (line: string): void => {
      heard(line);
      const [mark, name = "", ...fields] = line.slice(line.indexOf("@@") + 2).split(" ");
      switch (mark) {
        case "BOOTED":
          result.boot = { cpuSeconds: clock.cpuSeconds(), wallSeconds: (performance.now() - started) / 1000 };
          booted = true;
          answer();
          break;
        case "START":
          void start(name);
          break;
        case "STOP":
          void stop(name);
          break;
        case "RESULT": {
          const [wall, cpu, checksum = ""] = fields;
          if (!measured || !tests.includes(name)) break;
          const guestSeconds = Number(wall);
          const clocks = native ? { cpuSeconds: Number(cpu), otherThreads: 0, wallSeconds: guestSeconds } : measured;
          const sample = { ...clocks, guestSeconds, checksum };
          result.samples.set(name, sample);
          passed(name);
          options.onSample?.(name, sample);
          break;
        }
        case "FAILED":
          result.failures.push({ test: name, why: `its status was ${fields[0]}` });
          passed(name);
          break;
        case "PASS": {
          const seconds = (performance.now() - started) / 1000;
          const pass = { minutes: seconds / 60, cpuSeconds: clock.cpuSeconds(), residentMiB: clock.residentMiB(), peakMiB: clock.peakMiB() };
          result.passes.push(pass);
          options.onPass?.(pass);
          if (seconds >= (options.soakSeconds ?? 0)) {
            end(undefined);
            return;
          }
          position = 0;
          answer();
          break;
        }
        case "DONE":
          end(undefined);
          return;
        case "IDLE":
          if (options.idle) void watchIdle(options.idle);
          return;
        default:
          return;
      }
      limit(options.testSeconds, "no marker");
    };
    const watchIdle = async ({ settle, window, windows }: NonNullable<RunOptions["idle"]>): Promise<void> => {
      limit(settle + window * windows + 60, "no end of the idle time");
      const idle: Idle = { percent: [], peakMiB: 0, echoMs: undefined };
      await wait(settle);
      for (let n = 0; n < windows && !over; n++) {
        const from = { cpu: clock.cpuSeconds(), at: performance.now() };
        await wait(window);
        idle.percent.push((100 * (clock.cpuSeconds() - from.cpu)) / ((performance.now() - from.at) / 1000));
      }
      idle.peakMiB = clock.peakMiB();
      const typed = performance.now();
      const answered = new Promise<void>((done) => {
        heard = (line) => {
          if (line !== "alive") return;
          idle.echoMs = performance.now() - typed;
          done();
        };
      });
      child.stdin.write('echo al""ive\n');
      await Promise.race([answered, wait(10)]);
      result.idle = idle;
      end(undefined);
    };
    limit(options.bootSeconds, "no sign of userspace");
    child.on("error", (error) => end(error.message));
    child.on("exit", (code, signal) => end(`the engine ended with ${code ?? signal}`));
    child.stdin.on("error", () => {});
    child.stderr.on("data", (chunk: Buffer) => {
      tail = (tail + chunk.toString("latin1")).slice(-4000);
    });
    child.stdout.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      tail = (tail + text).slice(-4000);
      const lines = (unfinishedLine + text).split("\n");
      unfinishedLine = lines.pop() ?? "";
      for (const line of lines) if (!over) take(line.trim());
    });
  });
}
