/** The keys that a sysctl names, apart by a comma: four numbers each, in hexadecimal digits. Null where it names none. */
export function keysOf(text: string): readonly Uint8Array[] | null {
  const keys = text.split(",").map((key) => key.trim().split("-"));
  if (keys.length > 2 || keys.some((parts) => parts.length !== 4 || parts.some((part) => !/^[0-9a-f]{1,8}$/i.test(part)))) return null;
  return keys.map((parts) => {
    const octets = new Uint8Array(16);
    parts.forEach((part, index) => new DataView(octets.buffer).setUint32(4 * index, Number.parseInt(part, 16), true));
    return octets;
  });
}
