/** What admission makes of the options of what connects is what the module behind the path is asked (upstream: endpoints/handlers, ConnectResource). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pod } from '../../api/kinds.ts';
import type { Kind } from '../../api/kind.ts';
import { openDoor } from './testing/open-door.ts';

test('a step of admission changes the command of an exec and the path of a proxy', async () => {
  const door = await openDoor();
  try {
    const pods = '/api/v1/namespaces/default/pods';
    await door.call('POST', pods, { body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } } });
    for (const subresource of ['exec', 'proxy']) {
      door.server.route({ kind: Pod as Kind, subresource, methods: ['GET', 'POST'], handle: async ({ url, rest, response }) => void response!.end(subresource === 'proxy' ? `${rest}${url.search}` : url.search) });
    }
    assert.equal((await door.call('POST', `${pods}/p/exec?command=ls&command=-l&stdin=true`)).text, '?command=ls&command=-l&stdin=true');
    assert.equal((await door.call('GET', `${pods}/p/proxy/a/b?q=1`)).text, 'a/b?q=1');
    door.server.admit({
      name: 'other-options', kinds: [Pod as Kind], operations: ['CONNECT'],
      admit({ object, subresource }) {
        Object.assign(object!, subresource === 'proxy' ? { path: 'healthz' } : { command: ['true', 'a b'], stdin: false });
      },
    }, undefined as never);
    assert.equal((await door.call('POST', `${pods}/p/exec?command=ls&stdin=true`)).text, '?command=true&command=a+b&stdin=false');
    assert.equal((await door.call('GET', `${pods}/p/proxy/a/b?q=1`)).text, 'healthz?q=1');
  } finally {
    await door.close();
  }
});
