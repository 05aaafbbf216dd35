// Streams that do not come to their end.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import * as rig from './rig.js';

for (const [cloud, make] of Object.entries(rig.CLOUDS)) {
  const client = make();

  /** What comes of a stream with this fault. */
  const faulty = async (fault) => {
    const headers = { 'x-simulator-fault': fault };
    const [chunks, error] = await rig.read(await rig.chat(client, { stream: true }, headers));
    return [rig.texts(chunks), error];
  };

  test(`${cloud}: a stream that is cut is an error after what was sent`, async () => {
    const [texts, error] = await faulty('cut; after_tokens=3');
    assert.ok(error instanceof Error, `${error}`);
    assert.equal(texts.length, 3);
  });

  test(`${cloud}: an error in a stream is raised as one`, async () => {
    const [texts, error] = await faulty('error; after_tokens=3');
    assert.equal(error.constructor, OpenAI.APIError);
    assert.equal(error.type, 'server_error');
    assert.equal(texts.length, 3);
  });

  test(`${cloud}: a frame that is no JSON is an error`, async () => {
    const [, error] = await faulty('malformed; after_tokens=3');
    assert.ok(error instanceof SyntaxError, `${error}`);
  });

  test(`${cloud}: a stream without its end mark just ends`, async () => {
    const [texts, error] = await faulty('no_done');
    assert.equal(error, null);
    assert.equal(texts.length, 12);
  });

  test(`${cloud}: who hangs up is booked before the next token is due`, async () => {
    const headers = rig.named();
    const stream = await rig.chat(client, { model: rig.SLOW, stream: true }, headers);
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) break;
    }
    const [entry] = await rig.booked(cloud, headers, ([entry]) => entry.ended !== null);
    assert.ok(entry.aborted_by_client);
    assert.equal(entry.tokens_yielded, 1);
    // The second token was due two seconds after the first.
    assert.ok(entry.ended - entry.first_byte < 2_000_000);
  });
}
