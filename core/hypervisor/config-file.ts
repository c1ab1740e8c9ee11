// Reads `machine.json`. What is in it is hostile; what cannot be read says why, in words for the user, and stays as it is.
import { open } from "node:fs/promises";
import { migrateConfig } from "../api/config-migrations.ts";
import { CONFIG_VERSION, VmConfig } from "../api/vm-config.ts";
import type { Failure } from "../api/vm-state.ts";
import { messageOf, systemErrorCode } from "./vm-error.ts";

export const CONFIG_FILE = "machine.json";
const LARGEST_BYTES = 1024 * 1024;

export type ConfigResult = { config: VmConfig } | { failure: Failure };

export async function readConfig(path: string): Promise<ConfigResult> {
  let text: string;
  try {
    const file = await open(path, "r");
    try {
      const info = await file.stat();
      if (!info.isFile()) return unreadable(`${CONFIG_FILE} is not a file.`);
      if (info.size > LARGEST_BYTES) return unreadable(`${CONFIG_FILE} is far too large (${info.size} bytes).`);
      text = await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return unreadable(`The folder has no ${CONFIG_FILE}.`);
    return unreadable(`${CONFIG_FILE} cannot be read: ${messageOf(error)}`);
  }
  return parseConfig(text);
}

export function parseConfig(text: string): ConfigResult {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    return unreadable(`${CONFIG_FILE} is not valid JSON: ${messageOf(error)}`);
  }
  const version = typeof data === "object" && data !== null && "version" in data ? data.version : undefined;
  if (typeof version === "number" && version > CONFIG_VERSION) {
    const message = `${CONFIG_FILE} has version ${version}; this program knows versions up to ${CONFIG_VERSION}. Update the program to use this machine.`;
    return { failure: { code: "configNewer", message } };
  }
  const result = VmConfig.safeParse(migrateConfig(data));
  if (result.success) return { config: result.data };
  const faults = result.error.issues.map((issue) => `${issue.path.join(".") || "(all)"}: ${issue.message}`);
  return { failure: { code: "configUnreadable", message: `${CONFIG_FILE} is not a machine's configuration: ${faults[0] ?? "unknown fault"}`, detail: faults.join("\n") } };
}

export function formatConfig(config: VmConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

function unreadable(message: string): ConfigResult {
  return { failure: { code: "configUnreadable", message } };
}
