import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatefulSet, StatefulSetSpec } from '../../../api/generated/apps-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { REVISION_HASH } from '../history.ts';
import { planStatefulSet } from './plan.ts';

const NOW_MS = Date.parse('2026-11-22T22:00:00Z');
const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c', image: 'db' }] } };

/** Of each ordinal: o old or n new and serving, O or N ready but not long enough, x or X old or new and not ready, d on its way out, - none. */
function podsOf(letters: string): Pod[] {
  return [...letters].flatMap((letter, ordinal): Pod[] => {
    if (letter === '-') return [];
    const ready = { type: 'Ready', status: 'xX'.includes(letter) ? 'False' : 'True', lastTransitionTime: rfc3339(NOW_MS - ('ON'.includes(letter) ? 3_000 : 60_000)) };
    return [{
      metadata: { name: `db-${ordinal}`, namespace: 'default', labels: { app: 'db', [REVISION_HASH]: 'nNX'.includes(letter) ? 'new' : 'old' }, ...(letter === 'd' ? { deletionTimestamp: rfc3339(NOW_MS) } : {}) },
      spec: { ...template.spec }, status: { phase: 'Running', conditions: [ready] },
    }];
  });
}

test('a rollout replaces no more pods than may be unavailable, from the highest down', () => {
  const table: [string, string, Partial<StatefulSetSpec>, { partition?: number; maxUnavailable?: number | string }, number[]][] = [
    ['one at a time', 'oooo', {}, {}, [3]],
    ['the next one when the new one serves', 'ooon', {}, {}, [2]],
    ['a pod that is ready does not serve before minReadySeconds are over', 'oooN', {}, {}, []],
    ['nor in a Parallel set', 'oooN', { podManagementPolicy: 'Parallel' }, {}, []],
    ['several at once', 'oooo', {}, { maxUnavailable: 2 }, [3, 2]],
    ['as many as are left', 'ooNn', { podManagementPolicy: 'Parallel' }, { maxUnavailable: 2 }, [1]],
    ['a share is rounded down', 'oooo', {}, { maxUnavailable: '70%' }, [3, 2]],
    ['and is one at least', 'oooo', {}, { maxUnavailable: '10%' }, [3]],
    ['down to the partition', 'ooon', {}, { partition: 3 }, []],
    ['one that is on its way out is missed', 'oodn', { podManagementPolicy: 'Parallel' }, {}, []],
    ['what serves nobody anyway goes first, and at once, in a Parallel set', 'xoxo', { podManagementPolicy: 'Parallel' }, {}, [2, 0]],
    ['what is left may be spent on others', 'xooo', { podManagementPolicy: 'Parallel' }, { maxUnavailable: 2 }, [0, 3]],
    ['a new version that does not come up holds up the rollout', 'oooX', { podManagementPolicy: 'Parallel' }, {}, []],
    ['an ordered set waits for a pod that does not come up, even an old one', 'ooxo', {}, {}, []],
    ['nothing while a pod is to be made', 'oo-o', {}, {}, []],
  ];
  for (const [why, letters, spec, rollingUpdate, wanted] of table) {
    const set: StatefulSet = {
      metadata: { name: 'db', namespace: 'default', uid: 's1' },
      spec: { replicas: letters.length, serviceName: 'db', minReadySeconds: 10, selector: { matchLabels: { app: 'db' } }, template, updateStrategy: { type: 'RollingUpdate', rollingUpdate }, ...spec },
    };
    const { remove } = planStatefulSet({ set, pods: podsOf(letters), current: { revision: 'old', template }, update: { revision: 'new', template }, nowMs: NOW_MS, hasStaleClaim: () => false });
    assert.deepEqual(remove.map(({ metadata }) => Number(metadata.name?.slice('db-'.length))), wanted, why);
  }
});
