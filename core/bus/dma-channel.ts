// One channel of the ISA DMA controllers as the device on it sees it: the DREQ, DACK and TC pins, with a run of cycles for each call.

export interface DmaTransfer {
  /** Bytes that went over the bus: fewer than asked for when the count ran out or the channel could not run. */
  bytes: number;
  /** TC was active in the last cycle. */
  isTerminal: boolean;
}

export interface DmaChannel {
  /** DREQ. A device holds it while it waits for the channel; it only shows in the controller's status register. */
  request(level: boolean): void;
  /** A transfer would move something now: the controller is on and the channel is not masked. */
  isReady(): boolean;
  /** Device to memory. In verify mode the cycles are counted and nothing is stored. Moves nothing if the channel is programmed for
   *  the other direction. A 16-bit channel moves whole words. */
  toMemory(data: Uint8Array): DmaTransfer;
  /** Memory to device; what is not RAM reads as FFh. In verify mode `into` is left alone. */
  fromMemory(into: Uint8Array): DmaTransfer;
}
