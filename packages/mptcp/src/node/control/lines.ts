/** A line was longer than may be. */
export class LineTooLong extends Error {}

/**
 * The lines of a stream of octets, without their ends; what comes after the last end is none. UTF-8 that is none becomes U+FFFD.
 * @param longest octets of a line @throws LineTooLong; what the stream throws
 */
export async function* linesOf(stream: AsyncIterable<Uint8Array | string>, longest: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    let rest = typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED)) {
      if (length + end > longest) throw new LineTooLong();
      yield Buffer.concat([...parts, rest.subarray(0, end)]).toString("utf8");
      parts = [];
      length = 0;
      rest = rest.subarray(end + 1);
    }
    length += rest.length;
    if (length > longest) throw new LineTooLong();
    if (rest.length > 0) parts.push(rest);
    // Many small pieces would weigh more than what is in them.
    if (parts.length > MOST_PARTS) parts = [Buffer.concat(parts)];
  }
}

const LINE_FEED = 0x0a;
const MOST_PARTS = 64;
