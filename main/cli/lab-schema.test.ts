import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { LAB_SCHEMA_FILE, labSchemaText } from "./lab-schema.ts";

test("the stored schema of lab files is what the program checks them by (node main/cli/lab-schema.ts writes it)", () => {
  assert.equal(readFileSync(LAB_SCHEMA_FILE, "utf8"), labSchemaText());
});
