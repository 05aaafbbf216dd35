// What an application does all day, with each client.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as rig from './rig.js';

const TOKENS = 12;

for (const [cloud, make] of Object.entries(rig.CLOUDS)) {
  const client = make();

  test(`${cloud}: a chat is answered and says what it used`, async () => {
    const answer = await rig.chat(client);
    assert.equal(answer.choices[0].message.content.trim().split(/\s+/).length, TOKENS);
    assert.equal(answer.choices[0].finish_reason, 'length');
    assert.equal(answer.usage.completion_tokens, TOKENS);
    assert.equal(answer.model, 'gpt-4o-2024-11-20');
    assert.ok(answer._request_id);
  });

  test(`${cloud}: a stream ends with its usage where that is asked for`, async () => {
    for (const asked of [false, true]) {
      const options = asked ? { stream_options: { include_usage: true } } : {};
      const [chunks] = await rig.read(await rig.chat(client, { stream: true, ...options }));
      assert.equal(rig.texts(chunks).length, TOKENS);
      const told = chunks.filter((chunk) => chunk.usage);
      assert.deepEqual(told.map((chunk) => chunk.usage.completion_tokens), asked ? [TOKENS] : []);
    }
  });

  test(`${cloud}: embeddings travel as base64 and arrive as numbers`, async () => {
    const request = { model: rig.EMBEDDINGS, input: ['one', 'another'] };
    const answer = await client.embeddings.create(request);
    for (const { embedding } of answer.data) {
      assert.equal(embedding.length, 256);
      const length = embedding.reduce((sum, x) => sum + x * x, 0);
      assert.ok(Math.abs(length - 1) < 1e-3, `${length}`);
    }
  });

  test(`${cloud}: models are those that may be named or deployed`, async () => {
    const listed = (await client.models.list()).data.map((model) => model.id);
    const name = cloud === 'azure' ? 'gpt-4o-2024-11-20' : rig.CHAT;
    assert.ok(listed.includes(name), `${listed}`);
    assert.equal((await client.models.retrieve(name)).id, name);
  });
}
