// Every refusal is the error that applications catch, with what they look at.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import * as rig from './rig.js';

// Status, class, code on Azure, code on OpenAI.
const failures = [
  [400, OpenAI.BadRequestError, 'content_filter', null],
  [401, OpenAI.AuthenticationError, '401', 'invalid_api_key'],
  [403, OpenAI.PermissionDeniedError, '403', 'unsupported_country_region_territory'],
  [404, OpenAI.NotFoundError, 'DeploymentNotFound', 'model_not_found'],
  [408, OpenAI.APIError, 'Timeout', null],
  [409, OpenAI.ConflictError, '409', null],
  [422, OpenAI.UnprocessableEntityError, '422', null],
  [429, OpenAI.RateLimitError, '429', 'rate_limit_exceeded'],
  [500, OpenAI.InternalServerError, null, null],
  [503, OpenAI.InternalServerError, 'ServiceUnavailable', null],
];

for (const [cloud, make] of Object.entries(rig.CLOUDS)) {
  const client = make();

  for (const [status, kind, azure, openai] of failures) {
    test(`${cloud}: ${status} is an error with its code and id`, async () => {
      const headers = { 'x-simulator-fault': `status; code=${status}` };
      const error = await rig.errorOf(rig.chat(client, {}, headers), kind);
      const code = cloud === 'openai' ? openai : azure;
      assert.deepEqual([error.status, error.code], [status, code]);
      knownByItsId(error);
    });
  }

  test(`${cloud}: a wrong key is refused`, async () => {
    const call = rig.chat(make({ apiKey: 'wrong' }));
    knownByItsId(await rig.errorOf(call, OpenAI.AuthenticationError));
  });

  test(`${cloud}: what is wrong with a request names the parameter`, async () => {
    const call = rig.chat(client, { max_tokens: 0 });
    const error = await rig.errorOf(call, OpenAI.BadRequestError);
    assert.deepEqual([error.code, error.param], ['integer_below_min_value', 'max_tokens']);
    assert.ok(error.requestID);
  });

  test(`${cloud}: a prompt that does not fit is a bad request with its code`, async () => {
    const call = rig.chat(client, { max_tokens: 128_000 });
    const error = await rig.errorOf(call, OpenAI.BadRequestError);
    assert.equal(error.code, 'context_length_exceeded');
  });

  test(`${cloud}: an unknown deployment is not found`, async () => {
    const error = await rig.errorOf(rig.chat(client, { model: 'nobody' }), OpenAI.NotFoundError);
    assert.equal(error.code, cloud === 'openai' ? 'model_not_found' : 'DeploymentNotFound');
  });
}

/** What a model has seen has an id that the SDK knows; Azure's front end has another name. */
function knownByItsId(error) {
  assert.equal(error.requestID ?? null, error.headers.get('x-request-id'));
  assert.ok(error.requestID || error.headers.get('apim-request-id'));
}
