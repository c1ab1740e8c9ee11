// One boot of a kernel to a marker on its serial port, with the CPU seconds of the whole process tree and the wall time until
// then. CPU seconds of all threads are what is compared: they are blind to what else the machine does.
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface BootResult {
  cpuSeconds: number;
  wallSeconds: number;
  peakMiB: number;
}

const MARK = "@@BOOTED";

/** Nanoseconds on a CPU of every thread of the process and its descendants (Linux: /proc/PID/task/TID/schedstat). */
function cpuNs(pid: number): number {
  let total = 0;
  for (const p of descendants(pid)) {
    try {
      for (const task of readdirSync(`/proc/${p}/task`)) total += Number(readFileSync(`/proc/${p}/task/${task}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // It has just ended.
    }
  }
  return total;
}
function descendants(pid: number): number[] {
  const all = [pid];
  for (let i = 0; i < all.length; i++) {
    try {
      for (const task of readdirSync(`/proc/${all[i]}/task`)) {
        all.push(...readFileSync(`/proc/${all[i]}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number));
      }
    } catch {
      // It has just ended.
    }
  }
  return all;
}
function peakMiB(pid: number): number {
  return descendants(pid).reduce((sum, p) => {
    try {
      return sum + Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${p}/status`, "utf8"))?.[1] ?? 0) / 1024;
    } catch {
      return sum;
    }
  }, 0);
}

/** Throws with the end of the output if the mark does not come. */
export function bootToMark(command: readonly string[], timeoutSeconds: number): Promise<BootResult> {
  const [program = "", ...args] = command;
  const started = performance.now();
  const child: ChildProcess = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  return new Promise((resolve, reject) => {
    const stop = (then: () => void): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      for (const p of descendants(child.pid ?? 0).reverse()) {
        try {
          process.kill(p, "SIGKILL");
        } catch {
          // It has just ended.
        }
      }
      then();
    };
    const fail = (why: string): void => stop(() => reject(new Error(`${program}: ${why}; output ended with: ${output.slice(-1500)}`)));
    const timer = setTimeout(() => fail(`no mark within ${timeoutSeconds} s`), timeoutSeconds * 1000);
    child.on("error", (error) => fail(error.message));
    child.on("exit", (code) => fail(`it ended with ${code}`));
    const take = (chunk: Buffer): void => {
      output += chunk.toString("latin1");
      if (!output.includes(MARK)) return;
      const result = { cpuSeconds: cpuNs(child.pid ?? 0) / 1e9, wallSeconds: (performance.now() - started) / 1000, peakMiB: peakMiB(child.pid ?? 0) };
      stop(() => resolve(result));
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
  });
}
