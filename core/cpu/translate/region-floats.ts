// What is known of floats within one block of a region: low lanes of vector registers that are at hand as f32 or f64, values that
// need no test again, and for each shape of operands the limit by which results are tested (lift/sse/float-shape.ts).
import type { FloatKnowledge } from "../lift/lift.ts";
import type { Variable } from "../wasm/function-builder.ts";
import { I32, type Node, type Type } from "../wasm/nodes.ts";

export class RegionFloats implements FloatKnowledge {
  private readonly f: { variable(type: Type, initial?: Node): Variable };
  /** By the vector register's number. */
  private readonly scalars: (Node | undefined)[] = [];
  /** Values with the shapes as which they were tested. */
  private readonly plain = new Map<Node, Set<string>>();
  private readonly limits = new Map<string, Variable>();

  constructor(f: { variable(type: Type, initial?: Node): Variable }) {
    this.f = f;
  }
  /** Nothing is known any more: another block, or locals have got other values. */
  reset(): void {
    this.scalars.length = 0;
    this.forgetTests();
  }
  /** The control word may be another one. */
  forgetTests(): void {
    this.plain.clear();
    this.limits.clear();
  }

  scalar(register: number): Node | undefined {
    return this.scalars[register];
  }
  setScalar(register: number, value: Node): void {
    this.scalars[register] = value;
  }
  /** The register, whose own local is `place`, gets another value. */
  forget(register: number, place: Node): void {
    this.scalars[register] = undefined;
    this.plain.delete(place);
  }
  isPlain(shape: string, value: Node): boolean {
    return this.plain.get(value)?.has(shape) ?? false;
  }
  notePlain(shape: string, value: Node): void {
    const shapes = this.plain.get(value);
    if (shapes) shapes.add(shape);
    else this.plain.set(value, new Set([shape]));
  }
  /** A value is copied: what is known of it holds for the copy too. */
  copied(value: Node, copy: Node): void {
    const shapes = this.plain.get(value);
    if (shapes) this.plain.set(copy, new Set(shapes));
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
