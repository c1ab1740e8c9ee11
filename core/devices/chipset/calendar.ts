// The Gregorian calendar in whole days, without the host's Date: the days-from-civil rule with years that begin in March.

export interface CivilTime {
  year: number;
  /** 1 to 12. */
  month: number;
  /** 1 to 31. */
  day: number;
  hour: number;
  minute: number;
  second: number;
}

const DAYS_PER_ERA = 146_097; // 400 years
const EPOCH_DAYS = 719_468; // 0000-03-01 to 1970-01-01

/** Seconds since 1970. Days past the month's end run on into the next month. */
export function secondsOf(time: CivilTime): number {
  const marchYear = time.month <= 2 ? time.year - 1 : time.year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((time.month + 9) % 12) + 2) / 5) + time.day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const days = era * DAYS_PER_ERA + dayOfEra - EPOCH_DAYS;
  return days * 86_400 + time.hour * 3600 + time.minute * 60 + time.second;
}

export function civilTimeOf(seconds: number): CivilTime {
  const days = Math.floor(seconds / 86_400);
  const secondOfDay = seconds - days * 86_400;
  const shifted = days + EPOCH_DAYS;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
    hour: Math.floor(secondOfDay / 3600),
    minute: Math.floor(secondOfDay / 60) % 60,
    second: secondOfDay % 60,
  };
}

/** 1 = Sunday, as the MC146818 counts. */
export function weekdayOf(seconds: number): number {
  const days = Math.floor(seconds / 86_400);
  return ((((days + 4) % 7) + 7) % 7) + 1; // 1970-01-01 was a Thursday
}
