// What the PC's speaker sounds: port 61h bit 1 lets OUT of counter 2 through to it (IBM PC/AT technical reference, speaker). A square
// wave, or a pulse train, is a tone; everything else is a level that makes no sound. Not modelled: clicks of a level that software
// moves, and so the sound of programs that modulate it.
import type { PitCounterState } from "./pit8254.state.ts";

const SPEAKER_DATA = 0x02;

/** Hears the tone that begins, in hertz, or 0 for silence. Called when it changes, during the access that changes it. */
export type SpeakerListener = (hertz: number) => void;

/** The tone of counter 2, clocked at `clockHz`. */
export function speakerHertz(port61: number, counter: PitCounterState, clockHz: number): number {
  const isPeriodic = counter.mode === 2 || counter.mode === 3;
  if (!(port61 & SPEAKER_DATA) || !isPeriodic || !counter.gate || !counter.loaded) return 0;
  return clockHz / Math.max(counter.reload, 2);
}
