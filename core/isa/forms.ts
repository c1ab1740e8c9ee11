// Every instruction form of the engine, and the decoder's tables, built once from the rows in `defs/` when this module loads.
import { arithmetic } from "./defs/arithmetic.ts";
import { bits } from "./defs/bits.ts";
import { controlFlow } from "./defs/control-flow.ts";
import { mmx } from "./defs/mmx.ts";
import { moves } from "./defs/moves.ts";
import { sse } from "./defs/sse.ts";
import { sse3 } from "./defs/sse3.ts";
import { sse4 } from "./defs/sse4.ts";
import { stack } from "./defs/stack.ts";
import { strings } from "./defs/strings.ts";
import { system } from "./defs/system.ts";
import { x87 } from "./defs/x87.ts";
import type { ExpandedRow } from "./expand.ts";
import { expandRow } from "./expand.ts";
import type { Form } from "./form.ts";
import type { Row } from "./row.ts";
import type { DecodeTables } from "./table-builder.ts";
import { buildTables } from "./table-builder.ts";

export const rows: readonly Row[] = [
  ...arithmetic,
  ...moves,
  ...stack,
  ...controlFlow,
  ...strings,
  ...bits,
  ...system,
  ...x87,
  ...mmx,
  ...sse,
  ...sse3,
  ...sse4,
];

/** Expands rows to their forms; the order of the rows fixes the ids. */
export function expandRows(from: readonly Row[]): { expanded: ExpandedRow[]; forms: Form[] } {
  const expanded: ExpandedRow[] = [];
  const forms: Form[] = [];
  for (const row of from) {
    for (const entry of expandRow(row, forms.length)) {
      expanded.push(entry);
      forms.push(...entry.forms.values());
    }
  }
  return { expanded, forms };
}

const built = expandRows(rows);

/** Indexed by form id. */
export const forms: readonly Form[] = built.forms;
export const tables: DecodeTables = buildTables(built.expanded);
