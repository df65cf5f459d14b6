import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDescriptions, parseOwn } from './open-descriptions.ts';
import { openDoor } from '../testing/open-door.ts';

const model = (name: string, about: string, fields: string): string => `/**
 * A head that is no description.
 */
import { V1Other } from '../models/V1Other.js';
/**
* ${about}
*/
export declare class ${name} {
${fields}
    static readonly discriminator: string | undefined;
}
`;

test('what the typings of the package say', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-descriptions-'));
  const models = join(folder, 'dist/gen/models');
  assert.match(openDescriptions(folder)('io.k8s.api.core.v1.ConfigMap', 'data') ?? '', /^Texts by key/);
  mkdirSync(models, { recursive: true });
  writeFileSync(join(models, 'V1ConfigMap.d.ts'), model('V1ConfigMap', 'A map of\n* words.', "    /**\n    * What it \\\"holds\\\".\n    */\n    'data'?: { [key: string]: string; };\n    'metadata'?: V1ObjectMeta;\n    /**\n    * Kept as it is.\n    */\n    '_immutable'?: boolean;"));
  writeFileSync(join(models, 'CoreV1Event.d.ts'), model('CoreV1Event', 'Something happened.', ''));
  const describe = openDescriptions(folder);
  assert.deepEqual(
    [['io.k8s.api.core.v1.ConfigMap'], ['io.k8s.api.core.v1.ConfigMap', 'data'], ['io.k8s.api.core.v1.ConfigMap', 'metadata'], ['io.k8s.api.core.v1.ConfigMap', 'immutable'], ['io.k8s.api.core.v1.Event'], ['io.k8s.api.core.v1.Pod'], ['com.example.v1.ConfigMap']].map(([type, field]) => describe(type!, field)),
    ['A map of\nwords.', 'What it "holds".', 'Name, namespace, labels and the other facts that every object has.', 'Kept as it is.', 'Something happened.', 'One or more containers that run together on one node and share network and volumes: the smallest thing that is scheduled.', undefined],
  );
  const door = await openDoor({ descriptions: folder });
  try {
    const v3 = (await door.call('GET', '/openapi/v3/api/v1')).json.components.schemas['io.k8s.api.core.v1.ConfigMap'];
    assert.deepEqual([v3.description, v3.properties.data.description], ['A map of\nwords.', 'What it "holds".']);
    assert.equal((await door.call('GET', '/openapi/v2')).json.definitions['io.k8s.api.core.v1.ConfigMap'].properties.data.description, 'What it "holds".');
  } finally {
    await door.close();
    rmSync(folder, { recursive: true });
  }
});

test('a field that many types have is described once', () => {
  const own = parseOwn('[*]\nspec: Wanted.\n[*Condition]\ntype: What about.\n[core.v1.Pod] A pod.\nspec: What runs.\n');
  assert.deepEqual(
    [['core.v1.Pod', ''], ['core.v1.Pod', 'spec'], ['core.v1.Node', 'spec'], ['core.v1.NodeCondition', 'type'], ['core.v1.Service', 'type'], ['core.v1.Node', '']].map(([type, field]) => own(`io.k8s.api.${type}`, field)),
    ['A pod.', 'What runs.', 'Wanted.', 'What about.', undefined, undefined],
  );
  assert.equal(own('dev.llmos.v1.Pod', 'spec'), undefined);
});

test('kinds whose fields have no types of their own', () => {
  const own = parseOwn('[*]\nspec: Wanted.\nkind: Its kind.\nconditions: What can be said.\n[*Condition]\ntype: What about.\n[Lamp.example.k8s.io] It shines.\nspec.lights.colour: Such as red.\n');
  const texts = (type: string): (string | undefined)[] => ['', 'kind', 'spec', 'spec.lights', 'spec.lights.colour', 'status.conditions', 'status.conditions.type'].map((field) => own(type, field));
  const described = ['It shines.', 'Its kind.', 'Wanted.', undefined, 'Such as red.', 'What can be said.', 'What about.'];
  assert.deepEqual(texts('io.k8s.example.v1.Lamp'), described);
  assert.deepEqual(texts('io.k8s.example.v2.Lamp'), described);
  // What a user defines says for itself what its fields are.
  assert.deepEqual(texts('io.k8s.example.v1.Shade'), [undefined, 'Its kind.', ...Array(5).fill(undefined)]);
});
