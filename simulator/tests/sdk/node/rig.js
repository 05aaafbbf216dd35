// The clients of each way to talk to the simulators, and what these have booked.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

import OpenAI, { AzureOpenAI } from 'openai';

export const AZURE = 'http://127.0.0.1:4300';
export const OPENAI = 'http://127.0.0.1:4301';
export const CHAT = 'gpt-4o';
export const SLOW = 'slow';
/** Deployments that serve one request a second. */
export const LIMITED = { azure: 'modern', 'azure-v1': 'modern', openai: 'metered' };
export const EMBEDDINGS = 'text-embedding-3-small';
export const MESSAGES = [{ role: 'user', content: 'Say this is a test' }];

const OPTIONS = { apiKey: 'key', maxRetries: 0, timeout: 10_000 };

/** Azure's dated API, Azure's API without dates, and OpenAI. */
export const CLOUDS = {
  azure: (options) =>
    new AzureOpenAI({ endpoint: AZURE, apiVersion: '2024-10-21', ...OPTIONS, ...options }),
  'azure-v1': (options) => new OpenAI({ baseURL: `${AZURE}/openai/v1`, ...OPTIONS, ...options }),
  openai: (options) => new OpenAI({ baseURL: `${OPENAI}/v1`, ...OPTIONS, ...options }),
};

/** A chat whose answer has twelve tokens, unless the body says otherwise. */
export function chat(client, body = {}, headers = {}) {
  const request = { model: CHAT, messages: MESSAGES, max_tokens: 12, ...body };
  return client.chat.completions.create(request, { headers });
}

/** The chunks of a stream until it breaks, and how it does. */
export async function read(stream) {
  const chunks = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    return [chunks, error];
  }
  return [chunks, null];
}

/** The texts of a stream; Azure's first chunk has no choice at all. */
export function texts(chunks) {
  const deltas = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content));
  return deltas.filter(Boolean);
}

/** The error of a call. */
export async function errorOf(call, kind) {
  const error = await call.then(
    () => assert.fail('it was answered'),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
  return error;
}

/** Headers with an id that the ledger finds its requests by. */
export function named(headers = {}) {
  return { 'x-ms-client-request-id': randomUUID(), ...headers };
}

/** The ledger's entries of the requests with these headers, once they are as expected. */
export async function booked(cloud, headers, until = () => true) {
  const id = headers['x-ms-client-request-id'];
  const ledger = `${cloud === 'openai' ? OPENAI : AZURE}/++/ledger?request_id=${id}`;
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const answer = await fetch(ledger, { headers: { 'api-key': 'key' } });
    const lines = (await answer.text()).split('\n').filter(Boolean);
    const entries = lines.map((line) => JSON.parse(line));
    if (until(entries)) return entries;
    await setTimeout(10);
  }
  return assert.fail('not as expected');
}
