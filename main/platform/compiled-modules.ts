// What V8 makes of the program's own modules, kept in the user's cache folder beside the guests' code, for every later start and, through
// the environment, for every thread from its first module on. Node's default place would be one that all users of the host can write to.
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { codeCachePath } from "./places.ts";

const VARIABLE = "NODE_COMPILE_CACHE";

/** Before the first thread is started. */
export function keepCompiledModules(): void {
  const root = codeCachePath();
  if (root === undefined || process.env[VARIABLE]) return;
  const folder = join(root, "modules");
  enableCompileCache(folder);
  process.env[VARIABLE] = folder;
}
