import type { PlainObject } from "../../core/index.ts";
import { CONTROL_PROTOCOL, EVENTS, FAILURE, HELLO, ID, METHODS } from "./protocol.ts";

/**
 * The JSON Schema (draft 7) of all that is said over a control socket: a message is one of `oneOf`. What the answer to a request holds is under
 * `definitions`, as `result.METHOD`.
 */
export function controlSchema(): PlainObject {
  const methods = Object.entries(METHODS);
  const events = Object.entries(EVENTS);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    $id: `mptcp-control-${CONTROL_PROTOCOL}`,
    title: "What is said over a control socket of mptcp",
    oneOf: [
      "hello", ...methods.map(([name]) => `request.${name}`), "answer", "failure", ...events.map(([name]) => `event.${name}`),
    ].map((name) => ({ $ref: `#/definitions/${name}` })),
    definitions: {
      hello: HELLO.schema,
      ...Object.fromEntries(methods.map(([name, { description, params }]) => [
        `request.${name}`,
        message({ id: ID.schema, method: { const: name }, params: params.schema }, Object.hasOwn(params.schema, "required") ? ["id", "method", "params"] : ["id", "method"], description),
      ])),
      ...Object.fromEntries(methods.map(([name, { result }]) => [`result.${name}`, result.schema])),
      answer: message({ id: ID.schema, result: { type: "object" } }, ["id", "result"], "a request was done"),
      failure: message({ id: { anyOf: [ID.schema, { type: "null" }] }, error: FAILURE.schema }, ["id", "error"], "a request was not done; the id is null where it could not be read"),
      ...Object.fromEntries(events.map(([name, { schema }]) => [`event.${name}`, schema])),
    },
  };
}

function message(properties: PlainObject, required: readonly string[], description: string): PlainObject {
  return { type: "object", properties, required, additionalProperties: false, description };
}
