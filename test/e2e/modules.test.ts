/** Modules from files: loaded into a worker of their own, held to what they declare, ended when they hang; the kernel does not notice. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigMap } from '../../src/api/core/config-map.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';

const GREETER = resolve(import.meta.dirname, '../fixtures/modules/greeter.ts');

describe('modules from files', { timeout: 120_000 }, () => {
  let llmos: Instance;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-modules-'));
    llmos = await bootInstance();
  });
  after(async () => {
    await llmos?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });
  const write = (name: string, data?: Record<string, string>): Promise<ConfigMap> =>
    llmos.client.create(ConfigMap, { metadata: { name, namespace: 'default', labels: { greet: 'yes' } }, data } as ConfigMap);
  const greeting = (name: string): Promise<string> => eventually(async () => (await llmos.client.get(ConfigMap, name, { namespace: 'default' })).data?.['greeting'], { what: `${name} is greeted` });
  const row = async (): Promise<string> => (await llmos.llmos('module', 'list')).stdout.split('\n').find((line) => line.startsWith('greeter')) ?? '';

  it('runs with the same client over a port', async () => {
    const loaded = await llmos.llmos('module', 'load', GREETER);
    assert.equal(loaded.code, 0, loaded.stderr);
    await write('ann');
    assert.equal(await greeting('ann'), 'hello ann');
    assert.match(await row(), /running/);
  });

  it('is ended and started again when it hangs, while the door answers', async () => {
    await write('sleepy', { hang: 'yes' });
    const fromMs = performance.now();
    await llmos.client.list(ConfigMap, { namespace: 'default' });
    assert.ok(performance.now() - fromMs < 2_000);
    await eventually(async () => / [1-9]\d* /.test((await row()).replace('greeter', '')) && (await row()), { timeoutMs: 40_000, what: 'the module is restarted' });
    await llmos.client.delete(ConfigMap, 'sleepy', { namespace: 'default' });
    await write('bob');
    assert.equal(await greeting('bob'), 'hello bob');
  });

  it('gives everything back when it is unloaded', async () => {
    assert.equal((await llmos.llmos('module', 'unload', 'greeter')).code, 0);
    assert.equal(await row(), '');
    await write('eve');
    await new Promise((settled) => setTimeout(settled, 300));
    assert.equal((await llmos.client.get(ConfigMap, 'eve', { namespace: 'default' })).data, undefined);
  });

  it('says what is wrong with a file', async () => {
    const refused = async (text: string, message: RegExp): Promise<void> => {
      const file = join(folder, `m${Math.random().toString(36).slice(2)}.ts`);
      writeFileSync(file, text);
      const { code, stderr } = await llmos.llmos('module', 'load', file);
      assert.equal(code, 1);
      assert.match(stderr, message);
    };
    await refused('export default 7;', /no module as its default export/);
    await refused('export default {', /./);
    await refused("export default { name: 'x', description: '', routes: [{ path: '/x', handle() {} }] };", /has routes, which only built-in modules may have/);
    assert.match((await llmos.llmos('module', 'load', '/nowhere/m.ts')).stderr, /there is no module file/);
  });
});
