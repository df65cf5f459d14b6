import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDescriptions } from './descriptions.ts';
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
  assert.equal(openDescriptions(folder), undefined);
  mkdirSync(models, { recursive: true });
  writeFileSync(join(models, 'V1ConfigMap.d.ts'), model('V1ConfigMap', 'A map of\n* words.', "    /**\n    * What it \\\"holds\\\".\n    */\n    'data'?: { [key: string]: string; };\n    'metadata'?: V1ObjectMeta;\n    /**\n    * Kept as it is.\n    */\n    '_immutable'?: boolean;"));
  writeFileSync(join(models, 'CoreV1Event.d.ts'), model('CoreV1Event', 'Something happened.', ''));
  const describe = openDescriptions(folder)!;
  assert.deepEqual(
    [['io.k8s.api.core.v1.ConfigMap'], ['io.k8s.api.core.v1.ConfigMap', 'data'], ['io.k8s.api.core.v1.ConfigMap', 'metadata'], ['io.k8s.api.core.v1.ConfigMap', 'immutable'], ['io.k8s.api.core.v1.Event'], ['io.k8s.api.core.v1.Pod'], ['com.example.v1.ConfigMap']].map(([type, field]) => describe(type!, field)),
    ['A map of\nwords.', 'What it "holds".', undefined, 'Kept as it is.', 'Something happened.', undefined, undefined],
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
