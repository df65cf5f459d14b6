import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceTaintRule, rulesDevice, type DeviceTaintSelector } from './device-taint-rule.ts';

const rule = (taint: object, deviceSelector?: DeviceTaintSelector): DeviceTaintRule => ({ metadata: { name: 'r' }, spec: { taint: taint as never, ...(deviceSelector === undefined ? {} : { deviceSelector }) } });
const wrong = (object: DeviceTaintRule): string => DeviceTaintRule.rules.validate!(object, undefined).map(({ field }) => field).join(' ');
const TAINT = { key: 'example.com/broken', value: 'yes', effect: 'NoExecute' };

test('a rule says a taint, and of which devices', () => {
  const table: [DeviceTaintRule, string][] = [
    [rule(TAINT), ''], [rule(TAINT, {}), ''], [rule(TAINT, { driver: 'gpu.example.com', pool: 'node-1/pool.a', device: 'gpu-0' }), ''],
    [rule({ key: '', effect: '' }), 'spec.taint.key spec.taint.effect'], [rule({ ...TAINT, key: 'a/b/c' }), 'spec.taint.key'], [rule({ ...TAINT, value: 'two words' }), 'spec.taint.value'], [rule({ ...TAINT, effect: 'PreferNoSchedule' }), 'spec.taint.effect'],
    [rule(TAINT, { driver: 'not_a_name' }), 'spec.deviceSelector.driver'], [rule(TAINT, { pool: 'a//b' }), 'spec.deviceSelector.pool'], [rule(TAINT, { device: 'gpu.0' }), 'spec.deviceSelector.device'],
  ];
  for (const [object, fields] of table) assert.equal(wrong(object), fields, JSON.stringify(object.spec));
});

test('an empty selector is for all devices, none for none', () => {
  const device = { driver: 'gpu.example.com', pool: 'a', device: 'gpu-0' };
  for (const [selector, is] of [[{}, true], [undefined, false], [{ driver: 'gpu.example.com' }, true], [{ driver: 'gpu.example.com', pool: 'b' }, false], [{ device: 'gpu-0', pool: 'a' }, true]] as const) assert.equal(rulesDevice(rule(TAINT, selector), device), is, JSON.stringify(selector));
});

test('the time of a taint is that of its effect', () => {
  const old = rule({ ...TAINT, timeAdded: '2026-01-01T00:00:00Z' });
  const changed = (taint: object): string | undefined => {
    const next = rule({ ...TAINT, timeAdded: '2026-01-01T00:00:00Z', ...taint });
    DeviceTaintRule.rules.prepareForUpdate!(next, old);
    return next.spec.taint.timeAdded;
  };
  assert.equal(changed({ value: 'no' }), '2026-01-01T00:00:00Z');
  assert.notEqual(changed({ effect: 'NoSchedule' }), '2026-01-01T00:00:00Z');
  assert.equal(changed({ effect: 'NoSchedule', timeAdded: '2026-02-01T00:00:00Z' }), '2026-02-01T00:00:00Z');
});
