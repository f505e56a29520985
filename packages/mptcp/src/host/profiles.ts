import { MILLISECOND, MINUTE, SECOND } from "../core/index.ts";
import { linuxEndpoints, lowestTimeDistance } from "../mptcp/index.ts";
import type { MptcpConfig } from "../mptcp/index.ts";
import { cubic } from "../tcp/index.ts";
import type { TcpConfig } from "../tcp/index.ts";

/** Parameters by which a host makes the choices that the RFCs leave it as some known stack does. */
export interface Profile {
  readonly tcp: Partial<TcpConfig>;
  readonly mptcp: Partial<MptcpConfig>;
}

/**
 * The choices of known stacks, by name. `own` are the defaults; `linux` is what Linux 6.18 does with its default sysctls, as far as it was measured.
 * docs/profiles.md has each difference, with the clause that leaves it open.
 */
export const profiles = {
  own: { tcp: {}, mptcp: {} },
  linux: {
    tcp: {
      congestion: cubic,
      optionLayout: "aligned",
      blackHoleDetection: false,
      acknowledging: "adaptive",
      clockGranularity: 200 * MILLISECOND,
      tailProbeAlone: 200 * MILLISECOND,
      tailProbeSlack: 2 * MILLISECOND,
      holding: "timeout",
      synRetries: 6,
      synAckRetries: 5,
      synLinearRetries: 4,
      simultaneousOpen: true,
      challengeInterval: 500 * MILLISECOND,
      resetForm: "full",
      keepAliveEnd: "reset",
      offeredWindow: "half",
      beyondWindow: "whole",
      unreadAtClose: "reset",
      receiveBuffer: { initial: 131_072, max: 32 * 1024 * 1024, autoTune: true },
    },
    mptcp: {
      congestion: cubic,
      scheduler: lowestTimeDistance,
      pathManager: linuxEndpoints,
      limits: { subflows: 2, addAddrAccepted: 0 },
      dataSequenceLength: 8,
      dataAckLength: "latest",
      confirmHandshake: false,
      opportunisticRetransmission: false,
      penalisation: false,
      joinSynRetries: 6,
      joinAckBackoff: false,
      bareAddAddr: true,
      addAddrTimeout: 2 * MINUTE,
      addAddrPace: "rto",
      addAddrRetries: 3,
      dataFinTimeout: 200 * MILLISECOND,
      dataFinProbe: false,
      dataFinAckApart: true,
      nagle: "small",
      passiveCloseWait: 0,
      explainResets: "all",
      regularNotice: "silent",
      noSubflowTimeout: 60 * SECOND,
      blackholeFirstMemory: 60 * MINUTE,
      blackholeMemory: 64 * 60 * MINUTE,
    },
  },
} as const satisfies Readonly<Record<string, Profile>>;

/** The name of a profile. */
export type ProfileName = keyof typeof profiles;

/** `defaults`, changed by a profile where one is named, and then by `own`. */
export function withProfile<T extends object>(defaults: T, profile: ProfileName | undefined, part: keyof Profile, own: Partial<T> | undefined): T {
  return profile === undefined ? { ...defaults, ...own } : { ...defaults, ...(profiles[profile][part] as Partial<T>), ...own };
}
