// Bytes from base64 text, for images that are kept in the source. No padding needed; other characters are not expected.

export function decodeBase64(text: string): Uint8Array {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const values = new Uint8Array(128);
  for (let i = 0; i < digits.length; i++) values[digits.charCodeAt(i)] = i;
  const end = text.endsWith("==") ? text.length - 2 : text.endsWith("=") ? text.length - 1 : text.length;
  const bytes = new Uint8Array((end * 6) >> 3);
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  for (let i = 0; i < end; i++) {
    bits = ((bits << 6) | (values[text.charCodeAt(i) & 127] ?? 0)) & 0xffff;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    bytes[at++] = bits >> bitCount;
  }
  return bytes;
}
