import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HTTPRoute } from '../../api/gateway/kinds.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { matters } from './matters.ts';

const route = (resourceVersion: string, status?: unknown, hostnames = ['a.example.com']): KubeObject => ({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'r', namespace: 'a', uid: '1', resourceVersion }, spec: { hostnames }, ...(status === undefined ? {} : { status }) }) as KubeObject;
const asks = (object: KubeObject, previous: KubeObject | undefined, said?: unknown): boolean => matters(HTTPRoute as unknown as Kind, object, previous, said);

void test('a status that we wrote asks for no other plan', () => {
  assert.equal(asks(route('2', { parents: [{ controllerName: 'x' }] }), route('1'), { parents: [{ controllerName: 'x' }] }), false);
  assert.equal(asks(route('2', { parents: [] }), route('1', { parents: [] })), false);
});

void test('a status that somebody else wrote over ours asks for one', () => {
  assert.equal(asks(route('3', { parents: [] }), route('2', { parents: [{ controllerName: 'x' }] }), { parents: [{ controllerName: 'x' }] }), true);
});

void test('a change of what is asked for does too, whatever its status', () => {
  assert.equal(asks(route('2', { parents: [] }, ['b.example.com']), route('1'), { parents: [] }), true);
  assert.equal(asks(route('1'), undefined), true);
});
