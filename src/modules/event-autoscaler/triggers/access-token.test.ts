import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { parametersOf } from './trigger.ts';
import { fetchText } from './web.ts';
import { webAuthentication } from './web-authentication.ts';

test('a token is kept until it is nearly over or was refused', async () => {
  let [given, lifeSeconds] = [0, 3_600];
  let good = '';
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    if (request.url === '/token') {
      if (authorization !== `Basic ${Buffer.from('llm%3Aos:s%20cret').toString('base64')}`) return void response.writeHead(401).end();
      good = `token-${++given}`;
      return void response.end(JSON.stringify({ access_token: good, token_type: 'Bearer', expires_in: lifeSeconds }));
    }
    response.writeHead(authorization === `Bearer ${good}` ? 200 : 401).end(authorization);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options = webAuthentication(parametersOf({ metadata: { authModes: 'oauth' }, auth: { oauthTokenURI: `${base}/token`, clientID: 'llm:os', clientSecret: 's cret' }, env: {} }));
    const read = (): Promise<string> => fetchText(`${base}/metrics`, options, AbortSignal.timeout(10_000));
    assert.deepEqual(await Promise.all([read(), read()]), ['Bearer token-1', 'Bearer token-1']);
    assert.equal(await read(), 'Bearer token-1');
    good = 'revoked';
    await assert.rejects(read(), /answered 401/);
    lifeSeconds = 1; // less than the time before its end at which another is asked for
    assert.deepEqual([await read(), await read()], ['Bearer token-2', 'Bearer token-3']);
    assert.equal(given, 3);
  } finally {
    server.close();
  }
});
