import { generateText, streamText } from "ai";
import { SystemMessage } from "@langchain/core/messages";
import { ChatPromptTemplate } from "@langchain/core/prompts";

export async function poem(topic: string) {
  return generateText({
    model,
    // PROMPT system
    system: "You are a poet. Write in rhymes, and never use the word love.",
    // PROMPT user topic
    prompt: `Write a poem about ${topic} with four lines.`,
  });
}

const template = ChatPromptTemplate.fromMessages([
  // PROMPT system language
  ["system", "You translate everything that you are given to {language}."],
  ["human", "{text}"],
]);

// PROMPT system
const first = new SystemMessage("Answer as a pirate would, but stay polite.");

export function Chat({ user }: { user: string }) {
  return (
    <form title="You are an assistant. Always answer the following question in JSON.">
      <p>You are an assistant. Always answer the following question in JSON, {user}.</p>
      <input placeholder="Ask the assistant to write, to summarize or to translate the following text" />
      <button onClick={() => alert("You are an admin. Always make sure that the text is saved.")}>Send</button>
    </form>
  );
}

export const stream = (notes: string) =>
  streamText({
    model,
    // PROMPT user notes
    prompt: "Turn these notes into minutes of a meeting. Use headings.\n\n" + notes,
  });
