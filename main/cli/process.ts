// The command as a process: its streams, its threads, its status.
import { networkSpawner } from "../../core/hypervisor/network-thread.ts";
import { workerSpawner } from "../../core/hypervisor/vm-thread.ts";
import { codeCachePath } from "../platform/compiled-modules.mjs";
import { defaultLibraryPath, demoKernelPath, networkEntry, workerEntry } from "../platform/places.ts";
import { setEngineFlags } from "../platform/v8-flags.ts";
import { runCli } from "./cli.ts";

setEngineFlags();
const { stdin, stdout, stderr } = process;
const status = await runCli(process.argv.slice(2), {
  streams: { stdin, stdout, stderr },
  spawn: workerSpawner(workerEntry(), codeCachePath()),
  spawnNetwork: networkSpawner(networkEntry()),
  demoKernel: demoKernelPath(),
  libraryPath: defaultLibraryPath(),
  replayVectors: async (lines, onFailure, engine) => {
    const { replayVectors } = await import("../../core/debug/vectors.ts");
    return replayVectors(lines, onFailure, engine);
  },
});
// An open stdin would keep the process; what was written goes out first.
await Promise.all([stdout, stderr].map((stream) => new Promise<void>((resolve) => stream.write("", () => resolve()))));
process.exit(status);
