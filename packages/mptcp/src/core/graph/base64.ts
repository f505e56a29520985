/** Octets as RFC 4648 §4 text, with padding. */
export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const word = ((bytes[i] as number) << 16) | ((left > 1 ? (bytes[i + 1] as number) : 0) << 8) | (left > 2 ? (bytes[i + 2] as number) : 0);
    text += DIGITS[word >>> 18] as string;
    text += DIGITS[(word >>> 12) & 63] as string;
    text += left > 1 ? (DIGITS[(word >>> 6) & 63] as string) : "=";
    text += left > 2 ? (DIGITS[word & 63] as string) : "=";
    if (text.length >= PART) {
      parts.push(text);
      text = "";
    }
  }
  parts.push(text);
  return parts.join("");
}

/** Octets of such text; null when it is not. */
export function fromBase64(text: string): Uint8Array | null {
  const { length } = text;
  if (length % 4 !== 0) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((length / 4) * 3 - padding);
  let at = 0;
  for (let i = 0; i < length; i += 4) {
    let word = 0;
    for (let j = i; j < i + 4; j++) {
      const digit = j >= length - padding ? 0 : VALUES[text.charCodeAt(j)];
      if (digit === undefined || digit < 0) return null;
      word = (word << 6) | digit;
    }
    bytes[at++] = word >>> 16;
    if (at < bytes.length) bytes[at++] = word >>> 8;
    if (at < bytes.length) bytes[at++] = word;
  }
  return bytes;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < DIGITS.length; i++) VALUES[DIGITS.charCodeAt(i)] = i;
/** Characters after which a new part begins: long texts that grow by single characters are slow. */
const PART = 8192;
