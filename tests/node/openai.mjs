// What users do with OpenAI's SDK for Node.
import OpenAI, { toFile } from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { all, baseURL, doAll, headers, told } from "./cases.mjs";

const model = "gpt-4o";
const said = (content, more = {}) => ({ model, messages: [{ role: "user", content }], ...more });
const parameters = { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } } };
const tools = ["get_weather", "get_time"].map((name) => ({ type: "function", function: { name, parameters } }));
const functions = ["get_weather", "get_time"].map((name) => ({ type: "function", name, parameters, strict: false }));
const Trip = z.object({ city: z.string(), days: z.number() });

const cases = {
  async chat(sdk) {
    return sdk.chat.completions.create(said("Where is my parcel?"));
  },
  async stream(sdk) {
    return all(await sdk.chat.completions.create(said("Where is my parcel?", { stream: true })));
  },
  async streamWithUsage(sdk) {
    return all(await sdk.chat.completions.create(said("Where is my parcel?", { stream: true, stream_options: { include_usage: true } })));
  },
  async streamHelper(sdk) {
    const runner = sdk.chat.completions.stream(said("Where is my parcel?"));
    const deltas = [];
    runner.on("content", (delta) => deltas.push(delta));
    return [await runner.finalContent(), deltas];
  },
  async tools(sdk) {
    return sdk.chat.completions.create(said("What is the weather?", { tools, parallel_tool_calls: true }));
  },
  async toolStream(sdk) {
    return all(await sdk.chat.completions.create(said("What is the weather?", { tools, stream: true })));
  },
  async runTools(sdk) {
    const ran = [];
    const runnable = tools.map((tool) => ({
      type: "function",
      function: { ...tool.function, parse: JSON.parse, function: async (given) => (ran.push([tool.function.name, given]), "clear") },
    }));
    const runner = sdk.chat.completions.runTools(said("What is the weather?", { tools: runnable }));
    return [await runner.finalContent(), ran];
  },
  async parse(sdk) {
    const answer = await sdk.chat.completions.parse(said("Give it as JSON", { response_format: zodResponseFormat(Trip, "trip") }));
    return answer.choices[0].message.parsed;
  },
  async imageParts(sdk) {
    const parts = [{ type: "text", text: "parcel?" }, { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }];
    return sdk.chat.completions.create(said(parts));
  },
  async reasoning(sdk) {
    return all(await sdk.chat.completions.create(said("Give your reasons", { stream: true })));
  },
  async unknownFields(sdk) {
    return sdk.chat.completions.create(said("Where is my parcel?", { top_k: 40, nested: { deep: [1, null] } }), {
      query: { mode: "a b" },
      headers: { "x-of-the-app": "seven" },
    });
  },
  async withResponse(sdk) {
    const { data, response } = await sdk.chat.completions
      .create(said("Where is my parcel?"), { headers: { "x-request-id": "req-of-the-app" } })
      .withResponse();
    return [response.status, response.headers.get("content-type"), response.headers.get("x-request-id"), data];
  },
  async asResponse(sdk) {
    const response = await sdk.chat.completions.create(said("Where is my parcel?", { stream: true })).asResponse();
    return (await response.text()).split("\n").length;
  },
  async response(sdk) {
    return sdk.responses.create({ model, input: "Where is my parcel?" });
  },
  async responseStream(sdk) {
    return all(await sdk.responses.create({ model, input: "Where is my parcel?", stream: true }));
  },
  async responseStreamHelper(sdk) {
    return (await sdk.responses.stream({ model, input: "Where is my parcel?" }).finalResponse()).output_text;
  },
  async responseTools(sdk) {
    return all(await sdk.responses.create({ model, input: "What is the weather?", tools: functions, stream: true }));
  },
  async responseParse(sdk) {
    const answer = await sdk.responses.parse({ model, input: "Give it as JSON", text: { format: zodTextFormat(Trip, "trip") } });
    return answer.output_parsed;
  },
  async embedding(sdk) {
    return sdk.embeddings.create({ model: "text-embedding-3-small", input: "parcel" });
  },
  async moderation(sdk) {
    return sdk.moderations.create({ model: "omni-moderation-latest", input: "parcel" });
  },
  async image(sdk) {
    return sdk.images.generate({ model: "gpt-image-1", prompt: "A parcel" });
  },
  async speech(sdk) {
    const answer = await sdk.audio.speech.create({ model: "tts-1", voice: "alloy", input: "parcel" });
    return Buffer.from(await answer.arrayBuffer()).toString("base64");
  },
  async transcription(sdk) {
    return sdk.audio.transcriptions.create({ model: "whisper-1", file: await toFile(Buffer.alloc(50_000, "RIFF"), "a.wav") });
  },
  async file(sdk) {
    const made = await sdk.files.create({ file: await toFile(Buffer.from('{"messages":[]}\n'), "a.jsonl"), purpose: "fine-tune" });
    const back = await (await sdk.files.content(made.id)).text();
    return [made, back, await sdk.files.delete(made.id)];
  },
  async errors(sdk) {
    const seen = {};
    for (const status of [400, 401, 403, 404, 409, 422, 429, 500, 503])
      for (const stream of [false, true])
        await sdk.chat.completions.create(said(`fail ${status}`, { stream })).catch((error) => (seen[`${status} ${stream}`] = told(error)));
    return seen;
  },
  async brokenStream(sdk) {
    const texts = [];
    try {
      for await (const chunk of await sdk.chat.completions.create(said("This is cut", { stream: true })))
        texts.push(chunk.choices[0].delta.content);
    } catch (error) {
      return [texts, error instanceof Error]; // in whose words differs: directly it is the socket's error
    }
    return texts;
  },
  async leftStream(sdk) {
    const stream = await sdk.chat.completions.create(said("Tell it slowly", { stream: true }));
    for await (const chunk of stream) return chunk.choices[0].delta; // leaving the loop aborts the request
  },
  async abort(sdk) {
    const controller = new AbortController();
    const stream = await sdk.chat.completions.create(said("Tell it slowly", { stream: true }), { signal: controller.signal });
    const texts = [];
    for await (const chunk of stream) if (texts.push(chunk.choices[0].delta.content) === 2) controller.abort();
    return texts;
  },
  async fiftyAtOnce(sdk) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, number) => sdk.chat.completions.create(said(`${number % 2 ? "Use many" : "Tell it in many"} words ${number}`))),
    );
    return answers.map((answer) => answer.choices[0].message.content.length);
  },
};

await doAll(cases, (name) => new OpenAI({ baseURL, apiKey: "sk-of-the-caller", maxRetries: 0, timeout: 60_000, defaultHeaders: headers(name) }));
