/** [sig-api-machinery] CustomResourceConversionWebhook, CustomResourceFieldSelectors */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { startWebhookServer, type WebhookServer } from '../../fixtures/webhook-server.ts';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, call, create, get, namespace, patch, remove, until, watch, type Body } from '../cluster.ts';
import { DEFINITIONS, version, withDefinition, type Defined } from './definitions.ts';

let server: WebhookServer;

interface Asked { uid: string; desiredAPIVersion: string; objects: Body[] }

/** v1 says hostPort, v2 says host and port. */
function convert(_path: string, { apiVersion, request }: { apiVersion: string; request: Asked }): unknown {
  const convertedObjects = request.objects.map((object) => {
    const { hostPort, host, port, ...rest } = object as Record<string, string>;
    const [left, right] = (hostPort ?? ':').split(':');
    return { ...rest, apiVersion: request.desiredAPIVersion, ...(request.desiredAPIVersion.endsWith('/v2') ? { host: left, port: right } : { hostPort: `${host ?? ''}:${port ?? ''}` }) };
  });
  return { apiVersion, kind: 'ConversionReview', response: { uid: request.uid, result: { status: 'Success' }, convertedObjects } };
}

const texts = (...names: string[]): Body => ({ type: 'object', properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) });

async function withHosts(run: (defined: Defined, space: string) => Promise<void>): Promise<void> {
  const space = await namespace();
  const versions = [version('v1', texts('hostPort'), { selectableFields: [{ jsonPath: '.hostPort' }] }), version('v2', texts('host', 'port'), { selectableFields: [{ jsonPath: '.host' }, { jsonPath: '.port' }] })];
  await withDefinition({ versions }, async (defined) => {
    const conversion = { strategy: 'Webhook', webhook: { clientConfig: { url: `${server.url}/convert`, caBundle: server.caBundle }, conversionReviewVersions: ['v1', 'v1beta1'] } };
    await patch(`${DEFINITIONS}/${defined.name}`, { spec: { conversion } });
    await eventually(async () => {
      await create(defined.path(space), { apiVersion: `${defined.group}/v1`, kind: defined.kind, metadata: { name: 'marker' }, hostPort: 'marker:1' });
      const { body } = await call('GET', `${defined.path(space, 'v2')}/marker`);
      await remove(`${defined.path(space)}/marker`);
      return body.host === 'marker';
    }, { what: 'the conversion' });
    await run(defined, space);
  });
}

export function conversions(): void {
  before(async () => {
    server = await startWebhookServer(convert as never);
  });
  after(() => server?.stop());
  const v1 = ({ group, kind }: Defined, name: string, hostPort: string): Body => ({ apiVersion: `${group}/v1`, kind, metadata: { name }, hostPort });

  behaviour('CustomResourceConversionWebhook should be able to convert from CR v1 to CR v2', () => withHosts(async (defined, space) => {
    await create(defined.path(space), v1(defined, 'a', 'local:8080'));
    const { host, port, apiVersion } = await get(`${defined.path(space, 'v2')}/a`);
    assert.deepEqual([host, port, apiVersion], ['local', '8080', `${defined.group}/v2`]);
  }));

  behaviour('CustomResourceConversionWebhook should be able to convert a non homogeneous list of CRs', () => withHosts(async (defined, space) => {
    await create(defined.path(space), v1(defined, 'a', 'local:8080'));
    const { spec } = await get(`${DEFINITIONS}/${defined.name}`);
    await patch(`${DEFINITIONS}/${defined.name}`, { spec: { versions: spec.versions.map((each: Body) => ({ ...each, storage: each.name === 'v2' })) } });
    await until(`${DEFINITIONS}/${defined.name}`, ({ status }) => status.storedVersions.includes('v2'));
    await create(defined.path(space, 'v2'), { apiVersion: `${defined.group}/v2`, kind: defined.kind, metadata: { name: 'b' }, host: 'other', port: '8081' });
    const shown = (list: Body): unknown => list.items.map(({ hostPort, host, port }: Body) => hostPort ?? [host, port]);
    assert.deepEqual(shown(await get(defined.path(space))), ['local:8080', 'other:8081']);
    assert.deepEqual(shown(await get(defined.path(space, 'v2'))), [['local', '8080'], ['other', '8081']]);
  }));

  behaviour('CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector', () => withHosts(async (defined, space) => {
    const one = await watch(`${defined.path(space)}?fieldSelector=hostPort%3Dhost1:80`);
    const two = await watch(`${defined.path(space, 'v2')}?fieldSelector=host%3Dhost1,port%3D80`);
    await create(defined.path(space), v1(defined, 'a', 'host1:80'));
    await create(defined.path(space), v1(defined, 'b', 'host1:8080'));
    const names = (list: Body): string[] => list.items.map(({ metadata }: Body) => metadata.name);
    assert.deepEqual(names(await get(`${defined.path(space)}?fieldSelector=hostPort%3Dhost1:80`)), ['a']);
    assert.deepEqual(names(await get(`${defined.path(space, 'v2')}?fieldSelector=host%3Dhost1`)), ['a', 'b']);
    assert.deepEqual(names(await get(`${defined.path(space, 'v2')}?fieldSelector=host%3Dhost1,port%3D80`)), ['a']);
    for (const each of [one, two]) assert.equal((await each.nextOf('ADDED')).object.metadata.name, 'a');
    await patch(`${defined.path(space)}/a`, { hostPort: 'host1:81' });
    for (const each of [one, two]) assert.equal((await each.nextOf('DELETED')).object.metadata.name, 'a');
    one.close();
    two.close();
  }));
}
