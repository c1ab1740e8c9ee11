// An exception of the guest on its way from where it was found to where the instruction is given up. AMD64 APM vol. 2, 8.2.
// There is one instance, thrown again and again: page faults are frequent and a stack trace would cost more than the fault.

export const DE = 0;
export const DB = 1;
export const NMI = 2;
export const BP = 3;
export const OF = 4;
export const BR = 5;
export const UD = 6;
export const NM = 7;
export const DF = 8;
export const TS = 10;
export const NP = 11;
export const SS = 12;
export const GP = 13;
export const PF = 14;
export const MF = 16;
export const AC = 17;
export const MC = 18;
export const XM = 19;

export class GuestFault extends Error {
  override readonly name = "GuestFault";
  vector = 0;
  errorCode: number | null = null;
  /** Linear address of a page fault. */
  cr2 = 0;
  /** Bits that a #DB fault sets in DR6. */
  dr6 = 0;
}

const instance = new GuestFault("Exception of the guest");

/** Raises an exception. The instance is valid until the next one is raised: copy what is needed before doing anything else. */
export function raise(vector: number, errorCode: number | null, cr2 = 0, dr6 = 0): never {
  instance.vector = vector;
  instance.errorCode = errorCode;
  instance.cr2 = cr2;
  instance.dr6 = dr6;
  throw instance;
}
