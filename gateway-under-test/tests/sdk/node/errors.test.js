// Every refusal is the error that applications catch, with what they look at.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import * as rig from './rig.js';

const ERRORS = 'key-of-node-errors';

/** The error of a call that does not try again. */
async function errorOf(kind, { body, headers, ...options } = {}) {
  const sdk = rig.azure({ key: ERRORS, maxRetries: 0, ...options });
  const error = await rig.chat(sdk, 5, body, { headers }).then(
    () => assert.fail('it was answered'),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
  return error;
}

const failures = [
  [401, OpenAI.AuthenticationError, '401'],
  [403, OpenAI.PermissionDeniedError, '403'],
  [429, OpenAI.RateLimitError, '429'],
  [500, OpenAI.InternalServerError, null],
];
for (const [status, kind, code] of failures) {
  test(`a backend's ${status} keeps class, code and request id`, async () => {
    const error = await errorOf(kind, { headers: { 'x-fails': `${status}` } });
    assert.deepEqual([error.status, error.code], [status, code]);
    knownByItsId(error);
    assert.equal(error.headers.get('x-gw-source'), 'backend');
  });
}

test('a prompt that does not fit is a bad request with its code', async () => {
  const messages = [{ role: 'user', content: 'word '.repeat(130_000) }];
  const error = await errorOf(OpenAI.BadRequestError, { body: { messages } });
  assert.deepEqual([error.code, error.param], ['context_length_exceeded', 'messages']);
  assert.ok(error.requestID);
});

test('an unknown deployment is not found with its code', async () => {
  const error = await errorOf(OpenAI.NotFoundError, { body: { model: 'nobody' } });
  assert.equal(error.code, 'DeploymentNotFound');
  knownByItsId(error);
});

// API Management's own bodies have no `error`: there is no code in them, and no request id.

test('a wrong key is refused by the gateway', async () => {
  refusedByGateway(await errorOf(OpenAI.AuthenticationError, { key: 'wrong' }));
});

test('an unknown API is refused by the gateway', async () => {
  const endpoint = `${rig.GATEWAY}/nowhere`;
  refusedByGateway(await errorOf(OpenAI.NotFoundError, { endpoint }));
});

test('a backend that is gone is an error of the gateway', async () => {
  const endpoint = `${rig.GATEWAY}/gone`;
  refusedByGateway(await errorOf(OpenAI.InternalServerError, { endpoint }));
});

test('a token limit is refused by the gateway with a wait', async () => {
  const limited = { endpoint: rig.LIMITED, key: ERRORS };
  await rig.chat(rig.azure(limited), 200);
  const error = await errorOf(OpenAI.RateLimitError, limited);
  refusedByGateway(error);
  assert.match(error.headers.get('retry-after'), /^[1-9]\d*$/);
});

test('a token quota is refused by the gateway for good', async () => {
  const spent = { endpoint: `${rig.GATEWAY}/spent`, key: ERRORS };
  await rig.chat(rig.azure(spent), 5);
  refusedByGateway(await errorOf(OpenAI.PermissionDeniedError, spent));
});

/** What a model has seen has an id that the SDK knows; the front end's has another name. */
function knownByItsId(error) {
  assert.equal(error.requestID ?? null, error.headers.get('x-request-id'));
  assert.ok(error.requestID || error.headers.get('apim-request-id'));
}

function refusedByGateway(error) {
  assert.equal(error.code, undefined);
  assert.ok(!error.requestID);
  assert.equal(error.headers.get('x-gw-source'), 'gateway');
}
