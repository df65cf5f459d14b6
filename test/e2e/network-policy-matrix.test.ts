/**
 * Three namespaces of three pods, all ways between them, and many policies, one after the other: what packets do is compared with what the policies
 * say. By address, by a Service of the kernel, and by one of least connection, which no policy may be got round by. The cases are those of
 * upstream's suite (test/e2e/network/netpol); SCTP is not asked, only that its rules let nothing else through.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicySpec } from '../../src/api/generated/networking-v1.ts';
import { Namespace } from '../../src/api/core/namespace.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { Service } from '../../src/api/core/service.ts';
import { canonicalCidr } from '../../src/api/ip.ts';
import { NetworkPolicy } from '../../src/api/networking/network-policy.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { probe, probingPod, PORTS, type Target } from '../fixtures/probing-pods.ts';
import { mayReach, type Party, type Way } from '../fixtures/reachability.ts';

const NAMESPACES = ['x', 'y', 'z'] as const;
const PODS = ['a', 'b', 'c'] as const;
const WAYS: readonly (Way & { by: 'address' | 'kernel' | 'least' })[] = [
  { by: 'address', protocol: 'TCP', port: 80 }, { by: 'address', protocol: 'TCP', port: 81 }, { by: 'address', protocol: 'UDP', port: 80 },
  { by: 'kernel', protocol: 'TCP', port: 80 }, { by: 'least', protocol: 'TCP', port: 80 }, { by: 'least', protocol: 'TCP', port: 81 },
];

const inNamespace = (...names: string[]): NetworkPolicyPeer => ({ namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'In', values: names }] } });
const pods = (...names: string[]): NetworkPolicyPeer => ({ podSelector: { matchExpressions: [{ key: 'pod', operator: 'In', values: names }] } });
const server = { matchLabels: { pod: 'a' } };
const tcp = (port?: number | string, endPort?: number) => ({ protocol: 'TCP' as const, ...(port === undefined ? {} : { port }), ...(endPort === undefined ? {} : { endPort }) });
const ingress = (...rules: NetworkPolicyIngressRule[]): NetworkPolicySpec => ({ podSelector: server, policyTypes: ['Ingress'], ingress: rules });
const egress = (...rules: NetworkPolicyEgressRule[]): NetworkPolicySpec => ({ podSelector: server, policyTypes: ['Egress'], egress: rules });

type Specs = readonly (NetworkPolicySpec & { of?: string })[];

/** Policies of namespace x unless they say another one; those that speak of addresses are made with them. */
const CASES: readonly [string, Specs | ((address: (pod: string) => string) => Specs)][] = [
  ["support a 'default-deny-ingress' policy", [{ podSelector: {}, policyTypes: ['Ingress'] }]],
  ["support a 'default-deny-all' policy", [{ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }]],
  ['allow traffic from pods within server namespace based on PodSelector', [ingress({ from: [pods('b')] })]],
  ['allow ingress traffic for a target', [{ podSelector: {}, policyTypes: ['Ingress'] }, ingress({})]],
  ['allow ingress traffic from pods in all namespaces', [ingress({ from: [{ namespaceSelector: {} }] })]],
  ['allow traffic only from a different namespace, based on NamespaceSelector', [ingress({ from: [inNamespace('y')] })]],
  ['PodSelector with MatchExpressions', [ingress({ from: [{ podSelector: { matchExpressions: [{ key: 'pod', operator: 'NotIn', values: ['c'] }] } }] })]],
  ['NamespaceSelector with MatchExpressions', [ingress({ from: [{ namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'NotIn', values: ['x', 'z'] }] } }] })]],
  ['PodSelector or NamespaceSelector', [ingress({ from: [pods('b'), { namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'NotIn', values: ['x', 'y'] }] } }] })]],
  ['PodSelector and NamespaceSelector', [ingress({ from: [{ ...inNamespace('y', 'z'), ...pods('b') }] })]],
  ['Multiple PodSelectors and NamespaceSelectors', [ingress({ from: [{ ...inNamespace('y', 'z'), ...pods('b', 'c') }, { ...inNamespace('x'), ...pods('c') }] })]],
  ['any PodSelectors', [ingress({ from: [pods('b'), pods('c')] })]],
  ['allow traffic only from a pod in a different namespace', [ingress({ from: [{ ...inNamespace('y'), ...pods('a') }] })]],
  ['Ports', [ingress({ from: [inNamespace('y')], ports: [tcp(81)] })]],
  ['a range of ports', [ingress({ ports: [tcp(81, 90)] }), { of: 'y', podSelector: server, ingress: [{ ports: [tcp(70, 80)] }] }]],
  ['multiple, stacked policies with overlapping podSelectors', [ingress({ from: [inNamespace('y')], ports: [tcp(81)] }), ingress({ from: [inNamespace('y')], ports: [tcp(80)] })]],
  ['allow-all policy', [{ podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] }]],
  ['ingress access on one named port', [ingress({ ports: [tcp('serve-81-tcp')] })]],
  ['ingress access from namespace on one named port', [ingress({ from: [inNamespace('y')], ports: [tcp('serve-80-tcp')] })]],
  ['egress access on one named port', [egress({ ports: [tcp('serve-80-tcp')] })]],
  ['deny ingress from pods on other namespaces', [{ podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: {} }] }] }]],
  ['deny egress from pods based on PodSelector', [egress()]],
  ['deny egress from all pods in a namespace', [{ podSelector: {}, policyTypes: ['Egress'] }]],
  ['Ingress, Egress specified together', [{ podSelector: server, policyTypes: ['Ingress', 'Egress'], ingress: [{ from: [inNamespace('y')], ports: [tcp(81)] }], egress: [{ ports: [tcp(80)] }] }]],
  ['denying of egress traffic on the client side, even if the server explicitly allows it', [egress({ to: [{ ...inNamespace('y'), ...pods('a') }, { ...inNamespace('z'), ...pods('b') }] }), { of: 'y', podSelector: server, ingress: [{ from: [{ ...inNamespace('x'), ...pods('a', 'b') }] }] }, { of: 'z', podSelector: server, ingress: [{ from: [{ ...inNamespace('x'), ...pods('a') }] }] }]],
  ['egress to a server in a different namespace based on PodSelector and NamespaceSelector', [egress({ to: [{ ...inNamespace('y'), ...pods('a') }] })]],
  ['ingress on any port of a specific protocol', [ingress({ ports: [tcp()] })]],
  ['multiple ingress policies with ingress allow-all policy taking precedence', [ingress({ ports: [tcp(81)] }), { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] }]],
  ['multiple egress policies with egress allow-all policy taking precedence', [egress({ ports: [tcp(81)] }), { podSelector: {}, policyTypes: ['Egress'], egress: [{}] }]],
  ['egress to a server in CIDR block', (address) => [egress({ to: [{ ipBlock: { cidr: `${address('y/b')}/32` } }] })]],
  ['except clause while egress to a CIDR block', (address) => [egress({ to: [{ ipBlock: { cidr: canonicalCidr(`${address('y/b')}/24`)!, except: [`${address('y/b')}/32`] } }] })]],
  ['an IP overlapping both IPBlock.CIDR and IPBlock.Except is allowed by another policy', (address) => [egress({ to: [{ ipBlock: { cidr: canonicalCidr(`${address('y/b')}/24`)!, except: [`${address('y/b')}/32`] } }] }), egress({ to: [{ ipBlock: { cidr: `${address('y/b')}/32` } }] })]],
  ['ingress from a CIDR block', (address) => [ingress({ from: [{ ipBlock: { cidr: '0.0.0.0/0', except: [`${address('z/c')}/32`] } }], ports: [tcp(80)] })]],
  ['ingress and egress policies are controlled independently', [{ podSelector: server, policyTypes: ['Ingress', 'Egress'], ingress: [{ from: [pods('b')] }], egress: [{ to: [pods('b')] }] }, { podSelector: { matchLabels: { pod: 'b' } }, policyTypes: ['Egress'], egress: [{}] }]],
  ["not mistakenly treat 'protocol: SCTP' as 'protocol: TCP'", [ingress({ ports: [{ protocol: 'SCTP', port: 80 }] })]],
  ['not allow access by TCP when a policy specifies only UDP', [ingress({ ports: [{ protocol: 'UDP', port: 80 }] })]],
  ['UDP: ports and a different namespace', [ingress({ from: [inNamespace('y')], ports: [{ protocol: 'UDP', port: 80 }] }), egress({ to: [inNamespace('z')], ports: [{ protocol: 'UDP', endPort: 90, port: 80 }] })]],
  ['all namespaces isolated at once, some with a way', [...NAMESPACES.map((of) => ({ of, podSelector: {}, policyTypes: ['Ingress', 'Egress'] as const as NetworkPolicySpec['policyTypes'] & string[] })), { of: 'y', podSelector: server, ingress: [{ from: [inNamespace('z')] }] }, { of: 'z', podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [inNamespace('y')], ports: [tcp(81)] }] }]],
];

describe('the matrix of network policies', { timeout: 600_000 * PATIENCE }, () => {
  let llmos: Instance;
  const parties: Party[] = [];
  const services = new Map<string, string>();
  let held: NetworkPolicy[] = [];
  const called = ({ namespace, name }: Pick<Party, 'namespace' | 'name'>): string => `${namespace}/${name}`;
  const partyOf = (who: string): Party => parties.find((each) => called(each) === who)!;

  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
    const { client } = llmos;
    for (const namespace of NAMESPACES) await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { ns: namespace } } });
    for (const namespace of NAMESPACES) {
      for (const name of PODS) {
        await client.create(Pod, probingPod(name, `${namespace}/${name}`, { namespace }, { pod: name }) as Pod);
        for (const by of ['kernel', 'least']) await client.create(Service, serviceOf(`${by}-${name}`, namespace, { pod: name }, by === 'least'));
      }
    }
    for (const namespace of NAMESPACES) {
      for (const name of PODS) {
        const pod = await eventually(async () => {
          const found = await client.get(Pod, name, { namespace });
          return found.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && found;
        }, { timeoutMs: 120_000 * PATIENCE, what: `pod ${namespace}/${name} is ready` });
        parties.push({ namespace, namespaceLabels: { ns: namespace, 'kubernetes.io/metadata.name': namespace }, name, labels: { pod: name }, address: pod.status?.podIP ?? '', ports: PORTS.flatMap((port) => (['TCP', 'UDP'] as const).map((protocol) => ({ name: `serve-${port}-${protocol.toLowerCase()}`, protocol, port }))) });
        for (const by of ['kernel', 'least']) services.set(`${by}-${namespace}/${name}`, (await client.get(Service, `${by}-${name}`, { namespace })).spec?.clusterIP ?? '');
      }
    }
  });
  after(async () => llmos?.destroy());

  function serviceOf(name: string, namespace: string, selector: Record<string, string>, isLeast: boolean): Service {
    const annotations: Record<string, string> = isLeast ? { 'llmos.dev/load-balancing': 'least-connection' } : {};
    return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace, annotations }, spec: { selector, ports: PORTS.map((port) => ({ name: `p${port}`, port, protocol: 'TCP' as const })) } } as Service;
  }

  async function hold(specs: Specs): Promise<void> {
    const wanted = specs.map(({ of = 'x', ...spec }, index): NetworkPolicy => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: `p${index}`, namespace: of }, spec }));
    for (const { metadata } of held) await llmos.client.delete(NetworkPolicy, metadata.name ?? '', { namespace: metadata.namespace! });
    for (const each of wanted) await llmos.client.create(NetworkPolicy, each);
    held = wanted;
  }

  const targetOf = (to: Party, { by, protocol, port }: (typeof WAYS)[number]): Target => ({ protocol, port, host: by === 'address' ? to.address : services.get(`${by}-${called(to)}`)! });

  /** What is otherwise than the policies say, of all attempts. */
  async function differences(): Promise<string[]> {
    const all = await Promise.all(parties.map(async (from) => {
      const tries = parties.flatMap((to) => WAYS.map((way) => ({ to, way })));
      const answers = await probe(from.address, tries.map(({ to, way }) => targetOf(to, way)));
      return tries.flatMap(({ to, way }, index) => {
        const wanted = mayReach(held, from, to, way) ? called(to) : '';
        return answers[index] === wanted ? [] : [`${called(from)} -> ${called(to)} ${way.protocol} ${way.port} by ${way.by}: ${answers[index] === '' ? 'not reached' : `reached ${answers[index]}`}`];
      });
    }));
    return all.flat();
  }

  const agree = async (): Promise<void> => void (await eventually(async () => { assert.deepEqual(await differences(), []); return true; }, { timeoutMs: 30_000 * PATIENCE, what: 'packets do as the policies say' }));

  it('lets all through without a policy', agree);

  for (const [name, specs] of CASES) {
    it(name, async () => {
      await hold(typeof specs === 'function' ? specs((who) => partyOf(who).address) : specs);
      const reached = parties.flatMap((from) => parties.flatMap((to) => WAYS.map((way) => mayReach(held, from, to, way))));
      if (!/allow-all|all namespaces$|overlapping both/.test(name)) assert.ok(reached.includes(false), 'the case denies something');
      await agree();
    });
  }

  it('follows policies, namespaces and pods that change', async () => {
    const { client } = llmos;
    const [asked, asking] = [partyOf('x/a'), partyOf('y/c')];
    const label = async (kind: 'pod' | 'namespace', name: string, key: string, value: string | null): Promise<void> => {
      const patch = { metadata: { labels: { [key]: value } } };
      if (kind === 'namespace') await client.patch(Namespace, name, { type: 'merge', body: patch });
      else await client.patch(Pod, name, { type: 'merge', body: patch }, { namespace: 'x' });
      for (const party of parties.filter((each) => each.namespace === (kind === 'namespace' ? name : 'x') && (kind === 'namespace' || each.name === name))) {
        const labels: Record<string, string> = kind === 'namespace' ? party.namespaceLabels : party.labels;
        if (value === null) delete labels[key];
        else labels[key] = value;
      }
    };
    const reached = (): boolean => mayReach(held, asking, asked, { protocol: 'TCP', port: 81 });
    const replace = async (spec: NetworkPolicySpec): Promise<void> => {
      const [policy] = held;
      held = [{ ...policy!, spec }];
      await client.update(NetworkPolicy, { ...(await client.get(NetworkPolicy, 'p0', { namespace: 'x' })), spec });
    };
    await hold([ingress({})]);
    assert.ok(reached());
    await agree();
    for (const [spec, isReached] of [[ingress(), false], [ingress({ ports: [{ protocol: 'SCTP', port: 81 }] }), false], [ingress({ ports: [{ protocol: 'SCTP' }, tcp(81)] }), true], [ingress({ from: [{ namespaceSelector: { matchLabels: { ns2: 'updated' } } }] }), false]] as const) {
      await replace(spec);
      assert.equal(reached(), isReached);
      await agree();
    }
    await label('namespace', 'y', 'ns2', 'updated');
    assert.ok(reached());
    await agree();
    await label('namespace', 'y', 'ns2', null);
    await replace({ podSelector: { matchLabels: { target: 'isolated' } }, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: { matchLabels: { pod2: 'updated' } } }] }] });
    assert.ok(reached());
    await agree();
    await label('pod', 'a', 'target', 'isolated');
    assert.ok(!reached() && !mayReach(held, partyOf('x/b'), asked, { protocol: 'TCP', port: 81 }));
    await agree();
    await label('pod', 'b', 'pod2', 'updated');
    assert.ok(mayReach(held, partyOf('x/b'), asked, { protocol: 'TCP', port: 81 }));
    await agree();
    await label('pod', 'b', 'pod2', null);
    await label('pod', 'a', 'target', null);
    assert.ok(reached());
    await agree();
  });

  it('stops enforcing policies after they are deleted', async () => {
    await hold([]);
    await agree();
  });
});
