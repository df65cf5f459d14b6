/** Who may be led to which endpoints, by the cases of upstream's TestCategorizeEndpoints (pkg/proxy/topology_test.go). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service, ServicePort, ServiceSpec } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { choicesOf } from './service-choices.ts';
import type { Destination } from './service-endpoints.ts';

const PORT: ServicePort = { port: 80, protocol: 'TCP' };
const FACTS = { nodeName: 'here', podCidr: '10.1.0.0/16', gatewayIp: '10.1.0.1' };

interface Said { zones?: string; nodes?: string; local?: boolean; state?: 'ready' | 'unready' | 'ending' }

/** Called `a`, `b` and so on in the order of the list; zones and nodes are words of one hint. */
function endpoint({ zones, nodes, local = false, state = 'ready' }: Said, index: number): Endpoint {
  const named = (words: string): { name: string }[] => words.split(' ').map((name) => ({ name }));
  const hints = { ...(zones === undefined ? {} : { forZones: named(zones) }), ...(nodes === undefined ? {} : { forNodes: named(nodes) }) };
  return {
    addresses: [`10.1.2.${index + 1}`], nodeName: local ? 'here' : 'elsewhere', ...(Object.keys(hints).length === 0 ? {} : { hints }),
    conditions: state === 'ready' ? { ready: true } : state === 'ending' ? { ready: false, serving: true, terminating: true } : { ready: false, serving: false },
  };
}

const letters = (some: readonly Destination[]): string => some.map(({ address }) => String.fromCharCode(96 + Number(address.split('.')[3]))).join('');

function choose(spec: Partial<ServiceSpec>, zone: string | undefined, all: readonly Said[]): { inside: string; outside: string; cluster: string; hasAny: boolean } {
  const service = { metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: '10.2.0.9', ports: [PORT], ...spec } } as Service;
  const slice = { metadata: { name: 'web-1' }, addressType: 'IPv4', endpoints: all.map(endpoint), ports: [{ name: '', port: 8080, protocol: 'TCP' }] } as unknown as EndpointSlice;
  const { inside, outside, cluster, reachable } = choicesOf(service, PORT, [slice], undefined, { ...FACTS, zone });
  return { inside: letters(inside), outside: letters(outside), cluster: letters(cluster), hasAny: reachable.length > 0 };
}

const LOCAL = { internalTrafficPolicy: 'Local' } as Partial<ServiceSpec>;
const OUTSIDE_LOCAL = { type: 'NodePort', externalTrafficPolicy: 'Local' } as Partial<ServiceSpec>;
const zoned = (...zones: string[]): Said[] => zones.map((each) => ({ zones: each }));
const [READY, UNREADY, ENDING]: Said[] = [{}, { state: 'unready' }, { state: 'ending' }];
const here = (said: Said = {}): Said => ({ ...said, local: true });

const CASES: [what: string, spec: Partial<ServiceSpec>, zone: string | undefined, endpoints: Said[], inside: string, outside: string, cluster: string, hasAny?: boolean][] = [
  ['hints for zones', {}, 'a', zoned('a', 'b', 'c', 'a'), 'ad', 'ad', 'ad'],
  ['externalTrafficPolicy Local: hints count for the others', OUTSIDE_LOCAL, 'a', [here({ zones: 'a' }), here({ zones: 'b' }), ...zoned('c', 'a')], 'ad', 'ab', 'ad'],
  ['internalTrafficPolicy Local: hints count for who comes from outside', { ...LOCAL, type: 'NodePort' } as Partial<ServiceSpec>, 'a', [here({ zones: 'a' }), here({ zones: 'b' }), ...zoned('c', 'a')], 'ab', 'ad', 'ad'],
  ['a node without a zone', {}, undefined, zoned('a'), 'a', 'a', 'a'],
  ['a node whose zone is empty', {}, '', zoned('a'), 'a', 'a', 'a'],
  ['a node of another zone', {}, 'b', zoned('a'), 'a', 'a', 'a'],
  ['one that is not ready has no part', {}, 'a', [...zoned('a', 'b', 'c'), { zones: 'a', state: 'unready' }], 'a', 'a', 'a'],
  ['only those that are not ready are of the zone', {}, 'a', [{ zones: 'a', state: 'unready' }, ...zoned('b', 'c'), { zones: 'a', state: 'unready' }], 'bc', 'bc', 'bc'],
  ['one without a hint: no hint counts', {}, 'a', [...zoned('a', 'b'), READY!, ...zoned('a')], 'abcd', 'abcd', 'abcd'],
  ['one that is not ready and has no hint does not matter', {}, 'a', [...zoned('a', 'b'), UNREADY!, ENDING!], 'a', 'a', 'a'],
  ['several zones an endpoint', {}, 'c', zoned('a b c', 'b c', 'b d', 'c'), 'abd', 'abd', 'abd'],
  ['hints and a Local policy that do not agree', OUTSIDE_LOCAL, 'a', [here({ zones: 'a' }), here({ zones: 'b' }), ...zoned('a', 'b')], 'ac', 'ab', 'ac'],
  ['hints for nodes', {}, 'a', [{ nodes: 'here', zones: 'a' }, { nodes: 'elsewhere', zones: 'a' }, { nodes: 'here elsewhere', zones: 'b' }], 'ac', 'ac', 'ac'],
  ['hints for nodes, none for this one: those for its zone', {}, 'a', [{ nodes: 'elsewhere', zones: 'b' }, { nodes: 'elsewhere', zones: 'a' }], 'b', 'b', 'b'],
  ['hints for nodes, none for this one nor its zone', {}, 'c', [{ nodes: 'elsewhere', zones: 'b' }, { nodes: 'elsewhere', zones: 'a' }], 'ab', 'ab', 'ab'],
  ['hints for nodes, one without: those for the zone', {}, 'a', [{ nodes: 'here', zones: 'b' }, { zones: 'a' }], 'b', 'b', 'b'],
  ['internalTrafficPolicy Local without endpoints', LOCAL, undefined, [], '', '', '', false],
  ['internalTrafficPolicy Local, all elsewhere', LOCAL, undefined, [READY!, READY!], '', 'ab', 'ab', true],
  ['internalTrafficPolicy Local, all here', LOCAL, undefined, [here(), here()], 'ab', 'ab', 'ab'],
  ['internalTrafficPolicy Local, some here', LOCAL, undefined, [here(), READY!], 'a', 'ab', 'ab'],
  ['none is ready', {}, undefined, [UNREADY!, UNREADY!], '', '', '', false],
  ['some are ready', {}, undefined, [UNREADY!, READY!], 'b', 'b', 'b'],
  ['all terminate', {}, undefined, [here(ENDING), ENDING!], 'ab', 'ab', 'ab'],
  ['within Local, from outside Cluster', { ...LOCAL, type: 'NodePort' } as Partial<ServiceSpec>, undefined, [here(), READY!], 'a', 'ab', 'ab'],
  ['within Cluster, from outside Local', OUTSIDE_LOCAL, undefined, [here(), READY!], 'ab', 'a', 'ab'],
  ['both Local', { ...LOCAL, ...OUTSIDE_LOCAL }, undefined, [here(), READY!], 'a', 'a', 'ab'],
  ['both Local, all elsewhere', { ...LOCAL, ...OUTSIDE_LOCAL }, undefined, [READY!, READY!], '', '', 'ab', true],
  ['both Local, all elsewhere and terminating', { ...LOCAL, ...OUTSIDE_LOCAL }, undefined, [ENDING!, ENDING!], '', '', 'ab', true],
  ['from outside Local, those here terminate', OUTSIDE_LOCAL, undefined, [READY!, here(UNREADY), here(ENDING), ENDING!], 'a', 'c', 'a'],
  ['externalTrafficPolicy of what nobody outside reaches', { externalTrafficPolicy: 'Local' } as Partial<ServiceSpec>, undefined, [READY!, here()], 'ab', 'ab', 'ab'],
];

for (const [what, spec, zone, endpoints, inside, outside, cluster, hasAny = true] of CASES) {
  test(`endpoints: ${what}`, () => assert.deepEqual(choose(spec, zone, endpoints), { inside, outside, cluster, hasAny }));
}
