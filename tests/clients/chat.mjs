// A small program around @xmpp/client, driven by lines of JSON on standard input, telling its events on standard output.
// usage: node chat.mjs SERVICE DOMAIN USERNAME PASSWORD
import { createInterface } from "node:readline";
import { client, xml } from "@xmpp/client";

const [service, domain, username, password] = process.argv.slice(2);
const tell = (event, data = {}) => process.stdout.write(JSON.stringify({ event, ...data }) + "\n");

const xmpp = client({ service, domain, resource: "javascript", username, password });
xmpp.reconnect.stop();
xmpp.timeout = 20000; // The default of two seconds is short for a busy machine.
xmpp.on("error", (error) => tell("error", { name: error.name, condition: error.condition ?? "", text: String(error.message) }));
xmpp.on("online", (address) => tell("online", { jid: address.toString() }));
xmpp.on("offline", () => tell("offline"));
xmpp.streamManagement.on("resumed", () => tell("resumed", { jid: xmpp.jid.toString() }));
xmpp.on("stanza", (stanza) => {
  if (stanza.is("message") && stanza.getChild("body")) {
    tell("message", { from: stanza.attrs.from, type: stanza.attrs.type ?? "", body: stanza.getChildText("body") });
  } else if (stanza.is("presence")) {
    tell("presence", { from: stanza.attrs.from, type: stanza.attrs.type ?? "" });
  }
});

const orders = {
  presence: () => xmpp.send(xml("presence")),
  message: ({ to, body }) => xmpp.send(xml("message", { type: "chat", to }, xml("body", {}, body))),
  roster: async () => {
    const query = await xmpp.iqCaller.get(xml("query", "jabber:iq:roster"));
    tell("roster", { items: query.getChildren("item").map((item) => item.attrs) });
  },
  // The connection breaks; the client comes back by itself.
  lose: () => {
    xmpp.reconnect.start();
    (xmpp.socket.socket ?? xmpp.socket).destroy(); // The one for TLS is a wrapper.
  },
  stop: () => xmpp.stop(),
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const { order, ...data } = JSON.parse(line);
  try {
    await orders[order](data);
    tell("done", { order });
  } catch (error) {
    tell("failed", { order, text: String(error) });
  }
});

xmpp.start().catch(() => {});
