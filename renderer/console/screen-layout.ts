// How large the guest's screen is drawn. Whole multiples of the guest's pixel in device pixels stay exact squares. "Fit" may
// need a fraction: then the picture is drawn at the next whole multiple and scaled down smoothly, which keeps text even
// where nearest-neighbour scaling would make some strokes thicker than others. "Fit" also gives modes of few lines the 4:3 that
// they had on a monitor.
export type ScreenScale = "fit" | "1x" | "2x";

export interface ScreenLayout {
  /** Size on the page, in CSS pixels. */
  cssWidth: number;
  cssHeight: number;
  /** Pixels of the canvas per guest pixel. */
  multiple: number;
  /** The canvas is not drawn pixel for pixel, so let the browser smooth it. */
  smooth: boolean;
}

/** Modes with fewer lines than this filled a 4:3 monitor whatever their pixels; later ones have square pixels. */
const FIRST_SQUARE_LINES = 480;

/** Height of a pixel of this mode, its width being 1. */
export function pixelHeight({ width, height }: { width: number; height: number }): number {
  return height < FIRST_SQUARE_LINES && width >= 320 ? (width * 3) / (4 * height) : 1;
}

/** Keeps the canvas of a large guest screen within reason. */
const MOST_MULTIPLE = 4;
/** A whole multiple that fills this much of the room is preferred to a fraction that fills all. */
const GOOD_ENOUGH = 0.9;

export function layoutScreen(
  scale: ScreenScale,
  guest: { width: number; height: number },
  room: { width: number; height: number },
  pixelRatio: number,
): ScreenLayout {
  const ratio = pixelRatio > 0 ? pixelRatio : 1;
  const exact = (multiple: number): ScreenLayout => ({
    cssWidth: (guest.width * multiple) / ratio,
    cssHeight: (guest.height * multiple) / ratio,
    multiple: 1,
    smooth: false,
  });
  const perCssPixel = Math.max(1, Math.round(ratio));
  if (scale === "1x") return exact(perCssPixel);
  if (scale === "2x") return exact(2 * perCssPixel);
  const tall = pixelHeight(guest);
  const fit = Math.min((room.width * ratio) / guest.width, (room.height * ratio) / (guest.height * tall));
  if (!(fit > 0)) return exact(perCssPixel);
  const whole = Math.floor(fit);
  if (tall === 1 && whole >= 1 && whole / fit >= GOOD_ENOUGH) return exact(whole);
  return {
    cssWidth: (guest.width * fit) / ratio,
    cssHeight: (guest.height * tall * fit) / ratio,
    multiple: Math.min(MOST_MULTIPLE, Math.ceil(fit)),
    smooth: true,
  };
}
