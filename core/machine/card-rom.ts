// An expansion ROM fitted to the card it is put on (PCI Firmware 3.0, section 5.1): one file serves cards of several numbers, and some
// firmware runs a ROM only if its PCI data structure has the card's own. Its sum is kept by the header's byte 6, which is reserved.

const SIGNATURE = 0xaa55;
const POINTER_AT = 0x18;
const PCIR = 0x52494350;
const STRUCTURE_BYTES = 0x18;
const VENDOR_AT = 4, DEVICE_AT = 6, LENGTH_AT = 0x10, TYPE_AT = 0x14, INDICATOR_AT = 0x15;
const TYPE_PC = 0;
const SUM_AT = 6;

/** A copy with the card's numbers in every image for PCs. What is not as the specification has it stays as it is. */
export function romForCard(rom: Uint8Array, vendorId: number, deviceId: number): Uint8Array {
  const fitted = rom.slice();
  const view = new DataView(fitted.buffer);
  for (let image = 0; image + POINTER_AT + 2 <= fitted.length && view.getUint16(image, true) === SIGNATURE; ) {
    const at = image + view.getUint16(image + POINTER_AT, true);
    if (at === image || at + STRUCTURE_BYTES > fitted.length || view.getUint32(at, true) !== PCIR) break;
    if (fitted[at + TYPE_AT] === TYPE_PC) {
      const sum = (): number => [0, 1, 2, 3].reduce((total, i) => total + (fitted[at + VENDOR_AT + i] as number), 0);
      const before = sum();
      view.setUint16(at + VENDOR_AT, vendorId, true);
      view.setUint16(at + DEVICE_AT, deviceId, true);
      fitted[image + SUM_AT] = (fitted[image + SUM_AT] as number) + before - sum();
    }
    const length = view.getUint16(at + LENGTH_AT, true) * 512;
    if (length === 0 || ((fitted[at + INDICATOR_AT] as number) & 0x80) !== 0) break;
    image += length;
  }
  return fitted;
}
