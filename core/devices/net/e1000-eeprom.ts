// The 82540EM's EEPROM: 64 words, read bit by bit through EECD as a Microwire part (93C46) or by word through EERD (8254x manual, 5.3 to
// 5.6, 13.4.3 and 13.4.4). Contents: address, identification, checksum. Not modelled: writing to it.
import { z } from "zod";
import { u32 } from "../../state/field-schemas.ts";

const WORDS = 64;
const CLOCK = 0x01, SELECT = 0x02, DATA_IN = 0x04, DATA_OUT = 0x08, FLASH_WRITES = 0x30, REQUEST = 0x40, GRANT = 0x80, PRESENT = 0x100;
const WRITABLE = CLOCK | SELECT | DATA_IN | FLASH_WRITES | REQUEST;
/** Start bit, opcode and address. */
const COMMAND_BITS = 9;
const OPCODE_READ = 2;
/** After so many bits a read has gone round all words. */
const LAST_BIT = COMMAND_BITS + 16 * WORDS;
const CHECKSUM = 0xbaba;
const EERD_START = 0x01, EERD_DONE = 0x10;

export const EepromState = z.strictObject({ eecd: z.int().min(0).max(0x7f), bits: z.int().min(0).max(LAST_BIT), command: z.int().min(0).max(0x1ff), eerd: u32 });

export class E1000Eeprom {
  readonly words: Uint16Array = new Uint16Array(WORDS);
  private eecd = FLASH_WRITES & 0x10;
  /** Bits since and with the start bit, and the first nine of them. */
  private bits = 0;
  private command = 0;
  private eerd = EERD_DONE;

  constructor(mac: Uint8Array, deviceId: number, vendorId: number) {
    for (let i = 0; i < 3; i++) this.words[i] = (mac[2 * i] ?? 0) | ((mac[2 * i + 1] ?? 0) << 8);
    // Signature, 32-bit base addresses, full duplex, identification to be loaded; subsystem and device; flow control in both directions.
    this.words.set([0x6403, 0x001e, vendorId, deviceId, vendorId, 0x3000], 0x0a);
    this.words[WORDS - 1] = CHECKSUM - this.words.reduce((sum, word) => sum + word, 0);
  }

  reset(): void {
    this.eecd = FLASH_WRITES & 0x10;
    this.bits = this.command = 0;
    this.eerd = EERD_DONE;
  }

  readEecd(): number {
    return this.eecd | (this.eecd & REQUEST ? GRANT : 0) | (this.output ? DATA_OUT : 0) | PRESENT;
  }

  /** The data output: a zero after the address, then words from the highest bit on; high while nothing is driven. */
  private get output(): boolean {
    if (this.bits < COMMAND_BITS || (this.command >> 6) % 4 !== OPCODE_READ) return true;
    const bit = this.bits - COMMAND_BITS - 1;
    if (bit < 0) return false;
    const word = this.words[((this.command & 0x3f) + (bit >> 4)) % WORDS] ?? 0;
    return ((word >> (15 - (bit & 15))) & 1) !== 0;
  }

  writeEecd(value: number): void {
    const isRise = (value & CLOCK) !== 0 && (this.eecd & CLOCK) === 0;
    this.eecd = value & WRITABLE;
    if ((value & SELECT) === 0) {
      this.bits = this.command = 0;
    } else if (isRise) {
      const bit = value & DATA_IN ? 1 : 0;
      if (this.bits === 0 && bit === 0) return;
      if (this.bits < COMMAND_BITS) this.command = (this.command << 1) | bit;
      this.bits = this.bits === LAST_BIT ? COMMAND_BITS + 1 : this.bits + 1;
    }
  }

  readEerd(): number {
    return this.eerd;
  }

  writeEerd(value: number): void {
    const address = (value >> 8) & 0xff;
    this.eerd = (value & 0xff00) | EERD_DONE;
    if (value & EERD_START) this.eerd = (this.eerd | ((this.words[address % WORDS] ?? 0) << 16)) >>> 0;
  }

  save(): z.infer<typeof EepromState> {
    const { eecd, bits, command, eerd } = this;
    return { eecd, bits, command, eerd };
  }

  load(saved: z.infer<typeof EepromState>): void {
    this.eecd = saved.eecd & WRITABLE;
    this.bits = saved.bits;
    this.command = saved.command;
    this.eerd = saved.eerd;
  }
}
