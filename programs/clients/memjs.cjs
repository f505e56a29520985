const { Client } = require("memjs");

async function main() {
  const { ask, closedPort, data, done, errorOf, host, isData, port, say } = await import("../steps.mjs");
  const settings = { timeout: 20, conntimeout: 20, retries: 1, failoverTime: 0, logger: { log: () => {} } };
  const client = Client.create(`${host}:${port}`, settings);
  await client.set("data", data, { expires: 600 });
  say("the value is the one set", isData((await client.get("data")).value));
  say("a value that is too large", await client.set("large", Buffer.alloc(40_000_000), {}).then((value) => value, (error) => String(error)));
  say("a key that is there", await client.add("data", "other", {}));
  say("a closed port", await errorOf(Client.create(`${host}:${closedPort}`, settings).get("data")));
  await ask("stop");
  // Whether the client has noticed it by now, or is told by what it writes, is a matter of time.
  const noticed = await errorOf(client.get("data"));
  say("the server is gone", noticed.code === "EPIPE" ? await errorOf(client.get("data")) : noticed);
  await ask("start");
  const fresh = Client.create(`${host}:${port}`, settings);
  await fresh.set("data", "hello", {});
  say("it is back", String((await fresh.get("data")).value));
  fresh.close();
  client.close();
  done();
}

void main();
