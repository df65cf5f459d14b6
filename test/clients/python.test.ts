/** The Python client as Debian packages it: typed calls, watches, streams, the dynamic client, custom resources, leader election. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { clients, lacks } from '../fixtures/clients.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, type Instance } from '../fixtures/instance.ts';

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

describe('the Python client', { timeout: 120_000, skip: lacks('python') }, () => {
  let llmos: Instance;
  const findings = new Map<string, unknown>();
  let failure = '';

  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
    const env = { ...process.env, PYTHONPATH: clients.python(), PYTHONDONTWRITEBYTECODE: '1', KUBECONFIG: llmos.kubeconfig, TMPDIR: llmos.run };
    const output = await new Promise<string>((settled) => execFile('/usr/bin/python3', [join(import.meta.dirname, 'python.py'), TEST_IMAGE], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      failure = error === null ? '' : stderr;
      settled(stdout);
    }));
    for (const line of output.trim().split('\n')) {
      const [name, value] = JSON.parse(line) as [string, unknown];
      findings.set(name, value);
    }
  });
  after(() => llmos?.destroy());

  for (const [name, expected] of Object.entries(EXPECTED)) {
    it(name, () => {
      assert.ok(findings.has(name), failure);
      assert.deepEqual(findings.get(name), expected);
    });
  }
});
