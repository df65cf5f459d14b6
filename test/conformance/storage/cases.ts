/** Behaviours that one pod shows by what it writes: their pods all start together when the first of them is asked for. */
import assert from 'node:assert/strict';
import { behaviour, call, create, namespace, until, type Body } from '../cluster.ts';
import { pathOf, scriptPod } from '../node/pod.ts';

export interface PodCase {
  name: string;
  /** Made before the pod, by kind: the plural of the core group. */
  objects?: Readonly<Record<string, readonly Body[]>>;
  script: string;
  volumes: readonly Body[];
  /** Where they are mounted; by default each at `/NAME`. */
  mounts?: readonly Body[];
  container?: object;
  spec?: object;
  metadata?: object;
  /** What the pod must have written, a line each. */
  writes: readonly (string | RegExp)[];
}

export function podCases(cases: readonly PodCase[]): void {
  let begun: Promise<string>[] | undefined;
  cases.forEach((each, index) => behaviour(each.name, async () => {
    begun ??= cases.map(begin);
    const space = await begun[index]!;
    const { status } = await until(pathOf(space, 'p'), (pod) => pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed', 40_000);
    const text = String((await call('GET', `${pathOf(space, 'p')}/log`)).body).trimEnd();
    assert.equal(status.phase, 'Succeeded', text);
    const lines = text.split('\n');
    assert.equal(lines.length, each.writes.length, text);
    each.writes.forEach((wanted, line) => (typeof wanted === 'string' ? assert.equal(lines[line], wanted, text) : assert.match(lines[line] ?? '', wanted)));
  }));
}

/** Each in a namespace of its own; gives its name. */
async function begin(each: PodCase): Promise<string> {
  const space = await namespace();
  for (const [plural, objects] of Object.entries(each.objects ?? {})) for (const object of objects) await create(`/api/v1/namespaces/${space}/${plural}`, object);
  const volumeMounts = each.mounts ?? each.volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
  const pod = scriptPod('p', each.script, { volumeMounts, ...each.container }, { volumes: each.volumes, ...each.spec });
  await create(`/api/v1/namespaces/${space}/pods`, { ...pod, metadata: { ...pod.metadata, ...each.metadata } });
  return space;
}
