import mysql from "mysql2/promise";
import { ask, closedPort, data, done, errorOf, host, isData, port, say } from "../steps.mjs";

const settings = { host, port, user: "program", password: "secret" };
const pool = mysql.createPool({ ...settings, connectionLimit: 2 });
const [rows] = await pool.execute("SELECT ? AS data", [data]);
say("the value is the one sent", isData(rows[0].data));
say("a query that is wrong", await errorOf(pool.query("SELECT nothing")));
say("a wrong password", await errorOf(mysql.createConnection({ ...settings, password: "wrong" })));
say("a closed port", await errorOf(mysql.createConnection({ ...settings, port: closedPort })));

const connection = await mysql.createConnection(settings);
const lost = new Promise((resolve) => connection.connection.once("error", ({ code, message }) => resolve({ code, message })));
const asleep = errorOf(pool.query("SELECT SLEEP(60)"));
await pool.query("SELECT 1");
await ask("stop");
say("the server is gone", await lost);
say("so is a query under way", await asleep);
say("a client that comes now", await errorOf(mysql.createConnection(settings)));
await ask("start");
say("it is back", (await pool.query("SELECT 1 AS one"))[0]);
await pool.end();
done();
