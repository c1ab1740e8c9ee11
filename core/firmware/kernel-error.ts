// Why a kernel cannot be started. The codes are those of the app's contract, and the message names the file.

export type KernelErrorCode = "notAKernel" | "initrdTooLarge" | "notEnoughMemory" | "badRequest";

export class KernelError extends Error {
  override readonly name = "KernelError";
  readonly code: KernelErrorCode;
  constructor(code: KernelErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function formatMiB(bytes: number): string {
  const mib = bytes / 0x100000;
  return `${mib < 10 ? Math.ceil(mib * 10) / 10 : Math.ceil(mib)} MiB`;
}
