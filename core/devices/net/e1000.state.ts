// What an Intel 82540EM saves.
import { z } from "zod";
import { PciFunctionState } from "../../bus/pci-function.ts";
import { bytes, timeNs, u32 } from "../../state/field-schemas.ts";
import { EepromState } from "./e1000-eeprom.ts";
import { PhyState } from "./e1000-phy.ts";
import { FILE_BYTES } from "./e1000-registers.ts";
import { TransmitState } from "./e1000-transmit.ts";

export const E1000State = z.strictObject({
  kind: z.literal("e1000"),
  version: z.literal(1),
  pci: PciFunctionState,
  registers: bytes(FILE_BYTES),
  eeprom: EepromState,
  phy: PhyState,
  transmit: TransmitState,
  mdic: u32,
  ioAddress: u32,
  /** The carrier as the driver knows it. */
  isLinkUp: z.boolean(),
  /** The interrupt pin, and when it may rise again. */
  pin: z.boolean(),
  quietUntilNs: timeNs,
});
export type E1000State = z.infer<typeof E1000State>;
