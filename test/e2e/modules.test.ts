/** Modules from files: loaded into a worker of their own, held to what they declare, ended when they hang; the kernel does not notice, nor does the example module beside it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigMap } from '../../src/api/core/config-map.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../examples/module');
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

  // Others do not notice the one that hangs.
  describe('side by side', { concurrency: true }, () => {
    it('is ended and started again when it hangs, while the door answers', async () => {
      await write('sleepy', { hang: 'yes' });
      const fromMs = performance.now();
      await llmos.client.list(ConfigMap, { namespace: 'default' });
      assert.ok(performance.now() - fromMs < 5_000);
      await eventually(async () => / [1-9]\d* /.test((await row()).replace('greeter', '')) && (await row()), { timeoutMs: 60_000, everyMs: 1_000, what: 'the module is restarted' });
      await llmos.client.delete(ConfigMap, 'sleepy', { namespace: 'default' });
      await write('bob');
      assert.equal(await greeting('bob'), 'hello bob');
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

    describe('the example', { concurrency: 1 }, () => {
      const html = async (): Promise<string> => {
        const { stdout } = await llmos.kubectl('get', 'configmap', 'page-hello', '-o', 'jsonpath={.data.index\\.html}');
        return stdout;
      };
      before(async () => {
        await ok(llmos.llmos('module', 'load', `${EXAMPLE}/page.ts`));
      });

      it('writes the ConfigMap of a page, and again when it changes or is deleted', async () => {
        assert.equal((await llmos.kubectl('apply', '-f', `${EXAMPLE}/page.yaml`)).code, 0);
        await eventually(async () => (await html()).includes('<p>1 &lt; 2</p>'));
        await llmos.kubectl('patch', 'page', 'hello', '--type=merge', '-p', '{"spec":{"text":"new"}}');
        await eventually(async () => (await html()).includes('<p>new</p>'));
        await llmos.kubectl('delete', 'configmap', 'page-hello');
        await eventually(async () => (await html()).includes('<p>new</p>'));
      });

      it('refuses a page that its schema refuses', async () => {
        const misspelt = await llmos.kubectlWith('apiVersion: example.llmos.dev/v1\nkind: Page\nmetadata: {name: x}\nspec: {titel: x}\n', 'create', '-f', '-');
        assert.match(misspelt.stderr, /unknown field "spec.titel"/);
        const without = await llmos.kubectlWith('apiVersion: example.llmos.dev/v1\nkind: Page\nmetadata: {name: x}\nspec: {}\n', 'create', '-f', '-');
        assert.match(without.stderr, /spec\.title: Required value/);
      });

      it('removes the ConfigMap with its page', async () => {
        await llmos.kubectl('delete', 'page', 'hello');
        await eventually(async () => (await html()) === '');
      });

      it('takes its kind with it when it is unloaded', async () => {
        assert.equal((await llmos.llmos('module', 'unload', 'pages')).code, 0);
        assert.match((await llmos.kubectl('get', 'pages')).stderr, /the server could not find the requested resource|doesn't have a resource type/);
        const again = await llmos.llmos('module', 'unload', 'pages');
        assert.deepEqual([again.code, again.stderr.trim()], [1, "llmos: module 'pages' is not loaded; 'llmos module list' shows those that are"]);
      });
    });
  });

  it('gives everything back when it is unloaded', async () => {
    assert.equal((await llmos.llmos('module', 'unload', 'greeter')).code, 0);
    assert.equal(await row(), '');
    await write('eve');
    await new Promise((settled) => setTimeout(settled, 300));
    assert.equal((await llmos.client.get(ConfigMap, 'eve', { namespace: 'default' })).data, undefined);
  });
});
