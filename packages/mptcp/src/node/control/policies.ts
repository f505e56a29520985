import { MptcpError } from "../../core/index.ts";
import type { PlainObject, Policy } from "../../core/index.ts";
import type { OwnPolicies } from "../../host/index.ts";
import { congestionControl, congestionControls, pathManagerNamed, pathManagers, schedulers, userspace } from "../../mptcp/index.ts";
import type { PolicyExchange } from "../../mptcp/index.ts";
import { ControlFailure } from "./protocol.ts";
import type { ControlPolicyKind, ControlResult } from "./protocol.ts";

/** The policies that may be chosen by name: ours, and the application's own, which go before. */
export class NamedPolicies {
  private readonly own: OwnPolicies;

  constructor(own: OwnPolicies) {
    this.own = own;
  }

  /** The names that there are. */
  get names(): ControlResult<"policy.list"> {
    const { congestion = {}, pathManagers: managers = {}, schedulers: ownSchedulers = {} } = this.own;
    return { scheduler: namesOf(schedulers, ownSchedulers), congestion: namesOf(congestionControls, congestion), pathManager: namesOf({ ...pathManagers, [userspace.name]: userspace }, managers) };
  }

  /** A policy by name and parameters, as `MptcpConnection.exchange` takes it. @throws ControlFailure no-policy, invalid-params */
  choose(kind: ControlPolicyKind, name: string, parameters: PlainObject): PolicyExchange {
    if (!this.names[kind].includes(name)) throw new ControlFailure("no-policy", `there is no ${WORDS[kind]} ${name}; there are ${this.names[kind].join(", ")}`);
    try {
      switch (kind) {
        case "scheduler":
          return { scheduler: made(this.own.schedulers, name, parameters) ?? plain(schedulers[name], parameters) };
        case "pathManager":
          return { pathManager: made(this.own.pathManagers, name, parameters) ?? plain(pathManagerNamed(name), parameters) };
        case "congestion":
          return { congestion: made(this.own.congestion, name, parameters) ?? congestionControl(name, parameters) };
      }
    } catch (error) {
      if (error instanceof MptcpError && !(error instanceof ControlFailure)) throw new ControlFailure("invalid-params", error.message);
      throw error;
    }
  }
}

function made<T>(own: Readonly<Record<string, (parameters: PlainObject) => T>> | undefined, name: string, parameters: PlainObject): T | undefined {
  return own !== undefined && Object.hasOwn(own, name) ? own[name]?.(parameters) : undefined;
}

/** One of ours, whose name says all: parameters can but repeat what it has. */
function plain<T>(policy: Policy<T> | undefined, parameters: PlainObject): Policy<T> {
  if (policy === undefined) throw new ControlFailure("no-policy", "there is no such policy");
  const other = Object.keys(parameters).find((name) => !Object.hasOwn(policy.parameters, name) || policy.parameters[name] !== parameters[name]);
  if (other !== undefined) throw new ControlFailure("invalid-params", `${policy.name} cannot have ${other.slice(0, 40)}=${String(parameters[other]).slice(0, 40)}`);
  return policy;
}

function namesOf(ours: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>>): readonly string[] {
  return Array.from(new Set([...Object.keys(ours), ...Object.keys(own)]));
}

const WORDS: Readonly<Record<ControlPolicyKind, string>> = { scheduler: "scheduler", congestion: "congestion control", pathManager: "path manager" };
