/** Takes what a decompressor makes, in order. A piece is valid during the call only. */
export type Sink = (bytes: Buffer) => void;
