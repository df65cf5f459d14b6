/** Links say whose they are: where /sys shows another network, of another network, and where /sys shows them. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLog } from '../../../base/log.ts';
import { run } from '../../../base/sys/run.ts';
import { inNamespaces } from '../testing/test-node.ts';
import { linkNames, type PodLink } from './link-names.ts';

if (await inNamespaces(import.meta.filename)) {
  const root = mkdtempSync(join(tmpdir(), 'llmos-links-'));
  const [folder, other] = [join(root, 'links'), join(root, 'net')];
  after(async () => {
    await run('umount', ['-l', other]);
    rmSync(root, { recursive: true });
  });
  const mounts = (): string => readFileSync('/proc/self/mounts', 'utf8').split('\n').filter((line) => line.includes(folder)).join();
  const within = (network: string | undefined, ...words: string[]): Promise<string> => (network === undefined ? run('ip', words) : run('nsenter', [`--net=${network}`, 'ip', ...words]));
  const made = async (name: string, network?: string): Promise<PodLink> => {
    await within(network, 'link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', `${name}p`);
    const [link] = JSON.parse(await within(network, '-j', 'link', 'show', 'dev', name)) as { address: string }[];
    return { name, mac: link!.address };
  };
  const aliasOf = async ({ name }: PodLink, network?: string): Promise<string | undefined> => (JSON.parse(await within(network, '-j', 'link', 'show', 'dev', name)) as { ifalias?: string }[])[0]?.ifalias;

  test('where /sys shows another network, and nothing stays mounted', async () => {
    const names = linkNames({ instance: 'one', folder, log: silentLog });
    const [first, second] = [await made('a'), await made('b')];
    await names.tell({ name: 'gone', mac: first.mac }, 'ready');
    assert.equal(await aliasOf(first), undefined);
    void names.tell(first, 'ready');
    void names.tell(second, 'ready');
    await names.tell(first, 'pod=default/web');
    assert.deepEqual([await aliasOf(first), await aliasOf(second)], ['llmos/one/pod=default/web', 'llmos/one/ready']);
    assert.deepEqual([mounts(), existsSync(folder)], ['', false]);
    await names.tell({ name: 'gone', mac: first.mac }, 'ready');
    await names.tell(undefined, 'ready');
    await names.tell(second, `pod=default/${'x'.repeat(253)}`);
    assert.equal((await aliasOf(second))?.length, 255);
    await names.close();
    await names.tell(second, 'ready');
    assert.equal(await aliasOf(second), 'llmos/one/ready', 'after the end as before');
    await names.close();
  });

  test('in another network', async () => {
    writeFileSync(other, '');
    await run('unshare', [`--net=${other}`, 'true']);
    const names = linkNames({ instance: 'two', folder, network: other, log: silentLog });
    const [here, there] = [await made('c'), await made('c', other)];
    await names.tell(there, 'pod=default/far');
    assert.deepEqual([await aliasOf(there, other), await aliasOf(here)], ['llmos/two/pod=default/far', undefined]);
    await names.close();
  });

  test('where /sys shows them nothing is mounted', async () => {
    await run('mount', ['-t', 'sysfs', 'sysfs', '/sys']);
    const names = linkNames({ instance: 'three', folder: '/proc/none', log: silentLog });
    const link = await made('d');
    await names.tell(link, 'ready');
    assert.equal(await aliasOf(link), 'llmos/three/ready');
    await names.close();
  });
} else test('inside namespaces', () => {});
