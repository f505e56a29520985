import { MICROSECOND, MILLISECOND, MINUTE, SECOND } from "../core/index.ts";
import { linuxEndpoints, shortestQueue } from "../mptcp/index.ts";
import type { MptcpConfig } from "../mptcp/index.ts";
import { bbr, cubicWith, newRenoWith } from "../tcp/index.ts";
import type { TcpConfig } from "../tcp/index.ts";

/** Parameters by which a host makes the choices that the RFCs leave it as some known stack does. */
export interface Profile {
  readonly tcp: Partial<TcpConfig>;
  readonly mptcp: Partial<MptcpConfig>;
}

/** Slow start grows by all that an ACK covers, since no window has so many segments; and a loss leaves a share of the window, not of what was in flight. */
const LIKE_LINUX = { slowStartLimit: 0x4000_0000, reducesWindow: true };

/** Congestion controls by the names that Linux has for them, and as it has them; but its BBR is the first version, and ours that of the draft. */
export const LINUX_CONGESTION = { cubic: cubicWith({ ...LIKE_LINUX, delayEndsSlowStart: true }), reno: newRenoWith(LIKE_LINUX), bbr } as const;

/**
 * The choices of known stacks, by name. `own` are the defaults; `linux` is what Linux 6.18 does with its default sysctls, as far as it was measured.
 * docs/profiles.md has each difference, with the clause that leaves it open.
 */
export const profiles = {
  own: { tcp: {}, mptcp: {} },
  linux: {
    tcp: {
      congestion: LINUX_CONGESTION.cubic,
      optionLayout: "aligned",
      timestampsOf: "examined",
      ecnOption: "always",
      ecnCapable: "all",
      ecnAcks: "changes",
      ecnWrap: "fewest",
      timeWaitEcn: false,
      superSegments: "paced",
      pacing: "off",
      sackOn: "all",
      blackHoleDetection: false,
      windowGrowth: "delivered",
      slowStartAfterIdle: true,
      timerSends: "segment",
      undo: "full",
      acknowledging: "adaptive",
      clockGranularity: 200 * MILLISECOND,
      tailProbeAlone: 200 * MILLISECOND,
      tailProbeSlack: 2 * MILLISECOND,
      timerRestart: "segment",
      repackaging: true,
      holding: "timeout",
      synRetries: 6,
      synAckRetries: 5,
      synLinearRetries: 4,
      halfOpenErrors: "soft",
      simultaneousOpen: true,
      challengeInterval: 500 * MILLISECOND,
      resetForm: "full",
      push: "burst",
      keepAliveEnd: "reset",
      offeredWindow: "half",
      beyondWindow: "whole",
      unreadAtClose: "reset_unless_fallback",
      receiveBuffer: { initial: 131_072, max: 32 * 1024 * 1024, autoTune: true },
    },
    mptcp: {
      congestion: LINUX_CONGESTION.cubic,
      scheduler: shortestQueue,
      pathManager: linuxEndpoints,
      limits: { subflows: 2, addAddrAccepted: 0 },
      dataSequenceLength: 8,
      mappingSpan: "write",
      dataAckLength: "latest",
      algorithmOffers: "sole",
      thirdAck: "first",
      firstAnswer: "believed",
      keysRepeated: "first",
      mappingFaults: "regular",
      beyondWindow: "acknowledged",
      peerWindow: "shared",
      confirmHandshake: false,
      opportunisticRetransmission: false,
      penalisation: false,
      joinSynRetries: 6,
      joinDemultiplexing: "listener",
      joinRefusal: "ack",
      halfOpenAnswer: "ack",
      joinsWhileClosing: false,
      confirmedBy: "keys",
      addAddrEcho: "first",
      joinAckPace: "time",
      joinRoundTrip: "data",
      joinSends: "heard",
      bareAddAddr: true,
      addAddrTimeout: 2 * MINUTE,
      addAddrPace: "rto",
      addAddrRetries: 3,
      dataTimeout: 200 * MILLISECOND,
      removedAddress: "close",
      windowProbe: "octet",
      suspectsCarriers: false,
      dataFinTimeout: 200 * MILLISECOND,
      dataFinAfterData: 4 * MILLISECOND,
      dataFinProbe: false,
      dataFinOn: "all",
      subflowFin: "open",
      dataFinWithRepeats: true,
      repeatedDataFin: "ignored",
      dataFinBelowData: "taken",
      dataFinAckApart: true,
      timeWaitDataAck: "held",
      dataFinDelay: 50 * MICROSECOND,
      nagle: "small",
      passiveCloseWait: 0,
      explainResets: "all",
      regularNotice: "silent",
      unmappedPieces: 1,
      noSubflowTimeout: 60 * SECOND,
      blackholeFirstMemory: 60 * MINUTE,
      blackholeMemory: 64 * 60 * MINUTE,
    },
  },
} as const satisfies Readonly<Record<string, Profile>>;

/** The name of a profile. */
export type ProfileName = keyof typeof profiles;

/** `defaults`, changed by a profile where one is named, and then by `own`; itself where neither is, so that connections share it. */
export function withProfile<T extends object>(defaults: T, profile: ProfileName | undefined, part: keyof Profile, own: Partial<T> | undefined): T {
  if (profile === undefined && own === undefined) return defaults;
  return profile === undefined ? { ...defaults, ...own } : { ...defaults, ...(profiles[profile][part] as Partial<T>), ...own };
}
