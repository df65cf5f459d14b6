import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { NodeParts } from '../parts.ts';
import { makePaths, nodePaths } from '../paths.ts';
import { remainsOf, sweep } from './sweep.ts';

test('takes away what nobody owns, and nothing else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sweep-'));
  try {
    const paths = nodePaths({ stateFolder: join(folder, 'state'), runFolder: join(folder, 'run'), images: { root: '', runRoot: '' } });
    makePaths(paths);
    const kept = [join(paths.pods, 'here'), join(paths.containers, 'c1'), join(paths.logs, 'ns_pod_here')];
    const lost = [join(paths.pods, 'gone'), join(paths.podsRun, 'gone'), join(paths.containers, 'c2'), join(paths.logs, 'ns_pod_gone')];
    for (const each of [...kept, ...lost]) mkdirSync(join(each, 'inner'), { recursive: true });
    const released: string[] = [];
    const pool = { owners: () => ['here', 'gone'], release: async (uid: string) => void released.push(uid) };
    const hostPorts = { owners: () => ['closed'], release: pool.release };
    const users = { owners: () => ['mapped'], release: pool.release };
    const csi = { release: async () => {} };
    const claims = { owners: () => [], release: async () => {} };
    const parts = { paths, pool, hostPorts, users, csi, claims, context: { machine: { cgroupVersion: 'v1', instance: 'nobody' } } } as unknown as NodeParts;
    const remains = remainsOf(parts);
    const late = join(paths.pods, 'late');
    mkdirSync(late);
    kept.push(late);
    await sweep(parts, remains, { owned: (uid) => uid === 'here', recorded: (id) => id === 'c1' });
    assert.deepEqual([...lost, ...kept].filter((each) => existsSync(each)), kept);
    assert.deepEqual(released, ['gone', 'gone', 'gone', 'closed', 'closed', 'closed', 'mapped', 'mapped', 'mapped']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
