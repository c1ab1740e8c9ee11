// What is saved of the display adapter, the linear framebuffer with it: that is not in the machine's RAM.
import { z } from "zod";
import { PciFunctionState } from "../../bus/pci-function.ts";
import { bytes, u32 } from "../../state/field-schemas.ts";
import { VbeDispiState } from "./vbe-dispi.ts";
import { PLANE_BYTES } from "./vga-planes.ts";
import { VgaRegistersState } from "./vga-registers.ts";

const MAX_FRAMEBUFFER_BYTES = 256 << 20;

export const VgaState = z.strictObject({
  kind: z.literal("vga"),
  version: z.literal(2),
  registers: VgaRegistersState,
  planes: bytes(4 * PLANE_BYTES),
  latch: u32,
  dispi: VbeDispiState,
  /** Without the zeros at its end. */
  framebuffer: bytes(0, MAX_FRAMEBUFFER_BYTES),
  pci: PciFunctionState,
});
