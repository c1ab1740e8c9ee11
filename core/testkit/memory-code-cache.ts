// A code cache that keeps what one engine has made for another, without native code and without a disk.
import type { InterpreterParts } from "../cpu/interp/build.ts";
import type { CodeCache, GeneratedCode, KeptTranslation } from "../cpu/translate/code-cache.ts";

export class MemoryCodeCache implements CodeCache {
  private readonly byKey = new Map<number, KeptTranslation[]>();

  interpreter(build: () => InterpreterParts): { parts: InterpreterParts; module: WebAssembly.Module } {
    const parts = build();
    return { parts, module: new WebAssembly.Module(parts.wire) };
  }
  keep({ translations }: GeneratedCode): void {
    for (const { portable, heat, made } of translations) {
      if (!made) continue;
      const kept = { ...portable, heat, module: () => ({ module: new WebAssembly.Module(made.wire.slice()), wire: null }) };
      this.byKey.set(portable.key, [...(this.byKey.get(portable.key) ?? []), kept]);
    }
  }
  find(key: number): readonly KeptTranslation[] {
    return this.byKey.get(key) ?? [];
  }
}
