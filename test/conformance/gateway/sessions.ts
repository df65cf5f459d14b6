/** Sessions, by cookie and by header: who answered the first request has the others, over reloads and ends of HAProxy, for as long as it is there. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { patch, until, type Body } from '../cluster.ts';
import { haproxyPid } from './faulty.ts';
import { at, sharedByBoth, tried } from './http-filters.ts';
import { accepted, addressOf, amid, ask, behaviour, expect, INFRA, pathOf, prefix, route, to, V1, V2 } from './world.ts';

const SESSIONS = 12;

/** Begins sessions until both backends have some: of each, what it is to send and who answered. */
async function begin(address: string, path: string): Promise<{ headers: Record<string, string>; pod: string }[]> {
  await sharedByBoth(address, path);
  const all = await Promise.all(Array.from({ length: SESSIONS }, async () => {
    const told = await ask(address, { path });
    const [cookie] = told.headers['set-cookie'] ?? [];
    const headers: Record<string, string> = cookie === undefined ? { 'x-session': told.headers['x-session'] as string } : { cookie: cookie.split(';')[0]! };
    return { headers, pod: told.body.pod as string };
  }));
  assert.equal(new Set(all.map(({ pod }) => pod)).size, 2);
  return all;
}

async function areKept(address: string, path: string, sessions: Awaited<ReturnType<typeof begin>>): Promise<void> {
  for (const { headers, pod } of sessions) assert.equal((await ask(address, { path, headers })).body.pod, pod);
}

export function sessions(): void {
  tried('HTTPRouteSessionPersistenceCookie', () => [{ ...at('/session', [], [to('both')]), sessionPersistence: { sessionName: 'mine' } }], async (address) => {
    await sharedByBoth(address, '/session');
    const first = await ask(address, { path: '/session' });
    const [cookie = ''] = first.headers['set-cookie'] ?? [];
    assert.match(cookie, /^mine=[^;]+;.*HttpOnly/i);
    assert.doesNotMatch(cookie, /expires|max-age/i);
    for (let times = 0; times < 8; times++) assert.equal((await ask(address, { path: '/session', headers: { cookie: cookie.split(';')[0]! } })).body.pod, first.body.pod);
  });

  tried('HTTPRouteSessionPersistenceCookiePermanentLifetime', () => [{ ...at('/permanent', [], [to('both')]), sessionPersistence: { sessionName: 'mine', cookieConfig: { lifetimeType: 'Permanent' }, absoluteTimeout: '1h' } }], async (address) => {
    await sharedByBoth(address, '/permanent');
    const first = await ask(address, { path: '/permanent' });
    const [cookie = ''] = first.headers['set-cookie'] ?? [];
    assert.match(cookie, /^mine=[^;]+;.*HttpOnly.*Max-Age=3600/i);
    for (let times = 0; times < 8; times++) assert.equal((await ask(address, { path: '/permanent', headers: { cookie: cookie.split(';')[0]! } })).body.pod, first.body.pod);
  });

  tried('HTTPRouteSessionPersistenceHeader', () => [{ ...at('/header', [], [to('both')]), sessionPersistence: { sessionName: 'x-session', type: 'Header' } }], async (address) => {
    await sharedByBoth(address, '/header');
    const begun = await ask(address, { path: '/header' });
    const id = begun.headers['x-session'] as string;
    assert.ok(id);
    for (let times = 0; times < 8; times++) assert.equal((await ask(address, { path: '/header', headers: { 'x-session': id } })).body.pod, begun.body.pod);
  });

  tried('HTTPRouteSessionPersistenceCookieOfEachRule', () => ['/one', '/two'].map((path) => ({ ...at(path, [], [to('both')]), sessionPersistence: {} })), async (address) => {
    for (const path of ['/one', '/two']) await sharedByBoth(address, path);
    // As browsers do: a cookie of the same name takes the place of the one before.
    for (let client = 0; client < SESSIONS; client++) {
      const jar = new Map<string, string>();
      const visit = async (path: string): Promise<string> => {
        const told = await ask(address, { path, headers: jar.size === 0 ? {} : { cookie: [...jar].map((pair) => pair.join('=')).join('; ') } });
        for (const cookie of told.headers['set-cookie'] ?? []) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
          jar.set(name, value);
        }
        return told.body.pod as string;
      };
      const first = [await visit('/one'), await visit('/two')];
      for (let times = 0; times < 3; times++) assert.deepEqual([await visit('/one'), await visit('/two')], first);
    }
  });

  const split = { cookie: { sessionName: 'my.own' }, header: { sessionName: 'x-session', type: 'Header' }, staged: { absoluteTimeout: '1h', idleTimeout: '10m' } };
  const rulesOf = (weights: readonly number[]): object[] => Object.entries(split).map(([by, sessionPersistence]) => ({ ...at(`/split-${by}`, [], [V1, V2].map((name, index) => ({ ...to(name), weight: weights[index] }))), sessionPersistence, ...(by === 'staged' ? { retry: { attempts: 1, backoff: '100ms' } } : {}) }));
  behaviour('HTTPRouteSessionPersistenceTrafficSplitting', () => [route('split', ['same-namespace'], rulesOf([1, 1]))], async () => {
    await accepted('split');
    const address = await addressOf('same-namespace');
    const begun = new Map<string, Awaited<ReturnType<typeof begin>>>();
    for (const by of Object.keys(split)) begun.set(by, await begin(address, `/split-${by}`));
    const keptAll = async (): Promise<void> => { for (const [by, all] of begun) for (let times = 0; times < 3; times++) await areKept(address, `/split-${by}`, all); };
    await keptAll();
    await patch(pathOf(route('split', [], [])), { spec: { rules: rulesOf([1, 0]) } });
    await eventually(async () => new Set((await Promise.all(Array.from({ length: 20 }, () => ask(address, { path: '/split-cookie' })))).map(({ body }) => body.pod)).size === 1, { what: 'who is new has the first one' });
    await keptAll();
    // Beside others, and from somebody who made it up.
    const [{ headers, pod } = { headers: {}, pod: '' }] = begun.get('cookie')!;
    assert.equal((await ask(address, { path: '/split-cookie', headers: { cookie: `one=1; ${headers['cookie']}; two=2` } })).body.pod, pod);
    assert.equal((await ask(address, { path: '/split-cookie', headers: { cookie: `one=1; ${headers['cookie']}; two=2` } })).body.headers.cookie?.includes('my.own') ?? false, false, 'it is no concern of the backend');
    assert.equal((await ask(address, { path: '/split-cookie', headers: { cookie: 'my.own=00000000.made-up' } })).body.pod, V1);
  });

  const brief = { 'brief-cookie': { absoluteTimeout: '3s' }, 'idle-cookie': { idleTimeout: '3s' }, 'brief-header': { sessionName: 'x-session', type: 'Header', absoluteTimeout: '3s' } };
  const briefRules = (weights: readonly number[]): object[] => Object.entries(brief).map(([by, sessionPersistence]) => ({ ...at(`/${by}`, [], [V1, V2].map((name, index) => ({ ...to(name), weight: weights[index] }))), sessionPersistence }));
  behaviour('HTTPRouteSessionPersistenceTrafficSplittingEnds', () => [route('brief', ['same-namespace'], briefRules([1, 1]))], async () => {
    await accepted('brief');
    const address = await addressOf('same-namespace');
    const begun = new Map<string, Awaited<ReturnType<typeof begin>>>();
    for (const by of Object.keys(brief)) begun.set(by, await begin(address, `/${by}`));
    await patch(pathOf(route('brief', [], [])), { spec: { rules: briefRules([1, 0]) } });
    // Asking does not keep it up: the same is sent each time.
    for (const [by, all] of begun) {
      const { headers } = all.find(({ pod }) => pod === V2)!;
      const who = async (sent: Record<string, string>): Promise<Awaited<ReturnType<typeof ask>>> => ask(address, { path: `/${by}`, headers: sent });
      const moved = await eventually(async () => {
        const told = await who(headers);
        return told.body.pod === V1 && told;
      }, { what: `the end of the session by ${by}` });
      // What it is given then is a session of its own, though what it sent had ended.
      const [cookie] = moved.headers['set-cookie'] ?? [];
      assert.equal((await who(cookie === undefined ? { 'x-session': moved.headers['x-session'] as string } : { cookie: cookie.split(';')[0]! })).body.pod, V1);
    }
  });

  const both = { cookie: {}, header: { sessionName: 'x-session', type: 'Header' } };
  tried('HTTPRouteSessionPersistenceOverReloads', () => Object.entries(both).map(([by, sessionPersistence]) => ({ ...at(`/${by}`, [], [to('both')]), sessionPersistence })), async (address) => {
    const begun = await Promise.all(Object.keys(both).map((by) => begin(address, `/${by}`)));
    const keptAll = async (): Promise<void> => { for (const [index, by] of Object.keys(both).entries()) await areKept(address, `/${by}`, begun[index]!); };
    await amid([route('beside', ['same-namespace'], [{ matches: [prefix('/beside')], backendRefs: [to(V1)] }])], async () => {
      await expect(address, { path: '/beside' }, { backend: V1 });
      await keptAll();
    });
    const before = haproxyPid();
    process.kill(before, 'SIGKILL');
    await eventually(async () => haproxyPid() !== before && (await ask(address, { path: '/cookie' })).status === 200, { what: 'the next HAProxy' });
    await keptAll();
  });

  tried('HTTPRouteSessionPersistenceEndpointGone', () => Object.entries(both).map(([by, sessionPersistence]) => ({ ...at(`/${by}`, [], [to('both')]), sessionPersistence })), async (address) => {
    const begun = await Promise.all(Object.keys(both).map((by) => begin(address, `/${by}`)));
    const of = (pod: string): string => `/api/v1/namespaces/${INFRA}/pods/${pod}`;
    try {
      await patch(of(V2), { metadata: { labels: { group: null } } });
      await until(`/apis/discovery.k8s.io/v1/namespaces/${INFRA}/endpointslices`, ({ items }) => items.filter(({ metadata }: Body) => metadata.labels?.['kubernetes.io/service-name'] === 'both').flatMap((each: Body) => each.endpoints ?? []).length === 1);
      for (const [index, by] of Object.keys(both).entries()) {
        const orphan = begun[index]!.find(({ pod }) => pod === V2)!;
        await eventually(async () => (await ask(address, { path: `/${by}`, headers: orphan.headers })).body.pod === V1, { what: `${by}: another one` });
        const told = await ask(address, { path: `/${by}`, headers: orphan.headers });
        assert.deepEqual([told.status, told.headers[by === 'cookie' ? 'set-cookie' : 'x-session'] === undefined], [200, false], 'it is told anew who has it');
      }
    } finally {
      await patch(of(V2), { metadata: { labels: { group: 'both' } } });
    }
  });

  tried('HTTPRouteSessionPersistenceHeaderTimeouts', () => [
    { ...at('/idle', [], [to('both')]), sessionPersistence: { ...both.header, idleTimeout: '2s' } }, { ...at('/absolute', [], [to('both')]), sessionPersistence: { ...both.header, absoluteTimeout: '2s' } }, { ...at('/open', [], [to('both')]), sessionPersistence: both.header },
  ], async (address) => {
    const [open] = await begin(address, '/open');
    const startOf = (token: string): string => Buffer.from(token, 'base64').toString().split('.')[1]!;
    const renewed = async (path: string, token: string): Promise<string> => (await ask(address, { path, headers: { 'x-session': token } })).headers['x-session'] as string;
    assert.equal(startOf(await renewed('/open', open!.headers['x-session']!)), startOf(open!.headers['x-session']!));
    for (const path of ['/idle', '/absolute']) {
      const [session] = await begin(address, path);
      const first = session!.headers['x-session']!;
      assert.match(Buffer.from(first, 'base64').toString(), /^s\d+\.\d+\.\d+$/);
      // The same words, said later: a session of its own begins.
      await eventually(async () => startOf(await renewed(path, first)) !== startOf(first), { what: `the end of the session at ${path}` });
    }
    for (const odd of ['nonsense', Buffer.from('s99.1.1').toString('base64'), Buffer.from('s0.x.y').toString('base64'), '%[date]']) await expect(address, { path: '/open', headers: { 'x-session': odd } }, {});
  });
}
