// Systems that the wizard knows: what a machine for each is made of, how its media are recognised, and where it can be had. The
// app's own list is assets/guests/systems.json; a file of the same form in the user's settings folder goes before it, so that
// anyone can add systems or replace ours by using the same id. One entry that is wrong costs only that entry.
import { z } from "zod";
import { RAM_MAX_MIB, RAM_MIN_MIB } from "./vm-config.ts";

export const KNOWN_SYSTEMS_VERSION = 1;
/** Name of the user's own list in the settings folder. */
export const USER_SYSTEMS_FILE = "systems.json";

const Pattern = z.string().min(1).max(200);

/** One way to recognise a medium: everything that is named must hold. Patterns ignore case; `*` stands for any text. */
export const RecognitionRule = z
  .strictObject({
    kind: z.enum(["cd", "floppy", "disk", "kernel"]).optional(),
    /** Volume label. */
    label: Pattern.optional(),
    /** Path of a file or folder on a CD ("/.disk/info"), or a name in the root folder of a FAT floppy or disk ("/KERNEL.SYS"). */
    file: z.string().regex(/^\//).max(200).optional(),
    /** What that file says somewhere in its first 4 KiB (CD only). */
    text: Pattern.optional(),
    /** Who formatted a FAT medium (the OEM name in its boot sector). */
    oemName: Pattern.optional(),
    /** Version text of a Linux kernel. */
    kernel: Pattern.optional(),
  })
  .refine((rule) => Object.keys(rule).some((key) => key !== "kind" && key !== "text"), "A rule needs a label, file, oemName or kernel.")
  .refine((rule) => rule.text === undefined || rule.file !== undefined, "A rule with a text needs a file.");
export type RecognitionRule = z.infer<typeof RecognitionRule>;

export const SystemDownload = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).max(1000),
  fileName: z.string().regex(/^[\w][\w.+-]{0,120}$/),
  sizeBytes: z.int().positive().optional(),
  /** Without it the file cannot be verified, and whoever downloads it is told so. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/).optional(),
});
export type SystemDownload = z.infer<typeof SystemDownload>;

export const KnownSystem = z
  .strictObject({
    id: z.string().regex(/^[a-z][a-z0-9-]{0,40}$/),
    name: z.string().trim().min(1).max(80),
    family: z.enum(["linux", "bsd", "windows", "dos", "other"]),
    bits: z.union([z.literal(16), z.literal(32), z.literal(64)]),
    memoryMiB: z.strictObject({ minimum: z.int().min(RAM_MIN_MIB).max(RAM_MAX_MIB), recommended: z.int().min(RAM_MIN_MIB).max(RAM_MAX_MIB) }),
    /** Size of the disk that the wizard offers; 0: it needs none. */
    diskMiB: z.int().min(0).max(2 ** 21),
    devices: z
      .strictObject({
        /** Where its disk is attached. */
        controller: z.enum(["ide", "ahci", "virtio"]).default("ide"),
        network: z.enum(["virtio", "e1000", "rtl8139", "ne2000", "none"]).default("e1000"),
        /** It drives the virtio tablet: no mouse capture. */
        tablet: z.boolean().default(false),
        balloon: z.boolean().default(false),
        entropy: z.boolean().default(false),
        /** It asks for KVM's clock and hints. */
        paravirtual: z.boolean().default(false),
      })
      .default({ controller: "ide", network: "e1000", tablet: false, balloon: false, entropy: false, paravirtual: false }),
    recognise: z.array(RecognitionRule).max(32).default([]),
    homePage: z.url({ protocol: /^https?$/ }).max(1000).optional(),
    download: SystemDownload.optional(),
    /** A sentence for whoever chooses it. */
    note: z.string().max(300).optional(),
  })
  .refine((system) => system.memoryMiB.minimum <= system.memoryMiB.recommended, "The recommended memory is less than the minimum.");
export type KnownSystem = z.infer<typeof KnownSystem>;

export interface SystemList {
  systems: KnownSystem[];
  /** What is wrong with the file or its entries, as sentences. */
  problems: string[];
}

const Envelope = z.looseObject({ version: z.literal(KNOWN_SYSTEMS_VERSION), systems: z.array(z.unknown()).max(1000) });

/** Reads a list, leaving out what is wrong and saying what that was. Never throws. */
export function parseKnownSystems(text: string, fileName: string): SystemList {
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    return { systems: [], problems: [`${fileName} is not JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const envelope = Envelope.safeParse(content);
  if (!envelope.success) return { systems: [], problems: [`${fileName} is not a list of systems of version ${KNOWN_SYSTEMS_VERSION}: ${reason(envelope.error)}`] };
  const list: SystemList = { systems: [], problems: [] };
  for (const [n, entry] of envelope.data.systems.entries()) {
    const parsed = KnownSystem.safeParse(entry);
    if (!parsed.success) list.problems.push(`${fileName}: system ${n + 1} is left out: ${reason(parsed.error)}`);
    else if (list.systems.some((s) => s.id === parsed.data.id)) list.problems.push(`${fileName}: system ${n + 1} is left out: there is another "${parsed.data.id}"`);
    else list.systems.push(parsed.data);
  }
  return list;
}

/** The user's systems first, then ours that they do not replace. */
export function mergeKnownSystems(own: SystemList, users: SystemList): SystemList {
  const replaced = new Set(users.systems.map((s) => s.id));
  return { systems: [...users.systems, ...own.systems.filter((s) => !replaced.has(s.id))], problems: [...own.problems, ...users.problems] };
}

function reason(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue ? `${issue.path.length > 0 ? `${issue.path.join(".")}: ` : ""}${issue.message}` : "unknown";
}
