/** A value in an option of Multipath TCP. */
export type OptionValue =
  | { readonly kind: "number"; readonly value: bigint }
  /** What the protocol wants. */
  | { readonly kind: "auto" }
  /** Whatever is there; in a packet that is sent as "auto". */
  | { readonly kind: "any" }
  /** The token of a key, or its initial data sequence number, and what is added. `version`: whose hash it is made by; null: that of the connection. */
  | { readonly kind: "token" | "sequence"; readonly key: string; readonly plus: bigint; readonly version: 0 | 1 | null };

/** A key by its variable, which `value` sets; or a value alone. */
export interface KeyPlan {
  readonly name: string | undefined;
  readonly value: bigint | undefined;
}

/** A TCP option of a line. */
export type OptionPlan =
  /** Octets after kind and length; undefined: any. `kind` 0 and 1 have no length. */
  | { readonly type: "octets"; readonly kind: number; readonly octets: readonly (number | undefined)[] }
  | { readonly type: "timestamps"; readonly value: number | undefined; readonly echo: number | undefined }
  | { readonly type: "sack"; readonly edges: readonly number[] }
  | MptcpPlan;

export type MptcpPlan =
  | {
      readonly type: "mp_capable";
      readonly version: number;
      readonly flags: number;
      readonly keys: readonly KeyPlan[];
      readonly dataLength: number | undefined;
      readonly checksum: OptionValue | undefined;
    }
  | { readonly type: "mp_join_syn"; readonly backup: boolean; readonly id: OptionValue; readonly token: OptionValue; readonly nonce: OptionValue }
  | { readonly type: "mp_join_syn_ack"; readonly backup: boolean; readonly id: OptionValue; readonly hmac: OptionValue; readonly nonce: OptionValue }
  | { readonly type: "mp_join_ack"; readonly hmac: OptionValue }
  | DssPlan
  | {
      readonly type: "add_address";
      readonly version: 0 | 1;
      readonly echo: boolean;
      readonly id: OptionValue;
      readonly name: string | undefined;
      /** Undefined: whatever the stack says, which the name is from then on. */
      readonly address: string | undefined;
      readonly port: number;
      readonly hmac: OptionValue;
    }
  | { readonly type: "remove_address"; readonly ids: readonly number[] }
  | { readonly type: "mp_prio"; readonly backup: boolean; readonly id: number }
  | { readonly type: "mp_fail"; readonly sequence: OptionValue }
  | { readonly type: "mp_fastclose"; readonly key: KeyPlan | undefined }
  | { readonly type: "mp_reset"; readonly transient: boolean; readonly reason: number };

/** Numbers count from the initial data sequence numbers, unless they are those of keys. */
export interface DssPlan {
  readonly type: "dss";
  readonly ackLength: 0 | 4 | 8;
  readonly ack: OptionValue;
  readonly sequenceLength: 0 | 4 | 8;
  readonly sequence: OptionValue;
  readonly subflowSequence: number | undefined;
  readonly dataLength: number | undefined;
  /** Undefined: one if the connection has checksums. */
  readonly checksum: OptionValue | "none" | undefined;
  readonly fin: boolean;
}
