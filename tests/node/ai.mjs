// What users do with the Vercel AI SDK and its OpenAI provider, on Chat Completions and on Responses.
import { createOpenAI } from "@ai-sdk/openai";
import { embed, embedMany, experimental_generateImage, experimental_generateSpeech, experimental_transcribe } from "ai";
import { generateObject, generateText, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";
import { all, baseURL, doAll, headers, told } from "./cases.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const schema = z.object({ city: z.string(), days: z.number() });
const maxRetries = 0;

const tools = (ran) =>
  Object.fromEntries(
    ["get_weather", "get_time"].map((name) => [
      name,
      tool({
        inputSchema: z.object({ city: z.string(), days: z.number().optional() }),
        execute: async (given) => (ran.push([name, given]), "clear"),
      }),
    ]),
  );

// The cases that both APIs share.
const onModel = {
  async text(model) {
    const { text, finishReason, usage } = await generateText({ model, maxRetries, system: "Be short.", prompt: "Where is my parcel?" });
    return { text, finishReason, usage };
  },
  async stream(model) {
    const answer = streamText({ model, maxRetries, prompt: "Where is my parcel?" });
    return [await all(answer.textStream), await answer.finishReason, await answer.usage];
  },
  async fullStream(model) {
    const answer = streamText({ model, maxRetries, prompt: "Give your reasons" });
    return (await all(answer.fullStream)).map((part) => [part.type, part.text]);
  },
  async object(model) {
    return (await generateObject({ model, maxRetries, schema, prompt: "Give it as JSON" })).object;
  },
  async streamedObject(model) {
    const answer = streamObject({ model, maxRetries, schema, prompt: "Give it as JSON" });
    await all(answer.partialObjectStream);
    return answer.object;
  },
  async tools(model) {
    const ran = [];
    const answer = await generateText({ model, maxRetries, tools: tools(ran), stopWhen: stepCountIs(3), prompt: "What is the weather?" });
    return { text: answer.text, steps: answer.steps.length, ran };
  },
  async streamedTools(model) {
    const ran = [];
    const answer = streamText({ model, maxRetries, tools: tools(ran), stopWhen: stepCountIs(3), prompt: "What is the weather?" });
    return { kinds: (await all(answer.fullStream)).map((part) => part.type), text: await answer.text, ran };
  },
  async image(model) {
    const content = [
      { type: "text", text: "My parcel?" },
      { type: "image", image: Buffer.alloc(3000, 7), mediaType: "image/png" },
    ];
    return (await generateText({ model, maxRetries, messages: [{ role: "user", content }] })).text;
  },
  async settings(model) {
    const answer = await generateText({
      model,
      maxRetries,
      prompt: "Where is my parcel?",
      temperature: 0.3,
      topP: 0.9,
      maxOutputTokens: 100,
      seed: 7,
      headers: { "x-of-the-app": "seven" },
      providerOptions: { openai: { user: "u-7", metadata: { team: "orders" }, store: false } },
    });
    return answer.text;
  },
  async errors(model) {
    const seen = {};
    for (const status of [400, 401, 403, 404, 409, 422, 429, 500, 503])
      await generateText({ model, maxRetries, prompt: `fail ${status}` }).catch((error) => (seen[status] = told(error)));
    return seen;
  },
  async abort(model) {
    const controller = new AbortController();
    const answer = streamText({ model, maxRetries, prompt: "Tell it slowly", abortSignal: controller.signal });
    const kinds = new Set();
    for await (const part of answer.fullStream) {
      kinds.add(part.type);
      if (part.type === "text-delta") controller.abort();
    }
    return [...kinds];
  },
};

const both = (api) => Object.fromEntries(Object.entries(onModel).map(([name, run]) => [`${api}-${name}`, (openai) => run(openai[api]("gpt-4o"))]));

const cases = {
  ...both("chat"),
  ...both("responses"),
  async embed(openai) {
    return (await embed({ model: openai.textEmbeddingModel("text-embedding-3-small"), maxRetries, value: "parcel" })).embedding;
  },
  async embedMany(openai) {
    return (await embedMany({ model: openai.textEmbeddingModel("text-embedding-3-small"), maxRetries, values: ["a", "b"] })).embeddings;
  },
  async generateImage(openai) {
    return (await experimental_generateImage({ model: openai.image("gpt-image-1"), maxRetries, prompt: "A parcel" })).image.base64;
  },
  async speech(openai) {
    return (await experimental_generateSpeech({ model: openai.speech("tts-1"), maxRetries, text: "parcel" })).audio.base64;
  },
  async transcribe(openai) {
    return (await experimental_transcribe({ model: openai.transcription("whisper-1"), maxRetries, audio: Buffer.from("RIFF".repeat(999)) })).text;
  },
};

await doAll(cases, (name) => createOpenAI({ baseURL, apiKey: "sk-of-the-caller", headers: headers(name) }));
