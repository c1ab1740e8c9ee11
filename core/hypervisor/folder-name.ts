// Names of VM folders: readable, from the machine's name, and safe on every file system. Letters and digits of any script stay
// (Korean too); the rest becomes a dash. The start of the id follows, so that neither equal names nor the names that Windows
// reserves (CON, NUL, COM1) ever make trouble.

const LONGEST_SLUG_BYTES = 60;

export function folderNameFor(name: string, id: string): string {
  let slug = "";
  for (const c of name.normalize("NFC").toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "")) {
    if (Buffer.byteLength(slug + c) > LONGEST_SLUG_BYTES) break;
    slug += c;
  }
  return `${slug.replace(/-+$/, "") || "machine"}-${id.slice(0, 8)}`;
}
