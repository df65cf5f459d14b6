import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, stringify } from 'yaml';
import { defaultDefinition, validateDefinition } from '../api/custom/definition.ts';
import type { CustomResourceDefinition } from '../api/generated/apiextensions-v1.ts';
import { definitionsOf } from './attach.ts';
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
