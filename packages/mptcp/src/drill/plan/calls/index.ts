import type { IpAddress } from "../../../wire/index.ts";
import type { CallAction, Expression } from "../../syntax/ast.ts";
import { nearest } from "../../syntax/nearest.ts";
import { ERRORS } from "../../system/index.ts";
import type { CallStep, ExpectedResult } from "../plan.ts";
import { Refused } from "../refused.ts";
import type { Settings } from "../settings.ts";
import type { Values } from "../values.ts";
import { Arguments, type PlannedCall } from "./arguments.ts";
import { planGetsockopt, planIoctl, planSetsockopt } from "./options.ts";
import {
  planAccept, planAccept4, planBind, planClose, planConnect, planFcntl, planJoinAccept, planListen, planName, planOpen, planPipe, planSendfile, planShutdown, planSocket, planSplice,
} from "./sockets.ts";
import { planRead, planReadv, planRecv, planRecvfrom, planRecvmsg, planSend, planSendmsg, planSendto, planWrite, planWritev } from "./transfer.ts";
import { planEpollCreate, planEpollCreate1, planEpollCtl, planEpollWait, planPoll } from "./waiting.ts";

interface CallForm {
  /** Names of its parameters; a question mark says that one may be missing. */
  readonly parameters: readonly string[];
  readonly plan: (args: Arguments) => PlannedCall;
}

/** System calls by name. */
export const CALL_FORMS: Readonly<Record<string, CallForm>> = {
  socket: { parameters: ["domain", "type", "protocol"], plan: planSocket },
  bind: { parameters: ["fd", "address", "length"], plan: planBind },
  listen: { parameters: ["fd", "backlog"], plan: planListen },
  connect: { parameters: ["fd", "address", "length"], plan: planConnect },
  accept: { parameters: ["fd", "address", "length"], plan: planAccept },
  accept4: { parameters: ["fd", "address", "length", "flags"], plan: planAccept4 },
  mp_join_accept: { parameters: ["fd"], plan: planJoinAccept },
  getsockname: { parameters: ["fd", "address", "length"], plan: planName("getsockname") },
  getpeername: { parameters: ["fd", "address", "length"], plan: planName("getpeername") },
  read: { parameters: ["fd", "buffer", "length"], plan: planRead },
  readv: { parameters: ["fd", "buffers", "count"], plan: planReadv },
  recv: { parameters: ["fd", "buffer", "length", "flags"], plan: planRecv },
  recvfrom: { parameters: ["fd", "buffer", "length", "flags", "address", "addressLength"], plan: planRecvfrom },
  recvmsg: { parameters: ["fd", "message", "flags"], plan: planRecvmsg },
  write: { parameters: ["fd", "buffer", "length"], plan: planWrite },
  writev: { parameters: ["fd", "buffers", "count"], plan: planWritev },
  send: { parameters: ["fd", "buffer", "length", "flags"], plan: planSend },
  sendto: { parameters: ["fd", "buffer", "length", "flags", "address", "addressLength"], plan: planSendto },
  sendmsg: { parameters: ["fd", "message", "flags"], plan: planSendmsg },
  shutdown: { parameters: ["fd", "how"], plan: planShutdown },
  close: { parameters: ["fd"], plan: planClose },
  fcntl: { parameters: ["fd", "command", "argument?"], plan: planFcntl },
  ioctl: { parameters: ["fd", "request", "argument?"], plan: planIoctl },
  setsockopt: { parameters: ["fd", "level", "option", "value", "length"], plan: planSetsockopt },
  getsockopt: { parameters: ["fd", "level", "option", "value", "length"], plan: planGetsockopt },
  poll: { parameters: ["descriptors", "count", "timeout"], plan: planPoll },
  epoll_create: { parameters: ["size"], plan: planEpollCreate },
  epoll_create1: { parameters: ["flags"], plan: planEpollCreate1 },
  epoll_ctl: { parameters: ["epoll", "operation", "fd", "event"], plan: planEpollCtl },
  epoll_wait: { parameters: ["epoll", "events", "count", "timeout"], plan: planEpollWait },
  pipe: { parameters: ["ends"], plan: planPipe },
  pipe2: { parameters: ["ends", "flags"], plan: planPipe },
  open: { parameters: ["path", "flags", "mode?"], plan: planOpen },
  splice: { parameters: ["input", "inputOffset", "output", "outputOffset", "length", "flags"], plan: planSplice },
  sendfile: { parameters: ["output", "input", "offset", "length"], plan: planSendfile },
};

/** Errors that have two names. */
const SAME_ERRORS: Readonly<Record<string, string>> = { EWOULDBLOCK: "EAGAIN", ENOTSUP: "EOPNOTSUPP", EDEADLOCK: "EDEADLK" };

/** Plans a system call. Addresses that it names are added to `named`. Throws {@link Refused}. */
export function planCall(action: CallAction, settings: Settings, values: Values, named: IpAddress[]): Pick<CallStep, "call" | "until" | "expected"> {
  if (!Object.hasOwn(CALL_FORMS, action.name)) throw new Refused(action.place, `there is no system call "${action.name}"${nearest(action.name, Object.keys(CALL_FORMS))}`);
  const { parameters, plan } = CALL_FORMS[action.name]!;
  const least = parameters.filter((name) => !name.endsWith("?")).length;
  const count = action.parameters.length;
  if (count < least || count > parameters.length) {
    const form = `${action.name}(${parameters.join(", ")})`;
    throw new Refused(action.place, `${action.name} has ${count} parameter${count === 1 ? "" : "s"} here; its form is ${form}`);
  }
  const planned = plan(new Arguments(action, settings, values, named));
  return { call: planned.call, until: action.until, expected: expectedResult(action, values, planned) };
}

function expectedResult(action: CallAction, values: Values, { filled = [], descriptor = false }: PlannedCall): ExpectedResult {
  const value = resultValue(action.result, values);
  const errno = action.errno === undefined ? null : (SAME_ERRORS[action.errno] ?? action.errno);
  if (errno !== null && !Object.hasOwn(ERRORS, errno)) throw new Refused(action.place, `there is no error "${errno}"${nearest(errno, Object.keys(ERRORS))}`);
  if (errno !== null && value !== null && value >= 0n) throw new Refused(action.result.place, `a call that gives ${value} has no error ${errno}`);
  return { value, errno, descriptor: descriptor && value !== null && value >= 0n, filled: value !== null && value < 0n ? [] : filled };
}

function resultValue(expression: Expression, values: Values): bigint | null {
  return expression.kind === "ellipsis" ? null : values.integer(expression, "the result of a call");
}
