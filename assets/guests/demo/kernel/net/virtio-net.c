// A network card after Virtual I/O Device 1.1: PCI transport (4.1) without MSI-X, split rings (2.6), network device (5.1) without
// offloads: each frame is one buffer behind its header. Received frames are handled within the interrupt; sent ones are taken back
// when their buffers are wanted again, without an interrupt unless somebody waits.
#include "net.h"
#include "../pci.h"

enum { RING = 128, BUFFER = 2048, HEADER = 12, TAG = 4, HEADROOM = 16 }; // HEADROOM: header, and a gap for a tag
enum { RX, TX };
enum { MODERN_CARD = 0x10411AF4, TRANSITIONAL_CARD = 0x10001AF4, VENDOR_CAPABILITY = 9 };
enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, FAILED = 128 };
enum { F_MAC = 1 << 5, F_STATUS = 1 << 16, F_VERSION_1 = 1 << (32 - 32) };
enum { DESCRIPTOR_WRITE = 2, NO_INTERRUPT = 1, NO_NOTIFY = 1 };
enum { ISR_CONFIG = 2 };

struct common { // 4.1.4.3
  u32 device_feature_select, device_feature, driver_feature_select, driver_feature;
  u16 config_vector, queues;
  u8 status, generation;
  u16 queue, size, vector, enable, notify_offset;
  u32 descriptors[2], driver[2], device[2];
};

struct descriptor {
  u64 address;
  u32 length;
  u16 flags, next;
};

struct ring { // all of it in one frame
  struct descriptor descriptors[RING];
  struct {
    u16 flags, index, ring[RING], event;
  } available;
  u16 gap;
  struct {
    u16 flags, index;
    struct {
      u32 id, length;
    } ring[RING];
    u16 event;
  } used;
};
_Static_assert(sizeof(struct ring) <= PAGE && offsetof(struct ring, used) % 4 == 0, "a ring fits a frame");

struct queue {
  volatile struct ring *ring;
  u64 physical;
  u32 size;
  u16 available, used; // ours: given, taken back
  volatile u16 *doorbell;
  u8 *buffers[RING];
};

u32 net_irq_line = ~0u;
static volatile struct common *common;
static volatile u8 *isr, *device_config, *notify_base;
static u32 notify_multiplier;
static struct queue queues[2];
static u16 free_buffers[RING]; // of TX
static u32 free_count;

static void barrier(void) { __sync_synchronize(); } // stores before loads too: what we have published before what the device says

// The structure that a vendor capability describes, mapped.
static volatile u8 *find_structure(struct pci card, u32 type, u32 length, u32 *extra) {
  if (!(pci_read(card, 4) >> 16 & 0x10)) return NULL;
  u32 at = pci_read(card, 0x34) & 0xFC;
  for (u32 tries = 0; at >= 0x40 && tries < 48; tries++) {
    u32 head = pci_read(card, at);
    if ((head & 0xFF) == VENDOR_CAPABILITY && head >> 24 == type) {
      u64 base = pci_bar(card, pci_read(card, at + 4) & 0xFF);
      u32 offset = pci_read(card, at + 8), size = pci_read(card, at + 12);
      if (extra) *extra = pci_read(card, at + 16);
      if (base && size >= length && size <= 1u << 20) return phys_map(base + offset, size, true);
    }
    at = head >> 8 & 0xFC;
  }
  return NULL;
}

static bool queue_init(u32 index) {
  struct queue *q = &queues[index];
  common->queue = (u16)index;
  u32 size = common->size;
  if (size == 0) return false;
  q->size = size < RING ? size : RING; // the device's is a power of two, and so is ours
  q->physical = frame_alloc();
  if (!q->physical) return false;
  q->ring = phys_ptr(q->physical);
  for (u32 i = 0; i < q->size; i += 2) {
    u64 frame = frame_alloc();
    if (!frame) return false;
    for (u32 half = 0; half < 2 && i + half < q->size; half++) {
      q->buffers[i + half] = (u8 *)phys_ptr(frame) + half * BUFFER;
      q->ring->descriptors[i + half] = (struct descriptor){frame + half * BUFFER, BUFFER, DESCRIPTOR_WRITE, 0};
    }
  }
  u64 areas[3] = {q->physical, q->physical + offsetof(struct ring, available), q->physical + offsetof(struct ring, used)};
  volatile u32 *registers[3] = {common->descriptors, common->driver, common->device};
  common->size = (u16)q->size;
  for (u32 i = 0; i < 3; i++) {
    registers[i][0] = (u32)areas[i];
    registers[i][1] = (u32)(areas[i] >> 32);
  }
  q->doorbell = (volatile u16 *)(notify_base + common->notify_offset * notify_multiplier);
  common->enable = 1;
  return true;
}

static void offer(struct queue *q, u32 id) { q->ring->available.ring[q->available++ % q->size] = (u16)id; }

static void publish(struct queue *q, u32 index) {
  __asm__ volatile("" : : : "memory"); // stores stay in order on x86
  q->ring->available.index = q->available;
  barrier();
  if (!(q->ring->used.flags & NO_NOTIFY)) *q->doorbell = (u16)index;
}

bool card_init(void) {
  struct pci card;
  if (!pci_find(MODERN_CARD, &card) && !pci_find(TRANSITIONAL_CARD, &card)) return false;
  u32 line = pci_read(card, 0x3C) & 0xFF;
  pci_write(card, 4, (pci_read(card, 4) & 0xFBFF) | 6); // memory, bus master; INTx allowed
  common = (volatile struct common *)find_structure(card, CAP_COMMON, sizeof *common, NULL);
  notify_base = find_structure(card, CAP_NOTIFY, 2, &notify_multiplier);
  isr = find_structure(card, CAP_ISR, 1, NULL);
  device_config = find_structure(card, CAP_DEVICE, 8, NULL);
  if (!common || !notify_base || !isr || !device_config || line < 3 || line > 15 || line == 4) return false;
  common->status = 0;
  for (u32 tries = 0; common->status != 0; tries++)
    if (tries == 100000) return false;
  common->status = ACKNOWLEDGE | DRIVER;
  common->device_feature_select = 1;
  bool is_modern = common->device_feature & F_VERSION_1;
  common->device_feature_select = 0;
  u32 offered = common->device_feature;
  common->driver_feature_select = 0;
  common->driver_feature = offered & (F_MAC | F_STATUS);
  common->driver_feature_select = 1;
  common->driver_feature = F_VERSION_1;
  common->status = ACKNOWLEDGE | DRIVER | FEATURES_OK;
  if (!is_modern || !(common->status & FEATURES_OK) || !queue_init(RX) || !queue_init(TX)) {
    common->status = FAILED;
    return false;
  }
  if (offered & F_MAC) {
    for (u32 i = 0; i < MAC_BYTES; i++) net.mac[i] = device_config[i];
  } else {
    put32(net.mac + 2, random32());
    put16(net.mac, 0x5254); // of local administration
  }
  for (u32 i = 0; i < queues[RX].size; i++) offer(&queues[RX], i);
  for (u32 i = 0; i < queues[TX].size; i++) free_buffers[free_count++] = (u16)i;
  queues[TX].ring->available.flags = NO_INTERRUPT;
  net_irq_line = line;
  pci_have_line_alone(card, line);
  irq_level(line);
  irq_enable(line);
  common->status = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
  publish(&queues[RX], RX);
  net.link = !(offered & F_STATUS) || device_config[6] & 1;
  return true;
}

static void take_back_sent(void) {
  struct queue *q = &queues[TX];
  while (q->used != q->ring->used.index) {
    u32 id = q->ring->used.ring[q->used++ % q->size].id;
    if (id < q->size && free_count < q->size) free_buffers[free_count++] = (u16)id;
  }
}

u32 card_sending(void) {
  take_back_sent();
  return queues[TX].size - free_count;
}

void card_wake_when_sent(bool wanted) {
  queues[TX].ring->available.flags = wanted ? 0 : NO_INTERRUPT;
  barrier();
}

u8 *card_frame(void) {
  if (!free_count) take_back_sent();
  return free_count ? queues[TX].buffers[free_buffers[free_count - 1]] + HEADROOM : NULL;
}

// Sends what card_frame gave.
void card_send(u8 *frame, u32 length) {
  struct queue *q = &queues[TX];
  u32 id = free_buffers[--free_count];
  if (net.vlan) {
    memmove(frame - TAG, frame, 2 * MAC_BYTES);
    frame -= TAG;
    length += TAG;
    put16(frame + 2 * MAC_BYTES, ETHERTYPE_VLAN);
    put16(frame + 2 * MAC_BYTES + 2, net.vlan);
  }
  u8 *start = frame - HEADER;
  memset(start, 0, HEADER);
  u64 physical = (u64)start - DIRECT_MAP;
  q->ring->descriptors[id] = (struct descriptor){physical, length + HEADER, 0, 0};
  offer(q, id);
  publish(q, TX);
  net.sent_frames++;
  net.sent_bytes += length;
}

static void receive_all(void) {
  struct queue *q = &queues[RX];
  u16 end = q->ring->used.index; // what arrives from now on raises another interrupt
  if (q->used == end) return;
  while (q->used != end) {
    u32 id = q->ring->used.ring[q->used % q->size].id, length = q->ring->used.ring[q->used % q->size].length;
    q->used++;
    if (id >= q->size) continue;
    if (length > HEADER && length <= BUFFER) net_received(q->buffers[id] + HEADER, length - HEADER);
    offer(q, id);
  }
  publish(q, RX);
}

void net_irq(void) {
  u8 reason = *isr; // reading it ends the interrupt
  if (!reason) return;
  if (reason & ISR_CONFIG) net_carrier(device_config[6] & 1);
  receive_all();
  net_schedule();
  net_wake();
}
