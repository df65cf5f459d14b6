import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDeb822, parseList } from './apt-sources.ts';
import { localName } from './build.ts';
import { releaseOf, sourceLine, sourcesOf } from './distribution.ts';
import { baseImagesOf } from './dockerfile.ts';

const DOCKERFILES: [string, string, string[]][] = [
  ['one', 'FROM debian:12\nRUN true', ['debian:12']],
  ['stages and scratch', 'FROM golang:1 AS build\nRUN make\nFROM scratch\nCOPY --from=build /a /a\nCOPY --from=0 /b /b', ['golang:1']],
  ['a stage upon a stage', 'from debian as base\nFROM base AS next\nFROM next', ['debian']],
  ['arguments', 'ARG TAG=12\nARG IMAGE="debian:${TAG}-slim"\nFROM $IMAGE\nFROM ${OTHER:-alpine}', ['debian:12-slim', 'alpine']],
  ['platform', 'FROM --platform=linux/amd64 debian:12 AS x', ['debian:12']],
  ['images to copy from', 'FROM debian\nCOPY --from=nginx:1.27 /etc/nginx /etc/nginx\nRUN --mount=type=bind,from=busybox,target=/b ls /b', ['debian', 'nginx:1.27', 'busybox']],
  ['continued lines and comments', '# escape=\\\n# FROM no\nFROM \\\n# between\n  debian:12 \\\n  AS base\n', ['debian:12']],
  ['here-documents', 'FROM debian\nRUN <<EOF\nFROM not-an-image\nEOF\nFROM alpine', ['debian', 'alpine']],
  ['nothing', '', []],
];
for (const [name, text, images] of DOCKERFILES) test(`bases of a Dockerfile: ${name}`, () => assert.deepEqual(baseImagesOf(text).images, images));

test('a build argument wins over the default', () => {
  assert.deepEqual(baseImagesOf('ARG TAG=12\nFROM debian:$TAG', { TAG: '13' }).images, ['debian:13']);
});

const RELEASES: [string, string | undefined][] = [
  ['debian', 'debian stable'], ['debian:latest', 'debian stable'], ['debian:12', 'debian bookworm'], ['debian:12.5', 'debian bookworm'], ['debian:bookworm', 'debian bookworm'], ['debian:bookworm-slim', 'debian bookworm'],
  ['debian:12-slim', 'debian bookworm'], ['debian:stable-slim', 'debian stable'], ['debian:bookworm-20240101-slim', 'debian bookworm'], ['debian:sid', 'debian sid'], ['registry.example/library/debian:12', 'debian bookworm'],
  ['localhost/debian:12', 'debian bookworm'], ['ubuntu', 'ubuntu noble'], ['ubuntu:22.04', 'ubuntu jammy'], ['ubuntu:jammy', 'ubuntu jammy'],
  ['alpine', undefined], ['someone/debian:12', undefined], ['debian:99', undefined], ['debian@sha256:0123', undefined], ['debian:../x', undefined],
];
for (const [image, release] of RELEASES) {
  test(`release of ${image}`, () => {
    const found = releaseOf(image);
    assert.equal(found === undefined ? undefined : `${found.distribution} ${found.suite}`, release);
  });
}

test('sources: both styles of apt, updates and security of the same release', () => {
  const machine = [
    ...parseDeb822('Types: deb deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n# off\nTypes: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: x\nComponents: main\n'),
    ...parseList('# deb http://no.example/debian x main\ndeb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian-security bookworm-security main # end\ndeb-src http://src.example/debian bookworm main\ndeb http://tool.example/apt stable main\n'),
  ];
  assert.deepEqual(sourcesOf({ distribution: 'debian', suite: 'bookworm' }, machine).map(sourceLine), [
    'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm main',
    'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm-updates main',
    'deb [signed-by=/k.gpg] http://mirror.example/debian-security bookworm-security main',
  ]);
  assert.deepEqual(sourcesOf({ distribution: 'debian', suite: 'trixie' }, machine).map((each) => each.suite), ['trixie']);
  assert.deepEqual(sourcesOf({ distribution: 'ubuntu', suite: 'noble' }, machine), []);
});

test('a tag becomes a name of this machine, unless it names a registry', () => {
  assert.deepEqual(['web', 'web:1', 'team/web', 'localhost/web', 'r.example:5000/web:2'].map(localName), ['localhost/web:latest', 'localhost/web:1', 'localhost/team/web:latest', 'localhost/web:latest', 'r.example:5000/web:2']);
});
