import { once } from "node:events";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import ssh2 from "ssh2";
import { ask, closedPort, data, done, errorOf, host, isData, port, say } from "../steps.mjs";

const privateKey = readFileSync(process.env.PROGRAM_KEY);

async function login(settings) {
  const client = new ssh2.Client();
  client.connect({ host, port, username: userInfo().username, privateKey, ...settings });
  await once(client, "ready");
  client.on("error", () => {});
  return client;
}

function run(client, command) {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
}

const client = await login();
const cat = await run(client, "cat");
const got = [];
cat.on("data", (chunk) => got.push(chunk));
cat.end(data);
const [code] = await once(cat, "close");
say("what came back is what was sent", [code, isData(Buffer.concat(got))]);
// The library drops zeros at the beginning of such a key, and cannot read one of some 250 that it makes.
let stranger;
do stranger = ssh2.utils.generateKeyPairSync("ed25519").private;
while (ssh2.utils.parseKey(stranger) instanceof Error);
say("a key that is not known", await errorOf(login({ privateKey: stranger })));
say("a closed port", await errorOf(login({ port: closedPort })));

const asleep = await run(client, "exec sleep 60");
// Not by `once`: it may hear of an error before, or not.
const lost = new Promise((resolve) => client.once("close", resolve));
asleep.resume();
await ask("stop");
say("a client that comes now", await errorOf(login()));
client.end();
await lost;
await ask("start");
const again = await login();
const echo = await run(again, "echo hello");
say("it is back", String((await once(echo, "data"))[0]));
again.end();
done();
