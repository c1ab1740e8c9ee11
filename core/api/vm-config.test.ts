import assert from "node:assert/strict";
import { test } from "node:test";
import { CPU_MODELS } from "../cpu/models/cpu-model.ts";
import { CPU_MODEL_NAMES } from "./vm-config.ts";

test("every CPU model can be chosen", () => {
  assert.deepEqual([...CPU_MODEL_NAMES].sort(), CPU_MODELS.map((model) => model.name).sort());
});
