import { CONSTANTS, type ControlMessage, type SocketAddress } from "../../system/index.ts";
import type { Expression, StructField } from "../../syntax/ast.ts";
import type { ExpectedControl, Filled } from "../plan.ts";
import { Refused } from "../refused.ts";
import type { Arguments, PlannedCall } from "./arguments.ts";
import { MAX_OCTETS } from "./arguments.ts";

/** Octets for control messages where a script says which are expected and not how many octets there are. */
const CONTROL_OCTETS = 512;
const MESSAGE_FIELDS = ["msg_name", "msg_namelen", "msg_iov", "msg_iovlen", "msg_flags", "msg_control", "msg_controllen"];
/** Fields of `struct sock_extended_err` (linux/errqueue.h). */
export const ERROR_FIELDS = ["ee_errno", "ee_origin", "ee_type", "ee_code", "ee_info", "ee_data"];

export function planRead(args: Arguments): PlannedCall {
  return { call: { name: "read", fd: args.descriptor(0), lengths: [args.octets(2)], ...args.buffer(1) } };
}

export function planWrite(args: Arguments): PlannedCall {
  return { call: { name: "write", fd: args.descriptor(0), data: [args.data(args.at(1), args.octets(2))], ...args.nowhere([args.at(1)]) } };
}

export function planReadv(args: Arguments): PlannedCall {
  const all = buffers(args, args.at(1));
  return { call: { name: "readv", fd: args.descriptor(0), lengths: all.map(({ length }) => length), ...nowhere(args, all) } };
}

export function planWritev(args: Arguments): PlannedCall {
  const all = buffers(args, args.at(1));
  return { call: { name: "writev", fd: args.descriptor(0), data: all.map(({ base, length }) => args.data(base, length)), ...nowhere(args, all) } };
}

export function planRecv(args: Arguments): PlannedCall {
  return { call: { name: "recv", fd: args.descriptor(0), length: args.octets(2), flags: args.number(3, "flags", 0), ...args.buffer(1) } };
}

export function planRecvfrom(args: Arguments): PlannedCall {
  return { call: { name: "recvfrom", fd: args.descriptor(0), length: args.octets(2), flags: args.number(3, "flags", 0), ...args.buffer(1) } };
}

export function planSend(args: Arguments): PlannedCall {
  return { call: { name: "send", fd: args.descriptor(0), data: args.data(args.at(1), args.octets(2)), flags: args.number(3, "flags", 0), ...args.nowhere([args.at(1)]) } };
}

export function planSendto(args: Arguments): PlannedCall {
  const address = args.isNull(4) ? null : args.address(4, "remote");
  return { call: { name: "sendto", fd: args.descriptor(0), data: args.data(args.at(1), args.octets(2)), flags: args.number(3, "flags", 0), address, ...args.nowhere([args.at(1)]) } };
}

export function planSendmsg(args: Arguments): PlannedCall {
  const fields = args.structure(args.at(1), "a message", MESSAGE_FIELDS);
  const control = (fields.get("msg_control")?.value.kind === "array" ? args.elements(fields.get("msg_control")!.value, "control messages") : []).map((one) => sentControl(args, one));
  const all = buffers(args, iovOf(args, fields));
  return {
    call: {
      name: "sendmsg",
      fd: args.descriptor(0),
      address: nameOf(args, fields.get("msg_name"), args.number(2, "flags", 0)),
      data: all.map(({ base, length }) => args.data(base, length)),
      control,
      flags: args.number(2, "flags", 0),
      ...nowhere(args, all),
    },
  };
}

export function planRecvmsg(args: Arguments): PlannedCall {
  const fields = args.structure(args.at(1), "a message", MESSAGE_FIELDS);
  const all = buffers(args, iovOf(args, fields));
  const lengths = all.map(({ length }) => length);
  const filled: Filled[] = [];
  const flags = fields.get("msg_flags");
  if (flags !== undefined && flags.value.kind !== "ellipsis") filled.push({ kind: "flags", value: args.values.number(flags.value, "msg_flags", 0), place: flags.place });
  const control = fields.get("msg_control");
  if (control?.value.kind === "array") filled.push({ kind: "control", messages: args.elements(control.value, "control messages").map((one) => expectedControl(args, one)), place: control.place });
  return { call: { name: "recvmsg", fd: args.descriptor(0), lengths, controlLength: controlLength(args, fields), flags: args.number(2, "flags", 0), ...nowhere(args, all) }, filled };
}

function controlLength(args: Arguments, fields: ReadonlyMap<string, StructField>): number {
  const length = fields.get("msg_control")?.count ?? fields.get("msg_controllen")?.value;
  if (length !== undefined && length.kind !== "ellipsis") return args.values.number(length, "octets for control messages", 0, 1 << 16);
  return fields.has("msg_control") ? CONTROL_OCTETS : 0;
}

/** Null for `...`: the socket's own peer; where the message opens the connection (Fast Open), the address that `connect` has. */
function nameOf(args: Arguments, field: StructField | undefined, flags: number): SocketAddress | null {
  if (field === undefined || field.value.kind === "ellipsis") return (flags & CONSTANTS["MSG_FASTOPEN"]!) === 0 ? null : args.defaultAddress("remote");
  throw new Refused(field.place, `msg_name of ${args.action.name} is ...: to name an address there is sendto`);
}

function iovOf(args: Arguments, fields: ReadonlyMap<string, StructField>): Expression {
  const field = fields.get("msg_iov");
  if (field === undefined) throw new Refused(args.at(1).place, "a message has a field msg_iov");
  return field.value;
}

/** `[{..., 1000}, {iov_base=..., iov_len=0}]`. */
function buffers(args: Arguments, expression: Expression): { base: Expression; length: number }[] {
  if (expression.kind !== "array") throw new Refused(expression.place, "buffers are [{..., 1000}, ...]");
  const all = args.elements(expression, "buffers").map((element) => {
    if (element.kind !== "struct" || element.fields.length !== 2) throw new Refused(element.place, "a buffer is {..., 1000}");
    const [base, length] = element.fields as [StructField, StructField];
    return { base: base.value, length: args.values.number(length.value, "a length", 0, MAX_OCTETS) };
  });
  if (all.reduce((sum, { length }) => sum + length, 0) > MAX_OCTETS) throw new Refused(expression.place, `the buffers have more than ${MAX_OCTETS} octets`);
  return all;
}

/** Those without octets may be anywhere. */
function nowhere(args: Arguments, all: readonly { readonly base: Expression; readonly length: number }[]): { readonly isNowhere?: true } {
  return args.nowhere(all.filter(({ length }) => length > 0).map(({ base }) => base));
}

function controlHead(args: Arguments, expression: Expression): { level: number; type: number; data: Expression | undefined } {
  const fields = args.structure(expression, "a control message", ["cmsg_level", "cmsg_type", "cmsg_data", "cmsg_len"]);
  const [level, type] = [fields.get("cmsg_level"), fields.get("cmsg_type")];
  if (level === undefined || type === undefined) throw new Refused(expression.place, "a control message has the fields cmsg_level and cmsg_type");
  return { level: args.values.number(level.value, "cmsg_level", 0), type: args.values.number(type.value, "cmsg_type", 0), data: fields.get("cmsg_data")?.value };
}

function sentControl(args: Arguments, expression: Expression): ControlMessage {
  const { level, type, data } = controlHead(args, expression);
  const octets = new Uint8Array(4);
  if (data !== undefined) new DataView(octets.buffer).setInt32(0, Number(BigInt.asIntN(32, args.values.integer(args.single(data, "cmsg_data"), "cmsg_data"))), true);
  return { level, type, data: octets };
}

function expectedControl(args: Arguments, expression: Expression): ExpectedControl {
  const { level, type, data } = controlHead(args, expression);
  if (data === undefined || data.kind === "ellipsis") return { level, type, data: null, place: expression.place };
  if (data.kind !== "struct") return { level, type, data: args.values.integer(args.single(data, "cmsg_data"), "cmsg_data"), place: expression.place };
  // A time of day, which no script can know.
  if (level === CONSTANTS["SOL_SOCKET"]) return { level, type, data: null, place: expression.place };
  const fields = [...args.structure(data, "an error of the queue", ERROR_FIELDS)];
  return { level, type, data: Object.fromEntries(fields.filter(([, field]) => field.value.kind !== "ellipsis").map(([name, field]) => [name, args.values.integer(field.value, name)])), place: expression.place };
}
