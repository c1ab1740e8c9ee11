// The real app over a library in a temporary folder, with threads that a test plays.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hypervisor } from "../../core/hypervisor/hypervisor.ts";
import { VmLibrary } from "../../core/hypervisor/vm-library.ts";
import { FakeVmWorker } from "../../core/testkit/fake-vm-worker.ts";
import { type App, createApp } from "../app/create-app.ts";

export interface FakeApp {
  app: App;
  path: string;
  logged: string[];
  workers: FakeVmWorker[];
  /** The thread that was started last. */
  worker(): FakeVmWorker;
  close(): Promise<void>;
}

export function fakeApp(path = mkdtempSync(join(tmpdir(), "ringfence-app-"))): FakeApp {
  const workers: FakeVmWorker[] = [];
  const logged: string[] = [];
  const spawn = (start: ConstructorParameters<typeof FakeVmWorker>[0]) => {
    const worker = new FakeVmWorker(start);
    workers.push(worker);
    return worker;
  };
  const hypervisor = new Hypervisor(new VmLibrary(path, "app"), { spawn, demoKernel: "/demo.elf" });
  const app = createApp({ hypervisor, version: "1.2.3", host: "headless", log: (message) => logged.push(message) });
  return {
    app,
    path,
    logged,
    workers,
    worker: () => {
      const last = workers.at(-1);
      if (!last) throw new Error("No machine was started");
      return last;
    },
    close: async () => {
      await app.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}
