// A frame for what cuts and joins segments of TCP.

/** A frame with `payload` bytes of TCP data: Ethernet with `tags` VLAN tags, IP, TCP with 12 bytes of options. */
export function tcpFrame(payload: number, { ipv6 = false, tags = 0, flags = 0x99, sequence = 0xfffffc00 } = {}) {
  const ipAt = 14 + 4 * tags;
  const tcpAt = ipAt + (ipv6 ? 40 : 20);
  const frame = new Uint8Array(tcpAt + 32 + payload);
  const view = new DataView(frame.buffer);
  for (let i = 0; i < 12; i++) frame[i] = 2 * i;
  for (let i = 0; i < tags; i++) view.setUint32(12 + 4 * i, 0x81000005 + i);
  view.setUint16(ipAt - 2, ipv6 ? 0x86dd : 0x0800);
  if (ipv6) {
    frame.set([0x60, 0, 0, 0, 0, 0, 6, 64], ipAt);
    for (let i = 0; i < 32; i++) frame[ipAt + 8 + i] = 17 * i;
  } else {
    frame.set([0x45, 0, 0, 0, 0xff, 0xff, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], ipAt);
  }
  view.setUint16(tcpAt, 4711);
  view.setUint16(tcpAt + 2, 80);
  view.setUint32(tcpAt + 4, sequence);
  frame[tcpAt + 12] = 0x80;
  frame[tcpAt + 13] = flags;
  for (let i = 0; i < payload; i++) frame[tcpAt + 32 + i] = i * 7;
  return { frame, view, ipAt, tcpAt };
}
