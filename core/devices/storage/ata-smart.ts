// The pages that a healthy disk gives to SMART and log commands. ATA/ATAPI-7 volume 1, 6.53 (SMART), 6.34 (READ LOG EXT) and
// Annex A. There is one attribute, power-on hours, which stays 0: an image file does not wear.
import type { QueueError } from "./ata-disk.state.ts";

export const SMART_READ_DATA = 0xd0;
export const SMART_READ_THRESHOLDS = 0xd1;
export const SMART_AUTOSAVE = 0xd2;
export const SMART_SAVE_ATTRIBUTES = 0xd3;
export const SMART_EXECUTE_OFFLINE = 0xd4;
export const SMART_READ_LOG = 0xd5;
export const SMART_ENABLE = 0xd8;
export const SMART_DISABLE = 0xd9;
export const SMART_RETURN_STATUS = 0xda;
/** LBA mid and high of every SMART command; RETURN STATUS gives them back while no threshold is passed. */
export const SMART_KEY = 0xc24f00;

const LOG_DIRECTORY = 0x00;
const LOG_SUMMARY_ERRORS = 0x01;
const LOG_SELF_TESTS = 0x06;
export const LOG_QUEUE_ERROR = 0x10;
const POWER_ON_HOURS = 9;

export function smartData(): Uint8Array {
  const page = new Uint8Array(512);
  page[0] = 0x10; // revision
  // Attribute: id, flags (advisory, online), value and worst 100.
  page.set([POWER_ON_HOURS, 0x02, 0x00, 100, 100], 2);
  page[367] = 0x01; // saves attributes
  page[368] = 0x03;
  return checked(page);
}

export function smartThresholds(): Uint8Array {
  const page = new Uint8Array(512);
  page[0] = 0x10;
  page[2] = POWER_ON_HOURS;
  return checked(page);
}

/** A SMART or general purpose log page, or null where there is none. */
export function logPage(address: number, queueError: QueueError | null, hasQueue: boolean): Uint8Array | null {
  const page = new Uint8Array(512);
  switch (address) {
    case LOG_DIRECTORY:
      page[0] = 1;
      page[2 * LOG_SUMMARY_ERRORS] = 1;
      page[2 * LOG_SELF_TESTS] = 1;
      if (hasQueue) page[2 * LOG_QUEUE_ERROR] = 1;
      return page;
    case LOG_SUMMARY_ERRORS:
    case LOG_SELF_TESTS:
      page[0] = 1; // version; nothing has been logged
      return checked(page);
    case LOG_QUEUE_ERROR:
      return hasQueue ? queueErrorPage(page, queueError) : null;
    default:
      return null;
  }
}

function queueErrorPage(page: Uint8Array, error: QueueError | null): Uint8Array {
  if (error === null) {
    page[0] = 0x80; // no queued command failed
    return checked(page);
  }
  const lbaByte = (n: number): number => Math.floor(error.lba / 2 ** (8 * n)) & 0xff;
  page.set([error.tag, 0, error.status, error.error, lbaByte(0), lbaByte(1), lbaByte(2), error.device]);
  page.set([lbaByte(3), lbaByte(4), lbaByte(5), 0, error.count & 0xff, error.count >>> 8], 8);
  return checked(page);
}

function checked(page: Uint8Array): Uint8Array {
  page[511] = -page.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return page;
}
