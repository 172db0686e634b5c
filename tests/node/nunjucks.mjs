// Renders templates with Nunjucks as promptfoo configures it: a JSON line {template, values} in, a JSON line {text} or {error} out.
import { createInterface } from "node:readline";
import nunjucks from "nunjucks";

const engine = new nunjucks.Environment(null, { autoescape: false });
for await (const line of createInterface({ input: process.stdin })) {
  const { template, values } = JSON.parse(line);
  let answer;
  try {
    answer = { text: engine.renderString(template, values) };
  } catch (error) {
    answer = { error: String(error.message) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
