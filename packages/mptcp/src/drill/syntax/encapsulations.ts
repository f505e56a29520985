import { IpAddress } from "../../wire/index.ts";
import type { Encapsulation, HeaderField, MplsLabel } from "./ast.ts";
import { takeNumber } from "./expressions.ts";
import { TOKEN, Unexpected, type Lexer } from "./lexer.ts";

/** Which fields the headers have that may stand around a packet. */
const FIELDS = {
  gre: ["flags", "sum", "off", "key", "seq"],
  psp: ["spi", "vc"],
  mpls: ["label", "tc", "ttl"],
} as const;

/** Takes the headers around a packet, outermost first: `ipv4 192.0.2.1 > 192.0.2.2: gre:`. */
export function parseEncapsulations(lexer: Lexer): Encapsulation[] {
  const headers: Encapsulation[] = [];
  for (;;) {
    const header = takeHeader(lexer);
    if (header === undefined) return headers;
    headers.push(header);
    lexer.takes(":");
  }
}

function takeHeader(lexer: Lexer): Encapsulation | undefined {
  const place = lexer.here();
  // "encap" says that no IP header comes with it.
  const transport = lexer.takesName("encap");
  if (!transport && lexer.takesName("ipv4")) return parseIp(lexer, 4);
  if (!transport && lexer.takesName("ipv6")) return parseIp(lexer, 6);
  if (!transport && lexer.takesName("mpls")) return { kind: "mpls", labels: parseLabels(lexer), place };
  for (const kind of ["gre", "psp"] as const) if (lexer.takesName(kind)) return { kind, transport, fields: parseFields(lexer, FIELDS[kind]), place };
  if (transport) throw lexer.unexpected('"gre" or "psp" after "encap"');
  return undefined;
}

function parseIp(lexer: Lexer, version: 4 | 6): Encapsulation {
  const place = lexer.here();
  const source = parseAddress(lexer, version);
  lexer.expect(">", "between the addresses");
  return { kind: "ip", version, source, destination: parseAddress(lexer, version), place };
}

function parseAddress(lexer: Lexer, version: 4 | 6): string {
  const place = lexer.here();
  const address = lexer.match(TOKEN.address);
  if (address === undefined) throw lexer.unexpected("an address");
  if (IpAddress.parse(address)?.family !== version) throw new Unexpected(place, `"${address}" is no IPv${version} address`);
  return address;
}

/** `flags 0xb000, sum 511`: those of the names that the header has, with commas between. */
function parseFields(lexer: Lexer, names: readonly string[]): HeaderField[] {
  const fields: HeaderField[] = [];
  do {
    const place = lexer.here();
    const name = lexer.peekName();
    if (name === undefined || !names.includes(name)) {
      if (fields.length > 0) throw lexer.unexpected(`one of ${names.join(", ")}`);
      return fields;
    }
    lexer.takesName(name);
    const value = takeNumber(lexer);
    if (value === undefined) throw lexer.unexpected(`a number after ${name}`);
    fields.push({ name, value, place });
  } while (lexer.takes(","));
  return fields;
}

function parseLabels(lexer: Lexer): MplsLabel[] {
  const labels: MplsLabel[] = [];
  while (lexer.sees("(")) {
    const place = lexer.here();
    lexer.expect("(", "before a label");
    const fields: HeaderField[] = [];
    let bottom = false;
    do {
      if (lexer.takes("[S]")) bottom = true;
      else fields.push(parseLabelField(lexer));
    } while (lexer.takes(","));
    lexer.expect(")", "after the label");
    labels.push({ fields, bottom, place });
  }
  if (labels.length === 0) throw lexer.unexpected('"(" before a label');
  return labels;
}

function parseLabelField(lexer: Lexer): HeaderField {
  const place = lexer.here();
  const name = lexer.match(TOKEN.name) ?? "";
  const value = (FIELDS.mpls as readonly string[]).includes(name) ? takeNumber(lexer) : undefined;
  if (value === undefined) throw new Unexpected(place, `expected one of ${FIELDS.mpls.join(", ")} with a number, or [S]`);
  return { name, value, place };
}
