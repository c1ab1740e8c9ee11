// A machine with no processor: its "kernel" is a script, one command a line, so that tests of the worker, the hypervisor, the
// hosts and the CLI say what a guest does and need no engine. Loaded as a module in the place of machine/build.ts.
//   print TEXT   debug TEXT   echo (serial input back, until Ctrl-D)   flood BYTES   spin MS   wait MS   idle   off   triple
//   exit VALUE   engine-error   throw TEXT   hang   graphics WIDTH HEIGHT   fill RRGGBB
import type { InputEvent } from "../api/vm-state.ts";
import { type ExitReason, type Machine, type MachineConfig, MachineError, type MachinePorts, type SliceResult } from "../machine/machine.ts";
import { FakeScreen } from "./fake-screen.ts";

const MARK = "#!fake";
const MS = 1e6;

/** A kernel file's text that this machine boots. */
export function fakeKernel(...commands: string[]): string {
  return `${MARK}\n${commands.join("\n")}\n`;
}

export function buildMachine(config: MachineConfig, ports: MachinePorts): Machine {
  if (config.boot.kind !== "kernel") throw new MachineError("unsupported", "The fake machine boots only scripts.");
  const text = new TextDecoder().decode(config.boot.kernel);
  if (!text.startsWith(`${MARK}\n`)) throw new MachineError("notAKernel", `${config.boot.name} is not a kernel.`);
  return new FakeMachine(text.split("\n").slice(1), config, ports);
}

class FakeMachine implements Machine {
  readonly display = new FakeScreen();
  private readonly script: readonly string[];
  private readonly config: MachineConfig;
  private readonly ports: MachinePorts;
  private at = 0;
  private originNs: number;
  private lastNs: number;
  private untilNs: number | undefined;
  private received: number[] = [];
  private isButtonPressed = false;

  generatedCode() {
    return { interpreter: () => undefined, translations: [] };
  }
  counters(): Record<string, number> {
    return { retired: 0 };
  }

  constructor(script: readonly string[], config: MachineConfig, ports: MachinePorts) {
    this.script = script;
    this.config = config;
    this.ports = ports;
    this.originNs = this.lastNs = ports.hostNowNs();
  }

  nowNs(): number {
    return this.lastNs - this.originNs;
  }

  setBalloon(): void {}
  setMedium(driveId: string): void {
    throw new MachineError("notFound", `The machine has no drive ${driveId}`);
  }

  resumeClock(): void {
    const nowNs = this.ports.hostNowNs();
    this.originNs += nowNs - this.lastNs;
    this.lastNs = nowNs;
  }

  runSlice(hostBudgetNs: number): SliceResult {
    this.lastNs = this.ports.hostNowNs();
    const line = this.script[this.at] ?? "off";
    const space = line.indexOf(" ");
    const command = space < 0 ? line : line.slice(0, space);
    return this.command(command, space < 0 ? "" : line.slice(space + 1), hostBudgetNs);
  }

  private command(command: string, rest: string, budgetNs: number): SliceResult {
    switch (command) {
      case "print":
        this.write(`${rest}\n`);
        return this.next();
      case "debug":
        for (const c of `${rest}\n`) this.ports.debugConsole(c.charCodeAt(0));
        return this.next();
      case "echo":
        return this.echo();
      case "flood":
        for (let i = 0; i < Number(rest); i++) this.ports.serialOutput(0, 0x2e);
        return this.next();
      case "spin":
        return this.spin(Number(rest) * MS, budgetNs);
      case "wait":
        this.untilNs ??= this.nowNs() + Number(rest) * MS;
        if (this.nowNs() < this.untilNs) return { kind: "halted", wakeNs: this.untilNs, instructions: 0 };
        return this.next();
      case "idle":
        if (this.isButtonPressed) return ended({ kind: "poweredOff" });
        return { kind: "halted", wakeNs: Infinity, instructions: 0 };
      case "triple":
        return ended({ kind: "tripleFault", dump: "RIP=0000000000001000 (fake)" });
      case "exit":
        if (this.config.debugExitPort === undefined) return this.next();
        return ended({ kind: "debugExit", status: ((Number(rest) << 1) | 1) & 0xff });
      case "engine-error":
        return ended({ kind: "engineError", message: "No such form", dump: "RIP=2000 (fake)" });
      case "throw":
        throw new Error(rest);
      case "hang":
        for (;;);
      case "graphics": {
        const [width = 0, height = 0] = rest.split(" ").map(Number);
        this.display.setMode(width, height);
        return this.next();
      }
      case "fill":
        this.display.fill(Number.parseInt(rest, 16));
        return this.next();
      default:
        return ended({ kind: "poweredOff" });
    }
  }

  private next(): SliceResult {
    this.at++;
    this.untilNs = undefined;
    return { kind: "ran", wakeNs: 0, instructions: 1 };
  }

  private write(text: string): void {
    for (const c of text) this.ports.serialOutput(0, c.charCodeAt(0));
    this.display.write(text);
  }

  private echo(): SliceResult {
    if (this.received.length === 0) return { kind: "halted", wakeNs: Infinity, instructions: 0 };
    for (const byte of this.received.splice(0)) {
      if (byte === 4) return this.next();
      this.write(String.fromCharCode(byte));
    }
    return { kind: "ran", wakeNs: 0, instructions: 1 };
  }

  private spin(lengthNs: number, budgetNs: number): SliceResult {
    this.untilNs ??= this.nowNs() + lengthNs;
    const stopNs = this.lastNs + budgetNs;
    let instructions = 0;
    while (this.ports.hostNowNs() < stopNs) instructions += 1000;
    this.lastNs = this.ports.hostNowNs();
    return this.nowNs() < this.untilNs ? { kind: "ran", wakeNs: 0, instructions } : this.next();
  }

  /** The key "Hang" never comes back from. */
  input(event: InputEvent): void {
    if (event.kind === "key" && event.code === "Hang") for (;;);
    if (event.kind === "key") this.write(`key ${event.code} ${event.down ? "down" : "up"}\n`);
    else if (event.kind === "tablet") this.write(`tablet ${event.x} ${event.y} ${event.buttons}\n`);
    else this.write(`pointer ${event.dx} ${event.dy} ${event.buttons}\n`);
  }

  /** Takes at most 16 bytes at a time, as a UART's FIFO does. */
  serialInput(port: 0 | 1, bytes: Uint8Array): number {
    if (port !== 0) return bytes.length;
    const taken = bytes.subarray(0, Math.max(0, 16 - this.received.length));
    this.received.push(...taken);
    return taken.length;
  }

  pressPowerButton(): void {
    this.isButtonPressed = true;
  }

  reset(): void {
    this.at = 0;
    this.untilNs = undefined;
    this.display.clear();
  }

  dump(): string {
    return `line ${this.at}: ${this.script[this.at] ?? ""}`;
  }
}

function ended(exit: ExitReason): SliceResult {
  return { kind: "ended", wakeNs: 0, instructions: 1, exit };
}
