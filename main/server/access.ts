// Who may talk to the headless host. Other programs and web pages on the same machine can reach its port, so: a secret in the
// first address, traded for a cookie that scripts cannot read and other sites cannot send; only requests that name this host
// itself (no DNS rebinding); sockets only from pages that this host served.
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

export class Access {
  /** In the first address. Good for as long as the process lives, so that the address can be opened again. */
  readonly token = randomBytes(24).toString("base64url");
  private readonly session = randomBytes(24).toString("base64url");
  private readonly hosts: readonly string[];
  private readonly cookieName: string;

  constructor(port: number) {
    this.hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
    // Cookies do not tell ports apart; two hosts must not take each other's away.
    this.cookieName = `ringfence-${port}`;
  }

  isOwnHost(request: IncomingMessage): boolean {
    return this.hosts.includes(request.headers.host ?? "");
  }

  /** For sockets, which every page may open: the page must have come from the host that it calls. */
  isOwnOrigin(request: IncomingMessage): boolean {
    return request.headers.origin === `http://${request.headers.host}`;
  }

  isToken(candidate: string): boolean {
    return isEqual(candidate, this.token);
  }

  isSignedIn(request: IncomingMessage): boolean {
    const cookies = (request.headers.cookie ?? "").split(";").map((c) => c.trim());
    return cookies.some((c) => c.startsWith(`${this.cookieName}=`) && isEqual(c.slice(this.cookieName.length + 1), this.session));
  }

  cookie(): string {
    return `${this.cookieName}=${this.session}; HttpOnly; SameSite=Strict; Path=/`;
  }
}

function isEqual(candidate: string, secret: string): boolean {
  const a = Buffer.from(candidate, "utf8");
  const b = Buffer.from(secret, "utf8");
  return a.length === b.length && timingSafeEqual(a, b);
}
