import assert from 'node:assert/strict';
import { test } from 'node:test';
import { candidateNames, imageNameText, parseImageName } from './name.ts';

const digest = `sha256:${'a'.repeat(64)}`;

for (const [given, full] of [
  ['web', 'docker.io/library/web:latest'],
  ['web:1.2', 'docker.io/library/web:1.2'],
  ['team/web', 'docker.io/team/web:latest'],
  ['docker.io/web', 'docker.io/library/web:latest'],
  ['index.docker.io/web', 'docker.io/library/web:latest'],
  ['localhost/web:latest', 'localhost/web:latest'],
  ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
  ['ghcr.io/x/y@' + digest, 'ghcr.io/x/y@' + digest],
  ['ghcr.io/x/y:1@' + digest, 'ghcr.io/x/y@' + digest],
] as const) {
  test(`image name ${given.slice(0, 30)}`, () => assert.equal(imageNameText(parseImageName(given)!), full));
}

for (const bad of ['', 'UPPER', 'a b', 'web:', 'web@sha256:12', '/web', 'web/', 'a//b', 'f'.repeat(64)]) {
  test(`no image name: '${bad.slice(0, 20)}'`, () => assert.equal(parseImageName(bad), undefined));
}

test('a short name is looked for among those built here first', () => {
  assert.deepEqual(candidateNames(parseImageName('web')!), ['localhost/web:latest', 'docker.io/library/web:latest']);
  assert.deepEqual(candidateNames(parseImageName('localhost/web')!), ['localhost/web:latest']);
});
