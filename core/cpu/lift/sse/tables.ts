// Byte selectors of the shuffles by immediate (PSHUFD, SHUFPS, PSHUFLW, PSHUFW, PSHUFHW): 256 vectors for each, kept in the
// machine's memory because the immediate is known only when the instruction runs.

/** Free space of the memory layout between the jump cache and the block table. */
export const SSE_TABLES = 0x80000;
export const PSHUFD_TABLE = SSE_TABLES;
export const PSHUFLW_TABLE = SSE_TABLES + 0x1000;
export const PSHUFHW_TABLE = SSE_TABLES + 0x2000;
export const SSE_TABLES_BYTES = 0x3000;

export const dwordSelector = (imm: number, i: number): number => ((imm >> ((i >> 2) * 2)) & 3) * 4 + (i & 3);
const wordSelector = (imm: number, i: number): number => ((imm >> (((i >> 1) & 3) * 2)) & 3) * 2 + (i & 1);
export const lowWordSelector = (imm: number, i: number): number => (i < 8 ? wordSelector(imm, i) : i);
export const highWordSelector = (imm: number, i: number): number => (i < 8 ? i : wordSelector(imm, i) + 8);

/** Fills the tables; once, before the module runs. */
export function writeSseTables(memory: Uint8Array): void {
  for (let imm = 0; imm < 256; imm++) {
    for (let i = 0; i < 16; i++) {
      memory[PSHUFD_TABLE + imm * 16 + i] = dwordSelector(imm, i);
      memory[PSHUFLW_TABLE + imm * 16 + i] = lowWordSelector(imm, i);
      memory[PSHUFHW_TABLE + imm * 16 + i] = highWordSelector(imm, i);
    }
  }
}
