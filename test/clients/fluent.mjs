// Prints a line of JSON for each finding (see findings.ts). Arguments: the folder where kubernetes-fluent-client resolves, an image with a shell.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const [folder, image] = process.argv.slice(2);
const { K8s, kind, RegisterKind, GenericKind, WatchEvent } = await import(pathToFileURL(createRequire(join(folder, 'package.json')).resolve('kubernetes-fluent-client')).href);
const NS = 'fluent';

const found = (name, value) => console.log(JSON.stringify([name, value ?? null]));
const finding = async (name, find) => found(name, await find().catch((error) => ({ refused: error.status ?? 0, why: error.data?.message ?? error.message ?? String(error) })));
async function until(what, look) {
  for (let tries = 0; tries < 300; tries += 1) {
    const value = await look().catch(() => undefined);
    if (value) return value;
    await sleep(100);
  }
  throw new Error(`never: ${what}`);
}

await finding('namespace', async () => (await K8s(kind.Namespace).Apply({ metadata: { name: NS } })).metadata.name);

// The watcher lists, watches, and gives each object to a function.
const seen = [];
const watcher = K8s(kind.ConfigMap).InNamespace(NS).WithLabel('watched').Watch((object, phase) => void seen.push([phase, object.metadata.name, object.data ?? null]), { resyncFailureMax: 0 });
const connected = new Promise((resolve) => watcher.events.once(WatchEvent.CONNECT, resolve));
await watcher.start();
await Promise.race([connected, sleep(30_000)]);

const map = (name, data, labels = { watched: 'yes' }) => ({ metadata: { name, namespace: NS, labels }, data });
await finding('create', async () => (await K8s(kind.ConfigMap).Create(map('a', { x: '1' }))).data);
await finding('create again', () => K8s(kind.ConfigMap).Create(map('a', { x: '1' })));
await finding('apply over what another made', () => K8s(kind.ConfigMap).Apply(map('a', { x: '2' })));
await finding('apply by force', async () => (await K8s(kind.ConfigMap).Apply(map('a', { x: '2' }), { force: true })).data);
await finding('who applies', async () => (await K8s(kind.ConfigMap).InNamespace(NS).Get('a')).metadata.managedFields.filter(({ operation }) => operation === 'Apply').map(({ manager }) => manager));
await K8s(kind.ConfigMap).Apply(map('b', { y: '1' }, {}));
await finding('list', async () => (await K8s(kind.ConfigMap).InNamespace(NS).WithLabel('watched', 'yes').Get()).items.map(({ metadata }) => metadata.name));
await finding('by field', async () => (await K8s(kind.ConfigMap).InNamespace(NS).WithField('metadata.name', 'b').Get()).items.map(({ metadata }) => metadata.name));
await finding('patch', async () => (await K8s(kind.ConfigMap, { namespace: NS, name: 'a' }).Patch([{ op: 'add', path: '/data/z', value: '3' }])).data);
await finding('a patch that fails', () => K8s(kind.ConfigMap, { namespace: NS, name: 'a' }).Patch([{ op: 'remove', path: '/data/none' }]));
await finding('add a finalizer', async () => {
  await K8s(kind.ConfigMap).InNamespace(NS).Finalize('add', 'example.com/hold', 'a');
  return (await K8s(kind.ConfigMap).InNamespace(NS).Get('a')).metadata.finalizers;
});
await finding('remove a finalizer', async () => {
  await K8s(kind.ConfigMap).InNamespace(NS).Finalize('remove', 'example.com/hold', 'a');
  return (await K8s(kind.ConfigMap).InNamespace(NS).Get('a')).metadata.finalizers ?? [];
});
await finding('delete', async () => {
  await K8s(kind.ConfigMap).InNamespace(NS).Delete('a');
  await K8s(kind.ConfigMap).InNamespace(NS).Delete('never');
  return K8s(kind.ConfigMap).InNamespace(NS).Get('a');
});
await until('the end of the watch', async () => seen.some(([phase]) => phase === 'DELETED'));
watcher.close();
found('watched', seen);

// A kind of one's own.
class Boat extends GenericKind {}
RegisterKind(Boat, { group: 'sea.example', version: 'v1', kind: 'Boat', plural: 'boats' });
await finding('define', async () => {
  const properties = { spec: { type: 'object', properties: { crew: { type: 'integer', default: 2 } } }, status: { type: 'object', properties: { at: { type: 'string' } } } };
  await K8s(kind.CustomResourceDefinition).Apply({
    metadata: { name: 'boats.sea.example' },
    spec: { group: 'sea.example', scope: 'Namespaced', names: { plural: 'boats', kind: 'Boat' }, versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: { type: 'object', properties } } }] },
  });
  const defined = await until('the definition', async () => {
    const definition = await K8s(kind.CustomResourceDefinition).Get('boats.sea.example');
    return definition.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') && definition;
  });
  return defined.status.acceptedNames.listKind;
});
await finding('one of a kind', async () => (await K8s(Boat).Apply({ metadata: { name: 'argo', namespace: NS }, spec: {} })).spec);
await finding('its status', async () => {
  const boat = await K8s(Boat).PatchStatus({ metadata: { name: 'argo', namespace: NS }, status: { at: 'sea' } });
  return [boat.status, boat.metadata.generation];
});

// What runs.
const template = { metadata: { labels: { app: 'talker' } }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image, imagePullPolicy: 'Never', command: ['sh', '-c', 'echo one; echo two; exec sleep 600'] }] } };
await K8s(kind.Deployment).Apply({ metadata: { name: 'talker', namespace: NS }, spec: { replicas: 1, selector: { matchLabels: { app: 'talker' } }, template } });
await finding('ready', () => until('the deployment', async () => (await K8s(kind.Deployment).InNamespace(NS).Get('talker')).status?.readyReplicas));
await finding('logs of a deployment', async () => (await until('the logs', async () => {
  const lines = await K8s(kind.Deployment).InNamespace(NS).Logs('talker');
  return lines.length === 2 && lines;
})).map((line) => line.replace(/^\[pod\/talker-[^\]]+\] /, '')));
await finding('evict', async () => {
  const [pod] = (await K8s(kind.Pod).InNamespace(NS).WithLabel('app', 'talker').Get()).items;
  await K8s(kind.Pod).InNamespace(NS).Evict(pod.metadata.name);
  return until('another pod', async () => (await K8s(kind.Pod).InNamespace(NS).WithLabel('app', 'talker').Get()).items.some(({ metadata }) => metadata.name !== pod.metadata.name));
});
await finding('scale', async () => {
  await K8s(kind.Deployment).InNamespace(NS).Scale(0, 'talker');
  return until('no pods', async () => (await K8s(kind.Pod).InNamespace(NS).WithLabel('app', 'talker').Get()).items.length === 0);
});
await finding('raw', async () => (await K8s(kind.Namespace).Raw('/version')).major);
process.exit(0);
