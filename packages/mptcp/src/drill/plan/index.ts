/** drill/plan/: a script is checked before anything runs, and becomes calls, packets and what is expected of them. */
export type {
  CallStep, CodeStep, ExpectedControl, ExpectedResult, Filled, IcmpPlan, IpPlan, PacketStep, Plan, ShellStep, Step, TcpPlan, UdpPlan,
} from "./plan.ts";
export type { DssPlan, KeyPlan, MptcpPlan, OptionPlan, OptionValue } from "./option-plan.ts";
export { planScript } from "./plan-script.ts";
export type { PlannedScript, PlanOptions } from "./plan-script.ts";
export { wiringOf } from "./settings.ts";
export type { GivenOption, IpVersion, NonFatal, Settings } from "./settings.ts";
