// Guest-physical memory as devices, loaders and firmware see it. The engine itself reads the same bytes straight from the
// shared WebAssembly memory; this is the checked door for everyone else.

/** Bounds-checked access to guest RAM. Every address is a guest-physical address and hostile. */
export interface DmaView {
  /** Bytes of RAM, which starts at 0 (holes for devices are not RAM, though they lie within). */
  readonly sizeBytes: number;
  /** True if all of [gpa, gpa+length) is RAM. */
  isRam(gpa: number, length: number): boolean;
  /** Copies out of RAM; bytes that are not RAM read as FFh. */
  read(gpa: number, into: Uint8Array): void;
  /** Copies into RAM, dropping stale translated code; bytes that are not RAM (or are ROM) are left alone. */
  write(gpa: number, from: Uint8Array): void;
}

/** Also lends out the bytes themselves, for devices that move a lot. */
export interface DirectDmaView extends DmaView {
  /** The bytes at [gpa, gpa+length) themselves, or null if not all of it is writable RAM that lies in one piece in the host. */
  direct(gpa: number, length: number): Uint8Array | null;
  /** To be called after bytes that direct() lent have been written: drops stale translated code. */
  changed(gpa: number, length: number): void;
}
