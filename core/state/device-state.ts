// The form in which devices are saved: plain, versioned data. What is loaded is untrusted until its schema has accepted it.
import type { ZodType } from "zod";

/** Numbers, strings, booleans, byte arrays, nested records and lists: no functions, class instances or BigInt. */
export type PlainData = number | string | boolean | null | Uint8Array | PlainData[] | { [key: string]: PlainData };

export interface DeviceState {
  readonly kind: string;
  readonly version: number;
  readonly [field: string]: PlainData;
}

/** Thrown by a device's load() when the saved state is not one that it could have saved. Nothing has been changed. */
export class StateError extends Error {
  override readonly name = "StateError";
}

/** Checks saved state against its schema. Throws StateError naming the device and the first field at fault. */
export function parseState<T>(schema: ZodType<T>, state: unknown, id: string): T {
  const result = schema.safeParse(state);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new StateError(`Saved state of ${id} is not usable: ${issue?.path.join(".") || "state"}: ${issue?.message ?? "invalid"}`);
}
