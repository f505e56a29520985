import type { OptionPlan } from "./option-plan.ts";

/** Octets of an option, kind and length included (RFC 9293 §3.1, RFC 8684 §3). */
export function optionLength(option: OptionPlan): number {
  switch (option.type) {
    case "octets":
      // The end of the list and the no-operation have neither length nor data.
      return option.kind < 2 ? 1 : 2 + option.octets.length;
    case "timestamps":
      return 10;
    case "sack":
      return 2 + 4 * option.edges.length;
    case "mp_capable":
      return 4 + 8 * option.keys.length + (option.dataLength === undefined ? 0 : 2) + (option.checksum === undefined ? 0 : 2);
    case "dss":
      return 4 + option.ackLength + (option.sequenceLength === 0 ? 0 : option.sequenceLength + 6 + (option.checksum === undefined || option.checksum === "none" ? 0 : 2));
    case "add_address":
      return (option.address?.includes(":") === true ? 20 : 8) + (option.port === 0 ? 0 : 2) + (option.echo || option.version === 0 ? 0 : 8);
    case "remove_address":
      return 3 + option.ids.length;
    case "mp_prio":
      return option.id < 0 ? 3 : 4;
    default:
      return LENGTHS[option.type];
  }
}

const LENGTHS = { mp_join_syn: 12, mp_join_syn_ack: 16, mp_join_ack: 24, mp_fail: 12, mp_fastclose: 12, mp_reset: 4 } as const;
