/** [sig-api-machinery] CustomResourceConversionWebhook and CustomResourceFieldSelectors */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, call, create, get, namespace, ok, patch, watch, type Body } from '../cluster.ts';
import { openHooks, type Hook, type Hooks } from '../hooks.ts';
import { define, DEFINITIONS, version, type Defined } from './definitions.ts';

let server: Hooks;

/** v1 says `hostPort: host:port`, v2 says `host` and `port`. */
const convert: Hook = ({ desiredAPIVersion, objects }: Body) => ({ convertedObjects: objects.map((each: Body) => converted(each, desiredAPIVersion)), result: { status: 'Success' } });

function converted({ hostPort, host, port, ...rest }: Body, apiVersion: string): Body {
  if (apiVersion.endsWith('/v2') && hostPort !== undefined) [host, port] = hostPort.split(':');
  if (apiVersion.endsWith('/v1') && host !== undefined) hostPort = `${host}:${port}`;
  return apiVersion.endsWith('/v2') ? { ...rest, apiVersion, host, port } : { ...rest, apiVersion, hostPort };
}

const text = { type: 'string' };
const V1 = { type: 'object', properties: { hostPort: text } };
const V2 = { type: 'object', properties: { host: text, port: text } };

async function convertible(more: { v1?: object; v2?: object } = {}): Promise<Defined> {
  const defined = await define({ versions: [version('v1', V1, more.v1), version('v2', V2, more.v2)] });
  await patch(`${DEFINITIONS}/${defined.name}`, { spec: { conversion: { strategy: 'Webhook', webhook: { clientConfig: server.clientConfig(convert), conversionReviewVersions: ['v1'] } } } });
  return defined;
}

const thing = ({ group, kind }: Defined, name: string, which: 'v1' | 'v2', fields: object): Body => ({ apiVersion: `${group}/${which}`, kind, metadata: { name }, ...fields });

/** Settles when v2 of an object is what the webhook makes of it. */
async function settled(defined: Defined, space: string): Promise<void> {
  await create(defined.path(space), thing(defined, 'marker', 'v1', { hostPort: 'marker:1' }));
  await eventually(async () => (await call('GET', `${defined.path(space, 'v2')}/marker`)).body.host === 'marker', { timeoutMs: 60_000, what: 'conversion by the webhook' });
  await ok('DELETE', `${defined.path(space)}/marker`);
}

export function conversion(): void {
  before(async () => void (server = await openHooks()));
  after(() => server?.stop());

  behaviour('CustomResourceConversionWebhook should be able to convert from CR v1 to CR v2', async () => {
    const [defined, space] = [await convertible(), await namespace()];
    await settled(defined, space);
    await create(defined.path(space), thing(defined, 'one', 'v1', { hostPort: 'localhost:8080' }));
    const { apiVersion, host, port, hostPort } = await get(`${defined.path(space, 'v2')}/one`);
    assert.deepEqual([apiVersion, host, port, hostPort], [`${defined.group}/v2`, 'localhost', '8080', undefined]);
  });

  behaviour('CustomResourceConversionWebhook should be able to convert a non homogeneous list of CRs', async () => {
    const [defined, space] = [await convertible(), await namespace()];
    await settled(defined, space);
    await create(defined.path(space), thing(defined, 'old', 'v1', { hostPort: 'localhost:8080' }));
    await patch(`${DEFINITIONS}/${defined.name}`, [{ op: 'replace', path: '/spec/versions/0/storage', value: false }, { op: 'replace', path: '/spec/versions/1/storage', value: true }], 'json-patch');
    await create(defined.path(space, 'v2'), thing(defined, 'new', 'v2', { host: 'example.com', port: '80' }));
    const hosts = async (which: string): Promise<unknown[]> => (await get(defined.path(space, which))).items.map((each: Body) => [each.metadata.name, each.host, each.hostPort]).toSorted();
    assert.deepEqual(await hosts('v2'), [['new', 'example.com', undefined], ['old', 'localhost', undefined]]);
    assert.deepEqual(await hosts('v1'), [['new', undefined, 'example.com:80'], ['old', undefined, 'localhost:8080']]);
  });

  behaviour('CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector', async () => {
    const defined = await convertible({ v1: { selectableFields: [{ jsonPath: '.hostPort' }] }, v2: { selectableFields: [{ jsonPath: '.host' }, { jsonPath: '.port' }] } });
    const space = await namespace();
    await settled(defined, space);
    const [byWhole, byParts] = [`${defined.path(space)}?fieldSelector=hostPort%3Dlocal:80`, `${defined.path(space, 'v2')}?fieldSelector=host%3Dlocal,port%3D80`];
    const watches = await Promise.all([byWhole, byParts].map((each) => watch(each)));
    for (const [name, hostPort] of [['one', 'local:80'], ['two', 'local:81'], ['three', 'other:80']] as const) await create(defined.path(space), thing(defined, name, 'v1', { hostPort }));
    await create(defined.path(space, 'v2'), thing(defined, 'four', 'v2', { host: 'local', port: '80' }));
    for (const path of [byWhole, byParts]) assert.deepEqual((await get(path)).items.map((each: Body) => each.metadata.name).toSorted(), ['four', 'one']);
    for (const each of watches) assert.deepEqual([(await each.next()).object.metadata.name, (await each.next()).object.metadata.name], ['one', 'four']);
    await patch(`${defined.path(space)}/one`, { hostPort: 'other:1' });
    await ok('DELETE', `${defined.path(space)}/four`);
    for (const each of watches) {
      assert.deepEqual([await each.next(), await each.next()].map(({ type, object }) => [type, object.metadata.name]), [['DELETED', 'one'], ['DELETED', 'four']]);
      assert.deepEqual(await each.rest(), []);
      each.close();
    }
    assert.deepEqual((await get(byParts)).items, []);
    const wrong = await call('GET', `${defined.path(space)}?fieldSelector=host%3Dlocal`);
    assert.equal(wrong.code, 400);
  });
}
