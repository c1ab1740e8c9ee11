// The functions that SSE lifters call by name. To be defined in the module that holds the lifted code.
import type { ModuleBuilder } from "../../wasm/module-builder.ts";
import type { Callee } from "../../wasm/nodes.ts";
import { defineFloatRuntime } from "./float-runtime.ts";
import { defineStringRuntime } from "./string-compare.ts";

export function defineSseRuntime(module: ModuleBuilder): Map<string, Callee> {
  return new Map([...defineFloatRuntime(module), ...defineStringRuntime(module)]);
}
