// What a virtual machine is, as a file: `machine.json` in the VM's folder. Portable: host-only facts (window places, last
// state) are not in it. Versioned: a newer schema than ours is shown as such and never written over.
import { z } from "zod";
import { Nic, NICS_MAX } from "./network.ts";

export const CONFIG_VERSION = 3;
export const RAM_MIN_MIB = 4;
export const RAM_MAX_MIB = 3584;

/** Where the firmware looks for something to boot, in this order. */
export const BootDevice = z.enum(["floppy", "cd", "disk", "network"]);
export type BootDevice = z.infer<typeof BootDevice>;

/** A drive and the medium in it. */
export const Drive = z.strictObject({
  /** Unique in its machine and stable: "disk0". */
  id: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/),
  kind: z.enum(["disk", "cd", "floppy"]),
  controller: z.enum(["ide", "ahci", "virtio", "fdc"]),
  /** IDE: 0 primary master, 1 primary slave, 2 and 3 secondary. AHCI: port 0 to 5. virtio: 0 to 7. Floppy: A: 0, B: 1. */
  slot: z.int().min(0).max(7),
  /** Image on the host, absolute or relative to the VM's folder; null: the drive is empty (CD and floppy only). */
  path: z.string().min(1).max(4096).nullable(),
  readOnly: z.boolean().default(false),
  /** What the guest writes is forgotten when the machine is powered off. */
  throwAway: z.boolean().default(false),
});
export type Drive = z.infer<typeof Drive>;

/** The ROMs of the machine: the project's own, or images of others (SeaBIOS and its VGA BIOS, say). */
export const Firmware = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ringfence") }),
  z.strictObject({ kind: z.literal("file"), bios: z.string().min(1).max(4096), vgaBios: z.string().min(1).max(4096).optional() }),
]);
export type Firmware = z.infer<typeof Firmware>;

/** What the machine starts from. Paths are absolute, or relative to the VM's folder. */
export const BootSource = z.discriminatedUnion("kind", [
  /** The built-in demo guest, with words for it. */
  z.strictObject({ kind: z.literal("demo"), append: z.string().max(4095).optional() }),
  /** A Linux bzImage, Multiboot or PVH kernel started without firmware. */
  z.strictObject({
    kind: z.literal("kernel"),
    kernel: z.string().min(1).max(4096),
    initrd: z.string().min(1).max(4096).optional(),
    append: z.string().max(4095).default(""),
    modules: z.array(z.string().max(8192)).max(64).default([]),
  }),
  /** Firmware starts what it finds on the drives. */
  z.strictObject({ kind: z.literal("firmware"), order: z.array(BootDevice).max(4).default(["floppy", "cd", "disk"]) }),
]);
export type BootSource = z.infer<typeof BootSource>;

/** Rows of the CPU model table (core/cpu/models), for choosing one. */
export const CPU_MODEL_NAMES = ["ringfence64", "ringfence64-intel", "ringfence32"] as const;

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
    engine: z.enum(["interpreter", "translator"]).default("translator"),
  }),
  boot: BootSource,
  drives: z.array(Drive).max(20).default([]),
  firmware: Firmware.default({ kind: "ringfence" }),
  devices: z
    .strictObject({
      /** Besides the PS/2 mouse: a virtio tablet, for guests that know it (no mouse capture). */
      tablet: z.boolean().default(true),
      balloon: z.boolean().default(true),
      entropy: z.boolean().default(true),
      /** KVM's CPUID leaves, clock and hints for guests that ask. */
      paravirtual: z.boolean().default(true),
    })
    .default({ tablet: true, balloon: true, entropy: true, paravirtual: true }),
  nics: z
    .array(Nic)
    .max(NICS_MAX)
    .refine((nics) => new Set(nics.map((nic) => nic.id)).size === nics.length, "Two network cards have the same id")
    .default([]),
});
export type VmConfig = z.infer<typeof VmConfig>;
