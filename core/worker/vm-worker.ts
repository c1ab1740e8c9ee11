// Thread entry: runs one machine from its start message to its end. Whatever goes wrong is told in a last message, so that the
// hypervisor can show it: a thread never just vanishes.
import { randomFillSync } from "node:crypto";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { ActivityLight, Failure } from "../api/vm-state.ts";
import { ControlWord, type FromVmWorker, type ToVmWorker, type VmWorkerStart } from "../api/worker-protocol.ts";
import { type Machine, type MachineConfig, MachineError, type MachinePorts } from "../machine/machine.ts";
import { readBootImage, readFirmware } from "./boot-files.ts";
import { CodeCacheFile } from "./code-cache-file.ts";
import { IoClient } from "./io-client.ts";
import { Media } from "./media.ts";
import { NetworkCards } from "./network-cards.ts";
import { OutputBuffer } from "./output-buffer.ts";
import { PrinterFile } from "./printer-file.ts";
import { type LoopHost, RunLoop } from "./run-loop.ts";
import { ScreenPublisher } from "./screen-publisher.ts";

interface MachineModule {
  buildMachine(config: MachineConfig, ports: MachinePorts): Machine | Promise<Machine>;
}

async function main(post: LoopHost["post"], receive: LoopHost["receive"]): Promise<void> {
  // The hypervisor starts this file with nothing else in workerData.
  const start = workerData as VmWorkerStart;
  const control = new Int32Array(start.control);
  const boot = readBootImage(start.boot, start.memoryMiB);
  const serial = new OutputBuffer();
  const debugConsole = new OutputBuffer();
  const lights = new Set<ActivityLight>();
  const media = new Media(start.drives ?? [], () => IoClient.start({ control, holder: `process ${process.pid}` }));
  const cards = new NetworkCards(start.nics ?? []);
  const printer = start.printerFile === undefined ? undefined : new PrinterFile(start.printerFile);
  const codeCache = start.codeCache === undefined ? undefined : CodeCacheFile.open(start.codeCache);
  let sampledNs = 0;
  const ports: MachinePorts = {
    hostNowNs: () => (sampledNs = performance.now() * 1e6),
    serialOutput: (port, byte) => {
      if (port === 0) serial.push(byte);
    },
    debugConsole: (byte) => debugConsole.push(byte),
    entropy: (into) => void randomFillSync(into),
    tabletActive: (isActive) => post({ kind: "pointer", mode: isActive ? "absolute" : "relative" }),
    ...(printer ? { printer: (byte: number) => printer.push(byte) } : {}),
    speaker: (hertz) => {
      if (hertz > 0) lights.add("sound");
    },
    ...(cards.nics.length === 0
      ? {}
      : {
          poll: () => {
            const count = cards.poll();
            if (cards.hasWorked()) lights.add("network");
            return count;
          },
        }),
    ...(codeCache ? { codeCache } : {}),
    driveActivity: ({ kind }) => lights.add(kind),
    driveEjected: ({ id }) => {
      media.letGo(id);
      post({ kind: "ejected", driveId: id });
    },
  };
  const { buildMachine } = await loadMachineModule(start.machineModule);
  try {
    const machine = await buildMachine(
      {
        memoryMiB: start.memoryMiB,
        cpuModel: start.cpuModel,
        engine: start.engine,
        boot,
        ...(start.firmware === undefined ? {} : { firmware: readFirmware(start.firmware) }),
        drives: media.insertAll(),
        ...(start.devices === undefined ? {} : { devices: start.devices }),
        nics: cards.nics,
        epochMs: Date.now(),
        ...(start.debugExitPort === undefined ? {} : { debugExitPort: start.debugExitPort }),
        ...(start.debugConsolePort === undefined ? {} : { debugConsolePort: start.debugConsolePort }),
      },
      ports,
    );
    post({ kind: "running" });
    const host: LoopHost = {
      nowNs: () => performance.now() * 1e6,
      cpuNs: () => {
        const used = process.threadCpuUsage();
        return (used.user + used.system) * 1e3;
      },
      sampledNs: () => sampledNs,
      receive,
      post,
      sleep: (seen, timeoutNs) => {
        Atomics.wait(control, ControlWord.SIGNAL, seen, timeoutNs / 1e6);
      },
    };
    const screen = new ScreenPublisher(machine.display, start.screen);
    const { capPercent } = start;
    const finalScreenshot = start.finalScreenshot === true;
    try {
      const onStats = () => codeCache?.tend(machine.generatedCode());
      new RunLoop({ machine, host, control, screen, serial, debugConsole, capPercent, finalScreenshot, media, lights, onStats }).run();
      codeCache?.close(machine.generatedCode());
    } catch (error) {
      throw new Error(error instanceof Error ? error.message : String(error), { cause: { error, dump: dumpOf(machine) } });
    }
  } finally {
    cards.disconnect();
    media.shutdown();
    printer?.close();
  }
}

async function loadMachineModule(address: string | undefined): Promise<MachineModule> {
  // A module that a test names has no type to check against.
  if (address !== undefined) return (await import(address)) as MachineModule;
  return import("../machine/build.ts");
}

/** A machine that has just thrown may be in no state to describe itself. */
function dumpOf(machine: Machine): string {
  try {
    return machine.dump();
  } catch (error) {
    return `(no registers: ${String(error)})`;
  }
}

function describe(error: unknown): Failure {
  if (error instanceof MachineError) return { code: error.code, message: error.message };
  if (error instanceof RangeError && /memory|allocation/i.test(error.message)) {
    return { code: "notEnoughMemory", message: "The host has not enough memory for this machine.", detail: error.message };
  }
  const text = error instanceof Error ? error.message : String(error);
  return { code: "workerCrashed", message: `The machine's thread failed: ${text}`, detail: detailOf(error) };
}

function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause && typeof cause === "object" && "dump" in cause && "error" in cause) return `${detailOf(cause.error)}\n${String(cause.dump)}`;
  return error.stack ?? error.message;
}

if (parentPort) {
  const port = parentPort;
  const post = (message: FromVmWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  // Only the hypervisor posts to this port, and only what the protocol lists.
  const receive = () => receiveMessageOnPort(port)?.message as ToVmWorker | undefined;
  main(post, receive).catch((error: unknown) => {
    post({ kind: "failed", failure: describe(error) });
    process.exitCode = 1;
  });
}
