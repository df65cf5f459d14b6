import { test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../meta.ts';
import { parseApiVersion } from '../meta.ts';
import { decodeProtobuf, decodeWatchEvent, encodeProtobuf, encodeWatchFrame, hasProtobuf, isProtobuf } from './envelope.ts';
import { formatDuration, formatTime, parseDuration, parseTime } from '../times.ts';

const POD = {
  kind: 'Pod', apiVersion: 'v1', metadata: { name: 'web', creationTimestamp: '2026-01-02T03:04:05Z', labels: { b: '2', a: '1' } },
  spec: {
    containers: [{ name: 'a', image: 'x', ports: [{ containerPort: 80 }], resources: { limits: { cpu: '500m' } }, readinessProbe: { httpGet: { port: 'http' }, initialDelaySeconds: 3 } }],
    volumes: [{ name: 'v', emptyDir: {} }, { name: 'c', configMap: { name: 'cm', defaultMode: 420 } }], terminationGracePeriodSeconds: 0,
  },
};

test('a pod goes there and back', () => {
  const bytes = encodeProtobuf(POD);
  assert.ok(bytes !== undefined && isProtobuf(bytes));
  assert.deepEqual(decodeProtobuf(bytes), { ...POD, metadata: { ...POD.metadata, labels: { a: '1', b: '2' } } });
});

test('the bytes of small objects stay as they are', () => {
  const table: [KubeObject, string][] = [
    [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { k: 'v' }, binaryData: { b: '/w==' } } as KubeObject, 'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEiMKEQoBYRIAGgAiACoAMgA4AEIAEgYKAWsSAXYaBgoBYhIB/xoAIgA='],
    [{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l' }, spec: { renewTime: '2026-01-02T03:04:05.000006Z', leaseDurationSeconds: 40 } } as KubeObject, 'azhzAAofChZjb29yZGluYXRpb24uazhzLmlvL3YxEgVMZWFzZRIiChEKAWwSABoAIgAqADIAOABCABINECgiCQil69zKBhDwLhoAIgA='],
  ];
  for (const [object, expected] of table) {
    const bytes = encodeProtobuf(object);
    assert.equal(bytes?.toString('base64'), expected);
    assert.deepEqual(decodeProtobuf(bytes ?? new Uint8Array()), object);
  }
});

test('kinds of meta belong to every group, custom resources have no protobuf', () => {
  assert.equal(hasProtobuf({ group: 'apps', version: 'v1', kind: 'DeleteOptions' }), true);
  assert.equal(hasProtobuf({ group: 'x.io', version: 'v1', kind: 'Foo' }), false);
  assert.equal(encodeProtobuf({ apiVersion: 'x.io/v1', kind: 'Foo' }), undefined);
  assert.equal(encodeProtobuf({ apiVersion: 'meta.k8s.io/v1', kind: 'Table' }), undefined);
  const crd = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'a' }, spec: { group: 'g', scope: 'Namespaced', names: { kind: 'A', plural: 'as' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { a: { type: 'array', items: { type: 'string', default: 'x' } }, b: { additionalProperties: true } } } } }] } };
  assert.deepEqual((decodeProtobuf(encodeProtobuf(crd) ?? new Uint8Array()) as unknown as typeof crd).spec, crd.spec);
});

test('a watch frame', () => {
  const frame = encodeWatchFrame('ADDED', encodeProtobuf(POD) ?? new Uint8Array());
  assert.equal(frame.readUInt32BE(0), frame.length - 4);
  const event = decodeWatchEvent(frame.subarray(4));
  assert.equal(event.type, 'ADDED');
  assert.equal(event.object.metadata.name, 'web');
});

test('malformed bytes are a bad request', () => {
  const good = encodeProtobuf(POD) ?? Buffer.alloc(0);
  assert.throws(() => decodeProtobuf(Buffer.from('{}')), { reason: 'BadRequest' });
  for (let length = 5; length < good.length - 4; length += 7) assert.throws(() => decodeProtobuf(good.subarray(0, length)), /no valid protobuf|has no protobuf form/);
  assert.throws(() => decodeProtobuf(encodeProtobuf({ apiVersion: 'v1', kind: 'Pod' })?.fill(255, 12) ?? Buffer.alloc(0)), { reason: 'BadRequest' });
});

test('times and durations', () => {
  assert.equal(formatTime(parseTime('2026-01-02T03:04:05.6789+01:00') ?? { seconds: 0, nanos: 0 }, 6), '2026-01-02T02:04:05.678900Z');
  for (const text of ['0s', '1m0s', '1h0m1.5s', '-10ms', '5ns']) assert.equal(formatDuration(parseDuration(text)), text);
});

// The golden files of the Kubernetes sources: set KUBERNETES_TYPES to the folder that tools/facts/generate.ts --folder keeps.
const golden = join(process.env['KUBERNETES_TYPES'] ?? '/nonexistent', 'tree/usr/share/gocode/src/k8s.io/api/testdata/HEAD');

test('golden files of upstream', { skip: existsSync(golden) ? false : 'KUBERNETES_TYPES names no folder with them' }, () => {
  let count = 0;
  for (const file of readdirSync(golden).filter((name) => name.endsWith('.pb'))) {
    const bytes = readFileSync(join(golden, file));
    const object = JSON.parse(readFileSync(join(golden, file.replace(/pb$/, 'json')), 'utf8')) as KubeObject;
    const { group, version } = parseApiVersion(object.apiVersion ?? '');
    if (object.apiVersion === undefined || !hasProtobuf({ group, version, kind: object.kind ?? '' })) continue;
    assert.deepEqual(decodeProtobuf(bytes), object, file);
    assert.ok(encodeProtobuf(object)?.equals(bytes), `${file}: the bytes differ`);
    count += 1;
  }
  assert.ok(count > 80, `${count} files`);
});

/** A field of bytes. */
function field(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let left = bytes.length; ; left >>>= 7) {
    length.push(left > 127 ? (left & 127) | 128 : left);
    if (left <= 127) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
}

test('small bodies that become large are refused, and repeated parts cost what they weigh', () => {
  const envelope = (apiVersion: string, kind: string, raw: Buffer): Buffer => Buffer.concat([Buffer.from('k8s\0'), field(1, Buffer.concat([field(1, Buffer.from(apiVersion)), field(2, Buffer.from(kind))])), field(2, raw)]);
  const times = (count: number, bytes: Buffer): Buffer => Buffer.alloc(count * bytes.length, bytes);
  assert.throws(() => decodeProtobuf(envelope('v1', 'Pod', field(2, times(500_000, field(2, Buffer.alloc(0)))))), /more than 100000 messages/);
  const before = process.cpuUsage();
  decodeProtobuf(envelope('authorization.k8s.io/v1', 'SubjectAccessReview', field(2, field(5, Buffer.concat([field(1, Buffer.from('k')), field(2, times(500_000, field(1, Buffer.from('x'))))])))));
  assert.ok(process.cpuUsage(before).user < 2_000_000, 'it took too long');
});
