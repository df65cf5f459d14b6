import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequest } from './request-info.ts';

const CASES: [string, string, object | undefined][] = [
  ['GET', '/api/v1/pods', { verb: 'list', group: '', version: 'v1', plural: 'pods', rest: '' }],
  ['GET', '/api/v1/namespaces/a/pods/b', { verb: 'get', group: '', version: 'v1', namespace: 'a', plural: 'pods', name: 'b', rest: '' }],
  ['GET', '/api/v1/namespaces/a/pods?watch=1', { verb: 'watch', group: '', version: 'v1', namespace: 'a', plural: 'pods', rest: '' }],
  ['GET', '/api/v1/namespaces/a/pods/b?watch=1', { verb: 'get', group: '', version: 'v1', namespace: 'a', plural: 'pods', name: 'b', rest: '' }],
  ['GET', '/api/v1/watch/namespaces/a/pods', { verb: 'watch', group: '', version: 'v1', namespace: 'a', plural: 'pods', rest: '' }],
  ['GET', '/api/v1/namespaces/a/pods/b/log?follow=true', { verb: 'get', group: '', version: 'v1', namespace: 'a', plural: 'pods', name: 'b', subresource: 'log', rest: '' }],
  ['GET', '/api/v1/namespaces/a/services/b/proxy/x/y', { verb: 'get', group: '', version: 'v1', namespace: 'a', plural: 'services', name: 'b', subresource: 'proxy', rest: 'x/y' }],
  ['PUT', '/api/v1/namespaces/a/finalize', { verb: 'update', group: '', version: 'v1', plural: 'namespaces', name: 'a', subresource: 'finalize', rest: '' }],
  ['PUT', '/api/v1/namespaces/a/status', { verb: 'update', group: '', version: 'v1', plural: 'namespaces', name: 'a', subresource: 'status', rest: '' }],
  ['DELETE', '/api/v1/namespaces/a', { verb: 'delete', group: '', version: 'v1', plural: 'namespaces', name: 'a', rest: '' }],
  ['DELETE', '/apis/apps/v1/namespaces/a/deployments', { verb: 'deletecollection', group: 'apps', version: 'v1', namespace: 'a', plural: 'deployments', rest: '' }],
  ['PATCH', '/apis/apps/v1/namespaces/a/deployments/d/scale', { verb: 'patch', group: 'apps', version: 'v1', namespace: 'a', plural: 'deployments', name: 'd', subresource: 'scale', rest: '' }],
  ['POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { verb: 'create', group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles', rest: '' }],
  ['GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aadmin', { verb: 'get', group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles', name: 'system:admin', rest: '' }],
  ['TRACE', '/api/v1/pods', { verb: 'unknown', group: '', version: 'v1', plural: 'pods', rest: '' }],
  ['GET', '/apis/apps/v1', undefined],
  ['GET', '/api', undefined],
  ['GET', '/%zz', undefined],
];

for (const [method, url, wanted] of CASES) {
  test(`${method} ${url}`, () => assert.deepEqual(parseRequest(method, url).resource, wanted));
}
