/** Whole writes of Services, from defaults to validation, as upstream's own matrices have them (registry/core/service/storage/storage_test.go). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../api/errors.ts';
import { Service } from '../../api/kinds.ts';
import { createBook, type Book } from './allocate.ts';

const [FOUR, SIX] = ['10.2.0.5', 'fd00:2::5'];
const OPTIONS = { owner: 'a/s', dryRun: true, nowMs: 0, exists: async () => true };
const POLICIES = [undefined, 'SingleStack', 'PreferDualStack', 'RequireDualStack'];

/** What is kept, or what is wrong. */
async function write(book: Book, spec: object, old?: Service): Promise<Service | string> {
  const service = { metadata: { name: 's', namespace: 'a' }, spec: { ports: [{ port: 80 }], selector: { app: 's' }, ...structuredClone(spec) } } as unknown as Service;
  Service.rules.defaults?.(service);
  if (old === undefined) Service.rules.prepareForCreate?.(service);
  else Service.rules.prepareForUpdate?.(service, old);
  try {
    await book.allocate(service, old, OPTIONS);
  } catch (error) {
    if (error instanceof ApiError) return error.message;
    throw error;
  }
  const errors = Service.rules.validate?.(service, old) ?? [];
  return errors.length === 0 ? service : errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
}

/** '46': of IPv4 and then IPv6, each with an address; '-': refused. */
function familiesOf(written: Service | string): string {
  if (typeof written === 'string') return '-';
  const { clusterIPs = [], ipFamilies = [] } = written.spec ?? {};
  const families = ipFamilies.map((each) => String(each).slice(-1)).join('');
  const has = clusterIPs.map((each) => (each.includes(':') ? '6' : '4')).join('');
  return has === families || clusterIPs[0] === 'None' ? families : `${families} with the addresses ${clusterIPs.join()}`;
}

const named = (families: string | undefined): object => (families === undefined ? {} : { ipFamilies: [...families].map((each) => `IPv${each}`) });
const addressed = (addresses: string | undefined): object => (addresses === undefined ? {} : { clusterIP: addresses.split(' ')[0], clusterIPs: addresses.split(' ') });
const policied = (policy: string | undefined): object => (policy === undefined ? {} : { ipFamilyPolicy: policy });

test('a new Service has the families that its policy, its families and its addresses say together (upstream: TestCreateInitIPFields)', async () => {
  const one = createBook('10.2.0.0/24');
  const two = createBook('10.2.0.0/24', undefined, 'fd00:2::/112');
  const none = '- - - - -';
  // By policy as above, and in each by families: not said, 4, 6, 46, 64.
  const CASES: [Book, object, string[]][] = [
    [one, {}, ['4 4 - - -', '4 4 - - -', '4 4 - - -', none]],
    [one, addressed(FOUR), ['4 4 - - -', '4 4 - - -', '4 4 - - -', none]],
    [one, addressed(SIX), [none, none, none, none]],
    [one, addressed(`${FOUR} ${SIX}`), [none, none, none, none]],
    [one, addressed(`${SIX} ${FOUR}`), [none, none, none, none]],
    [one, { clusterIP: 'None' }, ['4 4 - - -', '4 4 - - -', '4 4 - - -', none]],
    [one, { clusterIP: 'None', selector: undefined }, ['46 46 64 46 64', '4 4 6 - -', '46 46 64 46 64', '46 46 64 46 64']],
    [two, {}, ['4 4 6 - -', '4 4 6 - -', '46 46 64 46 64', '46 46 64 46 64']],
    [two, addressed(FOUR), ['4 4 - - -', '4 4 - - -', '46 46 - 46 -', '46 46 - 46 -']],
    [two, addressed(SIX), ['6 - 6 - -', '6 - 6 - -', '64 - 64 - 64', '64 - 64 - 64']],
    [two, addressed(`${FOUR} ${SIX}`), [none, none, '46 46 - 46 -', '46 46 - 46 -']],
    [two, addressed(`${SIX} ${FOUR}`), [none, none, '64 - 64 - 64', '64 - 64 - 64']],
    [two, { clusterIP: 'None' }, ['4 4 6 - -', '4 4 6 - -', '46 46 64 46 64', '46 46 64 46 64']],
    [two, { clusterIP: 'None', selector: undefined }, ['46 46 64 46 64', '4 4 6 - -', '46 46 64 46 64', '46 46 64 46 64']],
  ];
  for (const [book, spec, expected] of CASES) {
    for (const [index, policy] of POLICIES.entries()) {
      const seen: string[] = [];
      for (const families of [undefined, '4', '6', '46', '64']) seen.push(familiesOf(await write(book, { ...spec, ...policied(policy), ...named(families) })));
      assert.equal(seen.join(' '), expected[index], `${book === one ? 'one family' : 'two families'} ${JSON.stringify(spec)} ${policy}`);
    }
  }
});

test('an update takes a second family or gives it back as its policy says (upstream: TestUpdateIPsFromSingleStack, TestUpdateIPsFromDualStack)', async () => {
  const book = createBook('10.2.0.0/24', undefined, 'fd00:2::/112');
  const [both, all, kept] = [`${FOUR} ${SIX}`, '46 46 46 46 46 46 46 46 46', '46 - 46 - - - 46 - 46'];
  const [single, dual] = [{ ...addressed(FOUR), ...policied('SingleStack') }, { ...addressed(both), ...policied('RequireDualStack') }];
  // By policy, and in each by families not said, 4, 46, and in each of those by addresses not said, one, both.
  const CASES: [object, string[]][] = [
    [single, ['4 4 - 4 4 - - - -', '4 4 - 4 4 - - - -', all, all]],
    [dual, [kept, '4 4 4 4 4 4 4 4 4', kept, kept]],
  ];
  for (const [before, expected] of CASES) {
    const old = (await write(book, before)) as Service;
    for (const [index, policy] of POLICIES.entries()) {
      const seen: string[] = [];
      for (const families of [undefined, '4', '46']) for (const addresses of [undefined, FOUR, both]) seen.push(familiesOf(await write(book, { selector: { app: 't' }, ...policied(policy), ...named(families), ...addressed(addresses) }, old)));
      assert.equal(seen.join(' '), expected[index], `${JSON.stringify(before)} ${policy}`);
    }
    for (const other of [{ ...named(before === dual ? '6' : '64') }, addressed(before === dual ? SIX : `${SIX} ${FOUR}`)]) {
      assert.equal(familiesOf(await write(book, { ...policied(before === dual ? 'SingleStack' : 'RequireDualStack'), ...other }, old)), '-', 'the first one stays');
    }
  }
  for (const [policy, expected] of [['SingleStack', ['4 4 -', '4 4 -', '46 46 46', '46 46 46']], ['RequireDualStack', ['46 - 46', '4 4 4', '46 - 46', '46 - 46']]] as const) {
    const old = (await write(book, { clusterIP: 'None', ...policied(policy) })) as Service;
    for (const [index, next] of POLICIES.entries()) {
      const seen: string[] = [];
      for (const families of [undefined, '4', '46']) seen.push(familiesOf(await write(book, { selector: { app: 't' }, ...policied(next), ...named(families) }, old)));
      assert.equal(seen.join(' '), expected[index], `headless, ${policy} to ${next}`);
    }
  }
});

test('what is wrong with the addresses of a Service is said in upstream’s words (upstream: TestCreateInvalidClusterIPInputs)', async () => {
  const one = createBook('10.2.0.0/24');
  const two = createBook('10.2.0.0/24', undefined, 'fd00:2::/112');
  const CASES: [Book, object, RegExp[]][] = [
    [one, policied('garbage'), [/Unsupported value/]],
    [one, policied('RequireDualStack'), [/cluster is not configured for dual-stack/]],
    [one, { ipFamilies: ['garbage'] }, [/Unsupported value/]],
    [one, { ipFamilies: ['IPv4', 'garbage'] }, [/Unsupported value/]],
    [two, { ipFamilies: ['IPv4', 'IPv6', 'garbage'] }, [/Unsupported value/]],
    [one, named('6'), [/not configured on this cluster/]],
    [one, named('46'), [/when multiple IP families are specified/]],
    [one, named('44'), [/Duplicate value/]],
    [two, named('466'), [/Duplicate value/]],
    [one, addressed('garbage'), [/must be a valid IP/]],
    [one, addressed(SIX), [/not configured on this cluster/]],
    [one, { ...named('4'), ...addressed(SIX) }, [/expected an IPv4 value as indicated/]],
    [one, addressed('10.2.0.1 10.2.0.2'), [/no more than one IP for each IP family/]],
    [two, addressed(`10.2.0.1 ${SIX} 10.2.0.2`), [/only hold up to 2 values/]],
    [one, addressed('10.2.0.1 10.2.0.1'), [/no more than one IP for each IP family/]],
    [one, { clusterIP: '', clusterIPs: [''] }, [/must be empty when/, /must be a valid IP/]],
    [one, addressed('10.2.0.1 None'), [/must be a valid IP/]],
  ];
  for (const [book, spec, words] of CASES) {
    const written = await write(book, spec);
    for (const each of words) assert.match(String(written), each, JSON.stringify(spec));
  }
});

test('node ports of a new Service: one for both protocols of a port, and none for two ports (upstream: TestCreateInitNodePorts)', async () => {
  const book = createBook('10.2.0.0/24');
  const at = (...ports: [number, string, number?][]): object => ({ ports: ports.map(([port, protocol, nodePort]) => ({ name: `${protocol.toLowerCase()}-${port}`, port, protocol, ...(nodePort === undefined ? {} : { nodePort }) })) });
  const CASES: [string, object, string | RegExp][] = [
    ['ClusterIP', at([80, 'TCP']), 'none'],
    ['ClusterIP', at([80, 'TCP', 30_080]), /may not be used when `type` is 'ClusterIP'/],
    ['NodePort', at([80, 'TCP'], [443, 'TCP']), 'two'],
    ['NodePort', at([80, 'TCP', 30_080], [443, 'TCP', 30_443]), '30080 30443'],
    ['NodePort', at([80, 'TCP', 30_080], [443, 'TCP', 30_080]), /already allocated|Duplicate value/],
    ['NodePort', at([53, 'TCP'], [53, 'UDP']), 'one'],
    ['NodePort', at([53, 'TCP', 30_053], [53, 'UDP', 30_054]), '30053 30054'],
    ['NodePort', at([53, 'TCP', 30_053], [53, 'UDP', 30_053]), '30053 30053'],
    ['NodePort', at([93, 'TCP', 30_093], [76, 'UDP', 30_093]), /^Service "s" is invalid: spec\.ports\[1\]\.nodePort: Invalid value: 30093: provided port is already allocated$/],
    ['LoadBalancer', at([93, 'TCP', 30_093], [76, 'UDP', 30_093]), /provided port is already allocated$/],
    ['LoadBalancer', { ...at([80, 'TCP'], [443, 'TCP']), allocateLoadBalancerNodePorts: false }, 'none'],
    ['LoadBalancer', { ...at([80, 'TCP', 30_080], [443, 'TCP', 30_443]), allocateLoadBalancerNodePorts: false }, '30080 30443'],
    ['LoadBalancer', at([80, 'TCP'], [443, 'TCP']), 'two'],
  ];
  for (const [type, spec, expected] of CASES) {
    const written = await write(book, { type, ...spec });
    if (expected instanceof RegExp) {
      assert.match(String(written), expected, JSON.stringify(spec));
      continue;
    }
    assert.notEqual(typeof written, 'string', String(written));
    const ports = ((written as Service).spec?.ports ?? []).map(({ nodePort }) => nodePort);
    const words = { none: 0, one: 1, two: 2 }[expected];
    if (words === undefined) assert.equal(ports.join(' '), expected);
    else assert.equal(new Set(ports.filter((each) => each !== undefined)).size, words, JSON.stringify(spec));
  }
  // An update may have that.
  const old = (await write(book, { type: 'NodePort', ...at([93, 'TCP', 30_093]) })) as Service;
  assert.notEqual(typeof (await write(book, { type: 'NodePort', ...at([93, 'TCP', 30_093], [76, 'UDP', 30_093]) }, old)), 'string');
});

test('a load balancer without node ports gives those back that are left out, and one with them keeps its own (upstream: TestPatchAllocatedValues)', async () => {
  const book = createBook('10.2.0.0/24');
  const balancer = (allocateLoadBalancerNodePorts: boolean, ...nodePorts: (number | undefined)[]): object => ({ type: 'LoadBalancer', allocateLoadBalancerNodePorts, ports: nodePorts.map((nodePort, index) => ({ name: `p${index}`, port: 80 + index, ...(nodePort === undefined ? {} : { nodePort }) })) });
  const portsAfter = async (before: object, after: object): Promise<(number | undefined)[]> => {
    const old = (await write(book, before)) as Service;
    const written = await write(book, after, old);
    assert.notEqual(typeof written, 'string', String(written));
    return ((written as Service).spec?.ports ?? []).map(({ nodePort }) => nodePort);
  };
  assert.deepEqual(await portsAfter(balancer(false, 30_080, 30_081), balancer(false, undefined, undefined)), [undefined, undefined]);
  assert.deepEqual(await portsAfter(balancer(false, 30_080, 30_081), balancer(false, 30_080, undefined)), [30_080, undefined]);
  assert.deepEqual(await portsAfter(balancer(true, 30_080, 30_081), balancer(false, undefined, undefined)), [undefined, undefined]);
  assert.deepEqual(await portsAfter(balancer(true, 30_080, 30_081), balancer(true, undefined, undefined)), [30_080, 30_081]);
});
