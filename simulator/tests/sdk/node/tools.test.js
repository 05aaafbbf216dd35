// Calls of tools and answers by a schema, through the helpers that applications use.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as rig from './rig.js';

const parameters = {
  type: 'object',
  properties: {
    city: { type: 'string' },
    unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
  },
  required: ['city', 'unit'],
  additionalProperties: false,
};
const weather = {
  type: 'function',
  function: { name: 'get_weather', description: 'The weather at a place.', parameters, strict: true },
};

for (const [cloud, make] of Object.entries(rig.CLOUDS)) {
  const { completions } = make().chat;
  const body = { model: rig.CHAT, messages: rig.MESSAGES, tools: [weather] };

  test(`${cloud}: a tool is called and its result is answered`, async () => {
    const tool_choice = { type: 'function', function: { name: 'get_weather' } };
    const called = (await completions.create({ ...body, tool_choice })).choices[0];
    const [call] = called.message.tool_calls;
    assert.equal(call.function.name, 'get_weather');
    assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)).sort(), ['city', 'unit']);
    const result = { role: 'tool', tool_call_id: call.id, content: '22' };
    const messages = [...rig.MESSAGES, called.message, result];
    const answer = (await completions.create({ ...body, messages })).choices[0];
    assert.ok(answer.message.content);
    assert.equal(answer.message.tool_calls, undefined);
  });

  test(`${cloud}: a streamed call is put together`, async () => {
    const stream = completions.stream({ ...body, tool_choice: 'required' });
    const final = (await stream.finalChatCompletion()).choices[0];
    assert.equal(final.finish_reason, 'tool_calls');
    const { parsed_arguments: parsed } = final.message.tool_calls[0].function;
    assert.deepEqual(Object.keys(parsed).sort(), ['city', 'unit']);
  });

  test(`${cloud}: an answer by a schema is parsed`, async () => {
    const schema = { ...parameters, properties: { ...parameters.properties } };
    // What `zodResponseFormat` gives, without another package.
    const response_format = {
      type: 'json_schema',
      json_schema: { name: 'weather', strict: true, schema },
      $brand: 'auto-parseable-response-format',
      $parseRaw: (text) => JSON.parse(text),
    };
    const answer = await completions.parse({ ...body, tools: undefined, response_format });
    assert.deepEqual(Object.keys(answer.choices[0].message.parsed).sort(), ['city', 'unit']);
  });
}
