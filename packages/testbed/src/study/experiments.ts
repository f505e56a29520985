import { TCP_FLAG } from "mptcp/wire";
import { DATA_OPTIONS, HANDSHAKE_OPTIONS } from "./probe-options.ts";
import type { ProbeOption } from "./probe-options.ts";
import type { Form, RawEnd, Script, Wait } from "./raw-end.ts";
import { FTP_COMMAND } from "./sight.ts";

/** One connection of the probe: what each end does. */
export interface Experiment {
  readonly name: string;
  /** What is tried, in a sentence. */
  readonly text: string;
  readonly client: Script;
  readonly server: Script;
}

/** Octets of payload in most segments, in the long one, and in short ones. */
export const PIECE = 400;
export const LONG = 1300;
export const SHORT = 100;
export const SHORT_ONES = 4;
const MARK = 100;
/** What the ends say of themselves; a path with a smaller MTU is not for this probe. */
export const MSS = 1400;
/** DSCP AF11 with ECT(0) and with CE (RFC 2597, RFC 3168 §5), and two hop limits that a router lowers by as much. */
export const MARKED: readonly Form[] = [{ trafficClass: 0x2a }, { trafficClass: 0x2b }, { hopLimit: 200 }].map((form) => ({ length: MARK, flags: TCP_FLAG.ACK | TCP_FLAG.PSH, ...form }));
/** Between segments that are not to be joined, ns. */
const SPACE = 20e6;
/** In waits: for how long the server is ready for the first segment of a connection. */
const PATIENCE = 4;

type Steps<T = void> = Generator<Wait, T, void>;

/** The client's part of a handshake: a SYN, twice more when nobody answers, and an ACK. @returns whether it is through */
function* open(end: RawEnd, syn: Form = {}, ack: Form = {}): Steps<boolean> {
  for (let tries = 0; tries < 3 && end.peerInitial < 0 && !end.isReset; tries++) {
    end.send({ maximumSegmentSize: MSS, ...syn, flags: (syn.flags ?? 0) | TCP_FLAG.SYN });
    yield* end.until(() => end.peerInitial >= 0 || end.isReset);
  }
  if (end.peerInitial < 0 || end.isReset) return false;
  end.send({ ...ack });
  return true;
}

/** The server's part. @returns whether it is through */
function* accept(end: RawEnd, synAck: Form = {}): Steps<boolean> {
  if (!(yield* end.until(() => end.peerInitial >= 0, PATIENCE * end.wait))) return false;
  const isThrough = (): boolean => end.isReset || end.seen.some(({ flags }) => (flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.ACK);
  for (let tries = 0; tries < 3 && !isThrough(); tries++) {
    end.send({ maximumSegmentSize: MSS, ...synAck, flags: (synAck.flags ?? 0) | TCP_FLAG.SYN | TCP_FLAG.ACK });
    yield* end.until(isThrough);
  }
  return isThrough() && !end.isReset;
}

/** Ends a connection: whoever has state of it forgets it. What is under way arrives before anything else is done. */
function* finish(end: RawEnd): Steps {
  end.send({ flags: TCP_FLAG.RST | TCP_FLAG.ACK });
  yield* end.pause(SPACE);
}

/** A sender's part: segments that are far enough from each other not to be joined. */
function* sendSpaced(end: RawEnd, forms: readonly Form[]): Steps {
  for (const form of forms) {
    end.send(form);
    yield* end.pause(SPACE);
  }
}

/** A receiver's part: acknowledges each segment with data, until all is there. @param ack what else is on ACKs */
function* acknowledgeUpTo(end: RawEnd, octets: number, ack: Form = {}): Steps {
  const arrived = (): number => end.seen.reduce((count, { length, flags }) => count + Number(length > 0 && (flags & TCP_FLAG.SYN) === 0), 0);
  for (let answered = 0; ; ) {
    const isNew = yield* end.until(() => end.isReset || arrived() > answered, 2 * end.wait);
    if (!isNew || end.isReset) return;
    answered = arrived();
    end.send({ ...ack });
    if (end.received >= octets) return;
  }
}

/** A script of the client, which opens, and of the server, which accepts; the rest happens where that came to pass. */
const connection = (name: string, text: string, client: (end: RawEnd) => Steps, server: (end: RawEnd) => Steps, { syn, synAck, ack }: { syn?: Form; synAck?: Form; ack?: Form } = {}): Experiment => ({
  name,
  text,
  *client(end) {
    if (yield* open(end, syn, ack)) yield* client(end);
    yield* finish(end);
  },
  *server(end) {
    if (yield* accept(end, synAck)) yield* server(end);
  },
});

/** Two experiments: in one the client does something to the server, in the other the server to the client. */
function bothWays(name: string, text: string, active: (end: RawEnd) => Steps, passive: (end: RawEnd) => Steps): Experiment[] {
  // Who is active at the server begins when the client's last segment of the handshake is there.
  return [connection(`${name}/out`, `${text}: client to server`, active, passive), connection(`${name}/in`, `${text}: server to client`, passive, active)];
}

const plainData = (length: number, more: Form = {}): Form => ({ length, flags: TCP_FLAG.ACK | TCP_FLAG.PSH, ...more });
const pieces = (windows: readonly number[]): readonly Form[] => [...windows.map((window) => plainData(PIECE, { window })), plainData(FTP_COMMAND.length, { content: "f" })];
/** Octets of {@link pieces}. */
const WHOLE = 3 * PIECE + FTP_COMMAND.length;

function optionExperiments(option: ProbeOption): Experiment[] {
  const [first, second, third] = HANDSHAKE_OPTIONS[option];
  const data = DATA_OPTIONS[option];
  const exchange = (sends: boolean): ((end: RawEnd) => Steps) =>
    function* exchangeOnce(end) {
      if (sends) {
        end.send(plainData(PIECE, data));
        yield* end.until(() => end.acknowledged >= PIECE || end.isReset);
        yield* acknowledgeUpTo(end, PIECE, data);
      } else {
        yield* acknowledgeUpTo(end, PIECE, data);
        yield* end.pause(SPACE);
        end.send(plainData(PIECE, data));
        yield* end.until(() => end.acknowledged >= PIECE || end.isReset);
      }
      yield* end.pause(SPACE);
    };
  return [
    connection(`option/${option}`, `${option} on all segments`, exchange(true), exchange(false), { syn: first, synAck: second, ack: third }),
    connection(`data-option/${option}`, `${option} on data and ACKs alone`, exchange(true), exchange(false)),
  ];
}

/** What the probe tries on each port, in this order. */
export const EXPERIMENTS: readonly Experiment[] = [
  connection(
    "plain",
    "a plain connection, with data both ways",
    function* client(end) {
      yield* sendSpaced(end, pieces([60_000, 20_000, 3000]));
      yield* end.until(() => end.acknowledged >= WHOLE || end.isReset);
      yield* acknowledgeUpTo(end, WHOLE);
      yield* end.pause(SPACE);
    },
    function* server(end) {
      yield* acknowledgeUpTo(end, WHOLE);
      yield* end.pause(SPACE);
      yield* sendSpaced(end, pieces([50_000, 25_000, 4000]));
      yield* end.until(() => end.acknowledged >= WHOLE || end.isReset);
    },
    { syn: { windowScale: 7, sackPermitted: true }, synAck: { windowScale: 6, sackPermitted: true } },
  ),
  connection(
    "marks",
    "DSCP, ECN and hop limits",
    function* client(end) {
      yield* sendSpaced(end, MARKED);
      yield* acknowledgeUpTo(end, MARKED.length * MARK);
      yield* end.pause(SPACE);
    },
    function* server(end) {
      yield* acknowledgeUpTo(end, MARKED.length * MARK);
      yield* sendSpaced(end, MARKED);
      yield* end.until(() => end.acknowledged >= MARKED.length * MARK || end.isReset);
    },
    { syn: { flags: TCP_FLAG.ECE | TCP_FLAG.CWR }, synAck: { flags: TCP_FLAG.ECE } },
  ),
  ...(["timestamps", "mp_capable", "unknown"] as const).flatMap(optionExperiments),
  connection("echo", "options on a SYN that the server does not answer", function* client() {}, function* server() {}, {
    syn: { mptcp: [...(HANDSHAKE_OPTIONS.mp_capable[0].mptcp ?? [])], others: [...(HANDSHAKE_OPTIONS.unknown[0].others ?? [])] },
  }),
  ...bothWays(
    "hole",
    "data behind a hole, which is filled later",
    function* active(end) {
      yield* sendSpaced(end, [plainData(PIECE, { at: 0 }), plainData(PIECE, { at: 2 * PIECE })]);
      yield* end.pause(end.wait);
      end.send(plainData(PIECE, { at: PIECE }));
      yield* end.until(() => end.acknowledged >= 3 * PIECE || end.isReset);
    },
    function* passive(end) {
      yield* acknowledgeUpTo(end, 3 * PIECE);
      yield* end.pause(SPACE);
    },
  ),
  ...bothWays(
    "unseen",
    "ACKs for data that was not sent",
    function* active(end) {
      yield* end.until(() => end.received >= PIECE || end.isReset, 2 * end.wait);
      end.send({ acknowledge: PIECE });
      yield* end.pause(SPACE);
      end.send({ acknowledge: 3 * PIECE });
      yield* end.pause(end.wait);
    },
    function* passive(end) {
      yield* end.pause(SPACE);
      end.send(plainData(PIECE));
      yield* end.until(() => end.acknowledged >= 3 * PIECE || end.isReset, 2 * end.wait);
      yield* end.pause(SPACE);
    },
  ),
  ...bothWays(
    "silence",
    "data that is not acknowledged, and sent again with another payload",
    function* active(end) {
      end.send(plainData(PIECE, { at: 0 }));
      yield* end.pause(end.wait);
      end.send(plainData(PIECE, { at: 0, content: "b" }));
      yield* end.pause(end.wait);
    },
    function* passive(end) {
      yield* end.until(() => end.received > 0 || end.isReset, 3 * end.wait);
      yield* end.pause(2 * end.wait + SPACE);
      end.send({});
      yield* end.pause(SPACE);
    },
  ),
  ...bothWays(
    "sizes",
    "a long segment, and short ones that follow each other at once",
    function* active(end) {
      end.send(plainData(LONG, { at: 0 }));
      yield* end.until(() => end.acknowledged >= LONG || end.isReset);
      for (let i = 0; i < SHORT_ONES; i++) end.send({ length: SHORT, ...(i === SHORT_ONES - 1 ? { flags: TCP_FLAG.ACK | TCP_FLAG.PSH } : {}) });
      yield* end.until(() => end.acknowledged >= LONG + SHORT_ONES * SHORT || end.isReset);
    },
    function* passive(end) {
      yield* acknowledgeUpTo(end, LONG + SHORT_ONES * SHORT);
      yield* end.pause(SPACE);
    },
  ),
  ...bothWays(
    "acks",
    "ACKs that follow each other at once",
    function* active(end) {
      yield* end.until(() => end.received >= SHORT_ONES * SHORT || end.isReset, 3 * end.wait);
      for (let i = 1; i <= SHORT_ONES; i++) end.send({ acknowledge: i * SHORT });
      yield* end.pause(SPACE);
    },
    function* passive(end) {
      yield* end.pause(SPACE);
      yield* sendSpaced(end, Array.from({ length: SHORT_ONES }, () => plainData(SHORT)));
      yield* end.until(() => end.acknowledged >= SHORT_ONES * SHORT || end.isReset);
      yield* end.pause(SPACE);
    },
  ),
  connection(
    "syn-data",
    "data on SYN and SYN+ACK",
    function* client(end) {
      yield* end.pause(SPACE);
    },
    function* server(end) {
      yield* end.pause(SPACE);
    },
    { syn: { length: SHORT }, synAck: { length: SHORT } },
  ),
  {
    name: "silent-server",
    text: "a SYN that the server does not answer",
    *client(end) {
      end.send({ flags: TCP_FLAG.SYN, maximumSegmentSize: MSS });
      yield* end.pause(end.wait);
      yield* finish(end);
    },
    *server(end) {
      yield* end.until(() => end.isReset, PATIENCE * end.wait);
    },
  },
  {
    name: "stray",
    text: "data of a connection that never began",
    *client(end) {
      end.send(plainData(PIECE, { at: 0 }));
      yield* end.pause(end.wait);
    },
    *server(end) {
      yield* end.until(() => end.seen.length > 0, PATIENCE * end.wait);
    },
  },
];

/** The experiment of that name; undefined when there is none. */
export const experimentOf = (name: string): Experiment | undefined => EXPERIMENTS.find((experiment) => experiment.name === name);
