import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queueConfiguration, transformed } from './configuration.ts';

const GIB = 2 ** 30;
const transform = (resources: object, amounts: Record<string, number>): Record<string, number> => Object.fromEntries(transformed(new Map(Object.entries(amounts)), queueConfiguration({ resources })));

test('resources count as the configuration says', () => {
  const gpus = [
    { input: 'nvidia.com/mig-1g.5gb', strategy: 'Replace', outputs: { 'example.com/gpu-memory': '5Gi', 'example.com/credits': 10 } },
    { input: 'nvidia.com/mig-2g.10gb', strategy: 'Replace', outputs: { 'example.com/gpu-memory': '10Gi', 'example.com/credits': 15 } },
    { input: 'cpu', outputs: { 'example.com/credits': 1 } },
  ];
  for (const [resources, amounts, wanted] of [
    [{}, { cpu: 500, memory: GIB }, { cpu: 500, memory: GIB }],
    [{ excludeResourcePrefixes: ['networking.example.com/'] }, { cpu: 1, 'networking.example.com/vpc1': 1 }, { cpu: 1 }],
    [{ transformations: gpus }, { cpu: 2_000, 'nvidia.com/mig-1g.5gb': 2, 'nvidia.com/mig-2g.10gb': 1 }, { cpu: 2_000, 'example.com/credits': 37, 'example.com/gpu-memory': 20 * GIB }],
    [{ transformations: [{ input: 'nvidia.com/gpumem', strategy: 'Replace', multiplyBy: 'nvidia.com/gpu', outputs: { 'nvidia.com/total-gpumem': 1 } }] }, { 'nvidia.com/gpu': 2, 'nvidia.com/gpumem': 1_024 }, { 'nvidia.com/gpu': 2, 'nvidia.com/total-gpumem': 2_048 }],
  ] as [object, Record<string, number>, Record<string, number>][]) assert.deepEqual(transform(resources, amounts), wanted);
});

test('how long pods may take to be ready', () => {
  assert.equal(queueConfiguration({}).waitForPodsReady, undefined);
  assert.equal(queueConfiguration({ waitForPodsReady: { enable: false } }).waitForPodsReady, undefined);
  assert.deepEqual(queueConfiguration({ waitForPodsReady: {} }).waitForPodsReady, { timeoutSeconds: 300, recoverySeconds: 300, byEviction: true, blocks: false, backoffBaseSeconds: 60, backoffMostSeconds: 3_600, backoffLimit: Infinity });
  const strategy = { timestamp: 'Creation', backoffBaseSeconds: 1, backoffMaxSeconds: 8, backoffLimitCount: 3 };
  assert.deepEqual(queueConfiguration({ waitForPodsReady: { blockAdmission: true, timeout: '10m', recoveryTimeout: '90s', requeuingStrategy: strategy } }).waitForPodsReady, { timeoutSeconds: 600, recoverySeconds: 90, byEviction: false, blocks: true, backoffBaseSeconds: 1, backoffMostSeconds: 8, backoffLimit: 3 });
});

test('how queues share', () => {
  const { fairRules, useSharing } = queueConfiguration({});
  assert.deepEqual([fairRules, useSharing], [['final', 'initial'], { halfLifeSeconds: 604_800, samplingSeconds: 300, resourceWeights: new Map() }]);
  const given = queueConfiguration({
    fairSharing: { enable: true, preemptionStrategies: ['LessThanInitialShare'] }, admissionFairSharing: { usageHalfLifeTime: '0s', usageSamplingInterval: '10s', resourceWeights: { cpu: 2, memory: 0 } },
  });
  assert.deepEqual([given.fairRules, given.useSharing], [['initial'], { halfLifeSeconds: 0, samplingSeconds: 10, resourceWeights: new Map([['cpu', 2], ['memory', 0]]) }]);
});

test('how long is kept what is over', () => {
  const retentionOf = (workloads: object): unknown => queueConfiguration({ objectRetentionPolicies: { workloads } }).retention;
  assert.deepEqual([queueConfiguration({}).retention, retentionOf({}), retentionOf({ afterFinished: '1h' }), retentionOf({ afterFinished: '0s', afterDeactivatedByKueue: '90m' })], [undefined, {}, { finishedSeconds: 3_600 }, { finishedSeconds: 0, deactivatedSeconds: 5_400 }]);
});

test('what is not known is said', () => {
  for (const [config, message] of [
    [{ waitForPodReady: {} }, /modules\.queue\.waitForPodReady is not known; there are waitForPodsReady, fairSharing, admissionFairSharing, resources, manageJobsWithoutQueueName, /],
    [{ waitForPodsReady: { timeout: 'soon' } }, /modules\.queue\.waitForPodsReady\.timeout must be a time such as 5m, not "soon"/],
    [{ waitForPodsReady: { blockAdmission: 'yes' } }, /blockAdmission must be true or false/],
    [{ resources: { transformations: [{ input: 'a', strategy: 'Keep' }] } }, /resources\.transformations\[0\]\.strategy must be Retain or Replace, not "Keep"/],
    [{ fairSharing: { preemptionStrategies: ['LessThanInitialShare', 'LessThanOrEqualToFinalShare'] } }, /fairSharing\.preemptionStrategies must be a list of LessThanOrEqualToFinalShare, then LessThanInitialShare, or of one of them/],
    [{ admissionFairSharing: { usageHalfLifeTime: 'long' } }, /admissionFairSharing\.usageHalfLifeTime must be a time such as 168h/],
    [{ admissionFairSharing: { resourceWeights: { cpu: -1 } } }, /resourceWeights\.cpu must be a number of at least 0/],
    [{ objectRetentionPolicies: { workloads: { afterFinished: 'never' } } }, /objectRetentionPolicies\.workloads\.afterFinished must be a time such as 1h, not "never"/],
    [{ objectRetentionPolicies: { jobs: {} } }, /objectRetentionPolicies\.jobs is not known; there are workloads/],
    [{ resources: { transformations: {} } }, /resources\.transformations must be a list/],
  ] as [object, RegExp][]) assert.throws(() => queueConfiguration(config as Record<string, unknown>), message);
});
