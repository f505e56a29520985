// UTF-8 for comments and names: the core has neither `TextEncoder` nor `Buffer`.

/** Octets of `text` in UTF-8. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (isPairAt(text, i)) {
      length += 4;
      i++;
    } else length += 3;
  }
  return length;
}

/** Writes `text` at `at`, a lone surrogate as U+FFFD; returns where it ends. */
export function writeUtf8(text: string, target: Uint8Array, at: number): number {
  let i = at;
  for (let j = 0; j < text.length; j++) {
    let point = text.charCodeAt(j);
    if (point >= 0xd800 && point < 0xe000) {
      if (isPairAt(text, j)) point = 0x10000 + ((point - 0xd800) << 10) + (text.charCodeAt(++j) - 0xdc00);
      else point = REPLACEMENT;
    }
    if (point < 0x80) {
      target[i++] = point;
      continue;
    }
    if (point < 0x800) {
      target[i++] = 0xc0 | (point >>> 6);
    } else {
      if (point < 0x10000) {
        target[i++] = 0xe0 | (point >>> 12);
      } else {
        target[i++] = 0xf0 | (point >>> 18);
        target[i++] = 0x80 | ((point >>> 12) & 0x3f);
      }
      target[i++] = 0x80 | ((point >>> 6) & 0x3f);
    }
    target[i++] = 0x80 | (point & 0x3f);
  }
  return i;
}

/** The text in octets `at` to `end`; what is no UTF-8 becomes U+FFFD, octet by octet. */
export function readUtf8(bytes: Uint8Array, at: number, end: number): string {
  let text = "";
  let i = at;
  while (i < end) {
    const lead = bytes[i];
    const extra = continuationsOf(lead);
    let point = extra === 0 ? lead : extra < 0 ? REPLACEMENT : lead & (0x3f >> extra);
    let used = 1;
    for (let j = 1; j <= extra; j++) {
      const octet = i + j < end ? bytes[i + j] : 0;
      if ((octet & 0xc0) !== 0x80) {
        point = REPLACEMENT;
        used = 1;
        break;
      }
      point = (point << 6) | (octet & 0x3f);
      used = j + 1;
    }
    // Overlong forms and surrogates are no characters.
    const isBad =
      (used === 3 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) ||
      (used === 4 && (point < 0x10000 || point > 0x10ffff));
    if (isBad) {
      text += "\ufffd";
      i += 1;
    } else {
      text += String.fromCodePoint(point);
      i += used;
    }
  }
  return text;
}

/** How many octets follow a leading one; -1 when it cannot lead. */
function continuationsOf(lead: number): number {
  if (lead < 0x80) return 0;
  if (lead < 0xc2) return -1;
  if (lead < 0xe0) return 1;
  if (lead < 0xf0) return 2;
  return lead < 0xf5 ? 3 : -1;
}

function isPairAt(text: string, i: number): boolean {
  const first = text.charCodeAt(i);
  if (first < 0xd800 || first >= 0xdc00 || i + 1 >= text.length) return false;
  const second = text.charCodeAt(i + 1);
  return second >= 0xdc00 && second < 0xe000;
}

const REPLACEMENT = 0xfffd;
