/** The state of a running system: copied, named, compared, gone back to, and what is said when its disk is full or read-only. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Deployment } from '../../src/api/apps/deployment.ts';
import { isApiError } from '../../src/api/errors.ts';
import { ConfigMap, Pod } from '../../src/api/kinds.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

const at = { namespace: 'default' };
const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({ metadata: { name, ...at }, data });
const names = async (llmos: Instance): Promise<string[]> => (await llmos.client.list(ConfigMap, at)).items.map(({ metadata }) => metadata.name ?? '').filter((name) => name !== 'kube-root-ca.crt').sort();

/** The error that a watch from a version is told, or undefined when it goes on. */
async function refusalOfWatch(llmos: Instance, resourceVersion: string): Promise<unknown> {
  const ending = new AbortController();
  try {
    for await (const event of llmos.client.watch(ConfigMap, { ...at, resourceVersion, signal: ending.signal })) if (event.type !== 'BOOKMARK') break;
    return undefined;
  } catch (error) {
    return error;
  } finally {
    ending.abort();
  }
}

describe('backups and snapshots', { timeout: 300_000 }, () => {
  it('copies while writes go on, refuses to replace unasked, and tells old watches to list again', async () => {
    const llmos = await bootInstance();
    const file = join(llmos.state, '..', 'copy.db');
    try {
      await eventually(async () => llmos.client.create(ConfigMap, configMap('before')));
      let writing = true;
      let written = 0;
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; writing; n += 1) {
          await llmos.client.create(ConfigMap, configMap(`w${writer}-${n}`));
          written += 1;
        }
      });
      await eventually(async () => written > 50);
      // Several, since each meets the commits of the moment.
      for (let copies = 0; copies < 3; copies += 1) assert.match(await ok(llmos.llmos('backup', file)), /llmos restore --force/);
      const atBackup = written;
      writing = false;
      await Promise.all(writers);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      await llmos.client.create(ConfigMap, configMap('after'));
      const { metadata } = await llmos.client.get(ConfigMap, 'after', at);

      assert.match((await llmos.llmos('restore', '--force', file)).stderr, /llmos is running; stop it/);
      await llmos.kill('SIGTERM');
      const refused = await llmos.llmos('restore', file);
      assert.deepEqual([refused.code, /there is a store .* already; 'llmos restore --force/.test(refused.stderr)], [1, true], refused.stderr);
      assert.match((await llmos.llmos('restore', '--force', join(llmos.state, 'none'))).stderr, /there is no backup/);
      writeFileSync(join(llmos.state, 'rubbish'), 'x'.repeat(8_192));
      assert.match((await llmos.llmos('restore', '--force', join(llmos.state, 'rubbish'))).stderr, /rubbish|damaged|no database/);
      assert.match(await ok(llmos.llmos('restore', '--force', file)), /restored \d+ objects at revision \d+; the old store is kept as/);
      await llmos.boot();
      const there = await names(llmos);
      assert.ok(there.includes('before') && !there.includes('after'));
      assert.ok(there.length >= 50 && there.length <= atBackup + 10, `${there.length} of ${atBackup}`);
      assert.ok(isApiError(await refusalOfWatch(llmos, metadata.resourceVersion ?? ''), 'Expired', 'Gone'));
      const made = await llmos.client.create(ConfigMap, configMap('later'));
      assert.ok(Number(made.metadata.resourceVersion) > Number(metadata.resourceVersion));

      // And back again to what was replaced.
      await llmos.kill('SIGTERM');
      await ok(llmos.llmos('restore', '--force', join(llmos.state, 'store', 'store.db.replaced')));
      await llmos.boot();
      const again = await names(llmos);
      assert.ok(again.includes('after') && !again.includes('later'));
    } finally {
      await llmos.destroy();
    }
  });

  it('names states, compares them, and goes back with watches and controllers following', async () => {
    const llmos = await bootInstance();
    try {
      const replicas = (count: number): Deployment => ({ metadata: { name: 'web', ...at }, spec: { replicas: count, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { nodeSelector: { none: 'such' }, containers: [{ name: 'main', image: 'none' }] } } } }) as Deployment;
      await eventually(async () => llmos.client.create(Deployment, replicas(1)));
      await llmos.client.create(ConfigMap, configMap('kept', { a: '1' }));
      await llmos.client.create(ConfigMap, configMap('lost'));
      const pods = async (): Promise<number> => (await llmos.client.list(Pod, at)).items.length;
      await eventually(async () => (await pods()) === 1);
      assert.match(await ok(llmos.llmos('snapshot', 'take', 'good')), /snapshot good taken at revision \d+/);
      assert.match((await llmos.llmos('snapshot', 'take', 'good')).stderr, /there is a snapshot good already/);
      assert.match((await llmos.llmos('snapshot', 'take', 'No Name')).stderr, /a snapshot is named by/);
      assert.match(await ok(llmos.llmos('snapshot', 'list')), /NAME\s+REVISION.*\ngood\s+\d+\s+20\d\d-/);
      await llmos.client.update(ConfigMap, configMap('kept', { a: '2' }));
      await llmos.client.delete(ConfigMap, 'lost', at);
      await llmos.client.create(ConfigMap, configMap('new'));
      await llmos.client.patch(Deployment, 'web', { type: 'merge', body: { spec: { replicas: 3 } } }, at);
      await eventually(async () => (await pods()) === 3);
      const diff = await ok(llmos.llmos('snapshot', 'diff', 'good'));
      for (const line of [/modified\s+configmaps\s+default\s+kept\s+data\.a/, /deleted\s+configmaps\s+default\s+lost/, /added\s+configmaps\s+default\s+new/, /modified\s+deployments\.apps\s+default\s+web.*spec\.replicas/]) assert.match(diff, line);
      const { metadata } = await llmos.client.get(ConfigMap, 'new', at);
      const events: string[] = [];
      const ending = new AbortController();
      const watching = (async () => {
        for await (const { type, object } of llmos.client.watch(ConfigMap, { ...at, resourceVersion: metadata.resourceVersion, signal: ending.signal })) if (type !== 'BOOKMARK') events.push(`${type} ${object.metadata.name}`);
      })().catch(() => {});
      assert.match(await ok(llmos.llmos('snapshot', 'restore', 'good')), /back at snapshot good: \d+ objects changed/);
      assert.deepEqual(await names(llmos), ['kept', 'lost']);
      assert.equal((await llmos.client.get(ConfigMap, 'kept', at)).data?.['a'], '1');
      await eventually(async () => events.length >= 3);
      ending.abort();
      await watching;
      assert.deepEqual(events.slice(0, 3).sort(), ['ADDED lost', 'DELETED new', 'MODIFIED kept']);
      await eventually(async () => (await pods()) === 1, { what: 'the deployment is back at one pod' });
      assert.match((await llmos.llmos('snapshot', 'diff', 'ghost')).stderr, /there is no snapshot "ghost"/);
      assert.match(await ok(llmos.llmos('snapshot', 'delete', 'good')), /deleted/);
      assert.doesNotMatch(await ok(llmos.llmos('snapshot', 'list')), /good/);
      assert.equal((await llmos.llmos('snapshot', 'take')).code, 2);
    } finally {
      await llmos.destroy();
    }
  });

  it('says that its disk is full or read-only, and works again when it is not', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'llmos-disk-'));
    const run = mkdtempSync(join(tmpdir(), 'llmos-run-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk]);
    let llmos: Instance | undefined;
    try {
      llmos = await bootInstance({ folder: disk });
      const { client } = llmos;
      await eventually(async () => client.create(ConfigMap, configMap('early')));
      const ballast = join(disk, 'ballast');
      const { bavail, bsize } = statfsSync(disk);
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 2 * 1_024 * 1_024)));
      const acknowledged: string[] = ['early'];
      // Nothing but the refusal of the store counts: on a full disk, others may say so too.
      const others = new Set<string>();
      await eventually(async () => {
        const name = `c${acknowledged.length}`;
        try {
          await client.create(ConfigMap, configMap(name, { text: 'x'.repeat(200_000) }));
          acknowledged.push(name);
          return undefined;
        } catch (error) {
          if (/no room left on the disk/.test((error as Error).message)) return true;
          others.add(String(error));
          return undefined;
        }
      }, { everyMs: 1 }).finally(() => console.log('other refusals:', [...others].join('; ') || 'none'));
      assert.deepEqual((await names(llmos)).filter((name) => acknowledged.includes(name)), [...acknowledged].sort(), 'reads go on');
      assert.equal((await client.get(ConfigMap, 'early', at)).metadata.name, 'early');
      truncateSync(ballast, 0);
      await eventually(async () => client.create(ConfigMap, configMap('later')));

      await llmos.kill('SIGKILL');
      execFileSync('mount', ['-o', 'remount,ro', disk]);
      // The run folder is not on that disk: it never is.
      const up = await llmos.llmos('run', '--run', run);
      assert.deepEqual([up.code, /its disk is mounted read-only/.test(up.stderr)], [1, true], up.stderr);
      const background = await llmos.llmos('up', '--run', run);
      assert.deepEqual([background.code, /needs a disk that is mounted writable/.test(background.stderr)], [1, true], background.stderr);
      execFileSync('mount', ['-o', 'remount,rw', disk]);
      await llmos.boot();
      assert.deepEqual((await names(llmos)).filter((name) => acknowledged.includes(name)), [...acknowledged].sort());
      assert.ok(existsSync(join(llmos.state, 'store', 'store.db')));
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', disk]);
      await llmos?.destroy();
      // The run folder keeps a mount namespace of its own.
      for (const mount of [join(run, 'mount-namespace'), run]) spawnSync('umount', ['-l', mount]);
      execFileSync('umount', ['-l', disk]);
      for (const folder of [disk, run]) rmSync(folder, { recursive: true, force: true });
    }
  });
});
