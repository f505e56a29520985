/** What each program of `programs/clients` says, whatever is beneath: of an error its code, else its name or message. */
export const EXPECTED: Readonly<Record<string, readonly (readonly [what: string, value: unknown])[]>> = {
  "redis.mjs": [
    ["the value is the one set", true],
    ["a command that is wrong", "ERR value is not an integer or out of range"],
    ["a wrong password", "WRONGPASS invalid username-password pair or user is disabled."],
    ["a closed port", "ECONNREFUSED"],
    ["the server is gone", "SocketClosedUnexpectedlyError"],
    ["a client that comes now", "ECONNREFUSED"],
    ["it is back", "PONG"],
  ],
  "pg.cjs": [
    ["the value is the one sent", true],
    ["by TLS", [{ version: "TLSv1.3", bits: 256 }]],
    ["a query that is wrong", "22012"],
    ["a wrong password", "28P01"],
    ["a certificate that nobody trusts", "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["a closed port", "ECONNREFUSED"],
    ["a notification", "hello"],
    ["the server is gone", ["57P01", "Connection terminated unexpectedly"]],
    ["a client that comes now", "ECONNREFUSED"],
    ["it is back", [{ one: 1 }]],
  ],
  "mysql2.mjs": [
    ["the value is the one sent", true],
    ["a query that is wrong", "ER_BAD_FIELD_ERROR"],
    ["a wrong password", "ER_ACCESS_DENIED_ERROR"],
    ["a closed port", "ECONNREFUSED"],
    ["the server is gone", "PROTOCOL_CONNECTION_LOST"],
    ["so is a query under way", "PROTOCOL_CONNECTION_LOST"],
    ["a client that comes now", "ECONNREFUSED"],
    ["it is back", [{ one: 1 }]],
  ],
  "nats.mjs": [
    ["the messages are those sent", true],
    ["a request", "value"],
    ["a request that nobody answers", "503"],
    ["a wrong token", "AUTHORIZATION_VIOLATION"],
    ["a closed port", "CONNECTION_REFUSED"],
    ["a client that comes now", "CONNECTION_REFUSED"],
    ["the server was gone, and is back", ["disconnect", "reconnect"]],
    ["and so is the subscription", "value"],
  ],
  "mqtt.mjs": [
    ["the message is the one sent", true],
    ["a wrong password", 5],
    ["a closed port", "ECONNREFUSED"],
    ["a client that comes now", "ECONNREFUSED"],
    ["it is back, and so is the subscription", "hello"],
  ],
  "memjs.cjs": [
    ["the value is the one set", true],
    ["a value that is too large", "Error: MemJS SET: Value too large"],
    ["a key that is there", false],
    ["a closed port", "ECONNREFUSED"],
    ["the server is gone", "ECONNREFUSED"],
    ["it is back", "hello"],
  ],
  "ssh2.mjs": [
    ["what came back is what was sent", [0, true]],
    ["a key that is not known", "All configured authentication methods failed"],
    ["a closed port", "ECONNREFUSED"],
    ["a client that comes now", "ECONNREFUSED"],
    ["it is back", "hello\n"],
  ],
  "grpc.mjs": [
    ["what came back is what was sent", true],
    ["an answer", "hello"],
    ["a wrong password", 16],
    ["a closed port", 14],
    ["the server is gone", true],
    ["a call that comes now", 14],
    ["it is back", "hello"],
  ],
  "proxy-chain.mjs": [
    ["what came back is what was sent", true],
    ["a wrong password", "407 Proxy Authentication Required"],
    ["nobody behind the proxy", "ECONNRESET"],
    ["no proxy", "ECONNREFUSED"],
    ["the proxy is gone", "ECONNREFUSED"],
    ["it is back", "hello"],
  ],
  "nodemailer.cjs": [
    ["what arrived is what was sent", true],
    ["nobody of that name", "EENVELOPE"],
    ["a wrong password", "EAUTH"],
    ["a closed port", "ESOCKET"],
    ["the server is gone", "ESOCKET"],
    ["it is back", ["reader@program.example"]],
  ],
  "socket-io.mjs": [
    ["what came back is what was sent", true],
    ["a wrong password", "who is that?"],
    ["a closed port", "websocket error"],
    ["the server is gone", "transport close"],
    ["a client that comes now", "xhr poll error"],
    ["it is back", "hello"],
  ],
  "web.mjs": [
    ["https: what came back is what was sent", true],
    ["https: a connection that breaks", "ECONNRESET"],
    ["https: a closed port", "ECONNREFUSED"],
    ["http2: what came back is what was sent", true],
    ["fetch: a name that is not in the certificate", "fetch failed"],
    ["ws: what came back is what was sent", true],
    ["the server is gone", [null, 1006]],
    ["https: one that comes now", "ECONNREFUSED"],
    ["https: it is back", "hello"],
    ["http2: it is back", "hello"],
  ],
};

/** Of an error its code, else its message, or its name where it has none. */
export function essence(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(essence);
  if (typeof value !== "object" || value === null || !("message" in value || "code" in value || "name" in value)) return value;
  const { code, message, name } = value as { code?: unknown; message?: unknown; name?: unknown };
  return code ?? message ?? name;
}
