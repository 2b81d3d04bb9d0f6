// A hospital's engine: node-hl7-server on a port of this machine. It answers the first messages with the codes that it is
// given, all others with AA, and says of each in a line of JSON how it has read it: [MSH-9.1, OBX-3.1, OBX-5].
const net = require("node:net");
const { Server } = require("node-hl7-server");

const [port, ...codes] = process.argv.slice(2);

// The address that one gives it goes to an option that Node does not know, so that it would listen everywhere.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (options, ...rest) {
  return listen.call(this, { ...options, host: "127.0.0.1" }, ...rest);
};

const inbound = new Server({ bindAddress: "127.0.0.1" }).createInbound({ port: Number(port) }, async (request, response) => {
  const message = request.getMessage();
  const read = ["MSH.9.1", "OBX.3.1", "OBX.5"].map((path) => message.get(path).toString());
  console.log(JSON.stringify(read));
  await response.sendResponse(codes.shift() || "AA");
});
inbound.on("listen", () => console.log("listens"));
