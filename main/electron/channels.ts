// The IPC channels between preload script and main process.

/** CallMessage in, ReplyMessage out. */
export const CHANNEL_CALL = "ringfence:call";
export const CHANNEL_EVENT = "ringfence:event";
export const CHANNEL_FRAME = "ringfence:frame";
/** The page has taken a frame. */
export const CHANNEL_FRAME_SEEN = "ringfence:frame-seen";
