/** [sig-auth] SubjectReview */
import assert from 'node:assert/strict';
import { behaviour, call, create, namespace } from '../cluster.ts';

export function reviews(): void {
  behaviour('SubjectReview should support SubjectReview API operations', async () => {
    const space = await namespace();
    await create(`/api/v1/namespaces/${space}/serviceaccounts`, { metadata: { name: 'reviewed' } });
    const user = `system:serviceaccount:${space}:reviewed`;
    const groups = ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${space}`];
    const headers = { 'Impersonate-User': user };
    const reviewed = async (): Promise<[boolean, boolean]> => {
      const spec = { resourceAttributes: { namespace: space, verb: 'list', group: '', version: 'v1', resource: 'configmaps' }, user, groups };
      const wide = await create('/apis/authorization.k8s.io/v1/subjectaccessreviews', { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec });
      const local = await create(`/apis/authorization.k8s.io/v1/namespaces/${space}/localsubjectaccessreviews`, { apiVersion: 'authorization.k8s.io/v1', kind: 'LocalSubjectAccessReview', metadata: { namespace: space }, spec });
      return [wide.status.allowed, local.status.allowed];
    };
    const may = async (): Promise<boolean> => (await call('GET', `/api/v1/namespaces/${space}/configmaps`, { headers })).code === 200;
    assert.deepEqual([...(await reviewed()), await may()], [false, false, false]);
    await create(`/apis/rbac.authorization.k8s.io/v1/namespaces/${space}/roles`, { metadata: { name: 'reader' }, rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }] });
    await create(`/apis/rbac.authorization.k8s.io/v1/namespaces/${space}/rolebindings`, {
      metadata: { name: 'reader' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' }, subjects: [{ kind: 'ServiceAccount', name: 'reviewed', namespace: space }],
    });
    assert.deepEqual([...(await reviewed()), await may()], [true, true, true]);
  });
}
