// Time: the time-stamp counter for the clock, the 8254 timer for a 100 Hz tick (only while a program needs it) and to measure the
// counter once, the MC146818 real-time clock for the date.
#include "kernel.h"

enum { PIT_HZ = 1193182, TICK_RELOAD = 11932, CALIBRATION_MS = 50 };

u64 tsc_hz = 1000000000;
u64 tick_count;
bool tsc_from_cpuid;
static u64 boot_tsc;
static bool ticking;

// Channel 2 counts down once while we read the TSC; port 61h shows its output in bit 5.
static u64 measure(void) {
  outb(0x61, (u8)((inb(0x61) & ~2u) | 1)); // gate on, speaker off
  outb(0x43, 0xB0);                        // channel 2, mode 0
  u32 count = PIT_HZ / 1000 * CALIBRATION_MS;
  outb(0x42, (u8)count);
  outb(0x42, (u8)(count >> 8));
  u64 start = rdtsc();
  for (u32 tries = 0; !(inb(0x61) & 0x20); tries++)
    if (tries == 500000) return 0;
  return (rdtsc() - start) * 1000 / CALIBRATION_MS;
}

void time_init(void) {
  boot_tsc = rdtsc();
  u32 top = 0;
  if (cpuid(1).ecx & 1u << 31) top = cpuid(0x40000000).eax;
  u64 hz = 0;
  if (top >= 0x40000010 && top < 0x40001000) hz = (u64)cpuid(0x40000010).eax * 1000; // the hypervisor says it in kHz
  tsc_from_cpuid = hz >= 1000000;
  if (!tsc_from_cpuid) hz = measure();
  if (hz >= 1000000) tsc_hz = hz;
  outb(0x43, 0x30); // channel 0 stopped: mode 0, waiting for its count
}

u64 now_ns(void) {
  u64 ticks = rdtsc() - boot_tsc;
  return ticks / tsc_hz * 1000000000 + ticks % tsc_hz * 1000000000 / tsc_hz;
}

void tick_start(void) {
  if (ticking) return;
  ticking = true;
  outb(0x43, 0x34); // channel 0, mode 2
  outb(0x40, (u8)TICK_RELOAD);
  outb(0x40, (u8)(TICK_RELOAD >> 8));
}

void tick_stop(void) {
  if (!ticking) return;
  ticking = false;
  outb(0x43, 0x30);
}

static u8 cmos(u8 index) {
  outb(0x70, index);
  return inb(0x71);
}

static void rtc_raw(u8 out[8]) {
  static const u8 registers[] = {0, 2, 4, 6, 7, 8, 9};
  for (u32 i = 0; i < sizeof registers; i++) out[i] = cmos(registers[i]);
  u8 century = acpi_century_register();
  out[7] = century ? cmos(century) : 0;
}

bool rtc_read(struct date *date) {
  u8 raw[8], again[8];
  for (u32 tries = 0;; tries++) { // until two readings outside an update agree
    if (tries == 100) return false;
    for (u32 i = 0; cmos(0x0A) & 0x80; i++)
      if (i == 100000) return false;
    rtc_raw(raw);
    rtc_raw(again);
    if (memcmp(raw, again, sizeof raw) == 0) break;
  }
  u8 status = cmos(0x0B);
  bool afternoon = !(status & 2) && (raw[2] & 0x80);
  if (!(status & 2)) raw[2] &= 0x7F;
  if (!(status & 4)) // BCD
    for (u32 i = 0; i < sizeof raw; i++) raw[i] = (u8)((raw[i] >> 4) * 10 + (raw[i] & 15));
  if (!(status & 2)) raw[2] = (u8)(raw[2] % 12 + (afternoon ? 12 : 0));
  date->second = raw[0];
  date->minute = raw[1];
  date->hour = raw[2];
  date->day = raw[4];
  date->month = raw[5];
  date->year = raw[6] + (raw[7] >= 19 && raw[7] <= 30 ? raw[7] * 100u : 2000u);
  if (date->second > 60 || date->minute > 59 || date->hour > 23 || date->day < 1 || date->day > 31 || date->month < 1 ||
      date->month > 12 || raw[6] > 99)
    return false;
  u32 y = date->month < 3 ? date->year - 1 : date->year; // the day of the week from the date (Sakamoto), 0 = Sunday
  static const u8 offset[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
  date->weekday = (y + y / 4 - y / 100 + y / 400 + offset[date->month - 1] + date->day) % 7;
  return true;
}
