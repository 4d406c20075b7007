/** Streaming decompression for the layers above, which may not import ffi/. */
export { type Compression, Inflater, type InflateStep } from "../../ffi/inflate.ts";
