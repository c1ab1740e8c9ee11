// What is known of floats within one block of a region: low lanes of vector registers that are at hand as f32 or f64, values that
// need no test again, and for each shape of operands the limit by which results are tested (lift/sse/float-shape.ts).
import type { FloatKnowledge } from "../lift/lift.ts";
import type { Variable } from "../wasm/function-builder.ts";
import { I32, type Node, type Type } from "../wasm/nodes.ts";

export class RegionFloats implements FloatKnowledge {
  private readonly f: { variable(type: Type, initial?: Node): Variable };
  /** By the local that holds the vector. */
  private readonly scalars = new Map<Node, Node>();
  private readonly plain = new Set<Node>();
  private readonly limits = new Map<string, Variable>();

  constructor(f: { variable(type: Type, initial?: Node): Variable }) {
    this.f = f;
  }
  /** Nothing is known any more: another block, or locals have got other values. */
  reset(): void {
    this.scalars.clear();
    this.forgetTests();
  }
  /** The control word may be another one. */
  forgetTests(): void {
    this.plain.clear();
    this.limits.clear();
  }

  scalar(vector: Node): Node | undefined {
    return this.scalars.get(vector);
  }
  setScalar(vector: Node, value: Node): void {
    this.scalars.set(vector, value);
  }
  isPlain(value: Node): boolean {
    return this.plain.has(value);
  }
  notePlain(value: Node): void {
    this.plain.add(value);
  }
  limit(shape: string, compute: () => Node): Variable {
    let limit = this.limits.get(shape);
    if (!limit) {
      limit = this.f.variable(I32, compute());
      this.limits.set(shape, limit);
    }
    return limit;
  }
}
