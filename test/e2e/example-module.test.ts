/** The example module in its worker: loaded from its file, it serves its kind and keeps its objects; unloaded, it is gone. */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../examples/module');

describe('the example module', { timeout: 120_000 }, () => {
  let llmos: Instance;
  const html = async (): Promise<string> => {
    const { stdout } = await llmos.kubectl('get', 'configmap', 'page-hello', '-o', 'jsonpath={.data.index\\.html}');
    return stdout;
  };
  before(async () => {
    llmos = await bootInstance();
    const { code, stderr } = await llmos.llmos('module', 'load', `${EXAMPLE}/page.ts`);
    assert.equal(code, 0, stderr);
  });
  after(() => llmos?.destroy());

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
