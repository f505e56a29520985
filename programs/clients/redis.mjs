import { createClient, RESP_TYPES } from "redis";
import { ask, closedPort, data, done, errorOf, host, isData, port, say } from "../steps.mjs";

function clientOf(settings, at = port) {
  const client = createClient({ socket: { host, port: at, reconnectStrategy: false }, password: "secret", ...settings });
  client.on("error", () => {});
  return client;
}

const client = clientOf({ socket: { host, port, reconnectStrategy: 50 } });
await client.connect();
await client.set("data", data);
say("the value is the one set", isData(await client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get("data")));
say("a command that is wrong", await errorOf(client.sendCommand(["INCR", "data"])));
say("a wrong password", await errorOf(clientOf({ password: "wrong" }).connect()));
say("a closed port", await errorOf(clientOf({}, closedPort).connect()));

const lost = new Promise((resolve) => client.once("error", (error) => resolve({ name: error.constructor.name, code: error.code })));
await ask("stop");
say("the server is gone", await lost);
say("a client that comes now", await errorOf(clientOf({}).connect()));
const ready = new Promise((resolve) => client.once("ready", resolve));
await ask("start");
await ready;
say("it is back", await client.ping());
await client.close();
done();
