import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../../../api/generated/core-v1.ts';
import { algorithmError, algorithmOf } from '../../../sdk/load-balancing/algorithm.ts';
import { proxySettingsOf, settingsError, weightOf } from '../../../sdk/load-balancing/settings.ts';
import { commandsFor, configurationOf, needsReload, slotsFor, type Frontend } from './configuration.ts';

const web = (...last: number[]): Frontend => ({ name: 'default:web:80', listenPort: 26_000, endpoints: last.map((each) => ({ address: `10.0.0.${each}`, port: 80 })) });

test('endpoints come and go by commands, in slots', () => {
  const slots = slotsFor([web(2, 3)]);
  assert.equal(slots.get('default:web:80')?.length, 10);
  assert.deepEqual(commandsFor([web(2, 3)], slots), []);
  assert.deepEqual(commandsFor([web(3, 4)], slots), ['set server default:web:80/s0 state maint', 'set server default:web:80/s0 addr 10.0.0.4 port 80', 'set server default:web:80/s0 state ready']);
  assert.deepEqual(commandsFor([web(3, 4)], slots), []);
  assert.deepEqual(commandsFor([web(5)], slots), ['set server default:web:80/s2 addr 10.0.0.5 port 80', 'set server default:web:80/s2 state ready', 'set server default:web:80/s0 state maint', 'set server default:web:80/s1 state maint'], 'somebody is there at every moment');
});

test('a reload is for listeners and for more endpoints than slots', () => {
  const slots = slotsFor([web(2)]);
  assert.equal(needsReload([web(2)], [web(3, 4)], slots), false);
  assert.equal(needsReload([web(2)], [web(...Array.from({ length: 20 }, (_, index) => index))], slots), true);
  assert.equal(needsReload([web(2)], [{ ...web(2), listenPort: 26_001 }], slots), true);
  assert.equal(needsReload([web(2)], [{ ...web(2), stickySeconds: 60 }], slots), true);
  assert.equal(needsReload([web(2)], [], slots), true);
});

test('the configuration names listeners and slots', () => {
  const sticky = { ...web(2), stickySeconds: 60 };
  const text = configurationOf([sticky], { gatewayIp: '10.0.0.1', socket: '/run/x.sock', peers: '/run/peers.sock', ranges: '/run/ranges.map' }, slotsFor([sticky]));
  assert.match(text, /^listen default:web:80\n {2}bind 10\.0\.0\.1:26000\n {2}balance leastconn\n {2}stick-table type ip size 100k expire 60s peers own\n {2}stick on src\n {2}server s0 10\.0\.0\.2:80\n {2}server s1 10\.0\.0\.1:1 disabled$/m);
  assert.match(configurationOf([sticky], { gatewayIp: '10.0.0.1', gatewayIp6: 'fd00::1', socket: '/x', peers: '/p', ranges: '/x.map' }, slotsFor([sticky])), /stick-table type ipv6 /, 'clients of both families');
  assert.match(text, /stats socket \/run\/x\.sock mode 600/);
});

test('the annotation', () => {
  const annotated = (value: string): Service => ({ metadata: { name: 'web', annotations: { 'llmos.dev/load-balancing': value } } });
  assert.deepEqual([algorithmOf({ metadata: {} }), algorithmOf(annotated('least-connection')), algorithmOf(annotated('magic'))], ['round-robin', 'least-connection', 'round-robin']);
  assert.match(algorithmError(annotated('magic')) ?? '', /'magic' is none of round-robin, random, weighted, least-connection, random-two-choices, consistent-hash; round-robin is used/);
  assert.equal(algorithmError(annotated('random')), undefined);
});

test('an answer of HTTP is counted by as many rules however long it took', () => {
  const text = configurationOf([{ ...web(2), wire: 'http' }], { gatewayIp: '10.0.0.1', socket: '/x', peers: '/p', ranges: '/x.map' }, slotsFor([web(2)]));
  assert.deepEqual(text.match(/^ {2}http-response \S+/gm), ['  http-response set-var(txn.took)', '  http-response track-sc0']);
});

test('weights change by commands, and a slot that is given up weighs 1 again', () => {
  const weighed = (...weights: number[]): Frontend => ({ ...web(), endpoints: weights.map((weight, index) => ({ address: `10.0.0.${index}`, port: 80, weight })) });
  const slots = slotsFor([weighed(1, 3)]);
  assert.match(configurationOf([weighed(1, 3)], { gatewayIp: '10.0.0.1', socket: '/x', peers: '/p', ranges: '/x.map' }, slots), /server s0 10\.0\.0\.0:80\n {2}server s1 10\.0\.0\.1:80 weight 3\n {2}server s2 10\.0\.0\.1:1 disabled\n/);
  assert.equal(needsReload([weighed(1, 3)], [weighed(2, 3)], slots), false);
  assert.deepEqual(commandsFor([weighed(0, 3)], slots), ['set server default:web:80/s0 weight 0']);
  assert.deepEqual(commandsFor([weighed(0)], slots), ['set server default:web:80/s1 state maint', 'set server default:web:80/s1 weight 1']);
  assert.deepEqual(commandsFor([weighed(0, 5)], slots), ['set server default:web:80/s1 addr 10.0.0.1 port 80', 'set server default:web:80/s1 weight 5', 'set server default:web:80/s1 state ready']);
  assert.deepEqual(['0', '256', '257', '-1', 'x', ''].map((value) => weightOf({ metadata: { annotations: { 'llmos.dev/weight': value } } })), [0, 256, 1, 1, 1, 1]);
});

test('where clients stay with their endpoint, one that weighs 0 is led to no more; who is to be led to comes first', () => {
  const weighed = (...weights: number[]): Frontend => ({ ...web(), stickySeconds: 60, endpoints: weights.map((weight, index) => ({ address: `10.0.0.${index}`, port: 80, weight })) });
  const slots = slotsFor([weighed(0, 3)]);
  assert.match(configurationOf([weighed(0, 3)], { gatewayIp: '10.0.0.1', socket: '/x', peers: '/p', ranges: '/x.map' }, slots), /server s0 10\.0\.0\.0:80 weight 0 disabled\n {2}server s1 10\.0\.0\.1:80 weight 3\n/);
  const set = (index: number, ...words: string[]): string[] => words.map((each) => `set server default:web:80/s${index} ${each}`);
  assert.deepEqual(commandsFor([weighed(1, 0)], slots), [...set(0, 'weight 1', 'state ready'), ...set(1, 'state maint', 'weight 0')]);
  assert.deepEqual(commandsFor([weighed(0, 0, 2)], slots), [...set(2, 'addr 10.0.0.2 port 80', 'weight 2', 'state ready'), ...set(0, 'state maint', 'weight 0')]);
  assert.deepEqual(commandsFor([weighed()], slots), [...set(0, 'weight 1'), ...set(1, 'weight 1'), ...set(2, 'state maint', 'weight 1')]);
  assert.deepEqual([...slots.values()].flat().filter((each) => each !== undefined), []);
});

test('health checks and slow start are lines of each server; a change of them is a reload', () => {
  const annotated = (annotations: Record<string, string>): Service => ({ metadata: { name: 'web', annotations: { 'llmos.dev/load-balancing': 'least-connection', ...annotations } } });
  const frontend = (annotations: Record<string, string>): Frontend => ({ ...web(2), settings: proxySettingsOf(annotated(annotations)) });
  const text = (annotations: Record<string, string>): string => configurationOf([frontend(annotations)], { gatewayIp: '10.0.0.1', socket: '/x', peers: '/p', ranges: '/x.map' }, slotsFor([web(2)]));
  assert.match(text({ 'llmos.dev/health-check': '/healthz?deep=1', 'llmos.dev/slow-start': '1m30s' }), /option httpchk\n {2}http-check send meth GET uri \/healthz\?deep=1 ver HTTP\/1\.1 hdr Host default\.web\.80 hdr Connection close\n {2}server s0 10\.0\.0\.2:80 check inter 2000ms fall 2 rise 1 slowstart 90000ms\n {2}server s1 10\.0\.0\.1:1 disabled check/);
  assert.match(text({ 'llmos.dev/health-check': 'tcp', 'llmos.dev/health-check-interval': '500ms' }), /timeout check 2000ms\n {2}server s0 10\.0\.0\.2:80 check inter 500ms fall 2 rise 1\n/);
  assert.equal(text({ 'llmos.dev/health-check': '/x\n  server evil 192.0.2.1:80', 'llmos.dev/slow-start': '3h' }), text({}));
  for (const path of ['/a b', '/a"', "/a'", '/a#', '/a\\', '/$HOME', 'http', '', `/${'a'.repeat(300)}`]) assert.match(settingsError(annotated({ 'llmos.dev/health-check': path })) ?? '', /neither 'tcp' nor a path/, path);
  assert.equal(settingsError(annotated({ 'llmos.dev/health-check': '/healthz', 'llmos.dev/slow-start': '30s' })), undefined);
  assert.equal(needsReload([frontend({})], [frontend({ 'llmos.dev/slow-start': '30s' })], slotsFor([web(2)])), true);
});
