// A refusal or failure that the user is told about: a code to translate, a sentence with the details.
import type { ErrorCode, Failure } from "../api/vm-state.ts";

export class VmError extends Error {
  override readonly name = "VmError";
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; detail?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
  }

  static from(failure: Failure): VmError {
    return new VmError(failure.code, failure.message, failure.detail === undefined ? {} : { detail: failure.detail });
  }
}

/** The `code` of a system error ("ENOENT"), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
