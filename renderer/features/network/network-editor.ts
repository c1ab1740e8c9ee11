// Applies edits one after the other: shows them at once, tells the app what differs, and keeps what is needed to take them back.
// Undo gives back only what its own edit changed, so that what somebody else did meanwhile stays.
import type { Nic, Topology } from "../../../core/api/network.ts";
import type { Edited } from "./edits.ts";
import type { NetworkDoc } from "./network-doc.ts";
import { Refusal } from "./network-doc.ts";

/** What an edit changes: sections of the topology, and cards of machines. */
export interface Patch {
  topology: Partial<Topology>;
  nics: Record<string, readonly Nic[]>;
}

interface Step {
  /** Says what it did, for the buttons and the live region. */
  label: string;
  before: Patch;
  after: Patch;
}

export interface EditorHost {
  doc(): NetworkDoc;
  /** Shows what is under way, until the app has it. */
  show(patch: Patch): void;
  send(patch: Patch): Promise<void>;
  /** The app refused: what was shown is to be read anew. */
  failed(error: unknown): void;
  changed(): void;
}

const MOST = 100;
const isSame = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

export function patchOf(before: NetworkDoc, after: NetworkDoc): Patch {
  const topology: Partial<Topology> = {};
  for (const key of Object.keys(after.topology) as (keyof Topology)[])
    if (!isSame(before.topology[key], after.topology[key])) Object.assign(topology, { [key]: after.topology[key] });
  const nics: Patch["nics"] = {};
  for (const machine of after.machines) {
    const old = before.machines.find((m) => m.id === machine.id);
    if (old !== undefined && !isSame(old.nics, machine.nics)) nics[machine.id] = machine.nics;
  }
  return { topology, nics };
}

const isEmpty = ({ topology, nics }: Patch): boolean => Object.keys(topology).length === 0 && Object.keys(nics).length === 0;

export class NetworkEditor {
  readonly #host: EditorHost;
  #past: Step[] = [];
  #future: Step[] = [];
  #last: Promise<boolean> = Promise.resolve(true);

  constructor(host: EditorHost) {
    this.#host = host;
  }

  get undoLabel(): string | null {
    return this.#past.at(-1)?.label ?? null;
  }

  get redoLabel(): string | null {
    return this.#future.at(-1)?.label ?? null;
  }

  /** False when nothing was changed: the edit was refused, by us or by the app. */
  async apply(label: string, edited: Edited): Promise<boolean> {
    if (edited instanceof Refusal) return false;
    const old = this.#host.doc();
    const after = patchOf(old, edited);
    if (isEmpty(after)) return true;
    const step = { label, before: patchOf(edited, old), after };
    this.#past = [...this.#past, step].slice(-MOST);
    this.#future = [];
    return this.#do(after, () => {
      this.#past = this.#past.filter((s) => s !== step);
    });
  }

  async undo(): Promise<boolean> {
    const step = this.#past.pop();
    if (step === undefined) return false;
    this.#future.push(step);
    return this.#do(step.before, () => {
      this.#future = this.#future.filter((s) => s !== step);
    });
  }

  async redo(): Promise<boolean> {
    const step = this.#future.pop();
    if (step === undefined) return false;
    this.#past.push(step);
    return this.#do(step.after, () => {
      this.#past = this.#past.filter((s) => s !== step);
    });
  }

  /** In the order of the edits, however long the app takes. */
  #do(patch: Patch, forget: () => void): Promise<boolean> {
    this.#host.show(patch);
    this.#host.changed();
    this.#last = this.#last.then(async () => {
      try {
        await this.#host.send(patch);
        return true;
      } catch (error) {
        forget();
        this.#host.failed(error);
        this.#host.changed();
        return false;
      }
    });
    return this.#last;
  }
}
