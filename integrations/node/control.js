// The client of pgassay's control socket (docs/control-protocol.md): one connection per process, one acknowledged line at a
// time. Does nothing where PGASSAY_CONTROL is not set.
"use strict";

const net = require("node:net");
const path = require("node:path");

const PATIENCE_MS = 10_000; // for a reply; a proxy that says nothing for so long is gone

class Control {
  constructor(address = process.env.PGASSAY_CONTROL) {
    this.address = address;
    this.received = "";
    this.last = Promise.resolve();
  }

  // Resolves once pgassay has taken it: queries sent from then on are counted so. Never rejects: the tests matter more.
  say(command, fields = {}) {
    if (!this.address) return Promise.resolve();
    this.last = this.last.then(() => this.exchange(command, fields)).catch((error) => this.fallSilent(error));
    return this.last;
  }

  async open(file, names, phase) {
    const relative = path.relative(process.cwd(), file).split(path.sep).join("/");
    await this.say("open", { name: [relative, ...names].join(" > "), file: relative, phase });
  }

  async exchange(command, fields) {
    if (!this.address) return;
    if (!this.socket) {
      this.connect();
      const token = process.env.PGASSAY_CONTROL_TOKEN;
      await this.line("hello", { version: "1", pid: String(process.pid), ...(token && { token }) });
    }
    await this.line(command, fields);
  }

  connect() {
    const colon = this.address.lastIndexOf(":");
    const host = this.address.slice(0, colon).replace(/^\[|\]$/g, "");
    const where = this.address.includes("/") ? { path: this.address } : { host, port: Number(this.address.slice(colon + 1)) };
    this.socket = net.connect(where);
    this.socket.unref(); // a process ends when its tests do
    this.socket.on("data", (bytes) => this.onData(bytes));
    this.socket.on("error", (error) => this.settle?.(error));
    this.socket.on("close", () => this.settle?.(new Error("pgassay has closed the control socket")));
  }

  onData(bytes) {
    this.received += bytes;
    const end = this.received.indexOf("\n");
    if (end < 0) return;
    const reply = this.received.slice(0, end);
    this.received = this.received.slice(end + 1);
    this.settle?.(reply === "ok" || reply.startsWith("ok ") ? null : new Error(reply));
  }

  line(command, fields) {
    return new Promise((resolve, reject) => {
      const timer = realSetTimeout(() => this.settle(new Error("no answer on the control socket")), PATIENCE_MS);
      this.socket.ref();
      this.settle = (error) => {
        this.settle = null;
        realClearTimeout(timer);
        this.socket.unref();
        if (error) reject(error);
        else resolve();
      };
      this.socket.write(`${command} ${new URLSearchParams(fields)}\n`);
    });
  }

  fallSilent(error) {
    if (this.address) console.warn(`pgassay: tests from here on are nameless: ${error.message}`);
    this.address = undefined;
    this.socket?.destroy();
  }
}

const realSetTimeout = setTimeout; // tests put false clocks in their place
const realClearTimeout = clearTimeout;

module.exports = { Control };
