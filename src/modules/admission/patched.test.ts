import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pod } from '../../api/kinds.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { AdmissionRequest } from '../../sdk/module.ts';
import { replaceObject } from './patched.ts';

const connect = (object: object): AdmissionRequest => ({ operation: 'CONNECT', kind: Pod as Kind, subresource: 'exec', namespace: 'default', name: 'p', object: object as KubeObject, oldObject: undefined, user: { name: 'u', groups: [] }, dryRun: false });

test('options of what connects may be changed, and know their own fields alone', () => {
  const request = connect({ apiVersion: 'v1', kind: 'PodExecOptions', command: ['ls'], stdin: true });
  replaceObject(request, { apiVersion: 'v1', kind: 'PodExecOptions', command: ['true'], foo: 'test' } as unknown as KubeObject);
  assert.deepEqual(request.object, { apiVersion: 'v1', kind: 'PodExecOptions', command: ['true'] });
  assert.throws(() => replaceObject(request, { command: 'true' } as unknown as KubeObject), { reason: 'InternalError' });
});
