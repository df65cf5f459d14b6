/** The Python client as Debian packages it: typed calls, watches, streams, the dynamic client, custom resources, leader election. */
import { join } from 'node:path';
import { clients } from '../fixtures/clients.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { describeFindings } from './findings.ts';

const EXPECTED: Record<string, unknown> = {
  stale: [409, 'Conflict'],
  typed: { a: '1', b: '2', c: '3' },
  pages: 5,
  watched: ['ADDED watched', 'MODIFIED watched', 'DELETED watched'],
  resumed: ['ADDED', 'MODIFIED', 'DELETED'],
  log: 'hello\n',
  exec: 'out\nerr\n',
  shell: 'one',
  exit: 5,
  forward: ['page', null],
  attach: true,
  applied: 'one',
  conflict: [{ reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' }],
  custom: [{ size: 3 }, { ok: true }],
  refused: 'Invalid value: 10: spec.size in body should be less than or equal to 9',
  left: 0,
  'micro time': true,
  lost: 409,
  leads: 'me',
};

describeFindings('the Python client', {
  needs: 'python', expected: EXPECTED,
  start: (llmos) => ({ file: '/usr/bin/python3', args: [join(import.meta.dirname, 'python.py'), TEST_IMAGE], env: { PYTHONPATH: clients.python(), PYTHONDONTWRITEBYTECODE: '1', TMPDIR: llmos.run } }),
});
