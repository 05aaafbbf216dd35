// Pictures travel as applications send them, and cost what they are published to cost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';

import * as rig from './rig.js';

// A picture of 1024 × 1024 is four tiles of 170 tokens and 85 on top; at low detail only these.
const COSTS = { high: 765, low: 85 };

/** A black PNG as a data URL. */
function picture(width, height) {
  const number = (value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const chunk = (kind, data) => {
    const checked = Buffer.concat([Buffer.from(kind), data]);
    return Buffer.concat([number(data.length), checked, number(crc32(checked))]);
  };
  const head = Buffer.concat([number(width), number(height), Buffer.from([1, 0, 0, 0, 0])]);
  const rows = deflateSync(Buffer.alloc(height * (width / 8 + 1)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const chunks = [chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))];
  return `data:image/png;base64,${Buffer.concat([signature, ...chunks]).toString('base64')}`;
}

for (const [cloud, make] of Object.entries(rig.CLOUDS)) {
  const client = make();

  const promptTokens = async (...parts) => {
    const content = [{ type: 'text', text: 'What is this?' }, ...parts];
    const messages = [{ role: 'user', content }];
    return (await rig.chat(client, { messages, max_tokens: 1 })).usage.prompt_tokens;
  };

  for (const [detail, cost] of Object.entries(COSTS)) {
    test(`${cloud}: a picture of ${detail} detail costs its tiles`, async () => {
      const image_url = { url: picture(1024, 1024), detail };
      const image = { type: 'image_url', image_url };
      assert.equal((await promptTokens(image)) - (await promptTokens()), cost);
    });
  }
}
