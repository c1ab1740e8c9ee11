// Which frames a network card lets in, as its driver has asked by control commands (virtio 1.1, 5.1.6.5.1 to 5.1.6.5.3). Without the
// features for it the driver gets everything. A full address table lets all addresses of its kind in.
import { FILTER_ADDRESSES, type NetFilterState, VLAN_BYTES } from "./virtio-net.state.ts";

/** Receive mode bits: numbers of the commands of class RX. */
const PROMISCUOUS = 0, ALL_MULTICAST = 1, ALL_UNICAST = 2, NO_MULTICAST = 3, NO_UNICAST = 4, NO_BROADCAST = 5;
const TYPE_VLAN = 0x8100;

export class VirtioNetFilter {
  private mode = 1 << PROMISCUOUS;
  private unicast = new Uint8Array(0);
  private multicast = new Uint8Array(0);
  private isUnicastFull = false;
  private isMulticastFull = false;
  private vlans = new Uint8Array(VLAN_BYTES);

  reset(): void {
    this.mode = 1 << PROMISCUOUS;
    this.unicast = this.multicast = new Uint8Array(0);
    this.isUnicastFull = this.isMulticastFull = false;
    this.vlans.fill(0);
  }

  /** A command of class RX. False if there is none of that number. */
  setMode(command: number, isOn: boolean): boolean {
    if (command > NO_BROADCAST) return false;
    this.mode = isOn ? this.mode | (1 << command) : this.mode & ~(1 << command);
    return true;
  }

  /** `null` stands for a list that is too long. */
  setTables(unicast: Uint8Array<ArrayBuffer> | null, multicast: Uint8Array<ArrayBuffer> | null): void {
    this.unicast = unicast ?? new Uint8Array(0);
    this.multicast = multicast ?? new Uint8Array(0);
    this.isUnicastFull = unicast === null;
    this.isMulticastFull = multicast === null;
  }

  setVlan(id: number, isIn: boolean): void {
    const at = (id >> 3) & (VLAN_BYTES - 1);
    const bit = 1 << (id & 7);
    this.vlans[at] = isIn ? (this.vlans[at] ?? 0) | bit : (this.vlans[at] ?? 0) & ~bit;
  }

  private has(mode: number): boolean {
    return (this.mode & (1 << mode)) !== 0;
  }

  accepts(frame: Uint8Array, mac: Uint8Array, filtersVlans: boolean): boolean {
    if (this.has(PROMISCUOUS)) return true;
    if (filtersVlans && (((frame[12] as number) << 8) | (frame[13] as number)) === TYPE_VLAN && frame.length > 15) {
      const id = (((frame[14] as number) & 0xf) << 8) | (frame[15] as number);
      // Identifier 0 is no VLAN, only a priority.
      if (id !== 0 && ((this.vlans[id >> 3] as number) & (1 << (id & 7))) === 0) return false;
    }
    if (((frame[0] as number) & 1) === 0) {
      if (this.has(NO_UNICAST)) return false;
      return this.has(ALL_UNICAST) || this.isUnicastFull || isIn(mac, frame) || isIn(this.unicast, frame);
    }
    if (isBroadcast(frame)) return !this.has(NO_BROADCAST);
    if (this.has(NO_MULTICAST)) return false;
    return this.has(ALL_MULTICAST) || this.isMulticastFull || isIn(this.multicast, frame);
  }

  save(): NetFilterState {
    const { mode, isUnicastFull, isMulticastFull } = this;
    const copy = (bytes: Uint8Array): Uint8Array => bytes.slice();
    return { mode, isUnicastFull, isMulticastFull, unicast: copy(this.unicast), multicast: copy(this.multicast), vlans: copy(this.vlans) };
  }

  load(saved: NetFilterState): void {
    this.mode = saved.mode;
    this.unicast = Uint8Array.from(saved.unicast);
    this.multicast = Uint8Array.from(saved.multicast);
    this.isUnicastFull = saved.isUnicastFull;
    this.isMulticastFull = saved.isMulticastFull;
    this.vlans.set(saved.vlans);
  }
}

export const TABLE_BYTES = 6 * FILTER_ADDRESSES;

function isBroadcast(frame: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (frame[i] !== 0xff) return false;
  return true;
}

/** True if the frame goes to one of the addresses. */
function isIn(addresses: Uint8Array, frame: Uint8Array): boolean {
  for (let at = 0; at < addresses.length; at += 6) {
    let i = 0;
    while (i < 6 && addresses[at + i] === frame[i]) i++;
    if (i === 6) return true;
  }
  return false;
}
