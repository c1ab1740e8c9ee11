// Paths as users and configurations write them.
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** Absolute path; `~` is the home folder, anything relative is meant from `base`. */
export function hostPath(path: string, base: string): string {
  if (path === "~") return homedir();
  if (path.startsWith("~/") || path.startsWith("~\\")) return join(homedir(), path.slice(2));
  return resolve(base, path);
}
