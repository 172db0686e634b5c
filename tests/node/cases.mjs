// Does every case of a table once and prints what each gave as JSON: `node PROGRAM.mjs BASE_URL TEST_ID_PREFIX`.
// A case that raises gives the error's fields, so that errors can be compared as well.

export const [, , baseURL, prefix] = process.argv;

export const headers = (name) => ({ "x-test-id": `${prefix}-${name}` });

export function told(error) {
  const { name, message, status, statusCode, code, type, param, isRetryable } = error;
  const retryAfter = error.headers?.get?.("retry-after") ?? error.responseHeaders?.["retry-after"];
  return { name, constructor: error.constructor.name, message, status, statusCode, code, type, param, isRetryable, retryAfter };
}

export async function doAll(cases, argument) {
  const seen = {};
  for (const [name, run] of Object.entries(cases)) {
    try {
      seen[name] = { value: await run(argument(name)) };
    } catch (error) {
      seen[name] = { error: told(error) };
    }
  }
  console.log(JSON.stringify(seen));
}

export async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}
