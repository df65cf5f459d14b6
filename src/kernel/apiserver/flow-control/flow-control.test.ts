import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { test } from 'node:test';
import type { FlowSchema } from '../../../api/generated/flowcontrol-v1.ts';
import { seatWaitMs } from '../deadline.ts';
import { parseRequest } from '../request-info.ts';
import { openDoor, type Call } from '../testing/open-door.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { flowOf, inOrder, mayConcern, schemaFor } from './classify.ts';
import { createFairQueue, createPool } from './fair-queue.ts';
import { limitsOf } from './flow-control.ts';
import { createTurns } from './turns.ts';

test('flows that wait are served in turn, whoever came first', async () => {
  const queue = createFairQueue({ seats: 1, waiting: 10 });
  const order: string[] = [];
  const enter = (flow: string): Promise<void> => Promise.resolve(queue.enter(flow)).then(() => void order.push(flow));
  const all = [...Array.from({ length: 5 }, () => enter('flood')), enter('quiet'), enter('quiet')];
  for (let n = 0; n < all.length; n += 1) {
    await new Promise(setImmediate);
    queue.leave(order.at(n) ?? 'flood');
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
  queue.leave('a');
  assert.equal(queue.tryEnter('c'), false, 'who waits has come first');
  const free = createFairQueue({ seats: 1, waiting: 0 });
  assert.deepEqual([free.tryEnter('a'), free.tryEnter('a'), free.running], [true, false, 1]);
});

test('who gives up waits no longer, and keeps no place', async () => {
  const queue = createFairQueue({ seats: 1, waiting: 1 });
  assert.equal(queue.enter('a'), true);
  const bored = new AbortController();
  const waits = queue.enter('a', bored.signal) as Promise<void>;
  assert.equal(queue.enter('a'), undefined);
  bored.abort(new Error('too long'));
  await assert.rejects(waits, /too long/);
  const next = queue.enter('a', bored.signal);
  assert.equal(queue.waiting, 1);
  queue.leave('a');
  await next;
  assert.deepEqual([queue.running, queue.waiting], [1, 0]);
});

test('requests wait for a seat for a quarter of their time', () => {
  const table: [string, number][] = [['/api/v1/pods', 15_000], ['/api/v1/pods?timeout=8s', 2_000], ['/api/v1/pods?timeout=10m', 15_000], ['/api/v1/pods?timeout=x', 15_000], ['/api/v1/pods?watch=true&timeout=8s', 15_000]];
  for (const [url, expected] of table) assert.equal(seatWaitMs(parseRequest('GET', url)), expected, url);
});

test('a flow has so many seats at once and no more', async () => {
  const queue = createFairQueue({ seats: 3, waiting: 9, perFlow: 2 });
  assert.deepEqual([queue.enter('a'), queue.enter('a')], [true, true]);
  const third = queue.enter('a');
  assert.equal(queue.enter('b'), true, 'a seat is left for another');
  queue.leave('b');
  assert.equal(queue.running, 2);
  queue.leave('a');
  await third;
  assert.deepEqual([queue.running, queue.waiting], [2, 0]);
});

test('levels lend what they do not use, and get it back first', async () => {
  const pool = createPool();
  const lender = pool.queue({ seats: 4, waiting: 9, lends: 3 });
  const borrower = pool.queue({ seats: 2, waiting: 9, borrows: 2 });
  const greedy = pool.queue({ seats: 0, waiting: 9, borrows: 9 });
  assert.deepEqual([1, 2, 3, 4].map(() => borrower.enter('x')), [true, true, true, true], 'two of its own and two that it borrows');
  const fifth = borrower.enter('x');
  assert.notEqual(fifth, true);
  assert.equal(greedy.enter('y'), true, 'the third that may be lent');
  assert.notEqual(greedy.enter('y'), true, 'the lender keeps one');
  assert.equal(lender.enter('l'), true);
  const owner = lender.enter('l');
  assert.notEqual(owner, true, 'all are in use');
  borrower.leave('x');
  await owner;
  assert.deepEqual([lender.running, borrower.running, greedy.running], [2, 3, 1], 'the owner goes before those who would borrow');
  borrower.limits = { seats: 3, waiting: 9, borrows: 2 };
  await fifth;
  assert.equal(borrower.running, 4);
});

test('a level that is gone lets go who waits in it', async () => {
  const pool = createPool();
  const level = pool.queue({ seats: 1, waiting: 9 });
  assert.equal(level.enter('a'), true);
  const next = level.enter('a');
  level.close();
  level.leave('a');
  await next;
});

test('seats by shares, and what of them is lent and borrowed', () => {
  const level = (limited: object): Parameters<typeof limitsOf>[0] => ({ metadata: { name: 'l' }, spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 2, queueLengthLimit: 5 } }, ...limited } as never } });
  assert.deepEqual(limitsOf(level({ nominalConcurrencyShares: 25, lendablePercent: 50, borrowingLimitPercent: 25 }), 100), { seats: 32, waiting: 10, lends: 16, borrows: 8 });
  assert.deepEqual(limitsOf(level({ nominalConcurrencyShares: 25 }), 100), { seats: 32, waiting: 10, lends: 0, borrows: 128 });
});

/** Works for so long and looks nowhere. */
function workMs(ms: number): void {
  for (const fromMs = performance.now(); performance.now() - fromMs < ms;);
}

test('after a slice of work users have their turns, those first who used least, and the loop looks in between', async () => {
  const turns = createTurns({ sliceMs: 2, aloneSliceMs: 2 });
  const order: string[] = [];
  const work = async (user: string): Promise<void> => {
    const turn = turns.take(user);
    if (turn !== undefined) await turn;
    order.push(user);
    workMs(3);
  };
  const flood = Array.from({ length: 6 }, () => work('flood'));
  assert.deepEqual(order, ['flood'], 'the first did not wait');
  let rounds = 0;
  const loop = setInterval(() => (rounds += 1), 1);
  await flood[0];
  await new Promise(setImmediate);
  const calm = work('calm');
  await Promise.all([...flood, calm]);
  clearInterval(loop);
  assert.ok(order.indexOf('calm') <= 3, order.join());
  assert.ok(rounds >= 3, `timers ran ${rounds} times while it worked`);
  assert.equal(turns.waiting, 0);
});

test('work that has begun goes on before the next of the same user', async () => {
  const turns = createTurns({ sliceMs: 0, aloneSliceMs: 0 });
  void turns.take('first');
  const order: string[] = [];
  const piece = (name: string, how?: { goesOn: boolean }): void => void turns.take('flood', how)?.then(() => order.push(name));
  piece('new');
  piece('newer');
  piece('begun', { goesOn: true });
  while (order.length < 3) await new Promise(setImmediate);
  assert.deepEqual(order, ['begun', 'new', 'newer']);
});

test('who is alone has wide slices, and small work shares a round', async () => {
  const turns = createTurns({ sliceMs: 0, aloneSliceMs: 1_000 });
  for (let n = 0; n < 20; n += 1) {
    turns.take('one');
    await new Promise((passed) => setTimeout(passed, 30));
  }
  const came = Array.from({ length: 20 }, () => turns.take('one'));
  assert.equal(came.filter((turn) => turn === undefined).length, 16, 'nobody else was seen for long; but none of them has worked yet');
  await Promise.all(came);
  workMs(1);
  await new Promise(setImmediate);
  void turns.take('other');
  workMs(1);
  assert.notEqual(turns.take('one'), undefined, 'now there is another');
});

test('work that comes later is of the slice of the round that it comes of', async () => {
  const turns = createTurns({ sliceMs: 100_000, aloneSliceMs: 100_000 });
  assert.equal(turns.take('flood', { laterMs: 60_000 }), undefined);
  assert.equal(turns.take('flood', { laterMs: 60_000 }), undefined, 'nothing was worked yet');
  const third = turns.take('flood');
  assert.notEqual(third, undefined, 'the slice is spent');
  await third;
  assert.equal(turns.take('flood'), undefined, 'the next round has its own');
});

test('who hardly used the thread goes at once, but only so many', async () => {
  const turns = createTurns({ sliceMs: 0, aloneSliceMs: 0 });
  assert.equal(turns.take('flood'), undefined);
  workMs(5);
  await new Promise(setImmediate);
  const flood = Array.from({ length: 3 }, () => turns.take('flood'));
  assert.notEqual(flood.at(-1), undefined);
  const calm = Array.from({ length: 40 }, () => turns.take('calm'));
  assert.equal(calm[0], undefined);
  const atOnce = calm.filter((turn) => turn === undefined).length;
  assert.ok(atOnce > 10 && atOnce <= 16, `${atOnce} went at once`);
  await Promise.all([...flood, ...calm]);
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
  assert.deepEqual([user, { name: 'eve', groups: [] }].map((each) => ordered.filter((one) => mayConcern(one, each)).length), [3, 0]);
});

test('the door keeps to the schemas, says which one it was, and masters wait for nobody', async () => {
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
    const exemptLevel = (await door.call('POST', `${root}/prioritylevelconfigurations`, { body: { metadata: { name: 'exempt' }, spec: { type: 'Exempt' } } })).json;
    const exempt = (await door.call('POST', `${root}/flowschemas`, { body: { metadata: { name: 'exempt' }, spec: { matchingPrecedence: 1, priorityLevelConfiguration: { name: 'exempt' }, rules: [{ subjects: [{ kind: 'User', user: { name: 'eve' } }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }] } } })).json;
    for (const call of [{}, { headers: { 'Impersonate-User': 'eve', 'Impersonate-Group': 'system:authenticated' } }]) {
      const { headers: told } = await door.call('GET', '/api', call);
      assert.deepEqual([told['x-kubernetes-pf-flowschema-uid'], told['x-kubernetes-pf-prioritylevel-uid']], [exempt.metadata.uid, exemptLevel.metadata.uid]);
    }
    assert.match((await door.call('GET', '/metrics')).text, /^# HELP apiserver_flowcontrol_nominal_limit_seats \w.*$[\s\S]*^apiserver_flowcontrol_nominal_limit_seats\{priority_level="x"\} 128$[\s\S]*^apiserver_flowcontrol_rejected_requests_total\{priority_level="x"\} 0$/m);
    for (let n = 0; n < 300; n += 1) assert.equal((await door.call('GET', '/api', asks)).status, 200, 'every seat is given back');
    await door.call('POST', `${root}/flowschemas`, { body: { ...schema('lost', 5, { subjects: [{ kind: 'User', user: { name: '*' } }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }), spec: { ...made.spec, matchingPrecedence: 5, priorityLevelConfiguration: { name: 'nowhere' } } } });
    assert.equal((await door.call('GET', '/api', asks)).headers['x-kubernetes-pf-flowschema-uid'], made.metadata.uid, 'one whose level is missing concerns nobody');
    await door.call('PUT', `${root}/prioritylevelconfigurations/x`, { body: { metadata: { name: 'x' }, spec: { type: 'Limited', limited: { nominalConcurrencyShares: 0, lendablePercent: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } } } } });
    // A body that does not come keeps the only seat.
    await door.call('POST', `${root}/flowschemas`, { body: schema('writes', 9, { subjects: [{ kind: 'User', user: { name: '*' } }], resourceRules: [{ verbs: ['create'], apiGroups: ['*'], resources: ['*'], clusterScope: true }] }) });
    const { caPem: ca, admin } = door.identity;
    const seated = connect({ host: '127.0.0.1', port: door.listener.port, ca, cert: admin.certificatePem, key: admin.keyPem, ALPNProtocols: ['http/1.1'] }).on('error', () => {});
    seated.write('POST /apis/authentication.k8s.io/v1/selfsubjectreviews HTTP/1.1\r\nHost: x\r\nImpersonate-User: ada\r\nImpersonate-Group: system:authenticated\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n');
    const refused = await eventually(async () => {
      const answer = await door.call('GET', '/api', asks);
      return answer.status === 429 && answer;
    }, { everyMs: 10, what: 'no seat' });
    assert.deepEqual([refused.status, refused.headers['retry-after'], refused.headers['x-kubernetes-pf-flowschema-uid']], [429, '1', made.metadata.uid]);
    // One that may wait does so for a quarter of the time that it has in all.
    await door.call('PUT', `${root}/prioritylevelconfigurations/x`, { body: { metadata: { name: 'x' }, spec: { type: 'Limited', limited: { nominalConcurrencyShares: 0, lendablePercent: 0, borrowingLimitPercent: 0, limitResponse: limited.limitResponse } } } });
    const waits = async (): Promise<number | undefined> => {
      const fromMs = performance.now();
      return (await door.call('GET', '/api?timeout=800ms', asks)).status === 429 ? performance.now() - fromMs : undefined;
    };
    assert.ok((await waits() ?? 0) >= 195, 'it waited for its quarter, and was sent away');
    assert.ok((await waits() ?? 0) >= 195, 'who gave up keeps no place in the line of one');
    seated.destroy();
  } finally {
    await door.close();
  }
});

test('of floods of several users, by connections that they share, and of nobody, every request is answered', async () => {
  const door = await openDoor();
  try {
    const as = (user: string): Call => ({ headers: { 'impersonate-user': user, 'impersonate-group': 'system:masters' } });
    const rows: [string, Call, number, number][] = [['flood', as('flood'), 24, 200], ['other', as('other'), 12, 200], ['calm', as('calm'), 1, 200], ['nobody', { token: 'bad' }, 12, 401]];
    await Promise.all(rows.flatMap(([user, call, workers, status]) => Array.from({ length: workers }, async (_, worker) => {
      for (let n = 0; n < 15; n += 1) {
        const write: Call = { ...call, body: { metadata: { name: `${user}-${worker}-${n}` } } };
        const answer = await (n % 3 === 0 ? door.call('POST', '/api/v1/namespaces/default/configmaps', write) : door.call('GET', '/api/v1/namespaces/default', call));
        assert.equal(answer.status, n % 3 === 0 && status === 200 ? 201 : status, `${user}: ${answer.text}`);
      }
    })));
  } finally {
    await door.close();
  }
});
