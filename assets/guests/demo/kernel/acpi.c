// The little of ACPI 1.0-6.5 that a power switch needs: RSDP, RSDT or XSDT, FADT, the \_S5 package found in the DSDT or an SSDT by
// its bytes (no AML interpreter), the fixed power button, and the ways to reset a PC. Tables are untrusted: lengths and checksums are checked.
#include "kernel.h"

bool acpi_present;
u32 acpi_sci = ~0u;
static u16 pm1a_event, pm1b_event, pm1a_control, pm1b_control;
static u8 event_half; // bytes of the status part of an event block
static u8 century_register, reset_value;
static u64 reset_address;
static u32 reset_space = ~0u;
static bool have_s5;
static u8 sleep_type_a, sleep_type_b;

enum { PWRBTN = 1 << 8, SCI_EN = 1, SLP_EN = 1 << 13 };

static u32 get32(const u8 *at) {
  u32 value;
  memcpy(&value, at, 4);
  return value;
}
static u64 get64(const u8 *at) {
  u64 value;
  memcpy(&value, at, 8);
  return value;
}

static bool sums_to_zero(const u8 *bytes, u64 length) {
  u8 sum = 0;
  while (length--) sum = (u8)(sum + *bytes++);
  return sum == 0;
}

static const u8 *table_at(u64 physical, const char *signature, u32 *length) {
  const u8 *table = physical ? phys_map(physical, 36, false) : NULL;
  if (!table || (signature && memcmp(table, signature, 4) != 0)) return NULL;
  *length = get32(table + 4);
  if (*length < 36 || *length > 1u << 20 || !phys_map(physical, *length, false)) return NULL;
  return sums_to_zero(table, *length) ? table : NULL;
}

static const u8 *find_rsdp_in(u64 from, u64 to) {
  for (u64 at = from & ~15UL; at + 20 <= to; at += 16) {
    const u8 *candidate = phys_ptr(at);
    if (memcmp(candidate, "RSD PTR ", 8) == 0 && sums_to_zero(candidate, 20)) return candidate;
  }
  return NULL;
}

static const u8 *find_rsdp(void) {
  u16 segment;
  memcpy(&segment, phys_ptr(0x40E), 2);
  u64 ebda = (u64)segment << 4;
  const u8 *found = ebda >= 0x400 && ebda < 0xA0000 ? find_rsdp_in(ebda, ebda + 1024) : NULL;
  return found ? found : find_rsdp_in(0xE0000, 0x100000);
}

// Name (_S5_, Package () {SLP_TYPa, SLP_TYPb, ...}): 08 [5C] "_S5_" 12 PkgLength NumElements, then integers.
static void find_s5(const u8 *table, u32 length) {
  for (u32 i = 37; i + 8 < length && !have_s5; i++) {
    if (memcmp(table + i, "_S5_\x12", 5) != 0) continue;
    if (table[i - 1] != 0x08 && !(table[i - 1] == '\\' && table[i - 2] == 0x08)) continue;
    u32 at = i + 5 + 1 + (table[i + 5] >> 6) + 1; // past PkgLength and NumElements
    u8 values[2] = {0, 0};
    for (u32 n = 0; n < 2 && at < length; n++) {
      if (table[at] == 0x0A && at + 1 < length) values[n] = table[++at]; // BytePrefix
      else if (table[at] == 0x01) values[n] = 1;          // OneOp; ZeroOp is 0
      at++;
    }
    sleep_type_a = values[0] & 7;
    sleep_type_b = values[1] & 7;
    have_s5 = true;
  }
}

static u16 register_block(const u8 *fadt, u32 length, u32 legacy, u32 extended) {
  u32 port = get32(fadt + legacy);
  if (port == 0 && length >= extended + 12 && fadt[extended] == 1) port = get32(fadt + extended + 4);
  return port < 0x10000 ? (u16)port : 0;
}

static void read_fadt(const u8 *fadt, u32 length) {
  if (length < 116) return;
  pm1a_event = register_block(fadt, length, 56, 148);
  pm1b_event = register_block(fadt, length, 60, 160);
  pm1a_control = register_block(fadt, length, 64, 172);
  pm1b_control = register_block(fadt, length, 68, 184);
  event_half = fadt[88] / 2;
  century_register = fadt[108] < 0x80 ? fadt[108] : 0;
  u32 flags = get32(fadt + 112);
  if (length >= 129 && flags & 1u << 10) {
    reset_space = fadt[116];
    reset_address = get64(fadt + 120);
    reset_value = fadt[128];
  }
  u32 dsdt_length;
  const u8 *dsdt = table_at(get32(fadt + 40), "DSDT", &dsdt_length);
  if (!dsdt && length >= 148) dsdt = table_at(get64(fadt + 140), "DSDT", &dsdt_length);
  if (dsdt) find_s5(dsdt, dsdt_length);
  acpi_present = pm1a_control != 0;

  u32 command_port = get32(fadt + 48);
  if (acpi_present && command_port && command_port < 0x10000 && fadt[52] && !(inw(pm1a_control) & SCI_EN)) {
    outb((u16)command_port, fadt[52]);
    for (u32 tries = 0; tries < 10000 && !(inw(pm1a_control) & SCI_EN); tries++) {}
  }
  u16 sci;
  memcpy(&sci, fadt + 46, 2);
  bool fixed_button = !(flags & 1u << 4);
  if (!acpi_present || !fixed_button || !pm1a_event || event_half < 2 || sci >= 16 || sci < 3 || sci == 4) return;
  acpi_sci = sci;
  irq_level(sci);
  outw(pm1a_event, PWRBTN);
  outw((u16)(pm1a_event + event_half), PWRBTN);
  if (pm1b_event) {
    outw(pm1b_event, PWRBTN);
    outw((u16)(pm1b_event + event_half), PWRBTN);
  }
  irq_enable(sci);
}

void acpi_init(void) {
  const u8 *rsdp = find_rsdp();
  if (!rsdp) return;
  bool wide = false;
  u32 length = 0;
  const u8 *root = NULL;
  if (rsdp[15] >= 2) {
    root = table_at(get64(rsdp + 24), "XSDT", &length);
    wide = root != NULL;
  }
  if (!root) root = table_at(get32(rsdp + 16), "RSDT", &length);
  if (!root) return;
  u32 step = wide ? 8 : 4;
  for (u32 at = 36; at + step <= length; at += step) {
    u32 table_length;
    const u8 *table = table_at(wide ? get64(root + at) : get32(root + at), NULL, &table_length);
    if (!table) continue;
    if (memcmp(table, "FACP", 4) == 0) read_fadt(table, table_length);
    else if (memcmp(table, "SSDT", 4) == 0) find_s5(table, table_length);
  }
}

static bool button_in(u16 event) {
  if (!event || !(inw(event) & PWRBTN)) return false;
  outw(event, PWRBTN);
  return true;
}

void acpi_sci_irq(void) {
  bool a = button_in(pm1a_event), b = button_in(pm1b_event);
  if (!a && !b) return;
  power_button = true;
  task_wake(&tasks[0]);
}

u8 acpi_century_register(void) { return century_register; }

static void sleep_now(u16 port, u8 type) {
  if (port) outw(port, (u16)((inw(port) & ~0x3C00u) | (u32)type << 10 | SLP_EN));
}

void power_off(void) {
  console_flush();
  if (!acpi_present || !have_s5) {
    kprintf("This machine has no ACPI power switch. It is safe to turn it off now.\n");
    return;
  }
  sleep_now(pm1a_control, sleep_type_a);
  sleep_now(pm1b_control, sleep_type_b);
  for (u64 start = now_ns(); now_ns() - start < 1000000000;) {}
  kprintf("The machine did not power off.\n");
}

void power_button_pressed(void) {
  power_button = false;
  kprintf("\n\x1b[93mThe power button was pressed: powering off.\x1b[0m\n");
  power_off();
}

void reboot(void) {
  console_flush();
  interrupts_off();
  if (reset_space == 1 && reset_address && reset_address < 0x10000) outb((u16)reset_address, reset_value);
  for (u32 tries = 0; tries < 10000 && (inb(0x64) & 2); tries++) {}
  outb(0x64, 0xFE); // the 8042 pulses the reset line
  for (u64 start = now_ns(); now_ns() - start < 100000000;) {}
  outb(0xCF9, 0x06);
  load_null_idt();
  __asm__ volatile("int3");
  for (;;) __asm__ volatile("hlt");
}
