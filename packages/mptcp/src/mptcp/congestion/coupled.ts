import type { PlainObject } from "../../core/index.ts";
import type { CongestionControlFactory, CouplingRule } from "../../tcp/index.ts";
import { lossBasedParameters, NewReno, NEWRENO_PARAMETERS } from "../../tcp/index.ts";

/**
 * A coupled congestion control out of standard TCP's and a rule that says how its window grows in view of the connection's other subflows: slow
 * start is that of standard TCP, and so is the decrease unless the rule says otherwise. See the example of {@link CouplingRule}.
 * @param rule makes the rule of one subflow
 * @param parameters those of New Reno
 * @throws MptcpError ERR_MPTCP_PARAMETER
 */
export function coupled(rule: () => CouplingRule, parameters: PlainObject = {}): CongestionControlFactory {
  const all = lossBasedParameters(NEWRENO_PARAMETERS, parameters);
  return { name: rule().name, parameters: all, create: (context) => new NewReno(context, all, rule()) };
}
