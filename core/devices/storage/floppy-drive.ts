// A floppy drive: the medium in it, where its head stands, and its disk change line. It takes disks of every format; its motor is
// always at speed. Not modelled: rotation, double density disks in a drive that steps twice as far (both cylinder numbers are right).
import type { BlockBackend, DriveEvents, RemovableDrive } from "../../storage/block.ts";
import { type FloppyFormat, floppyFormatOf } from "./floppy-media.ts";

/** The innermost place that the head can reach. */
export const LAST_STEP = 84;

export interface FloppyDriveState {
  cylinder: number;
  isChanged: boolean;
}

export class FloppyDrive implements RemovableDrive {
  readonly isLocked = false;
  medium: BlockBackend | null = null;
  format: FloppyFormat | null = null;
  cylinder = 0;
  /** DSKCHG: the disk has been out since the head last moved with one in. */
  isChanged = true;
  readonly events: DriveEvents | undefined;
  /** The controller hears of the end of a request, and that the medium has gone. */
  onDone: (error: Parameters<Parameters<BlockBackend["attach"]>[0]["blockDone"]>[1]) => void = () => {};
  onRemoved: () => void = () => {};

  constructor(events?: DriveEvents) {
    this.events = events;
  }

  /** Throws RangeError if the medium cannot be a floppy disk; what is in the drive then stays there. */
  setMedium(medium: BlockBackend | null): void {
    const format = medium && floppyFormatOf(medium.sizeBytes);
    if (medium && !format) throw new RangeError(`An image of ${medium.sizeBytes} bytes is not a floppy disk`);
    this.medium?.drop();
    this.medium = medium;
    this.format = format;
    this.isChanged = true;
    this.onRemoved();
    medium?.attach({
      blockDone: (_tag, error) => {
        if (this.medium === medium) this.onDone(error);
      },
    });
  }

  /** Step pulses: positive towards the spindle. */
  step(count: number): void {
    this.cylinder = Math.min(Math.max(this.cylinder + count, 0), LAST_STEP);
    if (count !== 0 && this.medium) this.isChanged = false;
  }

  /** The head is where a disk has cylinder `number`: a 40-track disk may be in a drive that steps 80 tracks. */
  isAt(number: number): boolean {
    return this.cylinder === number || (this.format?.cylinders === 40 && this.cylinder === 2 * number);
  }

  /** What the sectors under the head say their cylinder is. */
  get cylinderId(): number {
    const { cylinder, format } = this;
    return format?.cylinders === 40 && cylinder >= 40 ? cylinder >> 1 : cylinder;
  }

  save(): FloppyDriveState {
    return { cylinder: this.cylinder, isChanged: this.isChanged };
  }

  load(state: FloppyDriveState): void {
    this.cylinder = state.cylinder;
    this.isChanged = state.isChanged;
  }
}
