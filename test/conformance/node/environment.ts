/** [sig-node] ConfigMap, Secrets, Downward API, Variable Expansion: what containers are told. */
import assert from 'node:assert/strict';
import { behaviour, create, get, namespace, ok, patch, put, refused, until } from '../cluster.ts';
import { outputOf, pathOf, scriptPod } from './pod.ts';

const NODE = ' [NodeConformance]';

export function environment(): void {
  for (const [area, kind, plural, values] of [['ConfigMap', 'ConfigMap', 'configmaps', { data: { a: 'one', b: 'two' } }], ['Secrets', 'Secret', 'secrets', { stringData: { a: 'one', b: 'two' } }]] as const) {
    const ref = kind === 'ConfigMap' ? ['configMapKeyRef', 'configMapRef'] : ['secretKeyRef', 'secretRef'];
    behaviour(`${area} should be consumable ${kind === 'ConfigMap' ? 'via environment variable' : 'from pods in env vars'}${NODE}`, async () => {
      const space = await namespace();
      await create(`/api/v1/namespaces/${space}/${plural}`, { metadata: { name: 'source' }, ...values });
      assert.equal(await outputOf(space, scriptPod('p', 'echo $VALUE', { env: [{ name: 'VALUE', valueFrom: { [ref[0]!]: { name: 'source', key: 'a' } } }] })), 'one');
    });
    behaviour(`${area} should be consumable via the environment${NODE}`, async () => {
      const space = await namespace();
      await create(`/api/v1/namespaces/${space}/${plural}`, { metadata: { name: 'source' }, ...values });
      assert.equal(await outputOf(space, scriptPod('p', 'echo $a $b $p_a', { envFrom: [{ [ref[1]!]: { name: 'source' } }, { prefix: 'p_', [ref[1]!]: { name: 'source' } }] })), 'one two one');
    });
  }

  // Any printable ASCII but '=' may be in a name; a shell would pass on less.
  for (const [name, plural, kind, values] of [
    ['ConfigMap should be consumable as environment variable names with various prefixes', 'configmaps', 'configMapRef', { data: { key: 'value' } }],
    ['Secrets should be consumable as environment variable names variable names with various prefixes', 'secrets', 'secretRef', { stringData: { key: 'value' } }],
  ] as const) {
    behaviour(name, async () => {
      const space = await namespace();
      await create(`/api/v1/namespaces/${space}/${plural}`, { metadata: { name: 'source' }, ...values });
      const prefixes = ['p-', '1-', '$_-', '#!{}|~ ', 'a.b/C:'];
      const lines = (await outputOf(space, scriptPod('p', '', { command: ['env'], envFrom: prefixes.map((prefix) => ({ prefix, [kind]: { name: 'source' } })) }))).split('\n');
      for (const prefix of prefixes) assert.ok(lines.includes(`${prefix}key=value`), `${prefix}: ${lines.join('|')}`);
      await refused(422, 'POST', `/api/v1/namespaces/${space}/pods`, { body: scriptPod('q', '', { envFrom: [{ prefix: 'a=', [kind]: { name: 'source' } }] }) });
    });
  }

  behaviour(`ConfigMap should update ConfigMap successfully${NODE}`, async () => {
    const all = `/api/v1/namespaces/${await namespace()}/configmaps`;
    const made = await create(all, { metadata: { name: 'one' }, data: { before: 'x' } });
    await put(`${all}/one`, { ...made, data: { after: 'y' } });
    assert.deepEqual((await get(`${all}/one`)).data, { after: 'y' });
  });

  behaviour('ConfigMap should fail to create ConfigMap with empty key', async () => {
    await refused(422, 'POST', `/api/v1/namespaces/${await namespace()}/configmaps`, { body: { metadata: { name: 'empty' }, data: { '': 'x' } } });
  });
  behaviour('Secrets should fail to create secret due to empty secret key', async () => {
    await refused(422, 'POST', `/api/v1/namespaces/${await namespace()}/secrets`, { body: { metadata: { name: 'empty' }, data: { '': 'eA==' } } });
  });
  for (const [name, plural, before, after] of [['ConfigMap should run through a ConfigMap lifecycle', 'configmaps', { data: { k: 'v' } }, { data: { k: 'w' } }], ['Secrets should patch a secret', 'secrets', { data: { k: 'dg==' } }, { data: { k: 'dw==' } }]] as const) {
    behaviour(name, async () => {
      const all = `/api/v1/namespaces/${await namespace()}/${plural}`;
      await create(all, { metadata: { name: 'one', labels: { static: 'true' } }, ...before });
      await patch(`${all}/one`, { metadata: { labels: { patched: 'yes' } }, ...after }, 'strategic-merge-patch');
      const { items } = await get(`${all}?labelSelector=static%3Dtrue,patched%3Dyes`);
      assert.deepEqual(items.map((each: { data: object }) => each.data), [after.data]);
      await ok('DELETE', `${all}?labelSelector=static%3Dtrue`);
      assert.equal((await get(`${all}?labelSelector=static%3Dtrue`)).items.length, 0);
    });
  }

  const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const resource = (name: string, which: string): object => ({ name, valueFrom: { resourceFieldRef: { resource: which } } });
  behaviour(`Downward API should provide pod name, namespace and IP address as env vars${NODE}`, async () => {
    const space = await namespace();
    const text = await outputOf(space, scriptPod('named', 'echo $A $B $C', { env: [field('A', 'metadata.name'), field('B', 'metadata.namespace'), field('C', 'status.podIP')] }));
    assert.equal(text, `named ${space} ${(await get(pathOf(space, 'named'))).status.podIP}`);
  });
  behaviour(`Downward API should provide host IP as an env var${NODE}`, async () => {
    const space = await namespace();
    assert.equal(await outputOf(space, scriptPod('p', 'echo $A', { env: [field('A', 'status.hostIP')] })), (await get(pathOf(space, 'p'))).status.hostIP);
  });
  behaviour(`Downward API should provide hostIPs as an env var${NODE}`, async () => {
    const space = await namespace();
    const text = await outputOf(space, scriptPod('p', 'echo $A', { env: [field('A', 'status.hostIPs')] }));
    assert.equal(text, (await get(pathOf(space, 'p'))).status.hostIPs.map(({ ip }: { ip: string }) => ip).join(','));
  });
  behaviour(`Downward API should provide pod UID as env vars${NODE}`, async () => {
    const space = await namespace();
    assert.equal(await outputOf(space, scriptPod('p', 'echo $A', { env: [field('A', 'metadata.uid')] })), (await get(pathOf(space, 'p'))).metadata.uid);
  });
  const four = [resource('A', 'limits.cpu'), resource('B', 'limits.memory'), resource('C', 'requests.cpu'), resource('D', 'requests.memory')];
  behaviour(`Downward API should provide container's limits.cpu/memory and requests.cpu/memory as env vars${NODE}`, async () => {
    const resources = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };
    assert.equal(await outputOf(await namespace(), scriptPod('p', 'echo $A $B $C $D', { env: four, resources })), '2 67108864 1 33554432');
  });
  behaviour(`Downward API should provide default limits.cpu/memory from node allocatable${NODE}`, async () => {
    const [cpu, memory] = (await outputOf(await namespace(), scriptPod('p', 'echo $A $B', { env: four.slice(0, 2) }))).split(' ').map(Number);
    assert.ok(cpu! >= 1 && memory! > 1e6, `${cpu} ${memory}`);
  });

  behaviour(`Variable Expansion should allow composing env vars into new env vars${NODE}`, async () => {
    assert.equal(await outputOf(await namespace(), scriptPod('p', 'echo $C', { env: [{ name: 'A', value: 'a' }, { name: 'B', value: 'b' }, { name: 'C', value: '$(A);;$(B)' }] })), 'a;;b');
  });
  behaviour(`Variable Expansion should allow substituting values in a container's command${NODE}`, async () => {
    assert.equal(await outputOf(await namespace(), scriptPod('p', '', { command: ['sh', '-c', 'A=wrong; echo "$(A)"'], env: [{ name: 'A', value: 'right' }] })), 'right');
  });
  behaviour(`Variable Expansion should allow substituting values in a container's args${NODE}`, async () => {
    assert.equal(await outputOf(await namespace(), scriptPod('p', '', { command: ['sh', '-c'], args: ['A=wrong; echo "$(A)"'], env: [{ name: 'A', value: 'right' }] })), 'right');
  });
  const volumes = { volumes: [{ name: 'work', emptyDir: {} }] };
  const twice = (subPathExpr: string, value = 'here'): object => ({ env: [{ name: 'A', value }], volumeMounts: [{ name: 'work', mountPath: '/whole' }, { name: 'work', mountPath: '/part', subPathExpr }] });
  behaviour('Variable Expansion should allow substituting values in a volume subpath', async () => {
    assert.equal(await outputOf(await namespace(), scriptPod('p', 'touch /part/file; ls /whole/here', twice('$(A)'), volumes)), 'file');
  });
  behaviour('Variable Expansion should succeed in writing subpaths in container', async () => {
    assert.equal(await outputOf(await namespace(), scriptPod('p', 'echo text > /part/file; cat /whole/there/here/file', twice('there/$(A)'), volumes)), 'text');
  });
  for (const [what, value] of [['absolute path', '/absolute'], ['backticks', '..']] as const) {
    behaviour(`Variable Expansion should fail substituting values in a volume subpath with ${what}`, async () => {
      const space = await namespace();
      await create(`/api/v1/namespaces/${space}/pods`, scriptPod('p', 'true', twice('$(A)', value), volumes));
      await until(pathOf(space, 'p'), ({ status }) => status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError');
    });
  }
  behaviour('Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container [Slow]', async () => {
    const space = await namespace();
    const mounts = { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['sub']" } } }], volumeMounts: [{ name: 'work', mountPath: '/part', subPathExpr: '$(A)/$(B)' }] };
    const pod = scriptPod('p', 'sleep 1000', { ...mounts, volumeMounts: [{ name: 'work', mountPath: '/part', subPathExpr: '$(A)' }] }, volumes);
    await create(`/api/v1/namespaces/${space}/pods`, { ...pod, metadata: { name: 'p', annotations: { sub: '/wrong' } } });
    await until(pathOf(space, 'p'), ({ status }) => status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError');
    await patch(pathOf(space, 'p'), { metadata: { annotations: { sub: 'right' } } });
    await until(pathOf(space, 'p'), ({ status }) => status.phase === 'Running');
  });
}
