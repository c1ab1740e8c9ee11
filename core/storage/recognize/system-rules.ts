// Which known system a medium belongs to: the first one, in the order of the list, with a rule that holds.
import type { KnownSystem, RecognitionRule } from "../../api/known-systems.ts";
import type { MediumInfo } from "../../api/medium-info.ts";
import { type BoundedSource, latin1 } from "./byte-source.ts";
import type { FileSystem } from "./file-systems.ts";
import { type IsoVolume, isIsoPath, readIsoFile } from "./iso9660.ts";
import type { Kernel } from "./kernels.ts";

const TEXT_BYTES = 4096;

/** Facts that rules are matched against. */
export interface MediumFacts {
  source: BoundedSource;
  kind: MediumInfo["kind"];
  label: string;
  iso: IsoVolume | null;
  fileSystems: FileSystem[];
  kernel: Kernel | null;
}

export async function findSystem(facts: MediumFacts, systems: readonly KnownSystem[]): Promise<KnownSystem | null> {
  for (const system of systems) {
    for (const rule of system.recognise) if (await isMatch(facts, rule)) return system;
  }
  return null;
}

/** The cheap parts first: files have to be looked for. */
async function isMatch(facts: MediumFacts, rule: RecognitionRule): Promise<boolean> {
  const { kind, label, oemName, kernel, file, text } = rule;
  if (kind !== undefined && kind !== facts.kind) return false;
  if (label !== undefined && !matchesPattern(facts.label, label)) return false;
  if (oemName !== undefined && !facts.fileSystems.some((f) => matchesPattern(f.oemName, oemName))) return false;
  if (kernel !== undefined && !(facts.kernel && matchesPattern(facts.kernel.version, kernel))) return false;
  if (file === undefined) return true;
  const { iso, source } = facts;
  if (!iso) return text === undefined && facts.fileSystems.some((f) => f.rootFiles.some((name) => `/${name}`.toLowerCase() === file.toLowerCase()));
  if (text === undefined) return isIsoPath(source, iso, file);
  const bytes = await readIsoFile(source, iso, file, TEXT_BYTES);
  return bytes !== null && matchesPattern(latin1(bytes, 0, bytes.length), `*${text}*`);
}

/** `*` stands for any text, everything else for itself; case does not matter. Takes time in proportion to both lengths at most. */
export function matchesPattern(text: string, pattern: string): boolean {
  const t = text.toLowerCase();
  const p = pattern.toLowerCase();
  let at = 0;
  let star = -1;
  let retry = 0;
  let i = 0;
  while (i < t.length) {
    if (p[at] === "*") {
      star = at++;
      retry = i;
    } else if (p[at] === t[i]) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++retry;
    } else return false;
  }
  while (p[at] === "*") at++;
  return at === p.length;
}
