const { readFileSync } = require("node:fs");
const nodemailer = require("nodemailer");

async function main() {
  const { ask, closedPort, data, digest, done, errorOf, host, port, say } = await import("../steps.mjs");
  const settings = { host, port, requireTLS: true, tls: { ca: readFileSync(process.env.PROGRAM_CERTIFICATE), servername: "program.example" }, auth: { user: "program", pass: "secret" } };
  // By lines, as mail has them.
  const raw = `Subject: data\r\n\r\n${data.toString("base64").replaceAll(/.{76}/g, "$&\r\n")}\r\n`;
  const mail = { envelope: { from: "program@program.example", to: "reader@program.example" }, raw };
  const pooled = nodemailer.createTransport({ ...settings, pool: true });
  const { response } = await pooled.sendMail(mail);
  say("what arrived is what was sent", response.includes(digest(raw)));
  say("nobody of that name", await errorOf(pooled.sendMail({ ...mail, envelope: { ...mail.envelope, to: "nobody@program.example" }, raw: "hello" })));
  const wrong = { ...settings, auth: { user: "program", pass: "wrong" } };
  say("a wrong password", await errorOf(nodemailer.createTransport(wrong).sendMail(mail)));
  say("a closed port", await errorOf(nodemailer.createTransport({ ...settings, port: closedPort }).sendMail(mail)));
  await ask("stop");
  say("the server is gone", await errorOf(pooled.sendMail({ ...mail, raw: "hello" })));
  await ask("start");
  say("it is back", (await pooled.sendMail({ ...mail, raw: "hello\r\n" })).accepted);
  pooled.close();
  done();
}

void main();
