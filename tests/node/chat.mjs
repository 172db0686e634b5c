// The official OpenAI SDK for Node against Slugline: `node chat.mjs BASE_URL`. Prints what it saw as JSON.
import OpenAI, { NotFoundError } from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "unused", maxRetries: 0 });
const messages = [{ role: "user", content: "Where is my parcel?" }];
const seen = {};

const { data, response } = await client.chat.completions
  .create({ model: "prompt/node-sdk@latest", messages, variables: { company: "Acme" } })
  .withResponse();
seen.whole = data.choices[0].message.content;
seen.prompt = response.headers.get("x-slugline-prompt");

const stream = await client.chat.completions.create({ model: "prompt/node-sdk@latest", messages, variables: { company: "Acme" }, stream: true });
seen.streamed = "";
for await (const chunk of stream) seen.streamed += chunk.choices[0]?.delta?.content ?? "";

const left = await client.chat.completions.create({
  model: "prompt/node-sdk@latest",
  messages,
  variables: { company: "Acme" },
  metadata: { marker: "node-left" },
  simulator: { gate: "node-left" },
  stream: true,
});
for await (const _ of left) break;
left.controller.abort();

try {
  await client.chat.completions.create({ model: "prompt/node-skd", messages });
} catch (error) {
  seen.typed = error instanceof NotFoundError;
  seen.code = error.code;
}
console.log(JSON.stringify(seen));
