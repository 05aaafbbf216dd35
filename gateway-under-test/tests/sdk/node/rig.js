// Where the rig is, as `aoai-loadtest serve` prints it, and the clients that talk to it.

import OpenAI, { AzureOpenAI } from 'openai';

// The four variables name the API with the token limit; the others are beside it.
export const LIMITED = process.env.AZURE_OPENAI_ENDPOINT;
export const CHAT = process.env.AZURE_OPENAI_DEPLOYMENT;
export const GATEWAY = LIMITED.slice(0, LIMITED.lastIndexOf('/'));
export const PLAIN = `${GATEWAY}/plain`;
export const EMBEDDINGS = 'text-embedding-3-small';
export const MESSAGES = [{ role: 'user', content: 'Say this is a test' }];

/** A client of Azure's dated API; its version is in the environment. */
export function azure({ endpoint = PLAIN, key = 'key-of-node', ...options } = {}) {
  return new AzureOpenAI({ endpoint, apiKey: key, timeout: 10_000, ...options });
}

/** The plain client, before the API without dates; the gateway takes keys in their own header. */
export function openai({ endpoint = PLAIN, key = 'key-of-node', ...options } = {}) {
  return new OpenAI({
    baseURL: `${endpoint}/openai/v1`,
    apiKey: key,
    defaultHeaders: { 'api-key': key },
    timeout: 10_000,
    ...options,
  });
}

/** A chat whose answer has so many tokens. */
export function chat(client, tokens, body = {}, options = {}) {
  const request = { model: CHAT, messages: MESSAGES, max_tokens: tokens, ...body };
  return client.chat.completions.create(request, options);
}

/** All chunks of a stream. */
export async function chunksOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** How long `call` takes, in seconds, and what it gives. */
export async function timed(call) {
  const started = performance.now();
  const result = await call();
  return [(performance.now() - started) / 1_000, result];
}
