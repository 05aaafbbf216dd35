// What an application does all day, through the gateway, with both clients.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import * as rig from './rig.js';

const TOKENS = 12;

for (const [name, client] of [['azure', rig.azure], ['openai', rig.openai]]) {
  suite(name, () => {
    const sdk = client({ maxRetries: 0 });

    test('a chat is answered and says what it used', async () => {
      const { data, response, request_id } = await rig.chat(sdk, TOKENS).withResponse();
      assert.equal(words([data.choices[0].message]).length, TOKENS);
      assert.equal(data.choices[0].finish_reason, 'length');
      assert.equal(data.usage.completion_tokens, TOKENS);
      assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + TOKENS);
      assert.equal(response.headers.get('x-gw-backend'), 'payg-1');
      assert.ok(request_id);
    });

    test('a stream without usage ends with its last token', async () => {
      const chunks = await rig.chunksOf(await rig.chat(sdk, TOKENS, { stream: true }));
      assert.equal(words(deltas(chunks)).length, TOKENS);
      assert.ok(chunks.every((chunk) => !chunk.usage));
    });

    test('a stream with usage ends with it', async () => {
      const body = { stream: true, stream_options: { include_usage: true } };
      const chunks = await rig.chunksOf(await rig.chat(sdk, TOKENS, body));
      const last = chunks.pop();
      assert.equal(words(deltas(chunks)).length, TOKENS);
      assert.deepEqual(last.choices, []);
      assert.equal(last.usage.completion_tokens, TOKENS);
      assert.ok(chunks.every((chunk) => !chunk.usage));
    });

    test('embeddings travel as base64 and arrive as numbers', async () => {
      const body = { model: rig.EMBEDDINGS, input: ['one', 'another'] };
      const sent = await (await sdk.embeddings.create(body).asResponse()).json();
      assert.ok(sent.data.every(({ embedding }) => typeof embedding === 'string'));
      const { data } = await sdk.embeddings.create(body);
      assert.deepEqual(data.map(({ embedding }) => embedding.length), [256, 256]);
      for (const { embedding } of data) {
        // Of length 1, as the service has them: no byte of a number was lost.
        const square = embedding.reduce((sum, x) => sum + x * x, 0);
        assert.ok(Math.abs(square - 1) < 1e-3, `${square}`);
      }
    });
  });
}

/** Azure's first chunk has no choice at all. */
function deltas(chunks) {
  return chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
}

function words(messages) {
  return messages.map(({ content }) => content ?? '').join('').split(' ');
}
