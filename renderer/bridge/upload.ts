// Sends a file to the headless host that served the page. By XMLHttpRequest, because fetch does not tell how much has gone out.
import { UPLOAD_PATH, UploadReply } from "../../core/api/contract.ts";
import { BridgeError } from "./bridge.ts";

export function uploadFile(file: File, onProgress: (sentBytes: number) => void, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const request = new XMLHttpRequest();
    request.open("PUT", `${UPLOAD_PATH}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onload = () => {
      const reply = request.status === 200 ? UploadReply.safeParse(parse(request.responseText)) : undefined;
      if (reply?.success) resolve(reply.data.path);
      else reject(new BridgeError(request.status === 507 ? "diskFull" : "ioFailed", request.responseText.trim() || `The upload ended with status ${request.status}`));
    };
    request.onerror = () => reject(new BridgeError("disconnected", "The connection was lost during the upload"));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
