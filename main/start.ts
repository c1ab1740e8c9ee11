// `npm start`: builds what is missing or older than its sources, then opens the desktop app where an Electron binary is or can be
// fetched, and otherwise the headless host with a browser.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type HostOptions, parseHostOptions } from "./platform/host-options.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const FETCH_TIMEOUT_MS = 180_000;
const REACH_TIMEOUT_MS = 3000;

const options = parseHostOptions(process.argv.slice(2));
if ("fault" in options) {
  console.error(options.fault);
  process.exit(2);
}
build();
const electron = options.headless ? undefined : await electronBinary();
const [program, args] = electron
  ? [electron, [ROOT, `--library=${options.libraryPath}`]]
  : [process.execPath, [join(ROOT, "dist/main/server.js"), ...serverArgs(options)]];
const child = spawn(program, args, { stdio: "inherit" });
// The terminal sends Ctrl+C to both; the child decides when to go.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => (signal === "SIGTERM" ? child.kill(signal) : undefined));
child.on("error", (error) => {
  console.error(`${program} could not be started: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)));

function serverArgs({ libraryPath, port, open }: HostOptions): string[] {
  return ["--library", libraryPath, "--port", String(port), ...(open ? [] : ["--no-open"])];
}

function build(): void {
  const page = ["renderer", "core/api", "assets/brand"];
  if (isStale("dist/renderer/index.html", page)) run("user interface", "vite/bin/vite.js", "build", "renderer", "--logLevel", "error");
  const programs = ["main", "core", "package.json"];
  if (isStale("dist/core/vm-worker.js", programs) || isStale("dist/main/server.js", programs)) {
    run("app", "rolldown/bin/cli.mjs", "-c", "main/rolldown.config.mjs");
  }
}

function run(what: string, program: string, ...args: string[]): void {
  console.log(`Building the ${what} ...`);
  const result = spawnSync(process.execPath, [join(ROOT, "node_modules", program), ...args], { cwd: ROOT, encoding: "utf8" });
  if (result.status === 0) return;
  console.error(`${result.stdout}${result.stderr}\nThe ${what} could not be built. Has "npm ci" been run?`);
  process.exit(1);
}

function isStale(output: string, sources: string[]): boolean {
  const path = join(ROOT, output);
  if (!existsSync(path)) return true;
  const builtMs = statSync(path).mtimeMs;
  return sources.some((source) => newestMs(join(ROOT, source)) > builtMs);
}

function newestMs(path: string): number {
  if (!existsSync(path)) return 0;
  const info = statSync(path);
  if (!info.isDirectory()) return path.endsWith(".test.ts") ? 0 : info.mtimeMs;
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), 0);
}

/** Path of Electron's program, fetched first if that is likely to work and of use. */
async function electronBinary(): Promise<string | undefined> {
  const { platform, env } = process;
  const override = env["ELECTRON_OVERRIDE_DIST_PATH"];
  const folder = override ?? join(ROOT, "node_modules/electron/dist");
  const program = join(folder, platform === "darwin" ? "Electron.app/Contents/MacOS/Electron" : platform === "win32" ? "electron.exe" : "electron");
  const isDesktop = platform === "darwin" || platform === "win32" || Boolean(env["DISPLAY"] ?? env["WAYLAND_DISPLAY"]);
  // Chromium's sandbox does not run as root, and this app does not run without it.
  const isRoot = platform === "linux" && process.getuid?.() === 0;
  if (!isDesktop || isRoot) return undefined;
  if (existsSync(program)) return program;
  const installer = join(ROOT, "node_modules/electron/install.js");
  if (override !== undefined || env["CI"] || !existsSync(installer) || !(await isReachable("https://github.com/"))) return undefined;
  console.log("Fetching Electron, once; this takes a minute ...");
  const result = spawnSync(process.execPath, [installer], { cwd: ROOT, stdio: "ignore", timeout: FETCH_TIMEOUT_MS });
  if (result.status === 0 && existsSync(program)) return program;
  // Half an Electron must not look like one the next time.
  rmSync(folder, { recursive: true, force: true });
  return undefined;
}

async function isReachable(address: string): Promise<boolean> {
  return fetch(address, { method: "HEAD", signal: AbortSignal.timeout(REACH_TIMEOUT_MS) }).then(() => true, () => false);
}
