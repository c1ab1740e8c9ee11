// The rows and the tables: what the builder refuses, and that every form of the real rows can be reached.
import assert from "node:assert/strict";
import { test } from "node:test";
import { expandRows, forms, rows, tables } from "./forms.ts";
import type { Row } from "./row.ts";
import { buildTables } from "./table-builder.ts";

function build(...some: Row[]): void {
  buildTables(expandRows(some).expanded);
}

test("rows that overlap are refused", () => {
  assert.throws(
    () => build({ enc: "0F 10 /r", syn: "a Gv,Ev", acc: "w,r" }, { enc: "0F 10 /3", syn: "b Ev", acc: "r" }),
    /overlap at opcode 10: "a Gv,Ev" and "b Ev"/,
  );
  assert.throws(
    () => build({ enc: "F3 0F 10 /r", syn: "a Vss,Wss", acc: "w,r" }, { enc: "0F 10 /r", syn: "b Vps,Wps", acc: "w,r" }),
    /overlap/,
  );
  assert.throws(() => build({ enc: "50+r", syn: "a Zv", acc: "r" }, { enc: "57", syn: "b" }), /overlap/);
  assert.throws(() => build({ enc: "D8 /0", syn: "a Ev", acc: "r" }, { enc: "D8 /C1", syn: "b" }), /overlap/);
});

test("rows told apart by a selector or by mode are accepted", () => {
  build({ enc: "NP 0F 10 /r", syn: "a Vps,Wps", acc: "w,r" }, { enc: "66 0F 10 /r", syn: "b Vpd,Wpd", acc: "w,r" });
  build({ enc: "0F 12 /r", syn: "a Vq,Mq", acc: "w,r" }, { enc: "0F 12 /r", syn: "b Vq,Uq", acc: "w,r" });
  build({ enc: "63 /r", syn: "a Ew,Gw", acc: "w,r", only: "not64" }, { enc: "63 /r", syn: "b Gv,Ed", acc: "w,r", only: "64" });
});

test("rows that contradict each other or take a prefix byte are refused", () => {
  assert.throws(() => build({ enc: "NP 0F 10 /r", syn: "a Gv", acc: "w" }, { enc: "F3 0F 10", syn: "b" }), /disagree about ModR\/M/);
  assert.throws(() => build({ enc: "66", syn: "a" }), /prefix byte|Opcode/);
  assert.throws(() => build({ enc: "40+r", syn: "inc Zv", acc: "rw" }), /prefix byte/);
});

test("slips in the notation are refused", () => {
  assert.throws(() => build({ enc: "01 /r", syn: "add Ev,Gv", acc: "rw" }), /Access list/);
  assert.throws(() => build({ enc: "01 /r", syn: "add Ev,Gk", acc: "rw,r" }), /operand size "k"/);
  assert.throws(() => build({ enc: "01 /r", syn: "add Ev,Bv", acc: "rw,r" }), /Unknown operand "Bv"/);
  assert.throws(() => build({ enc: "01 /8", syn: "add Ev", acc: "rw" }), /selector/);
  assert.throws(() => build({ enc: "01 /r", syn: "add Ev", acc: "rw", flags: "w:x" }), /Unknown flag "x"/);
  assert.throws(() => build({ enc: "0F 0F 01", syn: "x" }), /Opcode bytes/);
});

test("ids are indices, and every form is reached from some opcode", () => {
  const reached = new Set<number>();
  const visit = (reference: number): void => {
    if (reference < 0) {
      for (const form of tables.leaves.subarray(~reference * 3, ~reference * 3 + 3)) reached.add(form);
      return;
    }
    const count = [4, 2, 8, 8, 2, 2][tables.nodes[reference] ?? -1] ?? 0;
    for (let value = 0; value < count; value++) visit(tables.nodes[reference + 1 + value] ?? ~0);
  };
  for (const entry of tables.top) visit(entry >> 1);
  for (const [index, form] of forms.entries()) {
    assert.equal(form.id, index);
    assert.ok(reached.has(index), `${form.mnemonic} (${form.row.enc})`);
  }
});

test("forms keep their promises to lifters", () => {
  for (const form of forms) {
    const memory = form.operands.filter((spec) => ["gprRm", "mmxRm", "xmmRm", "mem", "moffs"].includes(spec.kind));
    assert.ok(memory.length <= 1, `${form.mnemonic}: at most one operand may be memory`);
    if (form.flow !== "next") assert.ok(form.ends, `${form.mnemonic} ends its block`);
    if (form.lockable) assert.ok(form.operands[0]?.write, `${form.mnemonic}: LOCK needs a destination`);
    if (form.align !== 0) assert.equal(memory.length, 1, `${form.mnemonic}: alignment of what?`);
    assert.equal(form.flagsWritten & form.flagsUndefined, 0, `${form.mnemonic}: a flag is either defined or not`);
  }
  assert.ok(rows.length > 800);
});
