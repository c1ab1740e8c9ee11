// What V8 makes of the program's own modules, kept in the user's cache folder beside the guests' code, for every later start and, through
// the environment, for every thread from its first module on. Node's default place would be one that all users of the host can write to.
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

const VARIABLE = "NODE_COMPILE_CACHE";

/** Before the first thread is started. */
export function keepCompiledModules() {
  const root = codeCachePath();
  if (root === undefined || process.env[VARIABLE]) return;
  const folder = join(root, "modules");
  enableCompileCache(folder);
  process.env[VARIABLE] = folder;
}

/**
 * Where generated code is kept between runs, or undefined if the user wants none kept.
 * @returns {string | undefined}
 */
export function codeCachePath(env = process.env, platform = process.platform) {
  const named = env["RINGFENCE_CODE_CACHE"];
  if (named) return named === "off" ? undefined : resolve(named);
  if (platform === "win32") return join(env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"), "Ringfence", "Code cache");
  if (platform === "darwin") return join(homedir(), "Library", "Caches", "Ringfence", "Code");
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "ringfence", "code");
}
