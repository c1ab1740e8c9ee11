// What is saved of the display adapter. The linear framebuffer is the machine's memory and is saved with it, not here.
import { z } from "zod";
import { PciFunctionState } from "../../bus/pci-function.ts";
import { bytes, u32 } from "../../state/field-schemas.ts";
import { VbeDispiState } from "./vbe-dispi.ts";
import { PLANE_BYTES } from "./vga-planes.ts";
import { VgaRegistersState } from "./vga-registers.ts";

export const VgaState = z.strictObject({
  kind: z.literal("vga"),
  version: z.literal(1),
  registers: VgaRegistersState,
  planes: bytes(4 * PLANE_BYTES),
  latch: u32,
  dispi: VbeDispiState,
  pci: PciFunctionState,
});
