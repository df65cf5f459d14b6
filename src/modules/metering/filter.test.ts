import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeteredPod } from '../../api/metering/usage-record.ts';
import { parseFilter } from './filter.ts';
import { filterOf } from './filter-parameters.ts';
import type { Subject } from './subject.ts';

const pod = (name: string, owner: string, more: Partial<MeteredPod> = {}): MeteredPod => ({ name, owner, node: 'n1', ...more }) as MeteredPod;
const PODS: readonly Subject[] = [
  { namespace: 'team-a', namespaceLabels: { cost_center: '7', team: 'apes' }, pod: pod('web-1', 'Deployment/web', { labels: { app: 'web', 'example.com/tier': 'front', department: 'sales' }, services: ['front', 'web'] }), container: 'main' },
  { namespace: 'team-a', namespaceLabels: { cost_center: '7', team: 'apes' }, pod: pod('db-0', 'StatefulSet/db', { labels: { app: 'db', team: 'bees' }, annotations: { department: 'stores', 'example.com/note': 'x' } }), container: 'postgres' },
  { namespace: 'team-b', pod: pod('run-x', 'Job/run') }, { namespace: 'team-b' },
];
const named = (filter: (subject: Subject) => boolean): string => PODS.filter(filter).map((each) => each.pod?.name ?? '-').join(' ');

test('filters as OpenCost has them', () => {
  for (const [text, wanted] of [
    ['namespace:"team-a"', 'web-1 db-0'], ['namespace:"team-a","team-b"', 'web-1 db-0 run-x -'], ['namespace!:"team-a"', 'run-x -'], ['namespace:team-b+controllerKind:job', 'run-x'], ['label[app]:"web"|controllerName:"run"', 'web-1 run-x'],
    ['label[example.com/tier]:"front"', 'web-1'], ['label[example_com_tier]:"front"', 'web-1'], ['label[example_com_tie]:"front"', ''], ['pod<~:"web"', 'web-1'], ['pod~>:"-0"', 'db-0'], ['pod~:"un"', 'run-x'], ['pod!~:"e"', 'db-0 run-x -'], ['node:"n1" + (label[app]:"db" | namespace:"team-b")', 'db-0 run-x'], ['cluster:"cluster"', 'web-1 db-0 run-x -'],
    // core/pkg/filter/allocation/parser_test.go
    ['', 'web-1 db-0 run-x -'], ['   \n\t', 'web-1 db-0 run-x -'], ['((namespace: "team-b"))', 'run-x -'], ['node:"node a b" , "n1"\n+\n\rnamespace : "team-b"', 'run-x'], ['namespaceLabel[cost_center]:"7"', 'web-1 db-0'], ['container!:"main","postgres"', 'run-x -'],
    // of lists and of maps without a key, what they contain
    ['services:"web"', 'web-1'], ['services~:"web"', 'web-1'], ['services~:"we"', ''], ['services<~:"fr"', 'web-1'], ['services~>:"nt"', 'web-1'], ['services!:"web"', 'db-0 run-x -'], ['services:"__unallocated__"', 'db-0 run-x -'],
    ['label:"app"', 'web-1 db-0'], ['label~:"example_com_tier"', 'web-1'], ['label~:"example"', ''], ['label<~:"example"', 'web-1'], ['label!~:"department"+annotation~:"department"', 'db-0'], ['annotation[example.com/note]:"x"', 'db-0'],
    // aliases are labels, else annotations; a pod's own labels go before its namespace's
    ['department:"sales"', 'web-1'], ['department:"stores"', 'db-0'], ['product:"web","db"', 'web-1 db-0'], ['team:"apes"', 'web-1'], ['label[team]:"bees"', 'db-0'], ['team:"__unallocated__"', 'run-x -'], ['controllerName:"__unallocated__"', '-'],
  ] as const) assert.equal(named(parseFilter(text)), wanted, text);
});

test('what cannot be read is said', () => {
  for (const text of ['namespace', 'namespace:', 'colour:"red"', 'nodeLabel[x]:"y"', 'namespace[x]:"a"', 'namespace.:"a"', '()', 'namespace:"a"+', 'namespace:"a"|pod:"b"+node:"c"', 'namespace:"a"+pod:"b"|node:"c"', '(namespace:"a"', '((namespace:"a")', 'namespace:"a")', '('.repeat(100)]) assert.throws(() => parseFilter(text), /the filter cannot be read at /, text);
  assert.throws(() => parseFilter(`namespace:"${'a'.repeat(5_000)}"`), /at most 4000 characters/);
});

test('filters of the first releases', () => {
  for (const [query, wanted] of [
    ['filterNamespaces=', 'web-1 db-0 run-x -'], ['filterNamespaces=team-b', 'run-x -'], ['filterNamespaces=team-a,team-b', 'web-1 db-0 run-x -'], ['filterNamespaces=*-a', ''], ['filterNamespaces=team*', 'web-1 db-0 run-x -'], ['filterNamespaces=team-a&filterPods=db*', 'db-0'],
    ['filterControllers=web', 'web-1'], ['filterControllers=statefulset:db,job:*', 'db-0 run-x'], ['filterControllers=job:db', ''], ['filterControllerKinds=deployment,job', 'web-1 run-x'], ['filterLabels=app:web,app:d*', 'web-1 db-0'], ['filterLabels=example_com_tier:front', 'web-1'],
    ['filterAnnotations=department:stores', 'db-0'], ['filterServices=front,other', 'web-1'], ['filterDepartments=sales', 'web-1'], ['filterContainers=main', 'web-1'], ['filterNamespaces=team-a&filter=label[app]:"db"|pod:"run-x"', 'db-0'], ['filterClusters=cluster&filterNodes=n1', 'web-1 db-0 run-x'],
  ] as const) assert.equal(named(parseFilter(filterOf(new URLSearchParams(query)))), wanted, query);
  for (const query of ['filterLabels=app', 'filterNamespaces=a"b', `filterPods=${Array.from({ length: 201 }, () => 'p').join(',')}`]) assert.throws(() => filterOf(new URLSearchParams(query)), RangeError, query.slice(0, 40));
});
