/** What may stand in a TCP option. */
export interface OptionForm {
  /** Words that say something by being there. */
  readonly words?: readonly string[];
  /** Names with a value: `dsn8=1` or `val 100`. */
  readonly fields?: readonly string[];
  /** Those among the fields that may stand without a value, which then is the interpreter's to fill in. */
  readonly bare?: readonly string[];
  /** Names with variables in brackets. */
  readonly lists?: readonly string[];
  /** How many values without a name: at least, at most. */
  readonly values?: readonly [number, number];
  /** Whether a value may be a variable that is set: `ckey=42`. */
  readonly variables?: boolean;
  /** How many `from:to`: at least, at most. */
  readonly ranges?: readonly [number, number];
  /** How many strings of hexadecimal digits: at least, at most. A name instead is a variable. */
  readonly octets?: readonly [number, number];
}

/** Words by which scripts set the flags A to H of MP_CAPABLE (RFC 8684 §3.1); older ones write them without a list around. */
const CAPABLE_FLAGS = ["flag_a", "flag_b", "flag_c", "flag_d", "flag_e", "flag_f", "flag_g", "flag_h"];
const CAPABLE: OptionForm = {
  words: ["v0", "v1", "nokey", "nocs", ...CAPABLE_FLAGS],
  fields: ["flags", "mpcdatalen", "checksum"],
  bare: ["checksum"],
  lists: ["flags", "key"],
  values: [0, 2],
  variables: true,
};
const JOIN: OptionForm = { fields: ["backup", "address_id", "token", "rand", "sender_hmac"] };
const ADD_ADDRESS: OptionForm = {
  words: ["addr_echo"],
  fields: ["address_id", "ipv4", "ipv6", "port", "hmac"],
  lists: ["addr"],
};

/** TCP options by the names that scripts have for them. */
export const OPTION_FORMS: Readonly<Record<string, OptionForm>> = {
  nop: {},
  eol: {},
  mss: { values: [1, 1] },
  wscale: { values: [1, 1] },
  sackOK: {},
  sack: { ranges: [1, 4] },
  TS: { fields: ["val", "ecr"] },
  FO: { octets: [0, 1] },
  FOEXP: { octets: [0, 1] },
  md5: { octets: [0, 1] },
  exp: { octets: [1, 2] },
  ECN: { fields: ["e0b", "ceb", "e1b"] },

  mpcapable: CAPABLE,
  mp_capable: CAPABLE,
  mp_capable_no_cs: CAPABLE,
  mp_join_syn: JOIN,
  mp_join_syn_ack: JOIN,
  mp_join_ack: JOIN,
  dss: {
    words: ["nocs", "fin", "FIN"],
    fields: ["dack4", "dack8", "dsn4", "dsn8", "ssn", "dll", "checksum"],
    bare: ["dack4", "dack8", "dsn4", "dsn8", "checksum"],
  },
  add_address: ADD_ADDRESS,
  add_addr: ADD_ADDRESS,
  remove_address: { fields: ["address_id"] },
  remove_addr: { fields: ["address_id"] },
  mp_prio: { fields: ["backup", "address_id"] },
  mp_fail: { fields: ["dsn8"], bare: ["dsn8"] },
  mp_fastclose: { values: [0, 1], variables: true },
  mp_reset: { fields: ["flags", "reason"], lists: ["flags"], values: [0, 1] },
  mp_tcprst: { fields: ["flags", "reason"], lists: ["flags"], values: [0, 1] },
};
