// Commands of a network card's control queue (virtio 1.1, 5.1.6.5): receive mode, address tables, address, VLANs.
import type { DescriptorChain } from "./descriptor-chain.ts";
import { TABLE_BYTES, type VirtioNetFilter } from "./virtio-net-filter.ts";

const CLASS_RX = 0, CLASS_MAC = 1, CLASS_VLAN = 2;
const TABLE_SET = 0, ADDRESS_SET = 1;
const VLAN_ADD = 0, VLAN_REMOVE = 1;
const DATA_AT = 2;

/** Does one command. False if it is none of these or too short: the driver hears of an error and nothing has changed. */
export function serveNetControl(chain: DescriptorChain, filter: VirtioNetFilter, setMac: (mac: Uint8Array) => void): boolean {
  const start = new Uint8Array(8);
  const bytes = chain.read(0, start) - DATA_AT;
  const [type, command = 0, first = 0, second = 0] = start;
  if (type === CLASS_RX) return bytes >= 1 && filter.setMode(command, first !== 0);
  if (type === CLASS_VLAN) {
    if (bytes < 2 || command > VLAN_REMOVE || second > 0xf) return false;
    filter.setVlan(first | (second << 8), command === VLAN_ADD);
    return true;
  }
  if (type !== CLASS_MAC) return false;
  if (command === ADDRESS_SET) {
    if (bytes < 6) return false;
    setMac(start.subarray(DATA_AT));
    return true;
  }
  if (command !== TABLE_SET) return false;
  const unicast = readTable(chain, DATA_AT);
  const multicast = unicast && readTable(chain, unicast.end);
  if (!multicast) return false;
  filter.setTables(unicast.addresses, multicast.addresses);
  return true;
}

/** A count and so many addresses, or null where they are not all there; addresses null if there are too many to keep. */
function readTable(chain: DescriptorChain, at: number): { addresses: Uint8Array<ArrayBuffer> | null; end: number } | null {
  const count = new Uint8Array(4);
  if (chain.read(at, count) < 4) return null;
  const length = 6 * new DataView(count.buffer).getUint32(0, true);
  const end = at + 4 + length;
  if (end > chain.readableBytes) return null;
  if (length > TABLE_BYTES) return { addresses: null, end };
  const addresses = new Uint8Array(length);
  chain.read(at + 4, addresses);
  return { addresses, end };
}
