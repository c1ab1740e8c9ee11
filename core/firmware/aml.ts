// A small assembler for AML, ACPI's bytecode (ACPI 6.4, chapter 20): each function gives the bytes of one term. Only what our tables
// use. Resource descriptors are in chapter 6.4.
import { joinBytes } from "./byte-view.ts";

export type Aml = Uint8Array;
type Term = Aml | number | string;

const of = (...bytes: number[]): Aml => Uint8Array.from(bytes);
const join = (...parts: Aml[]): Aml => joinBytes(parts);

/** A name or path: `\\_SB.PCI0`, `^LNKA`; each segment is padded to four characters. */
export function path(name: string): Aml {
  const prefix = /^[\\^]*/.exec(name)?.[0] ?? "";
  const rest = name.slice(prefix.length);
  const segments = rest === "" ? [] : rest.split(".");
  const encoded = segments.map((segment) => ascii(segment.padEnd(4, "_")));
  const count = segments.length;
  const lead = count === 0 ? of(0x00) : count === 1 ? of() : count === 2 ? of(0x2e) : of(0x2f, count);
  return join(ascii(prefix), lead, ...encoded);
}

function ascii(text: string): Aml {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function integer(value: number): Aml {
  if (value === 0) return of(0x00);
  if (value === 1) return of(0x01);
  if (value <= 0xff) return of(0x0a, value);
  if (value <= 0xffff) return of(0x0b, ...little(value, 2));
  if (value <= 0xffffffff) return of(0x0c, ...little(value, 4));
  return of(0x0e, ...little(value, 8));
}

export function text(value: string): Aml {
  return join(of(0x0d), ascii(value), of(0));
}

/** Numbers become integers, strings become names. */
function term(value: Term): Aml {
  return typeof value === "number" ? integer(value) : typeof value === "string" ? path(value) : value;
}

/** PkgLength counts itself. */
function packaged(op: Aml, ...contents: Aml[]): Aml {
  const body = join(...contents);
  for (let size = 1; size <= 4; size++) {
    const length = body.length + size;
    if (size === 1 && length < 64) return join(op, of(length), body);
    if (size > 1 && length < 2 ** (4 + 8 * (size - 1))) {
      return join(op, of(((size - 1) << 6) | (length & 15), ...little(Math.floor(length / 16), size - 1)), body);
    }
  }
  throw new RangeError("An AML package is too long");
}

export const name = (id: string, value: Term): Aml => join(of(0x08), path(id), term(value));
export const scope = (id: string, ...terms: Aml[]): Aml => packaged(of(0x10), path(id), ...terms);
export const device = (id: string, ...terms: Aml[]): Aml => packaged(of(0x5b, 0x82), path(id), ...terms);
export const method = (id: string, argumentCount: number, ...terms: Aml[]): Aml =>
  packaged(of(0x14), path(id), of(argumentCount | 0x08), ...terms); // serialized: methods that name things must be
export const pack = (...elements: Term[]): Aml => packaged(of(0x12), of(elements.length), ...elements.map(term));
export const buffer = (bytes: Aml): Aml => packaged(of(0x11), integer(bytes.length), bytes);
export const giveBack = (value: Term): Aml => join(of(0xa4), term(value));
export const store = (value: Term, target: Term): Aml => join(of(0x70), term(value), term(target));
export const and = (a: Term, b: Term, target: Aml = of(0x00)): Aml => join(of(0x7b), term(a), term(b), term(target));
export const or = (a: Term, b: Term, target: Term): Aml => join(of(0x7d), term(a), term(b), term(target));
export const when = (condition: Aml, ...terms: Aml[]): Aml => packaged(of(0xa0), condition, ...terms);
export const createDWordField = (source: Term, at: number, id: string): Aml => join(of(0x8a), term(source), integer(at), path(id));
export const ARG0: Aml = of(0x68);

const SPACE_PCI_CONFIG = 2;
export const pciConfigRegion = (id: string, offset: number, length: number): Aml =>
  join(of(0x5b, 0x80), path(id), of(SPACE_PCI_CONFIG), integer(offset), integer(length));

/** Byte-wide fields one after another. */
export const byteFields = (region: string, ids: readonly string[]): Aml =>
  packaged(of(0x5b, 0x81), path(region), of(0x01), ...ids.map((id) => join(path(id), of(8))));

/** "PNP0A03" as the 32-bit number that _HID may hold. */
export function eisaId(id: string): Aml {
  const letter = (i: number): number => (id.charCodeAt(i) - 0x40) & 31;
  const vendor = (letter(0) << 10) | (letter(1) << 5) | letter(2);
  const product = Number.parseInt(id.slice(3), 16);
  return of(0x0c, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff);
}

/** A resource template: descriptors and their end tag. */
export const resources = (...descriptors: Aml[]): Aml => buffer(join(...descriptors, of(0x79, 0x00)));

export const ioPorts = (base: number, length: number): Aml => of(0x47, 0x01, ...little(base, 2), ...little(base, 2), 1, length);
/** An ISA interrupt: edge, active high, exclusive. */
export const isaIrq = (irq: number): Aml => of(0x22, ...little(1 << irq, 2));
/** A channel of the ISA DMA controllers: compatibility timing, bytes. */
export const isaDma = (channel: number): Aml => of(0x2a, 1 << channel, 0x00);
export const fixedMemory = (base: number, length: number): Aml => of(0x86, 9, 0, 1, ...little(base, 4), ...little(length, 4));
/** Level, active high, shared: what PIRQ lines become. The first number lies at byte 5. */
export const sharedInterrupts = (irqs: readonly number[]): Aml =>
  of(0x89, ...little(2 + 4 * irqs.length, 2), 0x09, irqs.length, ...irqs.flatMap((irq) => little(irq, 4)));

/** Ranges that a bridge passes on: bus numbers, ports, memory. */
export const busRange = (first: number, last: number): Aml => wordRange(2, 0x00, first, last);
export const portRange = (first: number, last: number): Aml => wordRange(1, 0x03, first, last);
export const memoryRange = (first: number, last: number): Aml =>
  of(0x87, 23, 0, 0, 0x0c, 0x01, ...[0, first, last, 0, last - first + 1].flatMap((value) => little(value, 4)));

function wordRange(type: number, typeFlags: number, first: number, last: number): Aml {
  return of(0x88, 13, 0, type, 0x0c, typeFlags, ...[0, first, last, 0, last - first + 1].flatMap((value) => little(value, 2)));
}

function little(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
}
