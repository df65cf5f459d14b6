import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowSchema } from '../../../api/generated/flowcontrol-v1.ts';
import { parseRequest } from '../request-info.ts';
import { openDoor } from '../testing/open-door.ts';
import { flowOf, inOrder, schemaFor } from './classify.ts';
import { createFairQueue } from './fair-queue.ts';

test('flows that wait are served in turn, whoever came first', async () => {
  const queue = createFairQueue({ seats: 1, waiting: 10 });
  const order: string[] = [];
  const enter = (flow: string): Promise<void> => Promise.resolve(queue.enter(flow)).then(() => void order.push(flow));
  const all = [...Array.from({ length: 5 }, () => enter('flood')), enter('quiet'), enter('quiet')];
  for (let n = 0; n < all.length; n += 1) {
    await new Promise(setImmediate);
    queue.leave();
  }
  await Promise.all(all);
  assert.deepEqual(order, ['flood', 'flood', 'quiet', 'flood', 'quiet', 'flood', 'flood']);
  assert.equal(queue.running, 0);
});

test('a flow may fill its own places only', () => {
  const queue = createFairQueue({ seats: 1, waiting: 2 });
  assert.equal(queue.enter('a'), true);
  assert.deepEqual([queue.enter('a'), queue.enter('a'), queue.enter('a')].map((each) => each === undefined), [false, false, true]);
  assert.notEqual(queue.enter('b'), undefined);
  assert.equal(createFairQueue({ seats: 0, waiting: 0 }).enter('a'), undefined);
});

function schema(name: string, matchingPrecedence: number, rule: object, method?: 'ByUser' | 'ByNamespace'): FlowSchema {
  return { metadata: { name }, spec: { matchingPrecedence, priorityLevelConfiguration: { name: 'x' }, ...(method === undefined ? {} : { distinguisherMethod: { type: method } }), rules: [{ subjects: [{ kind: 'Group', group: { name: 'all' } }], ...rule } as never] } };
}

test('requests are sorted by the first schema that speaks of them', () => {
  const ordered = inOrder([
    schema('rest', 100, { resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }] }, 'ByNamespace'),
    schema('pods', 10, { resourceRules: [{ verbs: ['list'], apiGroups: [''], resources: ['pods'], namespaces: ['a'] }] }, 'ByUser'),
    schema('paths', 10, { nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/metrics', '/apis/*'] }] }),
  ]);
  const user = { name: 'ada', groups: ['all'] };
  const table: [string, string, string | undefined][] = [
    ['GET', '/api/v1/namespaces/a/pods', 'pods ada'], ['GET', '/api/v1/namespaces/b/pods', 'rest b'], ['GET', '/api/v1/nodes', 'rest '], ['GET', '/metrics', 'paths'], ['GET', '/version', undefined],
  ];
  for (const [method, url, expected] of table) {
    const asked = parseRequest(method, url);
    const found = schemaFor(ordered, user, asked);
    assert.equal(found && flowOf(found, user, asked).replace('/', ' '), expected, url);
  }
  assert.equal(schemaFor(ordered, { name: 'eve', groups: [] }, parseRequest('GET', '/metrics')), undefined);
});

test('the door keeps to the schemas, says which one it was, and masters fall under none', async () => {
  const door = await openDoor();
  try {
    const root = '/apis/flowcontrol.apiserver.k8s.io/v1';
    const limited = { nominalConcurrencyShares: 1, limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 1 } } };
    const level = (await door.call('POST', `${root}/prioritylevelconfigurations`, { body: { metadata: { name: 'x' }, spec: { type: 'Limited', limited } } })).json;
    const made = (await door.call('POST', `${root}/flowschemas`, { body: schema('all', 10, { subjects: [{ kind: 'User', user: { name: '*' } }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }) })).json;
    const asks = { headers: { 'Impersonate-User': 'ada', 'Impersonate-Group': 'system:authenticated' } };
    const { headers, status } = await door.call('GET', '/api', asks);
    assert.deepEqual([status, headers['x-kubernetes-pf-flowschema-uid'], headers['x-kubernetes-pf-prioritylevel-uid']], [200, made.metadata.uid, level.metadata.uid]);
    assert.equal((await door.call('GET', '/api')).headers['x-kubernetes-pf-flowschema-uid'], undefined);
    for (let n = 0; n < 300; n += 1) assert.equal((await door.call('GET', '/api', asks)).status, 200, 'every seat is given back');
  } finally {
    await door.close();
  }
});
