// A client comes back when it was told to, gives up as documented, and leaves without a trace.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import * as rig from './rig.js';

const WAIT_S = 0.7;
// Between the client's clock and the simulator's there is a busy machine.
const SLACK_S = 1.5;

for (const [cloud, make] of Object.entries(rig.CLOUDS)) {
  const client = make({ maxRetries: 2 });

  test(`${cloud}: a throttled call comes back after the milliseconds it was told`, async () => {
    const headers = rig.named({ 'x-throttled': 'once' });
    await rig.chat(client, {}, headers);
    const entries = await rig.booked(cloud, headers);
    assert.deepEqual(entries.map((entry) => entry.status), [429, 200]);
    const gap = (entries[1].arrived - entries[0].arrived) / 1e6;
    assert.ok(gap >= WAIT_S && gap < WAIT_S + SLACK_S, `${gap}`);
  });

  test(`${cloud}: a limit is waited for as long as it says`, async () => {
    const headers = rig.named();
    for (let call = 0; call < 2; call += 1) {
      await rig.chat(client, { model: rig.LIMITED[cloud] }, headers);
    }
    const entries = await rig.booked(cloud, headers);
    assert.deepEqual(entries.slice(-2).map((entry) => entry.status), [429, 200]);
    for (const [index, refused] of entries.slice(0, -1).entries()) {
      if (refused.status !== 429) continue;
      const [told, gap] = [refused.retry_after_ms / 1e3, (entries[index + 1].arrived - refused.arrived) / 1e6];
      assert.ok(told > 0 && told <= 2 && gap >= told && gap < told + SLACK_S, `${told} ${gap}`);
    }
  });

  const tries = { 408: 3, 409: 3, 429: 3, 500: 3, 503: 3, 400: 1, 401: 1, 403: 1, 404: 1, 422: 1, 424: 1 };
  for (const [status, count] of Object.entries(tries)) {
    test(`${cloud}: a ${status} is tried ${count === 1 ? 'once' : 'three times'}`, async () => {
      const fault = `status; code=${status}; retry_after=10ms; retry_after_style=ms`;
      const headers = rig.named({ 'x-simulator-fault': fault });
      await rig.errorOf(rig.chat(client, {}, headers), OpenAI.APIError);
      assert.equal((await rig.booked(cloud, headers)).length, count);
    });
  }

  test(`${cloud}: a connection that is reset is tried three times`, async () => {
    const headers = rig.named({ 'x-simulator-fault': 'reset' });
    await rig.errorOf(rig.chat(client, {}, headers), OpenAI.APIConnectionError);
    assert.equal((await rig.booked(cloud, headers)).length, 3);
  });

  test(`${cloud}: silence is a timeout`, async () => {
    const headers = rig.named({ 'x-simulator-fault': 'silence' });
    const call = rig.chat(make({ timeout: 300 }), {}, headers);
    await rig.errorOf(call, OpenAI.APIConnectionTimeoutError);
    const [entry] = await rig.booked(cloud, headers, ([entry]) => entry.ended !== null);
    assert.ok(entry.aborted_by_client);
  });
}
