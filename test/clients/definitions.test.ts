/** Definitions of the shape of well-known projects' ones: they install, take what they must, and refuse the rest in the words that users know. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { bootInstance, type CommandResult, type Instance } from '../fixtures/instance.ts';
import { DEFINITIONS } from './definitions.ts';

describe('definitions of well-known projects', { timeout: 180_000 }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootInstance({ config: 'modules: { node: { enabled: false } }\n' });
  });
  after(() => llmos?.destroy());
  const ok = async (result: Promise<CommandResult>): Promise<string> => {
    const { code, stdout, stderr } = await result;
    assert.equal(code, 0, `${stderr}\n${stdout}`);
    return stdout;
  };

  for (const { project, definition, samples, refused, shown, explained } of DEFINITIONS) it(project, async () => {
    const name = /name: ([a-z.0-9-]+\.[a-z.0-9-]+)/.exec(definition)![1]!;
    assert.match(await ok(llmos.kubectlWith(definition, 'apply', '-f', '-')), /created/);
    assert.match(await ok(llmos.kubectl('wait', `crd/${name}`, '--for=condition=Established', '--timeout=10s')), /condition met/);
    assert.match(await ok(llmos.kubectlWith(definition, 'apply', '-f', '-')), /unchanged/);
    for (const sample of samples) {
      assert.match(await ok(llmos.kubectlWith(sample, 'apply', '-f', '-')), /created/);
      // kubectl says "configured" where items have defaults, which a merge patch sends without; nothing changes all the same.
      assert.match(await ok(llmos.kubectlWith(sample, 'apply', '-f', '-')), /unchanged|configured/);
      assert.equal(await ok(llmos.kubectl('get', name, /name: (\w+) /.exec(sample.split('\n')[2]!.replace(',', ' '))![1]!, '-o', 'jsonpath={.metadata.generation}')), '1');
      await ok(llmos.kubectlWith(sample, 'apply', '--server-side', '--force-conflicts', '-f', '-'));
      assert.equal((await llmos.kubectlWith(sample, 'diff', '-f', '-')).code, 0);
    }
    for (const [sample, message] of refused) {
      const { code, stderr } = await llmos.kubectlWith(sample, 'apply', '-f', '-');
      assert.equal(code, 1, sample);
      assert.match(stderr, message);
    }
    assert.match(await ok(llmos.kubectl('get', name)), shown);
    assert.match(await ok(llmos.kubectl('explain', explained[0])), explained[1]);
  });
});
