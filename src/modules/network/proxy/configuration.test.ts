import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../../../api/generated/core-v1.ts';
import { algorithmError, algorithmOf } from './algorithm.ts';
import { commandsFor, configurationOf, needsReload, slotsFor, type Frontend } from './configuration.ts';

const web = (...last: number[]): Frontend => ({ name: 'default:web:80', listenPort: 26_000, endpoints: last.map((each) => ({ address: `10.0.0.${each}`, port: 80 })) });

test('endpoints come and go by commands, in slots', () => {
  const slots = slotsFor([web(2, 3)]);
  assert.equal(slots.get('default:web:80')?.length, 10);
  assert.deepEqual(commandsFor([web(2, 3)], slots), []);
  assert.deepEqual(commandsFor([web(3, 4)], slots), ['set server default:web:80/s0 state maint', 'set server default:web:80/s0 addr 10.0.0.4 port 80', 'set server default:web:80/s0 state ready']);
  assert.deepEqual(commandsFor([web(3, 4)], slots), []);
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
  const text = configurationOf([sticky], { gatewayIp: '10.0.0.1', socket: '/run/x.sock' }, slotsFor([sticky]));
  assert.match(text, /^listen default:web:80\n {2}bind 10\.0\.0\.1:26000\n {2}balance leastconn\n {2}stick-table type ip size 100k expire 60s\n {2}stick on src\n {2}server s0 10\.0\.0\.2:80\n {2}server s1 10\.0\.0\.1:1 disabled$/m);
  assert.match(text, /stats socket \/run\/x\.sock mode 600/);
});

test('the annotation', () => {
  const annotated = (value: string): Service => ({ metadata: { name: 'web', annotations: { 'llmos.dev/load-balancing': value } } });
  assert.deepEqual([algorithmOf({ metadata: {} }), algorithmOf(annotated('least-connection')), algorithmOf(annotated('magic'))], ['round-robin', 'least-connection', 'round-robin']);
  assert.match(algorithmError(annotated('magic')) ?? '', /'magic' is none of round-robin, random, least-connection; round-robin is used/);
  assert.equal(algorithmError(annotated('random')), undefined);
});
