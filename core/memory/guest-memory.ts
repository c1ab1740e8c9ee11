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
