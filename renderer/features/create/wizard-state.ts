// The new-machine wizard as plain state. Each field knows whether the user has touched it: what was typed is never
// overwritten by a default that changes later.
import type { CallReply, CallRequest } from "../../../core/api/contract.ts";
import { RAM_MAX_MIB, RAM_MIN_MIB } from "../../../core/api/vm-config.ts";

export type SourceKind = "demo" | "kernel";
export type Probe =
  | { state: "none" }
  | { state: "looking" }
  | { state: "found"; result: CallReply<"file.probe"> }
  | { state: "failed"; message: string };

export interface Draft {
  step: 0 | 1 | 2;
  kind: SourceKind;
  kernel: string;
  kernelProbe: Probe;
  initrd: string;
  initrdProbe: Probe;
  append: string;
  name: string;
  nameTouched: boolean;
  memoryMiB: number;
  memoryTouched: boolean;
  capPercent: number;
  startNow: boolean;
}

export type Change =
  | { type: "kind"; kind: SourceKind }
  | { type: "path"; field: "kernel" | "initrd"; path: string }
  | { type: "probe"; field: "kernel" | "initrd"; path: string; probe: Probe }
  | { type: "append"; append: string }
  | { type: "name"; name: string }
  | { type: "memory"; memoryMiB: number }
  | { type: "cap"; capPercent: number }
  | { type: "startNow"; startNow: boolean }
  | { type: "step"; step: 0 | 1 | 2 };

export const DEFAULT_MEMORY_MIB: Record<SourceKind, number> = { demo: 64, kernel: 256 };

/** Translated base names, made unique among the machines there are. */
export type NameFor = (kind: SourceKind) => string;

export function newDraft(nameFor: NameFor): Draft {
  return {
    step: 0,
    kind: "demo",
    kernel: "",
    kernelProbe: { state: "none" },
    initrd: "",
    initrdProbe: { state: "none" },
    append: "console=tty0 console=ttyS0",
    name: nameFor("demo"),
    nameTouched: false,
    memoryMiB: DEFAULT_MEMORY_MIB.demo,
    memoryTouched: false,
    capPercent: 100,
    startNow: true,
  };
}

export function changeDraft(draft: Draft, change: Change, nameFor: NameFor): Draft {
  switch (change.type) {
    case "kind":
      return {
        ...draft,
        kind: change.kind,
        name: draft.nameTouched ? draft.name : nameFor(change.kind),
        memoryMiB: draft.memoryTouched ? draft.memoryMiB : DEFAULT_MEMORY_MIB[change.kind],
      };
    case "path":
      return change.field === "kernel"
        ? { ...draft, kernel: change.path, kernelProbe: { state: change.path.trim() === "" ? "none" : "looking" } }
        : { ...draft, initrd: change.path, initrdProbe: { state: change.path.trim() === "" ? "none" : "looking" } };
    case "probe":
      // The answer for a path that has been changed since says nothing.
      if (change.path !== draft[change.field]) return draft;
      return change.field === "kernel" ? { ...draft, kernelProbe: change.probe } : { ...draft, initrdProbe: change.probe };
    case "append":
      return { ...draft, append: change.append };
    case "name":
      return { ...draft, name: change.name, nameTouched: true };
    case "memory":
      return { ...draft, memoryMiB: change.memoryMiB, memoryTouched: true };
    case "cap":
      return { ...draft, capPercent: change.capPercent };
    case "startNow":
      return { ...draft, startNow: change.startNow };
    case "step":
      return { ...draft, step: change.step };
  }
}

/** Keys under `create.problem.`; null when the step is complete. */
export type Problem =
  | "kernelNeeded"
  | "kernelMissing"
  | "kernelFolder"
  | "kernelKind"
  | "kernelLooking"
  | "initrdMissing"
  | "initrdFolder"
  | "initrdLooking"
  | "nameNeeded"
  | "nameLong"
  | "memoryRange"
  | "initrdTooLarge";

export function problemOf(draft: Draft, step: 0 | 1 | 2): Problem | null {
  if (step === 0) return draft.kind === "kernel" ? sourceProblem(draft) : null;
  if (step === 2) return problemOf(draft, 0) ?? problemOf(draft, 1);
  if (draft.name.trim() === "") return "nameNeeded";
  if (draft.name.trim().length > 80) return "nameLong";
  if (!Number.isInteger(draft.memoryMiB) || draft.memoryMiB < RAM_MIN_MIB || draft.memoryMiB > RAM_MAX_MIB) return "memoryRange";
  const initrd = draft.initrdProbe;
  if (draft.kind === "kernel" && initrd.state === "found" && initrd.result.sizeBytes > draft.memoryMiB * 2 ** 20) return "initrdTooLarge";
  return null;
}

function sourceProblem({ kernel, kernelProbe, initrd, initrdProbe }: Draft): Problem | null {
  if (kernel.trim() === "") return "kernelNeeded";
  if (kernelProbe.state === "looking") return "kernelLooking";
  if (kernelProbe.state === "found") {
    const { kind, exists } = kernelProbe.result;
    if (!exists || kind === "missing") return "kernelMissing";
    if (kind === "folder") return "kernelFolder";
    if (kind === "image" || kind === "unknown") return "kernelKind";
  }
  if (initrd.trim() === "") return null;
  if (initrdProbe.state === "looking") return "initrdLooking";
  if (initrdProbe.state === "found" && !initrdProbe.result.exists) return "initrdMissing";
  if (initrdProbe.state === "found" && initrdProbe.result.kind === "folder") return "initrdFolder";
  return null;
}

export function requestOf(draft: Draft): CallRequest<"vm.create"> {
  const initrd = draft.initrd.trim();
  const boot: CallRequest<"vm.create">["boot"] =
    draft.kind === "demo"
      ? { kind: "demo" }
      : { kind: "kernel", kernel: draft.kernel.trim(), append: draft.append.trim(), modules: [], ...(initrd === "" ? {} : { initrd }) };
  return { name: draft.name.trim(), memoryMiB: draft.memoryMiB, capPercent: draft.capPercent, boot };
}
