// Which power action is legal in which state, as core/api/contract.ts documents it, and why not otherwise. The buttons, the
// context menu and the keyboard all ask here.
import type { VmStatus } from "../../core/api/vm-state.ts";

export type PowerAction = "start" | "pause" | "resume" | "reset" | "shutdown" | "powerOff" | "delete";

const LEGAL: Record<PowerAction, readonly VmStatus[]> = {
  start: ["off", "error"],
  pause: ["running"],
  resume: ["paused"],
  reset: ["running", "paused"],
  shutdown: ["running"],
  powerOff: ["starting", "running", "paused", "stopping"],
  delete: ["off", "error", "broken"],
};

/** Keys under `why.` in the catalogs. */
export type Reason =
  | "starting"
  | "stopping"
  | "off"
  | "alreadyOn"
  | "notRunning"
  | "notPaused"
  | "alreadyPaused"
  | "pausedNoButton"
  | "broken"
  | "turnOffFirst"
  | "busy";

/** null when the action may be done now. */
export function whyNot(action: PowerAction, status: VmStatus, busy = false): Reason | null {
  if (busy && action !== "powerOff") return "busy";
  if (LEGAL[action].includes(status)) return null;
  if (status === "broken") return "broken";
  if (action === "delete") return "turnOffFirst";
  if (status === "starting") return "starting";
  if (status === "stopping") return "stopping";
  if (action === "start") return "alreadyOn";
  if (status === "off" || status === "error") return "off";
  if (action === "resume") return "notPaused";
  if (action === "pause") return "alreadyPaused";
  if (action === "shutdown") return "pausedNoButton";
  return "notRunning";
}

/** Actions that lose what the guest has in memory ask first. */
export function asksFirst(action: PowerAction): boolean {
  return action === "reset" || action === "powerOff" || action === "delete";
}

export const isOn = (status: VmStatus): boolean =>
  status === "starting" || status === "running" || status === "paused" || status === "stopping";
