// x87 instructions done in TypeScript: a fault of the guest becomes the outcome that generated code understands.
import * as L from "../../state/layout.ts";
import type { Cpu } from "../../system/cpu.ts";
import { GuestFault } from "../../system/guest-fault.ts";

/** (cpu, record) -> 0: go on with the next instruction; 2: the exception in FAULT. */
export type Operation = (cpu: Cpu, rec: number) => 0 | 1 | 2;

export const finishSystem = (run: (cpu: Cpu, rec: number) => void): Operation => (cpu, rec) => {
  try {
    run(cpu, rec);
    return 0;
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
    cpu.set(L.FAULT, error.vector + 1);
    cpu.set(L.FAULT_HAS_CODE, error.errorCode === null ? 0 : 1);
    cpu.set(L.FAULT_CODE, error.errorCode ?? 0);
    cpu.setLinear(L.FAULT_ADDRESS, error.cr2);
    return 2;
  }
};
