// The way out of a switch: a frame in the form that its VLAN has on a port (IEEE 802.1Q clause 8.8), within the port's limits, counted and
// mirrored. Whether it may go there at all has been decided before.
import { TAG_BYTES } from "../wire/ethernet.ts";
import * as count from "./counters.ts";
import type { SwitchPort } from "./switch-port.ts";
import { TagRewriter } from "./tag-rewriter.ts";

export class Egress {
  private readonly rewriter = new TagRewriter();

  /** Sends a frame of a VLAN by a port. A flood hands the form that was made for one port on to the next. */
  emit(to: SwitchPort, frame: Uint8Array, vlan: number, isTagged: boolean, control: number, rewritten: Uint8Array | undefined): Uint8Array | undefined {
    const plainLength = isTagged ? frame.length - TAG_BYTES : frame.length;
    if (plainLength > to.maxFrame) {
      to.counters[count.DROP_OVERSIZED]!++;
      return rewritten;
    }
    if (to.blockedMacs !== null && to.isBlocked(frame)) return rewritten;
    const wantsTag = vlan !== to.untaggedVlan;
    if (wantsTag && isTagged && (control & 0xfff) === vlan) this.transmit(to, frame);
    else if (!wantsTag && !isTagged) this.transmit(to, frame);
    else if (!wantsTag) this.transmit(to, this.rewriter.withoutTag(frame));
    else {
      const tag = (control & 0xf000) | vlan;
      rewritten ??= isTagged ? this.rewriter.withControl(frame, tag) : this.rewriter.withTag(frame, tag);
      this.transmit(to, rewritten);
    }
    return rewritten;
  }

  /** Sends a frame as it is. */
  transmit(port: SwitchPort, frame: Uint8Array): void {
    const { end } = port;
    if (end === null || !end.linkUp) return;
    if (!end.canSend()) {
      port.counters[count.DROP_OVERRUN]!++;
      return;
    }
    port.counters[count.SENT_FRAMES]!++;
    port.counters[count.SENT_BYTES]! += frame.length;
    end.send(frame);
    if (port.mirrors.length > 0) this.mirror(port, frame);
  }

  /** Copies what a port receives or sends to those that mirror it. */
  mirror(port: SwitchPort, frame: Uint8Array): void {
    for (const mirror of port.mirrors) this.transmit(mirror, frame);
  }
}
