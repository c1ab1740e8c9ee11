// The headless host: serves the built user interface and carries the contract over a WebSocket, on 127.0.0.1 only.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { z } from "zod";
import { SOCKET_PATH, UPLOAD_PATH, type UploadReply } from "../../core/api/contract.ts";
import { VmError } from "../../core/hypervisor/vm-error.ts";
import type { App } from "../app/create-app.ts";
import { Access } from "./access.ts";
import { securityHeaders } from "../platform/page-headers.ts";
import { readStatic } from "../platform/page-files.ts";

/** A frame is dropped (and its part of the screen sent later) while more than this waits to go out. */
const MOST_BUFFERED_BYTES = 4 * 1024 * 1024;
/** The largest call is a note of some kilobytes or 64 KiB of serial input, in JSON. */
const LARGEST_MESSAGE_BYTES = 1024 * 1024;
/** Calls of one connection that may be waiting for their answer. */
const MOST_CALLS = 256;

export interface ServerOptions {
  app: App;
  rendererFolder: string;
  /** 0: any free port. */
  port: number;
}

export interface Server {
  /** To be opened in a browser; holds the secret. */
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects if the port is taken. */
export async function startServer({ app, rendererFolder, port }: ServerOptions): Promise<Server> {
  const http = createServer();
  // A large file may take longer than a request usually does.
  http.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve());
  });
  const bound = (http.address() as AddressInfo).port; // a TCP server that listens has one
  const access = new Access(bound);
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: LARGEST_MESSAGE_BYTES });
  http.on("request", (request, response) => {
    const answer = request.method === "PUT" ? receive(request, response, access, app) : respond(request, response, access, rendererFolder);
    answer.catch(() => response.destroy());
  });
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // A client that goes away during the handshake is nobody's fault.
    socket.on("error", () => socket.destroy());
    const status = refusal(request, access);
    if (status !== undefined) return refuse(socket, status);
    sockets.handleUpgrade(request, socket, head, (ws) => serve(ws, app));
  });
  http.on("clientError", (_error, socket) => socket.destroy());
  return {
    address: `http://127.0.0.1:${bound}/?token=${access.token}`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        for (const ws of sockets.clients) ws.terminate();
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

async function respond(request: IncomingMessage, response: ServerResponse, access: Access, folder: string): Promise<void> {
  const headers = securityHeaders(`ws://${request.headers.host ?? ""}`);
  const answer = (status: number, text: string, more: Record<string, string> = {}) =>
    response.writeHead(status, { ...securityHeaders(), "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...more }).end(`${text}\n`);
  if (!access.isOwnHost(request)) return void answer(421, "This host answers only to its own name.");
  if (request.method !== "GET" && request.method !== "HEAD") return void answer(405, "Only GET is served here.", { allow: "GET, HEAD" });
  const url = URL.parse(request.url ?? "", `http://${request.headers.host}`);
  if (!url) return void answer(400, "The address is malformed.");
  const token = url.searchParams.get("token");
  if (token !== null) {
    if (!access.isToken(token)) return void answer(403, "The token is not right. Open the address that the program printed.");
    return void answer(303, "Signed in.", { location: "/", "set-cookie": access.cookie() });
  }
  if (!access.isSignedIn(request)) return void answer(403, "Open the address that the program printed; it holds the token.");
  // The path as it was sent: URL.parse has already folded "..", which must not be guessed away.
  const file = await readStatic(folder, (request.url ?? "/").split(/[?#]/, 1)[0] ?? "/");
  if (!file) return void answer(404, "There is no such file.");
  const cache = file.isImmutable ? "private, max-age=31536000, immutable" : "no-cache";
  response.writeHead(200, { ...headers, "content-type": file.type, "content-length": file.body.length, "cache-control": cache });
  response.end(request.method === "HEAD" ? undefined : file.body);
}

/** A file for the media folder, from a page of our own: another site's page may send a PUT, but not with our cookie or origin. */
async function receive(request: IncomingMessage, response: ServerResponse, access: Access, app: App): Promise<void> {
  const answer = (status: number, text: string, type = "text/plain") =>
    response.writeHead(status, { ...securityHeaders(), "content-type": `${type}; charset=utf-8`, "cache-control": "no-store", connection: "close" }).end(text);
  const refused = uploadRefusal(request, access);
  if (refused) return void answer(...refused);
  const name = new URL(request.url ?? "", "http://host").searchParams.get("name") ?? "";
  const length = request.headers["content-length"];
  try {
    const path = await app.receiveFile(name, request, length === undefined ? null : Number(length));
    answer(200, JSON.stringify({ path } satisfies z.output<typeof UploadReply>), "application/json");
  } catch (error) {
    // Of a file that broke off nobody is left to hear.
    if (response.destroyed) return;
    answer(error instanceof VmError && error.code === "diskFull" ? 507 : 500, error instanceof Error ? error.message : String(error));
  }
}

function uploadRefusal(request: IncomingMessage, access: Access): [status: number, text: string] | undefined {
  if (!access.isOwnHost(request)) return [421, "This host answers only to its own name."];
  if (!access.isOwnOrigin(request) || !access.isSignedIn(request)) return [403, "Only a page of this host may send files."];
  if (request.url?.split("?", 1)[0] !== UPLOAD_PATH) return [405, "Only files for the media folder are taken."];
  return undefined;
}

function refusal(request: IncomingMessage, access: Access): string | undefined {
  if (!access.isOwnHost(request)) return "421 Misdirected Request";
  if (!access.isOwnOrigin(request) || !access.isSignedIn(request)) return "403 Forbidden";
  if (request.url?.split("?", 1)[0] !== SOCKET_PATH) return "404 Not Found";
  return undefined;
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function serve(ws: WebSocket, app: App): void {
  let callsUnderWay = 0;
  const send = (message: unknown) => {
    if (ws.readyState === ws.OPEN) ws.send(JSON.stringify(message));
  };
  const connection = app.connect({
    sendEvent: send,
    sendFrame: (frame) => {
      if (ws.readyState !== ws.OPEN) return true; // gone: nobody to send it to
      if (ws.bufferedAmount > MOST_BUFFERED_BYTES) return false;
      ws.send(frame);
      return true;
    },
  });
  ws.on("message", (data: Buffer, isBinary) => {
    // Nothing that the user interface does looks like this.
    if (isBinary || callsUnderWay >= MOST_CALLS) return ws.close(1008, "Policy");
    let message: unknown;
    try {
      message = JSON.parse(data.toString("utf8"));
    } catch {
      message = undefined; // answered as a bad request
    }
    callsUnderWay++;
    void connection.dispatch(message).then((reply) => {
      callsUnderWay--;
      send(reply);
    });
  });
  ws.on("error", () => ws.terminate());
  ws.on("close", () => connection.close());
}
