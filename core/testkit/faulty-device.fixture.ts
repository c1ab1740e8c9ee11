// A small device with one fault, named by the FAULT variable, under the conformance suite: device-conformance.test.ts runs it.
import { z } from "zod";
import type { Device, IrqLine } from "../bus/device.ts";
import { type DeviceState, parseState } from "../state/device-state.ts";
import { deviceConformance } from "./device-conformance.ts";

const fault = process.env["FAULT"] ?? "none";
const State = z.strictObject({ kind: z.literal("faulty"), version: z.literal(1), value: z.int().min(0).max(255), list: z.array(z.int()).length(2) });
const Lenient = z.looseObject({ value: z.any(), list: z.any() });

class Faulty implements Device {
  readonly id = "faulty";
  readonly kind = "faulty";
  private readonly irq: IrqLine;
  private value = 0;
  private list = [0, 0];
  private hidden = 0;

  constructor(irq: IrqLine) {
    this.irq = irq;
  }

  readReg(_bank: number, offset: number, size: number): number {
    if (fault === "throws" && offset === 3) throw new Error("odd");
    if (fault === "wide" && size === 1) return 256;
    return fault === "hidden" ? this.hidden : this.value;
  }

  writeReg(_bank: number, offset: number, _size: number, value: number): void {
    this.value = value & 0xff;
    this.list[offset & 1] = offset;
    this.hidden = (this.hidden + value) & 0xff;
    this.irq.set(this.value > 127);
  }

  reset(): void {
    if (fault !== "keeps") this.value = 0;
    this.list = [0, 0];
    this.irq.set(this.value > 127);
  }

  save(): DeviceState {
    return { kind: "faulty", version: 1, value: this.value, list: fault === "aliased" ? this.list : [...this.list] };
  }

  load(state: unknown): void {
    const { value, list }: { value: number; list: number[] } = fault === "lenient" ? (Lenient.parse(state) as { value: number; list: number[] }) : parseState(State, state, this.id);
    this.value = value;
    this.list = [...list];
    if (fault !== "silent") this.irq.set(this.value > 127);
  }
}

deviceConformance(
  fault,
  (bench) => new Faulty(bench.irq()),
  (device) => {
    if (fault !== "idle") device.writeReg(0, 1, 1, 200);
  },
  { banks: [4] },
);
