/** [sig-api-machinery] Namespaces */
import assert from 'node:assert/strict';
import { behaviour, create, get, gone, namespace, patch, podOf, put, remove, until, type Body } from '../cluster.ts';

const at = (name: string): string => `/api/v1/namespaces/${name}`;

export function namespaces(): void {
  behaviour('Namespaces should ensure that all pods are removed when a namespace is deleted', async () => {
    const name = await namespace();
    await create(`${at(name)}/pods`, podOf('inside'));
    await until(`${at(name)}/pods/inside`, ({ status }) => status.phase === 'Running');
    await remove(at(name));
    await gone(at(name));
    await create('/api/v1/namespaces', { metadata: { name } });
    assert.deepEqual((await get(`${at(name)}/pods`)).items, []);
  });

  behaviour('Namespaces should ensure that all services are removed when a namespace is deleted', async () => {
    const name = await namespace();
    await create(`${at(name)}/services`, { metadata: { name: 'inside' }, spec: { selector: { a: 'b' }, ports: [{ port: 80, targetPort: 80 }] } });
    await remove(at(name));
    await gone(at(name));
    await create('/api/v1/namespaces', { metadata: { name } });
    assert.deepEqual((await get(`${at(name)}/services`)).items, []);
  });

  behaviour('OrderedNamespaceDeletion namespace deletion should delete pod first', async () => {
    const name = await namespace();
    const finalizer = 'e2e.example.com/finalizer';
    await create(`${at(name)}/pods`, podOf('first', { metadata: { finalizers: [finalizer] } }));
    await create(`${at(name)}/configmaps`, { metadata: { name: 'later' } });
    await remove(at(name));
    await until(`${at(name)}/pods/first`, ({ metadata }) => metadata.deletionTimestamp !== undefined);
    await until(at(name), ({ status }) => status.conditions?.some((each: Body) => each.type === 'NamespaceContentRemaining' && each.status === 'True' && /pods/.test(each.message)));
    assert.equal((await get(`${at(name)}/configmaps/later`)).metadata.deletionTimestamp, undefined);
    await patch(`${at(name)}/pods/first`, { metadata: { finalizers: null } });
    await gone(at(name));
  });

  behaviour('Namespaces should patch a Namespace', async () => {
    const name = await namespace();
    await patch(at(name), { metadata: { labels: { testLabel: 'testValue' } } }, 'strategic-merge-patch');
    assert.equal((await get(at(name))).metadata.labels.testLabel, 'testValue');
  });

  behaviour('Namespaces should apply changes to a namespace status', async () => {
    const name = await namespace();
    const found = await get(`${at(name)}/status`);
    assert.equal(found.status.phase, 'Active');
    const patched = await patch(`${at(name)}/status`, { metadata: { annotations: { 'e2e-patched-ns-status': name } }, status: { conditions: [{ type: 'StatusPatch', status: 'True', reason: 'E2E', message: 'Patched by an e2e test' }] } });
    assert.ok(patched.status.conditions.some((each: { type: string }) => each.type === 'StatusPatch'));
    const fresh = await get(at(name));
    fresh.status.conditions.push({ type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Updated by an e2e test' });
    const updated = await put(`${at(name)}/status`, fresh);
    assert.deepEqual(updated.status.conditions.map((each: { type: string }) => each.type), ['StatusPatch', 'StatusUpdate']);
  });

  behaviour('Namespaces should apply an update to a Namespace', async () => {
    const name = await namespace();
    const found = await get(at(name));
    found.metadata.labels[name] = 'updated';
    assert.equal((await put(at(name), found)).metadata.labels[name], 'updated');
  });

  behaviour('Namespaces should apply a finalizer to a Namespace', async () => {
    const name = await namespace();
    const found = await get(at(name));
    assert.deepEqual(found.spec.finalizers, ['kubernetes']);
    const fake = 'e2e.example.com/fakeFinalizer';
    const more = await put(`${at(name)}/finalize`, { ...found, spec: { finalizers: [...found.spec.finalizers, fake] } });
    assert.ok(more.spec.finalizers.includes(fake));
    const less = await put(`${at(name)}/finalize`, { ...more, spec: { finalizers: ['kubernetes'] } });
    assert.deepEqual(less.spec.finalizers, ['kubernetes']);
  });
}
