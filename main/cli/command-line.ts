// Reading of arguments that several commands share. Whatever is wrong is a UsageError: one sentence on stderr, status 2.
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { RAM_MAX_MIB, RAM_MIN_MIB } from "../../core/api/vm-config.ts";
import type { BootFiles } from "../../core/api/worker-protocol.ts";

export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const BOOT_OPTIONS = {
  kernel: { type: "string" },
  initrd: { type: "string" },
  append: { type: "string" },
  module: { type: "string", multiple: true },
  memory: { type: "string" },
  cap: { type: "string" },
} as const;

export interface BootValues {
  kernel?: string | undefined;
  initrd?: string | undefined;
  append?: string | undefined;
  module?: string[] | undefined;
  memory?: string | undefined;
  cap?: string | undefined;
}

/** parseArgs, with its complaints as UsageError and the order of the options. */
export function parse<T extends NonNullable<ParseArgsConfig["options"]>>(args: string[], options: T) {
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: true, tokens: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

export function wholeNumber(text: string, name: string, least: number, most: number): number {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw new UsageError(`--${name} needs a whole number from ${least} to ${most}, not "${text}".`);
  return value;
}

export function seconds(text: string, name: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 1e6)) throw new UsageError(`--${name} needs a number of seconds, not "${text}".`);
  return value;
}

export function memoryOf(values: BootValues): number {
  return values.memory === undefined ? 256 : wholeNumber(values.memory, "memory", RAM_MIN_MIB, RAM_MAX_MIB);
}

export function capOf(values: BootValues): number {
  return values.cap === undefined ? 100 : wholeNumber(values.cap, "cap", 1, 100);
}

/** Undefined: nothing was said, so the demo guest. Paths become absolute. */
export function bootFilesOf(values: BootValues): Extract<BootFiles, { kind: "kernel" }> | undefined {
  const { kernel, initrd, append, module } = values;
  if (kernel === undefined) {
    for (const name of ["initrd", "append", "module"] as const) if (values[name] !== undefined) throw new UsageError(`--${name} needs --kernel.`);
    return undefined;
  }
  const modules = (module ?? []).map((text) => text.trim().replace(/^\S+/, (path) => resolve(path)));
  if (modules.includes("")) throw new UsageError("--module needs a file.");
  if ((append ?? "").length > 4095) throw new UsageError("--append is longer than 4095 characters.");
  return { kind: "kernel", kernel: resolve(kernel), append: append ?? "", modules, ...(initrd === undefined ? {} : { initrd: resolve(initrd) }) };
}

/** A file that is going to be written at the end: what would fail then should fail now. */
export function outputPath(path: string, name: string): string {
  const absolute = resolve(path);
  const folder = resolve(absolute, "..");
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new UsageError(`--${name}: there is no folder ${folder}.`);
  if (existsSync(absolute) && statSync(absolute).isDirectory()) throw new UsageError(`--${name}: ${absolute} is a folder.`);
  return absolute;
}
