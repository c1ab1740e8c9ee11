// CPU seconds and memory of a process with all its threads and descendants, from Linux's /proc. Nanoseconds on a CPU do not count
// the time that other work of the machine took. What ended threads and processes had used when last seen stays counted.
import { readdirSync, readFileSync } from "node:fs";

export class ProcessClock {
  private readonly pid: number | undefined;
  private readonly nanoseconds = new Map<string, number>();
  private readonly peaks = new Map<number, number>();

  /** Without a process (it could not be started) everything is nothing. */
  constructor(pid: number | undefined) {
    this.pid = pid;
  }

  cpuSeconds(): number {
    return this.threads().reduce((total, [, seconds]) => total + seconds, 0);
  }

  /** CPU seconds of every thread seen so far. */
  threads(): [thread: string, seconds: number][] {
    this.eachThread((thread, folder) => this.nanoseconds.set(thread, Number(readFileSync(`${folder}/schedstat`, "utf8").split(" ")[0])));
    return [...this.nanoseconds].map(([thread, ns]) => [thread, ns / 1e9]);
  }

  /** Whether a thread other than `except` is running, or would if a processor were free. */
  isBusy(except: string): boolean {
    let busy = false;
    this.eachThread((thread, folder) => {
      // The state is the first field behind the name in parentheses.
      const stat = readFileSync(`${folder}/stat`, "utf8");
      if (thread !== except && stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) === "R") busy = true;
    });
    return busy;
  }

  private eachThread(look: (thread: string, folder: string) => void): void {
    for (const pid of this.tree()) {
      attempt(() => {
        for (const task of readdirSync(`/proc/${pid}/task`)) attempt(() => look(`${pid}/${task}`, `/proc/${pid}/task/${task}`));
      });
    }
  }

  /** The sum of each process's largest resident set so far. */
  peakMiB(): number {
    for (const pid of this.tree()) attempt(() => this.peaks.set(pid, statusMiB(pid, "VmHWM")));
    let total = 0;
    for (const mib of this.peaks.values()) total += mib;
    return total;
  }

  /** What is resident now. */
  residentMiB(): number {
    let total = 0;
    for (const pid of this.tree()) {
      attempt(() => {
        total += statusMiB(pid, "VmRSS");
      });
    }
    return total;
  }

  /** The process and its descendants, parents first. */
  tree(): number[] {
    const all = this.pid === undefined ? [] : [this.pid];
    for (let n = 0; n < all.length; n++) {
      attempt(() => {
        for (const task of readdirSync(`/proc/${all[n]}/task`)) {
          all.push(...readFileSync(`/proc/${all[n]}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number));
        }
      });
    }
    return all;
  }

  kill(): void {
    kill(this.tree());
  }
  /** Asks the process to end. What it gives back kills those of its tree that have not. */
  end(): () => void {
    const all = this.tree();
    attempt(() => process.kill(all[0] as number, "SIGTERM"));
    return () => kill(all);
  }
}

function kill(tree: readonly number[]): void {
  for (const pid of [...tree].reverse()) attempt(() => process.kill(pid, "SIGKILL"));
}

function statusMiB(pid: number, field: "VmHWM" | "VmRSS"): number {
  const kib = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib ?? 0) / 1024;
}

/** A thread or process may end between being listed and being read. */
function attempt(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!["ENOENT", "ESRCH", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
