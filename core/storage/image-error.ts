// Why an image could not be opened, made or read, as a sentence that names the file.
import type { ErrorCode } from "../api/vm-state.ts";

export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
