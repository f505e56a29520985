import { IpAddress } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { DIRECTION } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { addressParameter, countParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { StreamEditor } from "./stream-edits.ts";
import type { StreamEdit } from "./stream-edits.ts";

const PARAMETERS = {
  address: addressParameter("203.0.113.254", "The address that hosts inside are told to have: what is written in place of their own."),
  port: countParameter(21, 1, 65_535, "The port of FTP's control connections."),
};

export type FtpAlgParameters = ValuesOf<typeof PARAMETERS>;

/**
 * The gateway for FTP that address translators have: writes another address into the `PORT` and `EPRT` commands of clients inside, and into the answers to `PASV` of servers inside
 * (RFC 959 §4.1.2, RFC 2428 §2), as text, so that the stream gets longer or shorter, and moves the sequence numbers of both directions from there on. A command is
 * found where one segment has all of it, as in Linux. The ports stay as they are.
 */
export class FtpAlg extends StreamEditor {
  private readonly port: number;
  private readonly address: string;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: FtpAlgParameters) {
    super(name, environment);
    this.port = parameters.port;
    this.address = parameters.address;
  }

  protected editsOf(packet: Packet, segment: TcpSegment, direction: Direction, position: number): readonly StreamEdit[] {
    if (direction !== DIRECTION.outward || packet.source.family !== 4) return [];
    const commands = segment.destinationPort === this.port ? FROM_CLIENT : segment.sourcePort === this.port ? FROM_SERVER : [];
    if (commands.length === 0 || segment.payload.bytes === null) return [];
    // One character for each octet, so that places in the text are places in the stream.
    const text = Array.from(segment.payload.toUint8Array(), (octet) => String.fromCharCode(octet)).join("");
    const edits: StreamEdit[] = [];
    for (const { pattern, separator } of commands) {
      for (const match of text.matchAll(pattern)) {
        const [, before = "", own = ""] = match;
        const address = IpAddress.parse(own.replaceAll(separator, "."));
        if (address === null) continue;
        const inserted = Uint8Array.from(this.address.replaceAll(".", separator), (character) => character.charCodeAt(0));
        edits.push({ at: position + match.index + before.length, removed: own.length, inserted });
      }
    }
    return edits.toSorted((x, y) => x.at - y.at);
  }
}

/** Writes another address into the commands of FTP that tell one, as address translators do. */
export const ftpAlg: MiddleboxKind = middleboxKind(
  "ftp-alg",
  "Writes another address into the commands of FTP that tell one, as address translators do.",
  PARAMETERS,
  (name, environment, parameters) => new FtpAlg(name, environment, parameters),
);

interface Command {
  /** What stands before the address, and the address. */
  readonly pattern: RegExp;
  readonly separator: string;
}

const FROM_CLIENT: readonly Command[] = [
  { pattern: /(?<=^|\n)(PORT )(\d{1,3}(?:,\d{1,3}){3})(?=,\d{1,3},\d{1,3}\r\n)/gi, separator: "," },
  { pattern: /(?<=^|\n)(EPRT \|1\|)(\d{1,3}(?:\.\d{1,3}){3})(?=\|\d{1,5}\|\r\n)/gi, separator: "." },
];
const FROM_SERVER: readonly Command[] = [{ pattern: /(?<=^|\n)(227 [^\r\n\d]*)(\d{1,3}(?:,\d{1,3}){3})(?=,\d{1,3},\d{1,3}[^\n]*\r\n)/g, separator: "," }];
