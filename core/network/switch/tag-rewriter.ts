// A frame with its tag put in or taken out, in buffers that last until the next frame. The views on them are kept by length, so that a
// frame that changes its form costs a copy and no object. Both forms of one frame may be in use at a time.
import { FRAME_MAX_BYTES } from "../port.ts";
import { writeU16 } from "../wire/bytes.ts";
import { ETHERTYPE_VLAN, TAG_BYTES } from "../wire/ethernet.ts";

const ADDRESSES = 12;

export class TagRewriter {
  private readonly tagged = new Uint8Array(FRAME_MAX_BYTES + TAG_BYTES);
  private readonly taggedViews: (Uint8Array | undefined)[] = [];
  private readonly plain = new Uint8Array(FRAME_MAX_BYTES + TAG_BYTES);
  private readonly plainViews: (Uint8Array | undefined)[] = [];

  /** `frame`, which has no tag, with one. */
  withTag(frame: Uint8Array, control: number): Uint8Array {
    this.tagged.set(frame, TAG_BYTES);
    for (let i = 0; i < ADDRESSES; i++) this.tagged[i] = frame[i]!;
    writeU16(this.tagged, ADDRESSES, ETHERTYPE_VLAN);
    writeU16(this.tagged, ADDRESSES + 2, control);
    const length = frame.length + TAG_BYTES;
    return viewOf(this.taggedViews, this.tagged, 0, length);
  }

  /** `frame`, which has a tag, with another control word. */
  withControl(frame: Uint8Array, control: number): Uint8Array {
    this.tagged.set(frame);
    writeU16(this.tagged, ADDRESSES + 2, control);
    return viewOf(this.taggedViews, this.tagged, 0, frame.length);
  }

  /** `frame`, which has a tag, without it. */
  withoutTag(frame: Uint8Array): Uint8Array {
    this.plain.set(frame);
    for (let i = 0; i < ADDRESSES; i++) this.plain[TAG_BYTES + i] = frame[i]!;
    const length = frame.length - TAG_BYTES;
    return viewOf(this.plainViews, this.plain, TAG_BYTES, length);
  }
}

function viewOf(views: (Uint8Array | undefined)[], bytes: Uint8Array, start: number, length: number): Uint8Array {
  let view = views[length];
  if (view === undefined) {
    view = bytes.subarray(start, start + length);
    views[length] = view;
  }
  return view;
}
