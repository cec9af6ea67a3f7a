// Sends one message with nodemailer. The task comes as JSON on stdin; exit status 0: it went.
"use strict";
const fs = require("fs");
const nodemailer = require("nodemailer");

const task = JSON.parse(fs.readFileSync(0, "utf8"));
const transport = nodemailer.createTransport({
  host: task.host, port: task.port, secure: task.secure, requireTLS: task.requireTLS, ignoreTLS: task.ignoreTLS,
  auth: task.method === "XOAUTH2" ? { type: "OAuth2", user: task.user, accessToken: task.pass } : { user: task.user, pass: task.pass },
  authMethod: task.method, name: "client.example",
  tls: { ca: fs.readFileSync(task.ca), servername: "localhost" },
  connectionTimeout: 20000, socketTimeout: 20000,
});
transport.sendMail({ envelope: { from: task.user, to: [task.to] }, raw: task.raw })
  .then((sent) => console.log(sent.response))
  .catch((problem) => { console.log(problem.message); process.exitCode = 1; });
