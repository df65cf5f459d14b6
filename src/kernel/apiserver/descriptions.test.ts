import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUILT_IN_KINDS } from '../../api/kinds.ts';
import { openapiV3 } from '../../api/openapi/v3.ts';
import { openDescriptions, parseOwn } from './descriptions.ts';
import { openDoor } from './testing/open-door.ts';

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

test('what is described in our own words is there', () => {
  const schemas = (openapiV3(BUILT_IN_KINDS) as { components: { schemas: Record<string, { properties?: object }> } }).components.schemas;
  const types = new Map(Object.entries(schemas).filter(([name]) => name.startsWith('io.k8s.')).map(([name, { properties = {} }]) => [name.split('.').slice(-3).join('.'), Object.keys(properties)]));
  let type = '';
  let seen = 0;
  for (const line of readFileSync(join(import.meta.dirname, 'descriptions.txt'), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    seen++;
    const head = /^\[(.+?)\]/.exec(line)?.[1];
    if (head !== undefined) type = head;
    else assert.match(line, /^\w+: [^ ].*[.]$/, line);
    if (type.startsWith('*')) continue;
    assert.ok(types.has(type), `no type ${type}`);
    if (head === undefined) assert.ok(types.get(type)!.includes(line.slice(0, line.indexOf(':'))), `${type} has no field of: ${line}`);
  }
  assert.ok(seen > 500);
});

test('a field that many types have is described once', () => {
  const own = parseOwn('[*]\nspec: Wanted.\n[*Condition]\ntype: What about.\n[core.v1.Pod] A pod.\nspec: What runs.\n');
  assert.deepEqual(
    [['core.v1.Pod', ''], ['core.v1.Pod', 'spec'], ['core.v1.Node', 'spec'], ['core.v1.NodeCondition', 'type'], ['core.v1.Service', 'type'], ['core.v1.Node', '']].map(([type, field]) => own(`io.k8s.api.${type}`, field)),
    ['A pod.', 'What runs.', 'Wanted.', 'What about.', undefined, undefined],
  );
  assert.equal(own('dev.llmos.v1.Pod', 'spec'), undefined);
});
