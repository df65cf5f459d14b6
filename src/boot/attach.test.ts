import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, stringify } from 'yaml';
import { defaultDefinition, validateDefinition } from '../api/custom/definition.ts';
import type { CustomResourceDefinition } from '../api/generated/apiextensions-v1.ts';
import { silentLog } from '../base/log.ts';
import { openDoor } from '../kernel/apiserver/testing/open-door.ts';
import { findCluster } from '../sdk/client/kubeconfig.ts';
import { attach, definitionsOf } from './attach.ts';
import { builtins } from './builtins.ts';

for (const { name } of builtins.filter(({ portable }) => portable === true)) {
  test(`the definitions that ${name} needs on another cluster are ones that a cluster takes`, () => {
    for (const each of definitionsOf(name)) {
      const definition = parse(stringify(each)) as CustomResourceDefinition; // as a file of them says it
      defaultDefinition(definition);
      assert.deepEqual(validateDefinition(definition).map(({ field, message }) => `${field}: ${message}`), [], definition.metadata.name);
    }
  });
}

test('who is told to end while it is still about to begin ends', async (t) => {
  const door = await openDoor();
  t.after(() => door.close());
  const ending = new AbortController();
  const attached = attach({ access: findCluster({ path: door.kubeconfig }), modules: ['horizontal-pod-autoscaler'], log: silentLog, signal: ending.signal });
  ending.abort('stop');
  await attached;
});
