const { readFileSync } = require("node:fs");
const { Client, Pool } = require("pg");

async function main() {
  const { ask, closedPort, data, done, errorOf, host, isData, port, say } = await import("../steps.mjs");
  const settings = { host, port, user: "postgres", password: "secret", database: "postgres", ssl: { ca: readFileSync(process.env.PROGRAM_CERTIFICATE, "utf8"), checkServerIdentity: () => undefined } };
  const pool = new Pool(settings);
  pool.on("error", () => {});
  const { rows } = await pool.query({ text: "SELECT $1::bytea AS data", values: [data] });
  say("the value is the one sent", isData(rows[0].data));
  say("by TLS", (await pool.query("SELECT version, bits FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).rows);
  say("a query that is wrong", await errorOf(pool.query("SELECT 1/0")));
  say("a wrong password", await errorOf(new Client({ ...settings, password: "wrong" }).connect()));
  say("a certificate that nobody trusts", await errorOf(new Client({ ...settings, ssl: true }).connect()));
  say("a closed port", await errorOf(new Client({ ...settings, port: closedPort }).connect()));

  const listening = new Client({ ...settings, ssl: false });
  await listening.connect();
  await listening.query("LISTEN news");
  const heard = new Promise((resolve) => listening.once("notification", ({ payload }) => resolve(payload)));
  await pool.query("NOTIFY news, 'hello'");
  say("a notification", await heard);
  const errors = [];
  const lost = new Promise((resolve) => listening.on("end", resolve).on("error", ({ code, message }) => errors.push({ code, message })));
  await ask("stop");
  await lost;
  say("the server is gone", errors);
  say("a client that comes now", await errorOf(pool.query("SELECT 1")));
  await ask("start");
  say("it is back", (await pool.query("SELECT 1 AS one")).rows);
  await pool.end();
  done();
}

void main();
