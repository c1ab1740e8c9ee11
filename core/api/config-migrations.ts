// Older versions of machine.json, brought up to the newest one step at a time. A step changes only what its version changed; what
// is wrong with the rest is for the schema to say. Each version has a stored sample beside the test.
import { CONFIG_VERSION } from "./vm-config.ts";

type Fields = Record<string, unknown>;

/** By the version that a step starts from. */
const STEPS: Readonly<Record<number, (config: Fields) => Fields>> = {
  // Version 2 brought drives, firmware and optional devices. Machines of before had none of them, and their kernels saw no tablet.
  1: (config) => ({ ...config, drives: [], firmware: { kind: "ringfence" }, devices: { tablet: false, balloon: false, entropy: false, paravirtual: true } }),
  // Version 3 brought network cards.
  2: (config) => ({ ...config, nics: [] }),
};

/** What is not an older configuration comes back as it is. */
export function migrateConfig(data: unknown): unknown {
  if (typeof data !== "object" || data === null || Array.isArray(data)) return data;
  let config = data as Fields; // an object that came from JSON
  for (;;) {
    const { version } = config;
    const step = typeof version === "number" && version < CONFIG_VERSION && Object.hasOwn(STEPS, version) ? STEPS[version] : undefined;
    if (!step) return config;
    config = { ...step(config), version: Number(version) + 1 };
  }
}
