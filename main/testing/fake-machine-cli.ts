// The real command around the scripted machine of core/testkit, for tests that start it as a process.
import { fileURLToPath } from "node:url";
import { networkSpawner } from "../../core/hypervisor/network-thread.ts";
import { workerSpawner } from "../../core/hypervisor/vm-thread.ts";
import { networkEntry, workerEntry } from "../platform/places.ts";
import { runCli } from "../cli/cli.ts";

const { stdin, stdout, stderr } = process;
const status = await runCli(process.argv.slice(2), {
  streams: { stdin, stdout, stderr },
  spawn: workerSpawner(workerEntry()),
  spawnNetwork: networkSpawner(networkEntry()),
  demoKernel: fileURLToPath(new URL("no-demo-guest", import.meta.url)),
  libraryPath: process.env["RINGFENCE_LIBRARY"] ?? "",
  replayVectors: async (lines, onFailure) => {
    const count = { passed: 0, failed: 0 };
    for await (const line of lines) {
      if (line === "good") count.passed++;
      else {
        count.failed++;
        onFailure(line);
      }
    }
    return count;
  },
  startExtras: { machineModule: new URL("../../core/testkit/fake-machine.ts", import.meta.url).href },
});
await Promise.all([stdout, stderr].map((stream) => new Promise<void>((resolve) => stream.write("", () => resolve()))));
process.exit(status);
