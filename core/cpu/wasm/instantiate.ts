// A module of ours, made and instantiated at once: for tests of generated functions.

/** The exports of the module in `bytes`, whose imports all come from `env`. */
export function instantiate(bytes: Uint8Array, env: Record<string, unknown>): Record<string, unknown> {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env }).exports;
}
