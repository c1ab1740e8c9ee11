// DNS messages (RFC 1035): one question read, answers of the usual types written, without name compression but for the question's name.
// EDNS (RFC 6891) is read for the size of answers and echoed.
import type { DnsRecord } from "../stack/host-sockets.ts";
import { readU16, writeU16, writeU32 } from "../wire/bytes.ts";

export const DNS_TYPES: Record<DnsRecord["type"], number> = { A: 1, NS: 2, CNAME: 5, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33 };

export interface DnsQuery {
  id: number;
  recursionDesired: boolean;
  name: string;
  type: number;
  /** The question section as it came, for the answer. */
  question: Uint8Array;
  /** The largest answer over UDP. */
  size: number;
  hasEdns: boolean;
}

export type DnsCode = "ok" | "format" | "failed" | "no-name" | "not-implemented" | "refused";
const CODES: Record<DnsCode, number> = { ok: 0, format: 1, failed: 2, "no-name": 3, "not-implemented": 4, refused: 5 };

/** A query with one question of class IN; a code for one that is answered with an error; undefined for what is not answered at all. */
export function parseQuery(bytes: Uint8Array): DnsQuery | { id: number; error: DnsCode } | undefined {
  if (bytes.length < 12 || ((bytes[2] as number) & 0x80) !== 0) return undefined;
  const id = readU16(bytes, 0);
  if (((bytes[2] as number) >> 3 & 15) !== 0) return { id, error: "not-implemented" };
  if (readU16(bytes, 4) !== 1) return { id, error: "format" };
  const labels: string[] = [];
  let p = 12;
  for (;;) {
    const length = bytes[p];
    if (length === undefined || length > 63 || p + 1 + length > bytes.length || p - 12 > 254) return { id, error: "format" };
    p++;
    if (length === 0) break;
    labels.push(String.fromCharCode(...bytes.subarray(p, p + length)));
    p += length;
  }
  if (p + 4 > bytes.length) return { id, error: "format" };
  // A dot or a byte beyond ASCII inside a label has no faithful text form.
  if (labels.some((label) => !/^[\x21-\x2d\x2f-\x7e]+$/.test(label))) return { id, error: "no-name" };
  const type = readU16(bytes, p);
  if (readU16(bytes, p + 2) !== 1) return { id, error: "refused" };
  const end = p + 4;
  const hasEdns = readU16(bytes, 10) > 0 && bytes[end] === 0 && readU16(bytes, end + 1) === 41 && bytes.length >= end + 11;
  return {
    id,
    recursionDesired: ((bytes[2] as number) & 1) !== 0,
    name: labels.join("."),
    type,
    question: bytes.slice(12, end),
    size: hasEdns ? Math.max(512, Math.min(4096, readU16(bytes, end + 3))) : 512,
    hasEdns,
  };
}

/** The answer; with `limit`, records that do not fit are left out and the truncation bit says so. */
export function formatAnswer(
  query: DnsQuery, code: DnsCode, records: readonly DnsRecord[], authoritative: boolean, limit: number,
): Uint8Array {
  const reserve = query.hasEdns ? 11 : 0;
  const parts: Uint8Array[] = [];
  let length = 12 + query.question.length + reserve;
  let truncated = false;
  for (const record of records) {
    const part = formatRecord(record, query);
    if (part === undefined) continue;
    if (length + part.length > limit) {
      truncated = true;
      break;
    }
    parts.push(part);
    length += part.length;
  }
  const bytes = new Uint8Array(length);
  writeU16(bytes, 0, query.id);
  bytes[2] = 0x80 | (authoritative ? 4 : 0) | (truncated ? 2 : 0) | (query.recursionDesired ? 1 : 0);
  bytes[3] = 0x80 | CODES[code];
  writeU16(bytes, 4, 1);
  writeU16(bytes, 6, parts.length);
  writeU16(bytes, 10, query.hasEdns ? 1 : 0);
  bytes.set(query.question, 12);
  let p = 12 + query.question.length;
  for (const part of parts) {
    bytes.set(part, p);
    p += part.length;
  }
  if (query.hasEdns) {
    writeU16(bytes, p + 1, 41);
    writeU16(bytes, p + 3, 4096);
  }
  return bytes;
}

export function formatError(id: number, code: DnsCode): Uint8Array {
  const bytes = new Uint8Array(12);
  writeU16(bytes, 0, id);
  bytes[2] = 0x80;
  bytes[3] = 0x80 | CODES[code];
  return bytes;
}

function formatRecord(record: DnsRecord, query: DnsQuery): Uint8Array | undefined {
  const owner = record.name.toLowerCase() === query.name.toLowerCase() ? [0xc0, 12] : nameOctets(record.name);
  const data = recordData(record);
  const type = DNS_TYPES[record.type];
  if (owner === undefined || data === undefined || data.length > 65535) return undefined;
  const bytes = new Uint8Array(owner.length + 10 + data.length);
  bytes.set(owner);
  writeU16(bytes, owner.length, type);
  writeU16(bytes, owner.length + 2, 1);
  writeU32(bytes, owner.length + 4, Math.max(0, Math.min(0x7fffffff, Math.floor(record.ttl))));
  writeU16(bytes, owner.length + 8, data.length);
  bytes.set(data, owner.length + 10);
  return bytes;
}

function recordData(record: DnsRecord): ArrayLike<number> | undefined {
  const pair = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
  switch (record.type) {
    case "A":
      return record.address.length === 4 ? record.address : undefined;
    case "AAAA":
      return record.address.length === 16 ? record.address : undefined;
    case "TXT":
      return record.strings.flatMap((text) => [Math.min(255, text.length), ...text.subarray(0, 255)]);
    default: {
      const target = nameOctets(record.target);
      if (target === undefined) return undefined;
      if (record.type === "MX") return [...pair(record.preference), ...target];
      if (record.type === "SRV") return [...pair(record.priority), ...pair(record.weight), ...pair(record.port), ...target];
      return target;
    }
  }
}

function nameOctets(name: string): number[] | undefined {
  const octets: number[] = [];
  for (const label of name.replace(/\.$/, "").split(".")) {
    if (label === "" && name.length > 1) return undefined;
    if (label.length > 63) return undefined;
    if (label !== "") octets.push(label.length, ...Array.from(label, (c) => c.charCodeAt(0) & 0xff));
  }
  octets.push(0);
  return octets.length > 255 ? undefined : octets;
}
