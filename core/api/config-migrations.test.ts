import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { migrateConfig } from "./config-migrations.ts";
import { CONFIG_VERSION, VmConfig } from "./vm-config.ts";

const sample = (version: number): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`__samples__/machine-v${version}.json`, import.meta.url), "utf8")) as Record<string, unknown>;

test("a machine of version 1 keeps all it had and gets no devices that it did not have", () => {
  const old = sample(1);
  const config = VmConfig.parse(migrateConfig(old));
  assert.equal(config.version, CONFIG_VERSION);
  for (const field of ["id", "name", "notes", "createdAt", "memoryMiB", "cpu", "boot"] as const) assert.deepEqual(config[field], old[field]);
  assert.deepEqual(config.drives, []);
  assert.deepEqual(config.firmware, { kind: "ringfence" });
  assert.equal(config.devices.tablet, false);
});

test("a machine of version 2 keeps all it had and gets no network cards", () => {
  const old = sample(2);
  assert.deepEqual(VmConfig.parse(migrateConfig(old)), { ...old, version: CONFIG_VERSION, nics: [] });
});

test("what is not an older configuration comes back as it is", () => {
  for (const data of [null, 3, "text", [], { version: "1" }, { version: 0 }, { version: -1 }, { version: 1.5 }, { version: CONFIG_VERSION }, {}]) {
    assert.deepEqual(migrateConfig(data), data);
  }
});
