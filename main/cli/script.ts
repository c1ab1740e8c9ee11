// The steps of a run: wait for text, type, send. An expectation looks at what came on the serial port since the last match and
// at the text screen, because a guest may speak on either.
import { setTimeout as sleep } from "node:timers/promises";
import type { VmThread } from "../../core/hypervisor/vm-thread.ts";
import { seconds, UsageError } from "./command-line.ts";
import type { Keystroke } from "../../core/hypervisor/us-keyboard.ts";
import { keystrokes } from "./keystrokes.ts";

export type Step =
  | { kind: "expect"; text: string }
  | { kind: "wait"; seconds: number }
  | { kind: "type"; strokes: Keystroke[] }
  | { kind: "send"; data: Uint8Array }
  | { kind: "off" };

export const STEP_OPTIONS = {
  expect: { type: "string", multiple: true },
  wait: { type: "string", multiple: true },
  type: { type: "string", multiple: true },
  send: { type: "string", multiple: true },
  off: { type: "boolean" },
} as const;

/** Between two looks at the screen. */
const LOOK_MS = 100;
/** Between two keys: a guest that polls its keyboard controller has this long for each. */
const KEY_MS = 25;
/** Serial output kept for the next expectation. */
const MOST_HEARD = 1024 * 1024;

/** `tokens` as parseArgs gives them, so in the order of the command line. */
export function stepsOf(tokens: readonly { kind: string; name?: string; value?: string | boolean | undefined }[]): Step[] {
  return tokens.flatMap((token): Step[] => {
    if (token.kind !== "option") return [];
    const value = String(token.value ?? "");
    switch (token.name) {
      case "expect":
        if (value === "") throw new UsageError("--expect needs a text.");
        return [{ kind: "expect", text: value }];
      case "wait":
        return [{ kind: "wait", seconds: seconds(value, "wait") }];
      case "type":
        return [{ kind: "type", strokes: keystrokes(value) }];
      case "send":
        return [{ kind: "send", data: Buffer.from(unescaped(value), "utf8") }];
      case "off":
        return [{ kind: "off" }];
      default:
        return [];
    }
  });
}

function unescaped(text: string): string {
  const names: Record<string, string> = { n: "\n", r: "\r", t: "\t", e: "\x1b", "\\": "\\" };
  return text.replace(/\\(x[0-9a-fA-F]{2}|[nrte\\])/g, (_, code: string) => names[code] ?? String.fromCharCode(Number.parseInt(code.slice(1), 16)));
}

export class Script {
  private readonly steps: readonly Step[];
  private heard = "";
  private current = "";

  constructor(steps: readonly Step[]) {
    this.steps = steps;
  }

  hear(data: Uint8Array): void {
    if (this.steps.length === 0) return;
    this.heard = (this.heard + Buffer.from(data).toString("latin1")).slice(-MOST_HEARD);
  }

  /** What it is waiting for, to tell at a timeout; empty if nothing. */
  get waitingFor(): string {
    return this.current;
  }

  /** Settles after the last step, or when `signal` says that the machine is gone. */
  async perform(thread: VmThread, signal: AbortSignal): Promise<void> {
    for (const step of this.steps) {
      if (signal.aborted) return;
      if (step.kind === "expect") await this.expect(step.text, thread, signal);
      else if (step.kind === "wait") await pause(step.seconds * 1000, signal);
      else if (step.kind === "send") thread.serialInput(step.data);
      else if (step.kind === "off") void thread.powerOff();
      else await this.type(step.strokes, thread, signal);
    }
  }

  private async expect(text: string, thread: VmThread, signal: AbortSignal): Promise<void> {
    this.current = text;
    // What came on the serial port is bytes; the expectation may be UTF-8.
    const bytes = Buffer.from(text, "utf8").toString("latin1");
    while (!signal.aborted) {
      const at = this.heard.indexOf(bytes);
      if (at >= 0) {
        this.heard = this.heard.slice(at + bytes.length);
        break;
      }
      const screen = await thread.queryText("text").catch(() => null); // the machine may end at any moment
      if (screen?.includes(text)) break;
      await pause(LOOK_MS, signal);
    }
    if (!signal.aborted) this.current = "";
  }

  private async type(strokes: Keystroke[], thread: VmThread, signal: AbortSignal): Promise<void> {
    for (const stroke of strokes) {
      if (signal.aborted) return;
      thread.input(stroke.map((code) => ({ kind: "key" as const, code, down: true })));
      await pause(KEY_MS, signal);
      thread.input(stroke.toReversed().map((code) => ({ kind: "key" as const, code, down: false })));
      await pause(KEY_MS, signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined); // aborted: the caller looks
}
