// Runs in the page's process before the page, sandboxed. Gives it three functions and nothing else: no channel names, no
// ipcRenderer. What crosses is cloned, and checked on the other side.
import { contextBridge, ipcRenderer, webUtils } from "electron";
import { CHANNEL_CALL, CHANNEL_EVENT, CHANNEL_FRAME, CHANNEL_FRAME_SEEN } from "./channels.ts";

let lastId = 0;

function on(channel: string, listener: (data: unknown) => void): () => void {
  const receive = (_event: unknown, data: unknown) => listener(data);
  ipcRenderer.on(channel, receive);
  return () => ipcRenderer.removeListener(channel, receive);
}

// Frames are confirmed once each, however many listen and also while nobody does.
ipcRenderer.on(CHANNEL_FRAME, () => ipcRenderer.send(CHANNEL_FRAME_SEEN));

contextBridge.exposeInMainWorld("ringfenceBridge", {
  call: (method: unknown, params: unknown) => ipcRenderer.invoke(CHANNEL_CALL, { id: ++lastId, method: String(method), params }),
  pathOf: (file: File) => webUtils.getPathForFile(file),
  onEvent: (listener: (message: unknown) => void) => on(CHANNEL_EVENT, listener),
  onFrame: (listener: (frame: unknown) => void) =>
    on(CHANNEL_FRAME, (frame) => {
      // As the page's own kind of buffer, without what may lie around the view.
      if (frame instanceof Uint8Array) listener(frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.byteLength));
    }),
});
