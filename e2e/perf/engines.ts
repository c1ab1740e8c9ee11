// The engines side by side: whether one is here for a guest's architecture, and the command that boots a kernel in it with the
// guest's first serial port on stdin and stdout.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Architecture } from "../fixtures/debian.ts";

/** `ringfence` finds the code that it generated for these guests in one run before, as it does on a user's second start of a machine;
 *  `first` has never seen them. */
export const ENGINES = ["native", "first", "ringfence", "interpreter", "tcg", "v86"] as const;
export type EngineName = (typeof ENGINES)[number];
export const ENGINE_TITLES: Record<EngineName, string> = {
  native: "native",
  first: "first run",
  ringfence: "Ringfence",
  interpreter: "interpreter",
  tcg: "QEMU TCG",
  v86: "v86",
};
export const V86_VERSION = "0.5.462";

export interface GuestFiles {
  kernel: string;
  initrd: string;
  append: string;
  memoryMiB: number;
}

const here = dirname(fileURLToPath(import.meta.url));

/** Why the engine is left out for this architecture, or undefined. `null`: it does not exist for it at all. */
export function missingEngine(engine: EngineName, architecture: Architecture): string | null | undefined {
  if (engine === "tcg" && !qemuVersion(architecture)) return `QEMU (${qemu(architecture)}) is not here: apt-get install qemu-system-x86`;
  if (engine !== "v86") return undefined;
  if (architecture === "amd64") return null;
  if (!existsSync("/usr/share/seabios/bios.bin")) return "v86 needs a BIOS image: apt-get install seabios";
  return v86Folder() ? undefined : `v86 could not be installed by npm (npm install v86@${V86_VERSION} needs the package registry)`;
}

export function engineCommand(engine: Exclude<EngineName, "native">, architecture: Architecture, guest: GuestFiles): string[] {
  const { kernel, initrd, append, memoryMiB } = guest;
  switch (engine) {
    case "tcg":
      return [
        qemu(architecture), "-accel", "tcg,thread=single", "-M", "pc", "-smp", "1", "-m", `${memoryMiB}`, "-nodefaults", "-no-user-config",
        "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", append,
      ];
    case "v86":
      return [process.execPath, join(here, "v86-run.ts"), v86Folder() ?? "", kernel, initrd, append, `${memoryMiB}`];
    default:
      return [
        process.execPath, join(here, "../../main/cli/main.mjs"), "run", "--engine", engine === "interpreter" ? engine : "translator",
        "--kernel", kernel, "--initrd", initrd, "--append", append, "--memory", `${memoryMiB}`,
      ];
  }
}

function qemu(architecture: Architecture): string {
  return architecture === "amd64" ? "qemu-system-x86_64" : "qemu-system-i386";
}
export function qemuVersion(architecture: Architecture): string | undefined {
  const run = spawnSync(qemu(architecture), ["--version"], { encoding: "utf8" });
  return run.status === 0 ? /version (\S+)/.exec(run.stdout)?.[1] : undefined;
}

let v86: string | undefined | null = null;
/** v86 is no dependency of the project: it is installed into the temporary folder, once. */
function v86Folder(): string | undefined {
  if (v86 !== null) return v86;
  const root = join(tmpdir(), `ringfence-v86-${V86_VERSION}`);
  const folder = join(root, "node_modules/v86");
  if (!existsSync(join(folder, "build/v86.wasm"))) {
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, "package.json"), '{ "private": true }\n');
    spawnSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", `v86@${V86_VERSION}`], { cwd: root, stdio: "ignore", timeout: 180_000 });
  }
  v86 = existsSync(join(folder, "build/v86.wasm")) ? folder : undefined;
  return v86;
}
