// Messages, a JSON array of texts on standard input, sent by node-hl7-client over one connection, each when the one before
// it is answered. Its own reading of each answer is a line of JSON: [MSA-1, MSA-2, MSH-9.1].
const { Client, Message } = require("node-hl7-client");

const port = Number(process.argv[2]);
const texts = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));
let heard;

const client = new Client({ host: "127.0.0.1" });
const connection = client.createConnection({ port }, async (response) => {
  const answer = response.getMessage();
  heard(["MSA.1", "MSA.2", "MSH.9.1"].map((path) => answer.get(path).toString()));
});

async function send() {
  await new Promise((connected) => connection.once("connect", connected));
  for (const text of texts) {
    const answered = new Promise((resolve) => (heard = resolve));
    await connection.sendMessage(new Message({ text }));
    console.log(JSON.stringify(await answered));
  }
  await connection.close();
}

send().then(() => process.exit(0));
