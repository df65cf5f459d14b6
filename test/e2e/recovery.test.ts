/** What survives: containers over a SIGKILL of llmos, acknowledged writes over a crash, and the machine over `down --purge`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigMap } from '../../src/api/core/config-map.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { PATIENCE } from '../fixtures/patience.ts';

function pod(name: string, command: string[]): Pod {
  return {
    metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', command }] },
  } as Pod;
}

async function running(llmos: Instance, name: string): Promise<Pod> {
  return eventually(async () => {
    const found = await llmos.client.get(Pod, name, { namespace: 'default' });
    return found.status?.phase === 'Running' && found.status.containerStatuses?.[0]?.ready === true && found;
  }, { what: `${name} runs` });
}

const containerPid = (llmos: Instance, name: string): Promise<string> =>
  llmos.kubectl('exec', name, '--', 'sh', '-c', 'cat /tmp/started').then(({ stdout }) => stdout.trim());

/** What llmos could leave behind on the machine. */
function traces(): string[] {
  const text = (file: string, ...args: string[]): string => execFileSync(file, args, { encoding: 'utf8' });
  return [text('ip', '-br', 'link').replaceAll(/ +/g, ' '), text('ip', 'route'), text('nft', 'list', 'ruleset'), text('ip', '-4', '-br', 'addr').replaceAll(/ +/g, ' ')];
}

/** Settles with llmos booted again. */
async function writesOutliveKill(llmos: Instance): Promise<void> {
  const acknowledged: string[] = [];
  let writing = true;
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let n = 0; writing; n += 1) {
      const name = `w${writer}-${n}`;
      try {
        await llmos.client.create(ConfigMap, { metadata: { name, namespace: 'default' }, data: { n: String(n) } } as ConfigMap);
        acknowledged.push(name);
      } catch {
        return;
      }
    }
  });
  await eventually(async () => acknowledged.length > 300);
  await llmos.kill('SIGKILL');
  writing = false;
  await Promise.all(writers);
  await llmos.boot();
  const { items } = await llmos.client.list(ConfigMap, { namespace: 'default' });
  const there = new Set(items.map(({ metadata }) => metadata.name));
  assert.deepEqual(acknowledged.filter((name) => !there.has(name)), []);
}

describe('recovery', { timeout: 300_000 * PATIENCE, concurrency: 1 }, () => {
  it('keeps containers over a SIGKILL and adopts them', async () => {
    const before = traces();
    const llmos = await bootInstance();
    importTestImage(llmos);
    await eventually(() => llmos.client.create(Pod, pod('steady', ['sh', '-c', 'date +%s%N > /tmp/started; exec sleep 100000'])), { timeoutMs: 60_000 });
    await llmos.client.create(Pod, pod('brief', ['sh', '-c', 'sleep 2; exit 3']));
    const first = await running(llmos, 'steady');
    const started = await containerPid(llmos, 'steady');
    await llmos.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 3_000)); // `brief` ends while nobody looks
    await llmos.boot();
    const second = await running(llmos, 'steady');
    assert.equal(await containerPid(llmos, 'steady'), started, 'the same process runs on');
    assert.deepEqual([second.status?.podIP, second.status?.containerStatuses?.[0]?.restartCount], [first.status?.podIP, 0]);
    const brief = await eventually(async () => {
      const found = await llmos.client.get(Pod, 'brief', { namespace: 'default' });
      return (found.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0 && found;
    });
    assert.equal(brief.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 3);
    await llmos.destroy();
    assert.deepEqual(traces(), before, 'nothing is left on the machine');
    assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(dirname(llmos.state)), 'no mount is left');
    const groups = readdirSync('/sys/fs/cgroup').flatMap((controller) => ['', controller].map((part) => join('/sys/fs/cgroup', part, llmos.name)));
    assert.deepEqual(groups.filter((folder) => existsSync(folder)), [], 'no cgroup is left');
  });

  it('boots, keeps every acknowledged write over a SIGKILL in a burst of writes, shows its status, loads and unloads modules, and goes down by command', async () => {
    const llmos = await bootInstance();
    try {
      await writesOutliveKill(llmos);
      const status = await llmos.llmos('status');
      for (const word of ['load', 'probe', 'core', 'modules', 'init', 'scheduler', 'memory', 'https://127.0.0.1:6443']) assert.match(status.stdout, new RegExp(word));
      assert.match((await llmos.llmos('module', 'list')).stdout, /scheduler\s+running/);
      assert.equal((await llmos.llmos('module', 'unload', 'scheduler')).code, 0);
      assert.doesNotMatch((await llmos.llmos('module', 'list')).stdout, /^scheduler/m);
      await llmos.client.create(Pod, pod('waits', ['sleep', '1000']));
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal((await llmos.client.get(Pod, 'waits', { namespace: 'default' })).spec?.nodeName, undefined);
      assert.equal((await llmos.llmos('module', 'load', 'scheduler')).code, 0);
      await eventually(async () => (await llmos.client.get(Pod, 'waits', { namespace: 'default' })).spec?.nodeName === 'node1');
      const unknown = await llmos.llmos('module', 'unload', 'ghost');
      assert.deepEqual([unknown.code, /module 'ghost' is not loaded/.test(unknown.stderr)], [1, true]);
      assert.match((await llmos.llmos('kubeconfig')).stdout, /current-context: llmos/);
      const twice = await llmos.llmos('run');
      assert.match(twice.stderr + twice.stdout, /runs already/);

      // After a crash, with a configuration that is no longer read, nothing may be said to be down that is not.
      await llmos.kill();
      const config = llmos.env['LLMOS_CONFIG']!;
      const text = readFileSync(config, 'utf8');
      writeFileSync(config, 'instance: [\n');
      const down = await llmos.llmos('down', '--purge');
      assert.deepEqual([down.code, existsSync(llmos.state)], [1, true], down.stdout);
      assert.match(down.stderr, /containers may still run, and nothing was removed.*config\.yaml/s);
      writeFileSync(config, text);
    } finally {
      await llmos.destroy();
    }
  });
});
