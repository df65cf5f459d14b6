/** kubernetes-fluent-client of npm, the one under Pepr's operators: server-side apply, watches with their own lists, finalizers, status, eviction, logs. */
import { join } from 'node:path';
import { clients } from '../fixtures/clients.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { describeFindings } from './findings.ts';

const REJECTED = 'the server rejected our request due to an error in our request';

const EXPECTED: Record<string, unknown> = {
  namespace: 'fluent',
  create: { x: '1' },
  'create again': { refused: 409, why: 'configmaps "a" already exists' },
  'apply over what another made': { refused: 409, why: 'Apply failed with 1 conflict: conflict with "kubernetes-fluent-client" using v1: .data.x' },
  'apply by force': { x: '2' },
  'who applies': ['pepr'],
  list: ['a'],
  'by field': ['b'],
  patch: { x: '2', z: '3' },
  'a patch that fails': { refused: 422, why: `${REJECTED}: remove operation does not apply: error in remove for path: '/data/none': Unable to remove nonexistent key: none: missing value` },
  'add a finalizer': ['example.com/hold'],
  'remove a finalizer': [],
  delete: { refused: 404, why: 'configmaps "a" not found' },
  watched: [['ADDED', { x: '1' }], ['MODIFIED', { x: '2' }], ...Array.from({ length: 3 }, () => ['MODIFIED', { x: '2', z: '3' }]), ['DELETED', { x: '2', z: '3' }]].map(([phase, data]) => [phase, 'a', data]),
  define: 'BoatList',
  'one of a kind': { crew: 2 },
  'its status': [{ at: 'sea' }, 1],
  ready: 1,
  'logs of a deployment': ['one', 'two'],
  evict: true,
  scale: true,
  raw: '1',
};

describeFindings('kubernetes-fluent-client', {
  needs: 'fluent', expected: EXPECTED,
  start: (llmos) => ({ file: process.execPath, args: [join(import.meta.dirname, 'fluent.mjs'), clients.fluent()!, TEST_IMAGE], env: { HOME: llmos.run } }),
});
