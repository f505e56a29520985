import mqtt from "mqtt";
import { once } from "node:events";
import { ask, closedPort, data, done, errorOf, host, isData, port, say } from "../steps.mjs";

const url = `mqtt://${host}:${port}`;
const settings = { username: "program", password: "secret", reconnectPeriod: 50 };
const client = await mqtt.connectAsync(url, settings);
client.on("error", () => {});
await client.subscribeAsync("data", { qos: 1 });
const message = once(client, "message");
await client.publishAsync("data", data, { qos: 1 });
say("the message is the one sent", isData((await message)[1]));
const once1 = { ...settings, reconnectPeriod: 0 };
say("a wrong password", await errorOf(mqtt.connectAsync(url, { ...once1, password: "wrong" }, false)));
say("a closed port", await errorOf(mqtt.connectAsync(`mqtt://${host}:${closedPort}`, once1, false)));

const lost = once(client, "close");
await ask("stop");
await lost;
say("a client that comes now", await errorOf(mqtt.connectAsync(url, once1, false)));
// Not by `once` of Node's, which hears of errors meanwhile.
const back = new Promise((resolve) => client.once("connect", resolve));
await ask("start");
await back;
const again = new Promise((resolve) => client.once("message", (_topic, payload) => resolve(payload)));
// Until the broker knows of the subscription again, messages go to nobody.
const timer = setInterval(() => client.publish("data", "hello"), 100);
say("it is back, and so is the subscription", String(await again));
clearInterval(timer);
await client.endAsync();
done();
