import OpenAI from "openai";

const openai = new OpenAI();
const brand = process.env.BRAND ?? "Acme";

const tone = "Keep answers short and polite.";

// PROMPT system brand
export const systemPrompt = `You are the shopping assistant of ${brand}.
${tone}
Never talk about \`competitors\`.`;

export async function reply(question: string, cart: string[]) {
  if (!question) {
    throw new Error("You must ask a question. Always write at least one sentence, and do not leave it empty.");
  }
  console.log(`You are an assistant: answering the following question ${question}`);
  return openai.chat.completions.create({
    model: "gpt-5-mini",
    messages: [
      { role: "system", content: systemPrompt },
      // PROMPT user question, cart
      { role: "user", content: `Answer the question: ${question}\nThe cart holds: ${cart.join(", ")}` },
    ],
  });
}

export const summarize = (text: string) =>
  openai.responses.create({
    model: "gpt-5-nano",
    // PROMPT system
    instructions: "Summarize the text in two sentences. Do not add anything.",
    input: text,
  });

// PROMPT ? product_name
const buildPrompt = (product: Product) => `Write an advert for ${product.name}. Use at most thirty words.`;

const query = sql`SELECT prompt FROM calls WHERE text = 'You are an assistant. Always answer in JSON.'`;
const page = html`<p>You are the assistant of the team. Always answer the following question.</p>`;
const placeholder = "Ask the assistant anything…";
const errors = {
  empty: "You must write a message. Do not leave the text empty.",
  limit: "You are sending messages too fast. Always wait a moment before the next one.",
};
type Prompt = "You are a type. Always answer in the following text";
const promptPath = "./prompts/you-are-an-assistant/always-answer.txt";
/* You are in a comment. Always answer in JSON, and never find this. */
