// What lies in memory beside a translated region, by offset: the head's own handler; the record for which the region's other pages
// were last found in place, and the CODE_KEY then; their count, and for each its distance from the head's page and its physical
// page (i32 both). Sites and records of called instructions follow.
export const DATA_HEAD_HANDLER = 0;
export const DATA_RECORD = 4;
export const DATA_KEY = 8;
export const DATA_PAGE_COUNT = 16;
export const DATA_PAGES = 24;
