// What a virtual machine is, as a file: `machine.json` in the VM's folder. Portable: host-only facts (window places, last
// state) are not in it. Versioned: a newer schema than ours is shown as such and never written over.
import { z } from "zod";

export const CONFIG_VERSION = 1;
export const RAM_MIN_MIB = 4;
export const RAM_MAX_MIB = 3584;

/** What the machine starts from. Paths are absolute, or relative to the VM's folder. */
export const BootSource = z.discriminatedUnion("kind", [
  /** The built-in demo guest. */
  z.strictObject({ kind: z.literal("demo") }),
  /** A Linux bzImage, Multiboot or PVH kernel started without firmware. */
  z.strictObject({
    kind: z.literal("kernel"),
    kernel: z.string().min(1).max(4096),
    initrd: z.string().min(1).max(4096).optional(),
    append: z.string().max(4095).default(""),
    modules: z.array(z.string().max(8192)).max(64).default([]),
  }),
]);
export type BootSource = z.infer<typeof BootSource>;

export const VmConfig = z.strictObject({
  version: z.literal(CONFIG_VERSION),
  id: z.uuid(),
  name: z.string().trim().min(1).max(80),
  /** Free text that the user keeps with the machine. */
  notes: z.string().max(4000).default(""),
  createdAt: z.iso.datetime(),
  memoryMiB: z.int().min(RAM_MIN_MIB).max(RAM_MAX_MIB),
  cpu: z.strictObject({
    /** Name of a row of the CPU model table. */
    model: z.string().min(1).max(40).default("ringfence64"),
    /** Most of one host core that the machine may use, in percent. */
    capPercent: z.int().min(1).max(100).default(100),
    engine: z.enum(["interpreter", "translator"]).default("interpreter"),
  }),
  boot: BootSource,
});
export type VmConfig = z.infer<typeof VmConfig>;
