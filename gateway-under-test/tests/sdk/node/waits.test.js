// A 429 that says when to come back is not seen: the call takes as long as it was told to wait.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as rig from './rig.js';

const WAIT_S = 2;
// The service takes milliseconds; the rest is for a busy machine.
const SLACK_S = 1.5;

for (const kind of ['chat', 'stream']) {
  test(`a throttled ${kind} is answered after the wait`, async () => {
    const headers = { 'x-throttled': `node-${kind}` };
    const body = { stream: kind === 'stream' };
    const [took] = await rig.timed(() => rig.chat(rig.azure(), 5, body, { headers }));
    assert.ok(took >= WAIT_S && took < WAIT_S + SLACK_S, `${took}`);
  });
}

test('a token limit is only a call that takes longer', async () => {
  const sdk = rig.azure({ endpoint: rig.LIMITED });
  const ask = async (tokens) => {
    const { response } = await rig.chat(sdk, tokens - 12).withResponse();
    const header = (name) => response.headers.get(`${name}-tokens`);
    return [header('consumed'), header('remaining')];
  };
  assert.deepEqual([await ask(59), await ask(55)], [['59', '41'], ['55', '0']]);
  const [took, third] = await rig.timed(() => ask(55));
  assert.deepEqual(third, ['55', '0']);
  // 14 tokens more than the bucket holds drip out at 100 a minute.
  assert.ok(took > 7 && took < 10.5, `${took}`);
});
