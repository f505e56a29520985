import type { IpAddress } from "./address.ts";
import type { Payload } from "./payload.ts";

// The Internet checksum (RFC 1071), as *partial sums*: ones' complement sums of big-endian 16-bit words, folded to 16 bits
// and not yet inverted. Partial sums of pieces combine, so nothing is ever summed twice.

/** The partial sum of `length` octets of `bytes` from `offset` on; an odd last octet counts as the upper half of a word. */
export function partialSum(bytes: Uint8Array, offset: number, length: number): number {
  if (length < SHORT) return foldSum(sumOctets(bytes, offset, length));
  const view = viewOf(bytes.buffer);
  const start = bytes.byteOffset + offset;
  const words = length & ~3;
  const sum = foldSum(sumWords(view, start, words));
  // RFC 1071 §2(B): a sum of byte-swapped words is the byte-swapped sum, so words are read little-endian, swapped once.
  const swapped = ((sum & 0xff) << 8) | (sum >>> 8);
  return foldSum(swapped + sumOctets(bytes, offset + words, length - words));
}

/** The partial sum of a payload; 0 when it is virtual, since that stands for zeros. */
export function payloadSum(payload: Payload): number {
  return payload.bytes === null ? 0 : partialSum(payload.bytes, payload.offset, payload.length);
}

/**
 * The partial sum of what `sum` covers followed by a further piece.
 *
 * @param sum partial sum of everything before the piece
 * @param position octets before the piece; when odd, the piece's sum is swapped (RFC 1071 §2(B))
 * @param piece partial sum of the piece by itself
 */
export function combineSums(sum: number, position: number, piece: number): number {
  const aligned = (position & 1) === 0 ? piece : ((piece & 0xff) << 8) | (piece >>> 8);
  return foldSum(sum + aligned);
}

/** Folds a sum of 16-bit words, any integer from 0 to 2^53 - 1, to 16 bits with end-around carry. */
export function foldSum(sum: number): number {
  let folded = (sum >>> 16) + (sum & 0xffff);
  if (sum >= TWO_32) folded += Math.floor(sum / TWO_32);
  folded = (folded >>> 16) + (folded & 0xffff);
  return (folded >>> 16) + (folded & 0xffff);
}

/** The checksum to send for a partial sum: its ones' complement, 16 bits. */
export function checksumOf(sum: number): number {
  return ~sum & 0xffff;
}

/** The partial sum of the pseudo-header that TCP and ICMPv6 checksums cover (RFC 9293 §3.1, RFC 8200 §8.1). */
export function pseudoHeaderSum(source: IpAddress, destination: IpAddress, protocol: number, length: number): number {
  // An IPv4 address is the last word of four, the others are 0, so one formula serves both families.
  const upper =
    (source.w0 >>> 16) + (source.w1 >>> 16) + (source.w2 >>> 16) + (source.w3 >>> 16) +
    (destination.w0 >>> 16) + (destination.w1 >>> 16) + (destination.w2 >>> 16) + (destination.w3 >>> 16);
  const lower =
    (source.w0 & 0xffff) + (source.w1 & 0xffff) + (source.w2 & 0xffff) + (source.w3 & 0xffff) +
    (destination.w0 & 0xffff) + (destination.w1 & 0xffff) + (destination.w2 & 0xffff) + (destination.w3 & 0xffff);
  return foldSum(upper + lower + protocol + (length >>> 16) + (length & 0xffff));
}

/** The partial sum of an IPv4 header of `length` octets as it stands; 0xffff when its checksum field is right (RFC 791 §3.1). */
export function ipv4HeaderSum(bytes: Uint8Array, offset: number, length: number): number {
  return foldSum(sumOctets(bytes, offset, length));
}

/**
 * The checksum of a DSS mapping, 16 bits (RFC 8684 §3.3.1, Figure 10).
 *
 * @param dataSum partial sum of the data that the mapping covers, put together with {@link combineSums}; 0 for none
 * @param dsnHigh upper half of the full data sequence number, whatever length the option sends
 * @param dsnLow lower half
 * @param subflowSequence relative subflow sequence number of the mapping
 * @param dataLength Data-Level Length, counting a DATA_FIN
 */
export function dssChecksum(
  dataSum: number,
  dsnHigh: number,
  dsnLow: number,
  subflowSequence: number,
  dataLength: number,
): number {
  return checksumOf(dssSum(dataSum, dsnHigh, dsnLow, subflowSequence, dataLength));
}

/** Whether `checksum` is right for a mapping; parameters as for {@link dssChecksum}. */
export function dssChecksumMatches(
  checksum: number,
  dataSum: number,
  dsnHigh: number,
  dsnLow: number,
  subflowSequence: number,
  dataLength: number,
): boolean {
  // Summed rather than compared: 0x0000 and 0xffff are the same number in ones' complement.
  return foldSum(dssSum(dataSum, dsnHigh, dsnLow, subflowSequence, dataLength) + checksum) === 0xffff;
}

/** The checksum after one 16-bit word that it covers changed from `before` to `after` (RFC 1624 §3, equation 3). */
export function updateChecksum(checksum: number, before: number, after: number): number {
  return checksumOf(foldSum((~checksum & 0xffff) + (~before & 0xffff) + (after & 0xffff)));
}

/** Like {@link updateChecksum} for a 32-bit value at an even offset, such as an IPv4 address. */
export function updateChecksum32(checksum: number, before: number, after: number): number {
  return updateChecksum(updateChecksum(checksum, before >>> 16, after >>> 16), before & 0xffff, after & 0xffff);
}

function dssSum(dataSum: number, dsnHigh: number, dsnLow: number, subflowSequence: number, dataLength: number): number {
  return foldSum(
    dataSum +
      (dsnHigh >>> 16) + (dsnHigh & 0xffff) +
      (dsnLow >>> 16) + (dsnLow & 0xffff) +
      (subflowSequence >>> 16) + (subflowSequence & 0xffff) +
      dataLength,
  );
}

/** Sum of big-endian words octet by octet: for headers, where a DataView does not pay. */
function sumOctets(bytes: Uint8Array, offset: number, length: number): number {
  let sum = 0;
  let i = offset;
  const end = offset + (length & ~1);
  for (; i < end; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  if ((length & 1) !== 0) sum += bytes[i] << 8;
  return sum;
}

/**
 * Sum of little-endian 32-bit words; `length` is a multiple of 4.
 *
 * V8 keeps the sum in a float64 register, exact for 2^21 words; the loads need no alignment and no swap.
 */
function sumWords(view: DataView, offset: number, length: number): number {
  let total = 0;
  let i = offset;
  const end = offset + length;
  while (i < end) {
    let sum = 0;
    const stop = Math.min(end, i + SUM_BLOCK);
    const unrolled = stop - 31;
    for (; i < unrolled; i += 32) {
      sum +=
        view.getUint32(i, true) + view.getUint32(i + 4, true) + view.getUint32(i + 8, true) + view.getUint32(i + 12, true) +
        view.getUint32(i + 16, true) + view.getUint32(i + 20, true) + view.getUint32(i + 24, true) + view.getUint32(i + 28, true);
    }
    for (; i < stop; i += 4) sum += view.getUint32(i, true);
    total += foldSum(sum);
  }
  return total;
}

/** One view is remembered, since packets come and go in a pooled buffer and a DataView costs more than a short sum. */
function viewOf(buffer: ArrayBufferLike): DataView {
  if (lastView.buffer !== buffer) lastView = new DataView(buffer);
  return lastView;
}

const TWO_32 = 0x1_0000_0000;
/** Below this many octets the plain loop wins; above it an array is never on V8's heap, so `.buffer` is free. */
const SHORT = 96;
/** Octets per block, well inside what a float64 sums exactly. */
const SUM_BLOCK = 1 << 22;
let lastView = new DataView<ArrayBufferLike>(new ArrayBuffer(0));
