/** What clients mean by updates of Services, and what is refused (upstream: registry/core/service/storage/storage_test.go, TestPatchAllocatedValues, TestDropTypeDependentFields; validation_test.go). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServicePort, ServiceSpec } from '../generated/core-v1.ts';
import { Service } from '../kinds.ts';

const of = (spec: object, annotations?: Record<string, string>): Service => ({ metadata: { name: 's', namespace: 'a', ...(annotations === undefined ? {} : { annotations }) }, spec: { type: 'ClusterIP', ports: [{ port: 80 }], ...structuredClone(spec) } }) as Service;

/** The old Service as it is kept: defaults filled in. */
function kept(spec: object): Service {
  const service = of(spec);
  Service.rules.defaults?.(service);
  return service;
}

function updated(spec: object, old: Service, annotations?: Record<string, string>): { spec: ServiceSpec; errors: string[]; status: Service['status'] } {
  const service = of(spec, annotations);
  Service.rules.defaults?.(service);
  Service.rules.prepareForUpdate?.(service, old);
  return { spec: service.spec ?? {}, status: service.status, errors: (Service.rules.validate?.(service, old) ?? []).map(({ field, message }) => `${field}: ${message}`) };
}

const created = (spec: object, annotations?: Record<string, string>): string[] => {
  const service = of(spec, annotations);
  Service.rules.defaults?.(service);
  Service.rules.prepareForCreate?.(service);
  return (Service.rules.validate?.(service, undefined) ?? []).map(({ field, message }) => `${field}: ${message}`);
};

const ADDRESSED = { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' };
const DUAL = { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fd00::1'], ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' };
const port = (name: string, number: number, nodePort?: number): ServicePort => ({ name, port: number, ...(nodePort === undefined ? {} : { nodePort }) }) as ServicePort;
const nodePorts = ({ ports = [] }: ServiceSpec): (number | undefined)[] => ports.map(({ nodePort }) => nodePort);

test('node ports stay with the names of ports, whatever else of these changes', () => {
  const old = kept({ ...ADDRESSED, type: 'NodePort', ports: [port('a', 80, 30_001), port('b', 81, 30_002)] });
  const ask = (...ports: ServicePort[]): (number | undefined)[] => {
    const { spec, errors } = updated({ type: 'NodePort', ports }, old);
    assert.deepEqual(errors, []);
    return nodePorts(spec);
  };
  assert.deepEqual(ask(port('a', 80), port('b', 81)), [30_001, 30_002]);
  assert.deepEqual(ask(port('a', 81), port('b', 80)), [30_001, 30_002], 'numbers exchanged');
  assert.deepEqual(ask(port('b', 80), port('a', 81)), [30_002, 30_001], 'names exchanged');
  assert.deepEqual(ask(port('a', 80), port('b', 81, 30_001)), [undefined, 30_001], 'one that another port has now is not given twice');
  assert.deepEqual(ask(port('c', 80), port('b', 81)), [undefined, 30_002], 'a new name is a new port');
});

test('a type without node ports drops them, as long as none is new', () => {
  const old = kept({ ...ADDRESSED, type: 'NodePort', externalTrafficPolicy: 'Cluster', ports: [port('a', 80, 30_001), port('b', 81, 30_002)] });
  const changed = updated({ ...ADDRESSED, externalTrafficPolicy: 'Cluster', ports: [port('c', 8080, 30_002)] }, old);
  assert.deepEqual([nodePorts(changed.spec), changed.spec.externalTrafficPolicy, changed.errors], [[undefined], undefined, []]);
  assert.deepEqual(updated({ ...ADDRESSED, ports: [port('a', 80, 30_009)] }, old).errors, ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]);
});

test('who leaves out one of clusterIP and clusterIPs, or both, keeps what was given', () => {
  const old = kept(DUAL);
  for (const asked of [{}, { clusterIP: '10.0.0.1' }, { clusterIPs: DUAL.clusterIPs }, { clusterIP: '10.0.0.1', clusterIPs: [] }]) {
    const { spec, errors } = updated(asked, old);
    assert.deepEqual([spec.clusterIP, spec.clusterIPs, spec.ipFamilies, errors], ['10.0.0.1', DUAL.clusterIPs, DUAL.ipFamilies, []], JSON.stringify(asked));
  }
});

test('to ExternalName, addresses go where nobody changed them', () => {
  const old = kept(DUAL);
  const external = { type: 'ExternalName', externalName: 'example.com' };
  for (const asked of [external, { ...DUAL, ...external }, { ...DUAL, ...external, clusterIP: '' }]) {
    const { spec, errors } = updated(asked, old);
    assert.deepEqual([spec.clusterIP || undefined, spec.clusterIPs, spec.ipFamilies, spec.ipFamilyPolicy, errors], [undefined, undefined, undefined, undefined, []], JSON.stringify(asked));
  }
  assert.deepEqual(updated({ ...DUAL, ...external, ipFamilies: ['IPv6'] }, old).errors, ['spec.ipFamilies: Forbidden: may not be set for ExternalName services']);
});

test('the port of a health check is kept, fixed, and goes with its need', () => {
  const balanced = { ...ADDRESSED, type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_100 };
  const old = kept(balanced);
  const { healthCheckNodePort: _, ...without } = balanced;
  assert.equal(updated(without, old).spec.healthCheckNodePort, 30_100);
  assert.deepEqual(updated({ ...balanced, healthCheckNodePort: 30_101 }, old).errors, ['spec.healthCheckNodePort: Forbidden: field is immutable']);
  const cluster = updated({ ...balanced, externalTrafficPolicy: 'Cluster' }, old);
  assert.deepEqual([cluster.spec.healthCheckNodePort, cluster.errors], [undefined, []]);
});

test('what is no load balancer any more has no address of one', () => {
  const old = kept({ ...ADDRESSED, type: 'LoadBalancer' });
  old.status = { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } };
  const { status } = updated({ ...ADDRESSED }, old);
  assert.deepEqual(status, { loadBalancer: {} });
});

test('the first address and family stay, the second ones go when that is asked for', () => {
  const dual = kept(DUAL);
  const single = kept(ADDRESSED);
  const CASES: [object, Service, string[]][] = [
    [{ ...ADDRESSED, ipFamilies: ['IPv6'] }, single, ['spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`', 'spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set']],
    [{ ...DUAL, ipFamilies: ['IPv6', 'IPv4'], clusterIP: 'fd00::1', clusterIPs: ['fd00::1', '10.0.0.1'] }, dual, [
      'spec.clusterIPs[0]: Invalid value: ["fd00::1","10.0.0.1"]: may not change once set', 'spec.clusterIPs[1]: Invalid value: ["fd00::1","10.0.0.1"]: may not change once set',
      'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set', 'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
    ]],
    [{ ...DUAL, clusterIPs: ['10.0.0.1'] }, dual, ["spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be set to 'SingleStack' when releasing the secondary clusterIP"]],
    [{ ...DUAL, ipFamilies: ['IPv4'] }, dual, ["spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be set to 'SingleStack' when releasing the secondary ipFamily"]],
    [{ ...DUAL, ...ADDRESSED }, dual, []],
    [{ ...ADDRESSED, clusterIP: 'None', clusterIPs: ['None'] }, single, ['spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set']],
  ];
  for (const [spec, old, expected] of CASES) assert.deepEqual(updated(spec, old).errors, expected, JSON.stringify(spec));
});

test('addresses and families that do not go together are refused', () => {
  const CASES: [object, string[]][] = [
    [{ clusterIPs: ['10.0.0.1'] }, ['spec.clusterIPs: Invalid value: ["10.0.0.1"]: must be empty when `clusterIP` is not specified']],
    [{ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.2'] }, ['spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`']],
    [{ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', '10.0.0.2'] }, ['spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family']],
    [{ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fd00::1', 'fd00::2'] }, ['spec.clusterIPs: Invalid value: ["10.0.0.1","fd00::1","fd00::2"]: may only hold up to 2 values']],
    [{ clusterIP: 'None', clusterIPs: ['None', '10.0.0.1'] }, ["spec.clusterIPs: Invalid value: [\"None\",\"10.0.0.1\"]: 'None' must be the first and only value"]],
    [{ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'x'] }, ['spec.clusterIPs[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
    [{ clusterIP: 'fd00::1', ipFamilies: ['IPv4'] }, ['spec.clusterIPs[0]: Invalid value: "fd00::1": expected an IPv4 value as indicated by `ipFamilies[0]`']],
    [{ ipFamilies: ['IPv4', 'IPv4'] }, ['spec.ipFamilies[1]: Duplicate value: "IPv4"']],
    [{ type: 'ExternalName', externalName: 'example.com', clusterIP: '10.0.0.1' }, ['spec.clusterIPs: Forbidden: may not be set for ExternalName services']],
    [{ type: 'ExternalName', externalName: 'example.com', externalIPs: ['192.0.2.1'] }, []],
    [{ clusterIP: 'None' }, []],
  ];
  for (const [spec, expected] of CASES) assert.deepEqual(created(spec), expected, JSON.stringify(spec));
  assert.deepEqual(created({}, { 'service.kubernetes.io/topology-mode': 'Auto', 'service.kubernetes.io/topology-aware-hints': 'Disabled' }), ['metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "Auto": must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified']);
});

test('source ranges: of the field or, without it, of the annotation, of load balancers alone', () => {
  const annotation = (value: string): Record<string, string> => ({ 'service.beta.kubernetes.io/load-balancer-source-ranges': value });
  const at = 'metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]';
  const CASES: [object, string | undefined, string[]][] = [
    [{ type: 'LoadBalancer' }, '10.0.0.0/8, 192.0.2.0/24', []], [{ type: 'LoadBalancer' }, ' ', []], [{ type: 'LoadBalancer', loadBalancerSourceRanges: [' 10.0.0.0/8 '] }, 'x', []],
    [{ type: 'LoadBalancer' }, '10.0.0.0/8,x', [`${at}: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`]],
    [{}, '10.0.0.0/8', [`${at}: Forbidden: may only be used when \`type\` is 'LoadBalancer'`]], [{ loadBalancerSourceRanges: ['10.0.0.0/8'] }, undefined, ["spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"]],
  ];
  for (const [spec, value, expected] of CASES) assert.deepEqual(created(spec, value === undefined ? undefined : annotation(value)), expected, JSON.stringify([spec, value]));
  const old = of({ ...ADDRESSED, type: 'LoadBalancer' }, annotation('10.0.0.1/8'));
  Service.rules.defaults?.(old);
  assert.deepEqual(updated({ ...ADDRESSED, type: 'LoadBalancer' }, old, annotation('10.0.0.1/8')).errors, [], 'what it was it may stay');
});

test('an ExternalName takes an internalTrafficPolicy, and does not keep it (upstream: test/integration/service/service_test.go)', () => {
  const named = { type: 'ExternalName', externalName: 'foo.bar.com' };
  assert.equal(kept(named).spec?.internalTrafficPolicy, undefined);
  assert.equal(kept({ ...named, internalTrafficPolicy: 'Cluster' }).spec?.internalTrafficPolicy, undefined);
  assert.deepEqual(created({ ...named, internalTrafficPolicy: 'Other' }), ['spec.internalTrafficPolicy: Unsupported value: "Other": supported values: "Cluster", "Local"']);
  const { spec, errors } = updated({ ...named, ...ADDRESSED, internalTrafficPolicy: 'Cluster' }, kept(ADDRESSED));
  assert.deepEqual([spec.internalTrafficPolicy, spec.clusterIP, errors], [undefined, undefined, []]);
});

test('externalTrafficPolicy goes with the last external address, and is defaulted again with the next (upstream: as above)', () => {
  const old = kept({ ...ADDRESSED, externalIPs: ['192.0.2.1'] });
  assert.equal(old.spec?.externalTrafficPolicy, 'Cluster');
  const { spec, errors } = updated({ ...old.spec, externalIPs: [] }, old);
  assert.deepEqual([spec.externalTrafficPolicy, errors], [undefined, []]);
  assert.equal(updated({ ...spec, externalIPs: ['192.0.2.1'] }, of(spec)).spec.externalTrafficPolicy, 'Cluster');
});
