// The network's DNS server: names of its machines from a table, everything else through the host's resolver. Questions under way are
// bounded in all and per guest; a question beyond that is answered with SERVFAIL, which clients retry.
import type { IpAddress } from "../stack/address.ts";
import { addressKey } from "../stack/address.ts";
import type { DnsAnswer, DnsRecord } from "../stack/host-sockets.ts";
import type { DnsQuery } from "./dns-message.ts";
import { DNS_TYPES, formatAnswer, formatError, parseQuery } from "./dns-message.ts";

export interface DnsSettings {
  domain: string;
  /** Addresses of a machine by its name without domain, in lower case; undefined if there is none. */
  lookup(name: string): IpAddress[] | undefined;
  /** The machine that has an address of this network: its name, "" if it has none, undefined if the address is not of this network. */
  reverse(address: IpAddress): string | undefined;
  resolve(name: string, type: DnsRecord["type"], answered: (answer: DnsAnswer) => void): void;
}

const UNDER_WAY = 256;
const UNDER_WAY_PER_GUEST = 64;
const LOCAL_TTL = 10;

export class DnsForwarder {
  private readonly settings: DnsSettings;
  private readonly underWay = new Map<string, number>();
  private total = 0;

  constructor(settings: DnsSettings) {
    this.settings = settings;
  }

  /** Handles one message; `answer` is called at most once, now or later. `isStream` lifts the size limit of UDP. */
  query(guest: IpAddress, message: Uint8Array, isStream: boolean, answer: (bytes: Uint8Array) => void): void {
    const query = parseQuery(message);
    if (query === undefined) return;
    if ("error" in query) {
      answer(formatError(query.id, query.error));
      return;
    }
    const limit = isStream ? 65535 : query.size;
    const local = this.answerLocally(query);
    if (local !== undefined) {
      answer(formatAnswer(query, local.code, local.records, true, limit));
      return;
    }
    const types = Object.keys(DNS_TYPES) as DnsRecord["type"][];
    const type = types.find((name) => DNS_TYPES[name] === query.type);
    if (type === undefined) {
      // The host's resolver interface has no such type: an empty answer lets clients go on with the types that exist.
      answer(formatAnswer(query, "ok", [], false, limit));
      return;
    }
    const key = addressKey(guest);
    const own = this.underWay.get(key) ?? 0;
    if (this.total >= UNDER_WAY || own >= UNDER_WAY_PER_GUEST) {
      answer(formatAnswer(query, "failed", [], false, limit));
      return;
    }
    this.total++;
    this.underWay.set(key, own + 1);
    let isAnswered = false;
    this.settings.resolve(query.name, type, (result) => {
      if (isAnswered) return;
      isAnswered = true;
      this.total--;
      const left = (this.underWay.get(key) ?? 1) - 1;
      if (left > 0) this.underWay.set(key, left);
      else this.underWay.delete(key);
      answer(formatAnswer(query, result.code, result.records, false, limit));
    });
  }

  private answerLocally(query: DnsQuery): DnsAnswer | undefined {
    const name = query.name.toLowerCase();
    if (query.type === DNS_TYPES.PTR) return this.answerReverse(query.name);
    const suffix = `.${this.settings.domain}`;
    const isOurs = this.settings.domain !== "" && name.endsWith(suffix);
    const machine = isOurs ? name.slice(0, -suffix.length) : name;
    const addresses = machine.includes(".") ? undefined : this.settings.lookup(machine);
    if (addresses !== undefined) {
      const records: DnsRecord[] = [];
      for (const address of addresses) {
        const type = address.length === 4 ? "A" : "AAAA";
        if (DNS_TYPES[type] === query.type) records.push({ name: query.name, ttl: LOCAL_TTL, type, address });
      }
      return { code: "ok", records };
    }
    // A name without a dot or of our domain is nobody else's business (RFC 6762 and the root zone know none).
    return isOurs || !name.includes(".") ? { code: name === "" || name === this.settings.domain ? "ok" : "no-name", records: [] } : undefined;
  }

  private answerReverse(name: string): DnsAnswer | undefined {
    const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/i.exec(name);
    if (match === null) return undefined;
    const address = Uint8Array.from([match[4], match[3], match[2], match[1]].map(Number));
    const machine = this.settings.reverse(address);
    if (machine === undefined) return undefined;
    if (machine === "") return { code: "no-name", records: [] };
    const target = this.settings.domain === "" ? machine : `${machine}.${this.settings.domain}`;
    return { code: "ok", records: [{ name, ttl: LOCAL_TTL, type: "PTR", target }] };
  }
}
