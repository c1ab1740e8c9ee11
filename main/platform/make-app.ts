// Puts the app together as both hosts need it.
import { Hypervisor } from "../../core/hypervisor/hypervisor.ts";
import { VmLibrary } from "../../core/hypervisor/vm-library.ts";
import { workerSpawner } from "../../core/hypervisor/vm-thread.ts";
import { type App, createApp } from "../app/create-app.ts";
import { demoKernelPath, systemsPath, workerEntry, VERSION } from "./places.ts";

export interface MakeAppOptions {
  libraryPath: string;
  host: "electron" | "headless";
  log(message: string): void;
  /** See VmWorkerStart. */
  machineModule?: string;
}

/** Throws VmError if the library's folder cannot be used. */
export function makeApp({ libraryPath, host, log, machineModule }: MakeAppOptions): App {
  const library = new VmLibrary(libraryPath, "app");
  const spawn = workerSpawner(workerEntry());
  const hypervisor = new Hypervisor(library, { spawn, demoKernel: demoKernelPath(), ...(machineModule === undefined ? {} : { machineModule }) });
  return createApp({ hypervisor, version: VERSION, host, systemsPath: systemsPath(), log });
}
