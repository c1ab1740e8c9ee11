// Which instructions a region cannot do by itself but calls as an interpreter's handler, with every register stored and loaded
// again. The list is a bound: it may get shorter, and whoever makes it longer has to say why.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { D_ADDRSIZE, D_BASE, D_FORM, D_INDEX, D_IS_MEM, D_REG, D_RM, D_SEG, D_SIZE } from "../../isa/decoder.ts";
import type { Form } from "../../isa/form.ts";
import { forms } from "../../isa/forms.ts";
import { buildInterpreter } from "../interp/build.ts";
import { lifterOf } from "../lift/registry.ts";
import * as L from "../state/layout.ts";
import { RegionModule } from "./region-module.ts";
import { writeRegion } from "./region-writer.ts";

const { runtime } = buildInterpreter();

function isRefused(form: Form, flavour: "long" | "flat", isMemory: boolean): boolean {
  const decoded = new Int32Array(D_SIZE);
  decoded[D_FORM] = form.id;
  decoded[D_ADDRSIZE] = flavour === "long" ? 8 : 4;
  decoded[D_REG] = 1;
  decoded[D_RM] = 2;
  decoded[D_IS_MEM] = isMemory ? 1 : 0;
  decoded[D_BASE] = isMemory ? 6 : -1;
  decoded[D_INDEX] = -1;
  decoded[D_SEG] = L.DS;
  const instruction = { offset: 0, length: 4, form, decoded, isPlain: true };
  const block = { start: 0, instructions: [instruction], end: { kind: "leave", to: { offset: 4, block: -1 } } } as const;
  const region = { blocks: [block], instructionCount: 1, ranges: [{ from: 0, to: 4 }], pages: [] };
  return writeRegion(new RegionModule(runtime), region, { flavour, origin: undefined, isRefused: () => false }).calls.length > 0;
}

function refusedForms(): string[] {
  const found = new Set<string>();
  for (const form of forms) {
    if (form.flow !== "next" || !lifterOf(form)) continue;
    const hasRm = form.operands.some((o) => o.kind === "gprRm" || o.kind === "mmxRm" || o.kind === "xmmRm");
    const needsMemory = form.operands.some((o) => o.kind === "mem" || o.kind === "moffs");
    for (const flavour of ["long", "flat"] as const) {
      if (flavour === "long" ? form.row.only === "not64" : form.row.only === "64" || form.opSize === 8) continue;
      for (const isMemory of [false, true]) {
        if (isMemory ? !hasRm && !needsMemory : needsMemory) continue;
        if (isRefused(form, flavour, isMemory)) found.add(form.row.syn + (isMemory ? " in memory" : ""));
      }
    }
  }
  return [...found].sort();
}

test("only these forms are called as handlers", () => {
  const expected = readFileSync(new URL("./refused-forms.txt", import.meta.url), "utf8").split("\n").filter((line) => line !== "");
  assert.deepEqual(refusedForms(), expected);
});

if (process.env["RINGFENCE_SHOW"]) console.log(refusedForms().join("\n"));
