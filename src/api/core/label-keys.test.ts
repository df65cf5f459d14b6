import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TopologySpreadConstraint } from '../generated/core-v1.ts';
import { Pod } from '../kinds.ts';
import type { LabelSelector } from '../meta.ts';

interface Keys { matchLabelKeys?: string[]; mismatchLabelKeys?: string[]; labelSelector?: LabelSelector }

const APP: LabelSelector = { matchLabels: { app: 'web' } };
const spreads = (keys: Keys): TopologySpreadConstraint => ({ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', ...keys });

function made(labels: Record<string, string>, spec: Partial<Pod['spec']>): Pod {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default', labels }, spec: { containers: [{ name: 'c', image: 'x' }], ...JSON.parse(JSON.stringify(spec)) } } as Pod;
  Pod.rules.defaults!(pod);
  Pod.rules.prepareForCreate!(pod);
  return pod;
}

const refusals = (pod: Pod): string[] => Pod.rules.validate!(pod, undefined).map(({ field, message }) => `${field}: ${message}`);

describe('the keys of labels by which a new pod selects', () => {
  const labels = { app: 'web', revision: '2', tenant: 'a' };
  const table: [string, Keys, LabelSelector | undefined][] = [
    ['say the value of its own label', { labelSelector: APP, matchLabelKeys: ['revision'] }, { ...APP, matchExpressions: [{ key: 'revision', operator: 'In', values: ['2'] }] }],
    ['or that it is another', { labelSelector: APP, mismatchLabelKeys: ['tenant'] }, { ...APP, matchExpressions: [{ key: 'tenant', operator: 'NotIn', values: ['a'] }] }],
    ['come after what the selector says', { labelSelector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] }, matchLabelKeys: ['revision'], mismatchLabelKeys: ['tenant'] }, {
      matchExpressions: [{ key: 'app', operator: 'Exists' }, { key: 'revision', operator: 'In', values: ['2'] }, { key: 'tenant', operator: 'NotIn', values: ['a'] }],
    }],
    ['say nothing where it has no such label', { labelSelector: APP, matchLabelKeys: ['other'] }, APP],
    ['nor without a selector, which selects none', { matchLabelKeys: ['revision'] }, undefined],
  ];
  for (const [what, keys, expected] of table) {
    it(what, () => {
      const term = { topologyKey: 'zone', ...keys };
      const terms = { requiredDuringSchedulingIgnoredDuringExecution: [term], preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] };
      const { affinity, topologySpreadConstraints } = made(labels, { affinity: { podAffinity: terms, podAntiAffinity: terms }, ...(keys.mismatchLabelKeys === undefined && { topologySpreadConstraints: [spreads(keys)] }) }).spec!;
      for (const { requiredDuringSchedulingIgnoredDuringExecution: hard, preferredDuringSchedulingIgnoredDuringExecution: soft } of [affinity!.podAffinity!, affinity!.podAntiAffinity!]) {
        assert.deepEqual([hard![0]!.labelSelector, soft![0]!.podAffinityTerm.labelSelector], [expected, expected]);
      }
      if (topologySpreadConstraints !== undefined) assert.deepEqual(topologySpreadConstraints[0]!.labelSelector, expected);
    });
  }

  it('are not named by the selector as well, but where they are to differ', () => {
    const own = { matchLabels: { revision: '2' } };
    assert.deepEqual(refusals(made(labels, { topologySpreadConstraints: [spreads({ labelSelector: own, matchLabelKeys: ['tenant', 'revision'] })] })), ['spec.topologySpreadConstraints[0][1]: Invalid value: "revision": exists in both matchLabelKeys and labelSelector']);
    const term = { topologyKey: 'zone', labelSelector: own };
    const antiAffinity = (keys: Keys): Partial<Pod['spec']> => ({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...term, ...keys }] } } });
    assert.deepEqual(refusals(made(labels, antiAffinity({ mismatchLabelKeys: ['revision'] }))), []);
    assert.deepEqual(refusals(made(labels, antiAffinity({ matchLabelKeys: ['tenant'], mismatchLabelKeys: ['tenant'] }))).slice(1), ['spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[0]: Invalid value: "tenant": exists in both matchLabelKeys and mismatchLabelKeys']);
  });

  it('may be those of a label that it does not have', () => {
    assert.deepEqual(refusals(made({ app: 'web' }, { topologySpreadConstraints: [spreads({ labelSelector: { matchLabels: { revision: '2' } }, matchLabelKeys: ['revision'] })] })), []);
  });
});
