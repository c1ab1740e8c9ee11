// Screen frames as they come off the wire (layout at FRAME_MAGIC in core/api/contract.ts). Input is untrusted: a message of
// the wrong shape is null, never an exception. Left out: compressed frames, which the contract does not have.
import { FRAME_HEADER_BYTES, FRAME_MAGIC } from "../../core/api/contract.ts";

export interface Frame {
  id: string;
  thumbnail: boolean;
  screenWidth: number;
  screenHeight: number;
  x: number;
  y: number;
  width: number;
  height: number;
  /** RGBA rows of the rectangle; a view into the message, valid as long as it is kept. */
  pixels: Uint8ClampedArray<ArrayBuffer>;
}

const align4 = (n: number): number => (n + 3) & ~3;

export function parseFrame(message: ArrayBuffer): Frame | null {
  if (message.byteLength < FRAME_HEADER_BYTES) return null;
  const view = new DataView(message);
  if (view.getUint32(0, true) !== FRAME_MAGIC) return null;
  const idLength = view.getUint16(4, true);
  const u16 = (offset: number): number => view.getUint16(offset, true);
  const [screenWidth, screenHeight, x, y, width, height] = [u16(8), u16(10), u16(12), u16(14), u16(16), u16(18)];
  const start = FRAME_HEADER_BYTES + align4(idLength);
  const bytes = width * height * 4;
  if (message.byteLength < start + bytes || x + width > screenWidth || y + height > screenHeight) return null;
  return {
    id: new TextDecoder().decode(new Uint8Array(message, FRAME_HEADER_BYTES, idLength)),
    thumbnail: (u16(6) & 1) !== 0,
    screenWidth,
    screenHeight,
    x,
    y,
    width,
    height,
    pixels: new Uint8ClampedArray(message, start, bytes),
  };
}

/** The inverse of parseFrame, for the fake bridge and tests. */
export function encodeFrame(frame: Frame): ArrayBuffer {
  const id = new TextEncoder().encode(frame.id);
  const start = FRAME_HEADER_BYTES + align4(id.length);
  const message = new ArrayBuffer(start + frame.pixels.length);
  const view = new DataView(message);
  view.setUint32(0, FRAME_MAGIC, true);
  const fields = [id.length, frame.thumbnail ? 1 : 0, frame.screenWidth, frame.screenHeight, frame.x, frame.y, frame.width, frame.height];
  fields.forEach((value, i) => {
    view.setUint16(4 + 2 * i, value, true);
  });
  new Uint8Array(message).set(id, FRAME_HEADER_BYTES);
  new Uint8Array(message).set(frame.pixels, start);
  return message;
}
