// Paths of the host as texts: the host may be Windows, whatever this browser runs on.

/** The last part of a path. */
export const fileName = (path: string): string => path.split(/[/\\]/).at(-1) ?? path;
