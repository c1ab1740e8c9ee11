// Where things are: beside the sources when they run as they are, in dist/ when bundled, unpacked beside the archive when
// packaged (a thread's entry file must be a real file), and the user's own folders on each system.
import { homedir } from "node:os";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../package.json" with { type: "json" };

/** main/platform/ in the sources, dist/main/ in a build: both two folders below the root. */
const ROOT = unpacked(fileURLToPath(new URL("../../", import.meta.url)));
const isBundled = !import.meta.url.endsWith(".ts");

export const VERSION: string = manifest.version;

export function workerEntry(): URL {
  return new URL(isBundled ? "../core/vm-worker.js" : "../../core/worker/vm-worker.ts", unpacked(import.meta.url));
}

export function networkEntry(): URL {
  return new URL(isBundled ? "../core/network-worker.js" : "../../core/worker/network-worker.ts", unpacked(import.meta.url));
}

export function demoKernelPath(): string {
  return join(ROOT, "assets", "guests", "demo", "demo.elf");
}

/** Systems that the wizard knows. */
export function systemsPath(): string {
  return join(ROOT, "assets", "guests", "systems.json");
}

export function rendererFolder(): string {
  return fileURLToPath(new URL("../../dist/renderer/", import.meta.url));
}

export function preloadPath(): string {
  return fileURLToPath(new URL("../../dist/main/preload.cjs", import.meta.url));
}

/** Where machines are kept unless the user says otherwise. */
export function defaultLibraryPath(env: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
  if (env["RINGFENCE_LIBRARY"]) return env["RINGFENCE_LIBRARY"];
  if (platform === "win32") return join(env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"), "Ringfence", "Machines");
  if (platform === "darwin") return join(homedir(), "Library", "Application Support", "Ringfence", "Machines");
  return join(env["XDG_DATA_HOME"] || join(homedir(), ".local", "share"), "ringfence", "machines");
}

function unpacked(path: string): string {
  return path.replaceAll(`${sep}app.asar${sep}`, `${sep}app.asar.unpacked${sep}`).replaceAll("/app.asar/", "/app.asar.unpacked/");
}
