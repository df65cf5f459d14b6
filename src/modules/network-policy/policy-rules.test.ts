import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Namespace, Pod } from '../../api/generated/core-v1.ts';
import type { NetworkPolicy, NetworkPolicySpec } from '../../api/generated/networking-v1.ts';
import { contentsFor, emptyContents } from './policy-rules.ts';
import { difference, removalOf } from './table.ts';
import { worldOf } from './world.ts';

function pod(namespace: string, name: string, podIP: string, more: { spec?: Partial<Pod['spec']>; phase?: string } = {}): Pod {
  return {
    metadata: { namespace, name, labels: { app: name } }, spec: { containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 8080, protocol: 'TCP' }] }], ...more.spec },
    status: { podIP, phase: more.phase ?? 'Running' },
  } as Pod;
}

function policy(spec: NetworkPolicySpec, name = 'p'): NetworkPolicy {
  return { metadata: { namespace: 'a', name }, spec };
}

const NAMESPACES = ['a', 'b'].map((name): Namespace => ({ metadata: { name, labels: { team: name } } }));
const PODS = [pod('a', 'x', '10.0.0.2'), pod('a', 'y', '10.0.0.3'), pod('b', 'x', '10.0.0.4'), pod('b', 'host', '192.0.2.1', { spec: { hostNetwork: true } }), pod('a', 'done', '10.0.0.9', { phase: 'Succeeded' })];
const WORLD = worldOf(PODS, NAMESPACES);

test('hostNetwork pods and ended ones are no part of it', () => {
  assert.deepEqual([...(contentsFor([], WORLD).sets.get('pods')?.elements ?? [])], ['10.0.0.2', '10.0.0.3', '10.0.0.4']);
});

test('an isolated pod has a chain that ends in a drop', () => {
  const { chains, ingress, egress } = contentsFor([policy({ podSelector: { matchLabels: { app: 'x' } }, policyTypes: ['Ingress', 'Egress'] })], WORLD);
  assert.deepEqual(Object.fromEntries(chains), {
    'policy/a/p/ingress': [], 'policy/a/p/egress': [],
    'ingress/10.0.0.2': ['jump policy/a/p/ingress', 'drop'], 'egress/10.0.0.2': ['jump policy/a/p/egress', 'drop'], 'door/10.0.0.2': ['drop'],
  });
  assert.deepEqual([[...ingress], [...egress]], [[['10.0.0.2', 'jump ingress/10.0.0.2']], [['10.0.0.2', 'jump egress/10.0.0.2']]]);
});

const RULES: [string, NetworkPolicySpec, string[], Record<string, string[]>][] = [
  ['an empty rule lets everything', { ingress: [{}] }, ['accept'], {}],
  ['pods of the own namespace', { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'x' } } }] }] }, ['ip saddr @peers accept'], { peers: ['10.0.0.2'] }],
  ['whole namespaces', { ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'b' } } }] }] }, ['ip saddr @peers accept'], { peers: ['10.0.0.4'] }],
  ['all namespaces', { ingress: [{ from: [{ namespaceSelector: {} }] }] }, ['ip saddr @peers accept'], { peers: ['10.0.0.2', '10.0.0.3', '10.0.0.4'] }],
  ['pods in namespaces', { ingress: [{ from: [{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'x' } } }] }] }, ['ip saddr @peers accept'], { peers: ['10.0.0.2', '10.0.0.4'] }],
  ['peers that are nobody', { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'no' } } }] }] }, ['ip saddr @peers accept'], { peers: [] }],
  ['a block with holes, one in the other', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.2.0/24', '10.1.0.0/16'] } }] }] }, ['ip saddr 10.0.0.0-10.0.255.255 accept', 'ip saddr 10.2.0.0-10.255.255.255 accept'], {}],
  ['a block of all, and one of IPv6', { ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }] }] }, ['accept'], {}],
  ['a block of IPv6 alone is nobody', { ingress: [{ from: [{ ipBlock: { cidr: '2001:db8::/32' } }] }] }, [], {}],
  ['ports', { ingress: [{ ports: [{ protocol: 'TCP', port: 80 }, { protocol: 'UDP' }, { protocol: 'SCTP', port: 7, endPort: 9 }] }] }, ['tcp dport 80 accept', 'meta l4proto udp accept', 'sctp dport 7-9 accept'], {}],
  ['named ports of the selected pods', { podSelector: { matchLabels: { app: 'y' } }, ingress: [{ ports: [{ protocol: 'TCP', port: 'web' }] }] }, ['ip daddr . meta l4proto . th dport @ports accept'], { ports: ['10.0.0.3 . tcp . 8080'] }],
  ['a named port of another protocol is none', { ingress: [{ ports: [{ protocol: 'UDP', port: 'web' }] }] }, ['ip daddr . meta l4proto . th dport @ports accept'], { ports: [] }],
];

/** Sets of a policy's own, in its rules. */
const SET = /@policy\/\S+/;
const setsOf = (rules: readonly string[]): string[] => rules.flatMap((rule) => SET.exec(rule)?.map((name) => name.slice(1)) ?? []);

for (const [what, spec, rules, sets] of RULES) {
  test(`ingress: ${what}`, () => {
    const contents = contentsFor([policy(spec)], WORLD);
    const written = contents.chains.get('policy/a/p/ingress') ?? [];
    const [name = ''] = Object.keys(sets);
    assert.deepEqual(written.map((rule) => rule.replace(SET, `@${name}`)), rules);
    assert.deepEqual(setsOf(written).map((each) => [...(contents.sets.get(each)?.elements ?? ['no set'])]), Object.values(sets));
  });
}

test('at a gateway a pod is judged by where it meant to go: addresses and everybody, never pods', () => {
  const rules: [NetworkPolicySpec, string[] | undefined][] = [
    [{ policyTypes: ['Egress'] }, undefined],
    [{ egress: [{}] }, ['accept']],
    [{ egress: [{ to: [{ namespaceSelector: {} }] }] }, undefined],
    [{ egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }, { podSelector: {} }], ports: [{ port: 80 }, { port: 8000, endPort: 8080 }, { protocol: 'UDP', port: 53 }] }] },
      ['10.0.0.0-10.0.255.255', '10.2.0.0-10.255.255.255'].flatMap((range) => ['80', '8000-8080'].map((ports) => `ct original ip daddr ${range} meta l4proto tcp ct original proto-dst ${ports} accept`))],
    [{ egress: [{ ports: [{ protocol: 'TCP' }] }] }, ['accept']],
    [{ egress: [{ ports: [{ protocol: 'UDP' }, { port: 'web' }] }] }, undefined],
  ];
  for (const [spec, wanted] of rules) {
    const { chains, door } = contentsFor([policy({ ...spec, podSelector: { matchLabels: { app: 'x' } } })], WORLD);
    assert.deepEqual(chains.get('policy/a/p/door'), wanted, JSON.stringify(spec));
    assert.deepEqual(chains.get('door/10.0.0.2'), wanted === undefined ? ['drop'] : ['jump policy/a/p/door', 'drop']);
    assert.deepEqual([...door], [['10.0.0.2', 'jump door/10.0.0.2']]);
  }
});

test('what may leave still has to arrive', () => {
  const { chains } = contentsFor([policy({ podSelector: {}, egress: [{ to: [{ podSelector: {} }], ports: [{ port: 53, protocol: 'UDP' }] }], policyTypes: ['Egress'] })], WORLD);
  assert.deepEqual(chains.get('policy/a/p/egress')?.map((rule) => rule.replace(SET, '@peers')), ['ip daddr @peers udp dport 53 goto arriving']);
});

test('a name longer than the kernel bears is shortened, and stays one of its own', () => {
  const names = [...contentsFor([policy({}, `${'n'.repeat(240)}1`), policy({}, `${'n'.repeat(240)}2`)], WORLD).chains.keys()].filter((name) => name.startsWith('policy/'));
  assert.equal(new Set(names).size, 2);
  for (const name of names) assert.ok(name.length <= 100, name);
});

test('the difference is only what differs', () => {
  const from = [policy({ podSelector: { matchLabels: { app: 'y' } }, ingress: [{ from: [{ podSelector: {} }] }] })];
  const now = contentsFor(from, WORLD);
  assert.equal(difference('ip t', now, contentsFor(from, WORLD)), '');
  const more = contentsFor(from, worldOf([...PODS, pod('a', 'z', '10.0.0.7')], NAMESPACES));
  const [set = ''] = setsOf(now.chains.get('policy/a/p/ingress') ?? []);
  assert.equal(difference('ip t', now, more), `add element ip t pods { 10.0.0.7 }\nadd element ip t self { 10.0.0.7 . 10.0.0.7 }\nadd element ip t ${set} { 10.0.0.7 }\n`);
  assert.ok(difference('ip t', now, emptyContents()).endsWith(`delete element ip t ingress { 10.0.0.3 }\ndelete chain ip t policy/a/p/ingress\ndelete chain ip t ingress/10.0.0.3\ndelete set ip t ${set}\n`));
});

test('a rule that becomes another one has another set, so that nobody goes by the rule of before and is let in by who may come now', () => {
  const from = (app: string): NetworkPolicySpec => ({ podSelector: { matchLabels: { app: 'y' } }, ingress: [{ from: [{ podSelector: { matchLabels: { app } } }], ports: [{ port: app === 'x' ? 80 : 443 }] }] });
  const [before, after] = [contentsFor([policy(from('x'))], WORLD), contentsFor([policy(from('y'))], WORLD)];
  const script = difference('ip t', before, after);
  assert.match(script, /^add set ip t policy\/\S+ .*\nadd element ip t policy\/\S+ \{ 10\.0\.0\.3 \}\n/);
  const [set = ''] = setsOf(before.chains.get('policy/a/p/ingress') ?? []);
  assert.deepEqual(script.split('\n').filter((line) => line.includes(` ${set}`)), [`delete set ip t ${set}`]);
});

test('tables are removed by their whole name', () => {
  assert.equal(removalOf('x0-policy', 'table ip x0\ntable ip x0-policy\ntable ip6 x0-policy\ntable ip yx0-policy\n'), 'add table ip x0-policy\ndelete table ip x0-policy\nadd table ip6 x0-policy\ndelete table ip6 x0-policy\n');
});
