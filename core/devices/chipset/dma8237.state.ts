// Saved state of the DMA controllers.
import { z } from "zod";
import { bytes, u16, u8, uint } from "../../state/field-schemas.ts";

export const DmaChannelState = z.strictObject({
  baseAddress: u16,
  baseCount: u16,
  address: u16,
  count: u16,
  /** Bits 2 to 7 of the mode register. */
  mode: uint(6),
});
export type DmaChannelState = z.infer<typeof DmaChannelState>;

export const DmaUnitState = z.strictObject({
  command: u8,
  /** Bit n: channel n is masked. */
  mask: uint(4),
  /** Bit n: channel n has reached its terminal count since the status was last read. */
  reached: uint(4),
  /** Requests made through the request register, and on the DREQ pins. */
  softwareRequests: uint(4),
  pinRequests: uint(4),
  /** The byte pointer: the next access is to the high byte. */
  isHighByte: z.boolean(),
  channels: z.tuple([DmaChannelState, DmaChannelState, DmaChannelState, DmaChannelState]),
});
export type DmaUnitState = z.infer<typeof DmaUnitState>;

export const Dma8237State = z.strictObject({
  kind: z.literal("dma8237"),
  version: z.literal(1),
  units: z.tuple([DmaUnitState, DmaUnitState]),
  /** 80h to 8Fh. */
  pages: bytes(16),
});
export type Dma8237State = z.infer<typeof Dma8237State>;

export function powerOnDmaUnit(): DmaUnitState {
  const channel = (): DmaChannelState => ({ baseAddress: 0, baseCount: 0, address: 0, count: 0, mode: 0 });
  return {
    command: 0, mask: 15, reached: 0, softwareRequests: 0, pinRequests: 0, isHighByte: false,
    channels: [channel(), channel(), channel(), channel()],
  };
}
