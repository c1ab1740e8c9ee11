// A lock file: made whole by linking, so that nobody ever reads half of one, with the owner's process number and the moment that
// process started, because numbers are used again. A lock whose owner is dead is taken over.
import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { writeError } from "./atomic-file.ts";
import { messageOf, systemErrorCode, VmError } from "./vm-error.ts";

const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "ENOSYS", "EOPNOTSUPP"]);

const LockOwner = z.object({
  pid: z.int().positive(),
  /** Kernel's start time of the process where the system tells (Linux), else empty. */
  processStart: z.string(),
  since: z.string(),
  /** The desktop app or headless host, or a command in the foreground, which ends its machine on SIGTERM. */
  holder: z.enum(["app", "command"]),
  /** Tells locks of one process apart. */
  nonce: z.string(),
});
export type LockOwner = z.infer<typeof LockOwner>;

/** How a lock learns about other processes; tests say what they like. */
export interface ProcessTable {
  readonly pid: number;
  isAlive(pid: number): boolean;
  /** Empty where unknown. */
  startOf(pid: number): string;
}

export const HOST_PROCESSES: ProcessTable = {
  pid: process.pid,
  isAlive: (pid) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      return systemErrorCode(error) === "EPERM"; // somebody else's, but there
    }
  },
  startOf: (pid) => {
    try {
      // Field 22 of proc_pid_stat(5); the name in field 2 may hold spaces and brackets, so count after its end.
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    } catch {
      return "";
    }
  },
};

export class LockFile {
  readonly path: string;
  private readonly owner: LockOwner;

  private constructor(path: string, owner: LockOwner) {
    this.path = path;
    this.owner = owner;
  }

  /** Takes the lock, or gives back who has it. Throws VmError if the file system refuses. */
  static acquire(path: string, holder: LockOwner["holder"], processes: ProcessTable = HOST_PROCESSES): LockFile | LockOwner {
    const { pid } = processes;
    const since = new Date().toISOString();
    const owner: LockOwner = { pid, processStart: processes.startOf(pid), since, holder, nonce: randomBytes(8).toString("hex") };
    // Each round either makes the lock, finds a living owner, or clears one dead lock away.
    for (let round = 0; round < 8; round++) {
      if (create(path, owner)) return new LockFile(path, owner);
      const other = readOwner(path);
      if (other && isLiving(other, processes)) return other;
      if (other !== undefined) clearAway(path, other);
    }
    throw new VmError("libraryBusy", `${path} is changing hands; try again.`);
  }

  /** Who holds the lock at `path`, if a living process does. */
  static holder(path: string, processes: ProcessTable = HOST_PROCESSES): LockOwner | undefined {
    const owner = readOwner(path);
    return owner && isLiving(owner, processes) ? owner : undefined;
  }

  isHeld(): boolean {
    return readOwner(this.path)?.nonce === this.owner.nonce;
  }

  release(): void {
    if (!this.isHeld()) return;
    try {
      unlinkSync(this.path);
    } catch {
      // The folder may have gone, with the lock in it.
    }
  }
}

function create(path: string, owner: LockOwner): boolean {
  const text = JSON.stringify(owner);
  const temporary = `${path}.${owner.nonce}`;
  try {
    writeFileSync(temporary, text, { flag: "wx", mode: 0o600 });
    try {
      linkSync(temporary, path);
    } catch (error) {
      // No hard links here (FAT, some network shares): exclusive creation is the next best.
      if (!NO_LINKS.has(systemErrorCode(error) ?? "")) throw error;
      writeFileSync(path, text, { flag: "wx", mode: 0o600 });
    }
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") return false;
    throw writeError(error, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Null: there is a file, but no lock in it. Undefined: there is none. */
function readOwner(path: string): LockOwner | null | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" || systemErrorCode(error) === "ENOTDIR") return undefined;
    throw new VmError("ioFailed", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  try {
    return LockOwner.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function isLiving(owner: LockOwner, processes: ProcessTable): boolean {
  if (!processes.isAlive(owner.pid)) return false;
  const start = processes.startOf(owner.pid);
  return owner.processStart === "" || start === "" || start === owner.processStart;
}

/** Moves a dead lock aside. Should another process have replaced it meanwhile, its lock is put back. */
function clearAway(path: string, dead: LockOwner | null): void {
  const aside = `${path}.${randomBytes(8).toString("hex")}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // cleared by another process
  }
  if (readOwner(aside)?.nonce !== dead?.nonce) {
    try {
      linkSync(aside, path);
    } catch {
      // Yet another process has made one in this moment; the next round sees it.
    }
  }
  unlinkSync(aside);
}
