/** [sig-storage] ConfigMap, Secrets, Downward API volume, and the same by projection: files that come from objects. */
import assert from 'node:assert/strict';
import { behaviour, create, get, gone, namespace, patch, podOf, put, refused, remove, until, type Body } from '../cluster.ts';
import { pathOf, podOutput, start } from './live.ts';
import { podCases, type PodCase } from './cases.ts';
import { NODE, SOME_LINUX } from './marks.ts';

interface Source {
  /** As in the names of behaviours. */
  subject: string;
  plural: 'configmaps' | 'secrets';
  object(name: string, data: Record<string, string>): Body;
  /** The source of a volume that shows the object; `mode` is that of all its files. */
  volume(name: string, more?: { items?: Body[]; mode?: number; optional?: boolean }): Body;
}

const configMap = (name: string, data: Record<string, string>): Body => ({ metadata: { name }, data });
const secret = (name: string, data: Record<string, string>): Body => ({ metadata: { name }, stringData: data });

const MAPS: readonly Source[] = [
  { subject: 'ConfigMap', plural: 'configmaps', object: configMap, volume: (name, { items, mode, optional } = {}) => ({ configMap: { name, items, optional, defaultMode: mode } }) },
  { subject: 'Projected configMap', plural: 'configmaps', object: configMap, volume: (name, { items, mode, optional } = {}) => ({ projected: { defaultMode: mode, sources: [{ configMap: { name, items, optional } }] } }) },
];
const SECRETS: readonly Source[] = [
  { subject: 'Secrets', plural: 'secrets', object: secret, volume: (secretName, { items, mode, optional } = {}) => ({ secret: { secretName, items, optional, defaultMode: mode } }) },
  { subject: 'Projected secret', plural: 'secrets', object: secret, volume: (name, { items, mode, optional } = {}) => ({ projected: { defaultMode: mode, sources: [{ secret: { name, items, optional } }] } }) },
];

const DATA = { 'data-1': 'value-1', 'data-2': 'value-2', 'data-3': 'value-3' };
const MAPPED = { key: 'data-2', path: 'path/to/data-2' };
const AS_USER = { spec: { securityContext: { runAsUser: 1000 } } };
const show = (path: string): string => `cat ${path} && echo && stat -L -c %a ${path}`;

function consumable({ subject, plural, object, volume }: Source, several: string): PodCase[] {
  const one = (what: string, source: Body, path: string, writes: string[], more: Partial<PodCase> = {}): PodCase => ({
    name: `${subject} should be consumable ${what}`, objects: { [plural]: [object('o', DATA)] }, volumes: [{ name: 'v', ...source }], script: show(path), writes, ...more,
  });
  const itemMode = `from pods in volume with mappings and Item ${plural === 'secrets' ? 'Mode' : 'mode'} set${SOME_LINUX}`;
  return [
    one(`from pods in volume${NODE}`, volume('o'), '/v/data-1', ['value-1', '644']),
    one(`from pods in volume with defaultMode set${SOME_LINUX}`, volume('o', { mode: 0o400 }), '/v/data-1', ['value-1', '400']),
    one(`from pods in volume with mappings${NODE}`, volume('o', { items: [MAPPED] }), '/v/path/to/data-2', ['value-2', '644']),
    one(itemMode, volume('o', { items: [{ ...MAPPED, mode: 0o400 }] }), '/v/path/to/data-2', ['value-2', '400']),
    one(`in multiple volumes in ${several}${NODE}`, {}, '', ['value-1', 'value-1'], { volumes: [{ name: 'v', ...volume('o') }, { name: 'w', ...volume('o') }], script: 'cat /v/data-1; echo; cat /w/data-1' }),
    ...(plural === 'secrets'
      ? [one(`from pods in volume as non-root with defaultMode and fsGroup set${SOME_LINUX}`, volume('o', { mode: 0o440 }), '/v/data-1', ['value-1', '440'], { spec: { securityContext: { runAsUser: 1000, fsGroup: 1001 } } })]
      : [
        one(`from pods in volume as non-root${NODE}`, volume('o'), '/v/data-1', ['value-1', '644'], AS_USER),
        one(`from pods in volume with mappings as non-root${NODE}`, volume('o', { items: [MAPPED] }), '/v/path/to/data-2', ['value-2', '644'], AS_USER),
      ]),
  ];
}

const DOWNWARD: readonly [string, (items: Body[], mode?: number) => Body][] = [
  ['Downward API volume', (items, defaultMode) => ({ downwardAPI: { items, defaultMode } })],
  ['Projected downwardAPI', (items, defaultMode) => ({ projected: { defaultMode, sources: [{ downwardAPI: { items } }] } })],
];
const RESOURCES = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };
const resource = (name: string, divisor = '1'): Body => ({ path: 'f', resourceFieldRef: { containerName: 'main', resource: name, divisor } });
const NAME_ITEM = { path: 'f', fieldRef: { fieldPath: 'metadata.name' } };

function downward([subject, volume]: (typeof DOWNWARD)[number]): PodCase[] {
  const one = (what: string, source: Body, writes: PodCase['writes'], more: Partial<PodCase> = {}): PodCase => ({ name: `${subject} should ${what}`, volumes: [{ name: 'v', ...source }], script: 'cat /v/f', writes, ...more });
  const limited = { container: { resources: RESOURCES, volumeMounts: [{ name: 'v', mountPath: '/v' }] } };
  return [
    one(`provide container's cpu limit${NODE}`, volume([resource('limits.cpu', '1m')]), ['1250'], limited),
    one(`provide container's cpu request${NODE}`, volume([resource('requests.cpu', '1m')]), ['250'], limited),
    one(`provide container's memory limit${NODE}`, volume([resource('limits.memory')]), [String(64 * 1024 * 1024)], limited),
    one(`provide container's memory request${NODE}`, volume([resource('requests.memory')]), [String(32 * 1024 * 1024)], limited),
    one(`provide node allocatable (cpu) as default cpu limit if the limit is not set${NODE}`, volume([resource('limits.cpu')]), [/^[1-9]\d*$/]),
    one(`provide node allocatable (memory) as default memory limit if the limit is not set${NODE}`, volume([resource('limits.memory')]), [/^[1-9]\d*$/]),
    one(`provide podname only${NODE}`, volume([NAME_ITEM]), ['p']),
    one(`set DefaultMode on files${SOME_LINUX}`, volume([NAME_ITEM], 0o400), ['p', '400'], { script: show('/v/f') }),
    one(`set mode on item file${SOME_LINUX}`, volume([{ ...NAME_ITEM, mode: 0o400 }]), ['p', '400'], { script: show('/v/f') }),
  ];
}

const SUBPATH = 'Subpath Atomic writer volumes should support subpaths with';
const subPathCase = (what: string, source: Body, more: Partial<PodCase> = {}): PodCase => ({
  name: `${SUBPATH} ${what}`, volumes: [{ name: 'v', ...source }], mounts: [{ name: 'v', mountPath: '/mnt/file', subPath: 'data-1' }], script: 'cat /mnt/file', writes: ['value-1'], ...more,
});

export function payloads(): void {
  podCases([
    ...MAPS.flatMap((each) => consumable(each, 'the same pod')), ...SECRETS.flatMap((each) => consumable(each, 'a pod')), ...DOWNWARD.flatMap(downward),
    {
      name: `ConfigMap binary data should be reflected in volume${NODE}`, objects: { configmaps: [{ metadata: { name: 'o' }, data: DATA, binaryData: { 'dump.bin': Buffer.from([0xde, 0xca, 0xfe, 0xba, 0xd0, 0xfe, 0xff]).toString('base64') } }] },
      volumes: [{ name: 'v', configMap: { name: 'o' } }], script: 'cat /v/data-1; echo; hexdump -v -e \'1/1 "%02x"\' /v/dump.bin', writes: ['value-1', 'decafebad0feff'],
    },
    {
      name: `Projected combined should project all components that make up the projection API [Projection]${NODE}`, objects: { configmaps: [configMap('c', { 'configmap-data': 'from the map' })], secrets: [secret('s', { 'secret-data': 'from the secret' })] },
      volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 's' } }, { configMap: { name: 'c' } }, { downwardAPI: { items: [{ ...NAME_ITEM, path: 'podname' }] } }] } }],
      script: 'for each in configmap-data secret-data podname; do cat /v/$each; echo; done', writes: ['from the map', 'from the secret', 'p'],
    },
    {
      name: 'EmptyDir wrapper volumes should not conflict', objects: { configmaps: [configMap('o', DATA)], secrets: [secret('o', DATA)] },
      volumes: [{ name: 'v', secret: { secretName: 'o' } }, { name: 'w', configMap: { name: 'o' } }], script: 'cat /v/data-1; echo; cat /w/data-2', writes: ['value-1', 'value-2'],
    },
    subPathCase('configmap pod', { configMap: { name: 'o' } }, { objects: { configmaps: [configMap('o', DATA)] } }),
    subPathCase('configmap pod with mountPath of existing file', { configMap: { name: 'o' } }, { objects: { configmaps: [configMap('o', DATA)] }, mounts: [{ name: 'v', mountPath: '/etc/passwd', subPath: 'data-1' }], script: 'cat /etc/passwd' }),
    subPathCase('secret pod', { secret: { secretName: 'o' } }, { objects: { secrets: [secret('o', DATA)] } }),
    subPathCase('downward pod', { downwardAPI: { items: [{ path: 'downward/name', fieldRef: { fieldPath: 'metadata.name' } }] } }, { mounts: [{ name: 'v', mountPath: '/mnt/file', subPath: 'downward/name' }], writes: ['p'] }),
    subPathCase('projected pod', { projected: { sources: [{ configMap: { name: 'o', items: [{ key: 'data-1', path: 'projected/data' }] } }] } }, { objects: { configmaps: [configMap('o', DATA)] }, mounts: [{ name: 'v', mountPath: '/mnt', subPath: 'projected' }], script: 'cat /mnt/data' }),
  ]);

  behaviour(`Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace${NODE}`, async () => {
    const [space, other] = [await namespace(), await namespace()];
    await create(`/api/v1/namespaces/${space}/secrets`, secret('o', { key: 'mine' }));
    await create(`/api/v1/namespaces/${other}/secrets`, secret('o', { key: 'of the other' }));
    assert.equal(await podOutput(space, 'cat /v/key', [{ name: 'v', secret: { secretName: 'o' } }]), 'mine');
  });

  for (const { subject, plural, object, volume } of [...MAPS, ...SECRETS]) {
    behaviour(`${subject} optional updates should be reflected in volume${NODE}`, async () => {
      const space = await namespace();
      const all = `/api/v1/namespaces/${space}/${plural}`;
      await create(all, object('deleted', { key: 'value-1' }));
      await create(all, object('updated', { key: 'value-1' }));
      const names = ['created', 'updated', 'deleted'];
      const pod = podOf('p', { container: { volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })) }, spec: { volumes: names.map((name) => ({ name, ...volume(name, { optional: true }) })) } });
      const shown = await start(space, pod, 'for each in created updated deleted; do echo "$each=$(cat /$each/key 2>/dev/null)"; done');
      await shown('created=\nupdated=value-1\ndeleted=value-1');
      await remove(`${all}/deleted`);
      await put(`${all}/updated`, object('updated', { key: 'value-2' }));
      await create(all, object('created', { key: 'value-1' }));
      await shown('created=value-1\nupdated=value-2\ndeleted=');
    });
  }
  for (const { subject, object, volume } of MAPS) {
    behaviour(`${subject} updates should be reflected in volume${NODE}`, async () => {
      const space = await namespace();
      await create(`/api/v1/namespaces/${space}/configmaps`, object('o', DATA));
      const shown = await start(space, podOf('p', { container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] }, spec: { volumes: [{ name: 'v', ...volume('o') }] } }), 'cat /v/data-1');
      await shown('value-1');
      await patch(`/api/v1/namespaces/${space}/configmaps/o`, { data: { 'data-1': 'value-2' } });
      await shown('value-2');
    });
  }
  for (const [subject, volume] of DOWNWARD) {
    for (const field of ['labels', 'annotations']) {
      behaviour(`${subject} should update ${field} on modification${NODE}`, async () => {
        const space = await namespace();
        const spec = { volumes: [{ name: 'v', ...volume([{ path: 'f', fieldRef: { fieldPath: `metadata.${field}` } }]) }] };
        const shown = await start(space, podOf('p', { metadata: { [field]: { key: 'before' } }, spec, container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] } }), 'grep ^key= /v/f');
        await shown('key="before"');
        await patch(pathOf(space, 'p'), { metadata: { [field]: { key: 'after' } } });
        await shown('key="after"');
      });
    }
  }

  for (const { subject, plural, object } of [MAPS[0]!, SECRETS[0]!]) {
    behaviour(`${subject} should be immutable if \`immutable\` field is set`, async () => {
      const path = `/api/v1/namespaces/${await namespace()}/${plural}`;
      await create(path, object('o', { key: 'one' }));
      await put(`${path}/o`, object('o', { key: 'two' }));
      await patch(`${path}/o`, { immutable: true });
      await refused(422, 'PUT', `${path}/o`, { body: { ...object('o', { key: 'three' }), immutable: true } });
      await refused(422, 'PUT', `${path}/o`, { body: { ...(await get(`${path}/o`)), immutable: false } });
      await patch(`${path}/o`, { metadata: { labels: { changed: 'true' } } });
      await remove(`${path}/o`);
      await gone(`${path}/o`);
    });
  }

  behaviour('EmptyDir wrapper volumes should not cause race condition when used for configmaps [Serial]', async () => {
    const space = await namespace();
    const names = Array.from({ length: 50 }, (_, index) => `racey-${index}`);
    await Promise.all(names.map((name) => create(`/api/v1/namespaces/${space}/configmaps`, configMap(name, { 'data-1': 'value-1' }))));
    const labels = { name: 'wrapped' };
    const { spec } = podOf('x', { spec: { volumes: names.map((name) => ({ name, configMap: { name, items: [{ key: 'data-1', path: 'data-1' }] } })) }, container: { volumeMounts: names.map((name) => ({ name, mountPath: `/etc/config/${name}` })) } });
    await create(`/api/v1/namespaces/${space}/replicationcontrollers`, { metadata: { name: 'wrapped' }, spec: { replicas: 5, selector: labels, template: { metadata: { labels }, spec } } });
    await until(`/api/v1/namespaces/${space}/replicationcontrollers/wrapped`, ({ status }) => status.readyReplicas === 5);
  });
}
