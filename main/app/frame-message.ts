// Screen frames as binary messages; the layout is at FRAME_MAGIC in the contract.
import { FRAME_HEADER_BYTES, FRAME_MAGIC } from "../../core/api/contract.ts";
import type { DirtyRect } from "../../core/api/worker-protocol.ts";

export interface FrameMessage {
  bytes: Uint8Array<ArrayBuffer>;
  /** Where the rows of the rectangle go, in `bytes`. */
  pixels: Uint8Array<ArrayBuffer>;
}

export function frameMessage(id: string, isThumbnail: boolean, screenWidth: number, screenHeight: number, rect: DirtyRect): FrameMessage {
  const idBytes = Buffer.from(id, "utf8");
  const start = FRAME_HEADER_BYTES + ((idBytes.length + 3) & ~3);
  const bytes = new Uint8Array(start + rect.width * rect.height * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, FRAME_MAGIC, true);
  const fields = [idBytes.length, isThumbnail ? 1 : 0, screenWidth, screenHeight, rect.x, rect.y, rect.width, rect.height];
  for (const [i, value] of fields.entries()) view.setUint16(4 + i * 2, value, true);
  bytes.set(idBytes, FRAME_HEADER_BYTES);
  return { bytes, pixels: bytes.subarray(start) };
}
