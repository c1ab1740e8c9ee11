// Registers of the Intel 82540EM by offset (Intel 8254x Software Developer's Manual, chapter 13): names, values after reset, and which bits
// a driver may write without anything happening. What is not listed reads as zero.

export const CTRL = 0x0000, STATUS = 0x0008, EECD = 0x0010, EERD = 0x0014, CTRL_EXT = 0x0018, MDIC = 0x0020, VET = 0x0038;
export const ICR = 0x00c0, ITR = 0x00c4, ICS = 0x00c8, IMS = 0x00d0, IMC = 0x00d8, RCTL = 0x0100, TCTL = 0x0400;
export const RDBAL = 0x2800, RDBAH = 0x2804, RDLEN = 0x2808, RDH = 0x2810, RDT = 0x2818;
export const TDBAL = 0x3800, TDBAH = 0x3804, TDLEN = 0x3808, TDH = 0x3810, TDT = 0x3818;
export const STATISTICS = 0x4000, STATISTICS_END = 0x4100;
export const MPC = 0x4010, GPRC = 0x4074, BPRC = 0x4078, MPRC = 0x407c, GPTC = 0x4080, GORC = 0x4088, GOTC = 0x4090, TOR = 0x40c0, TOT = 0x40c8;
export const TPR = 0x40d0, TPT = 0x40d4, MPTC = 0x40f0, BPTC = 0x40f4, TSCTC = 0x40f8;
export const MTA = 0x5200, RAL = 0x5400, RAH = 0x5404, VFTA = 0x5600;
export const FILE_BYTES = 0x6000;

export const CTRL_LINK_UP = 0x40, CTRL_RESET = 0x04000000, CTRL_VLAN = 0x40000000, CTRL_PHY_RESET = 0x80000000;
const CTRL_AFTER_RESET = 0x00000241;
export const INT_TX_WRITTEN = 0x01, INT_TX_EMPTY = 0x02, INT_LINK = 0x04, INT_RX_LOW = 0x10, INT_RX_OVERRUN = 0x40, INT_RX = 0x80, INT_MDIO = 0x200;
const INTERRUPTS = 0x1ffff;

const ADDRESS_LOW = 0xfffffff0, RING_LENGTH = 0xfff80, INDEX = 0xffff, ALL = 0xffffffff;

/** First and last offset, and the writable bits. */
const WRITABLE: readonly [number, number, number][] = [
  [CTRL_EXT, CTRL_EXT, ALL & ~0x2000],
  [0x0028, 0x0030, ALL], // flow control addresses and type
  [VET, VET, 0xffff],
  [ITR, ITR, 0xffff],
  [RCTL, RCTL, 0x07ffffff],
  [0x0170, 0x0178, ALL], // flow control timer, transmit configuration word
  [TCTL, 0x0410, 0x3fffffff], // with TIPG
  [0x0458, 0x0458, 0xffff], // AIFS
  [0x0e00, 0x0e00, ALL], // LEDCTL
  [0x1000, 0x1000, 0xffff], // packet buffer allocation
  [0x2160, 0x2168, 0x8000fff8], // flow control thresholds
  [RDBAL, RDBAL, ADDRESS_LOW],
  [RDBAH, RDBAH, ALL],
  [RDLEN, RDLEN, RING_LENGTH],
  [RDH, RDH, INDEX],
  [RDT, RDT, INDEX],
  [0x2820, 0x282c, ALL], // receive delays and thresholds
  [TDBAL, TDBAL, ADDRESS_LOW],
  [TDBAH, TDBAH, ALL],
  [TDLEN, TDLEN, RING_LENGTH],
  [TDH, TDH, INDEX],
  [TDT, TDT, INDEX],
  [0x3820, 0x3830, ALL], // transmit delays and thresholds
  [0x5000, 0x5000, 0x3ff], // RXCSUM
  [MTA, 0x53fc, ALL],
  [RAL, 0x547c, ALL],
  [VFTA, 0x57fc, ALL],
  [0x5800, 0x5820, ALL], // wake-up control, management
];

/** Bits that a write stores, by word. */
const masks = new Uint32Array(FILE_BYTES / 4);
for (const [first, last, bits] of WRITABLE) masks.fill(bits, first / 4, last / 4 + 1);

/** The stored registers. Those that are computed when read have no word here. */
export class E1000Registers {
  readonly words: Uint32Array = new Uint32Array(FILE_BYTES / 4);

  reset(mac: Uint8Array): void {
    this.words.fill(0);
    this.set(CTRL, CTRL_AFTER_RESET);
    this.set(0x1000, 0x0030);
    const at = (i: number): number => mac[i] ?? 0;
    this.set(RAL, (at(0) | (at(1) << 8) | (at(2) << 16) | (at(3) << 24)) >>> 0);
    this.set(RAH, (at(4) | (at(5) << 8) | 0x80000000) >>> 0);
  }

  get(offset: number): number {
    return this.words[offset >> 2] ?? 0;
  }

  set(offset: number, value: number): void {
    this.words[offset >> 2] = value;
  }

  /** A driver's write to a register that only stores. */
  write(offset: number, value: number): void {
    const mask = masks[offset >> 2] ?? 0;
    if (mask !== 0) this.words[offset >> 2] = value & mask;
  }

  /** Adds to a statistics register, which stops at its end. */
  count(offset: number, by = 1): void {
    this.set(offset, Math.min(0xffffffff, this.get(offset) + by));
  }

  /** Adds to a statistics register of 64 bits. */
  countLong(offset: number, by: number): void {
    const low = this.get(offset) + by;
    this.set(offset, low);
    if (low > 0xffffffff) this.count(offset + 4);
  }

  /** Reads and clears a statistics register; of one of 64 bits, the upper half clears both. */
  takeStatistic(offset: number): number {
    const value = this.get(offset);
    const high = offset & ~4;
    const isLong = high === GORC || high === GOTC || high === TOR || high === TOT;
    if (isLong && (offset & 4) === 0) return value;
    this.set(offset, 0);
    if (isLong) this.set(high, 0);
    return value;
  }

  save(): Uint8Array {
    const saved = new Uint8Array(FILE_BYTES);
    const view = new DataView(saved.buffer);
    for (let i = 0; i < this.words.length; i++) view.setUint32(4 * i, this.words[i] ?? 0, true);
    return saved;
  }

  /** Takes what save() gave; of anything else, what could have been there. */
  load(saved: Uint8Array): void {
    const view = new DataView(saved.buffer, saved.byteOffset, saved.length);
    for (let i = 0; i < this.words.length; i++) this.words[i] = view.getUint32(4 * i, true) & storable(4 * i);
  }
}

function storable(offset: number): number {
  if (offset === CTRL) return ALL & ~(CTRL_RESET | CTRL_PHY_RESET);
  if (offset === ICR || offset === IMS) return INTERRUPTS;
  if (offset >= STATISTICS && offset < STATISTICS_END) return ALL;
  return masks[offset >> 2] ?? 0;
}

/** The guest-physical address of a ring's descriptor, or -1 where no RAM can be. */
export function descriptorAddress(registers: E1000Registers, base: number, index: number): number {
  return registers.get(base + 4) === 0 ? registers.get(base) + 16 * index : -1;
}
