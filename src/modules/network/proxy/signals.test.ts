import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEndpointCounts } from './endpoint-counts.ts';
import { added, countersOf, signalText, stillCarried } from './signals.ts';

const STAT = `# pxname,svname,iid,scur,stot,bin,bout,econ,eresp,wretr,wredis,status,act,chkdown,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,last_chk,addr
shop:web:80,FRONTEND,3,2,7,100,900,,,,,OPEN,,,0,6,0,1,0,,
shop:web:80,s0,3,1,5,60,500,0,1,2,1,UP,1,3,0,4,0,1,0,"Detected 3 consecutive errors, last one was: ""x""",10.1.0.2:8080
shop:web:80,s1,3,0,9,0,0,0,0,0,0,MAINT,0,0,0,0,0,0,0,,10.1.0.1:1
shop:web:80,BACKEND,3,1,7,100,900,4,1,2,1,UP,1,0,0,6,0,1,0,
llmos-signals,BACKEND,2,0,0,0,0,0,0,0,0,UP,0,0,,,,,,
`;
const TABLE = `# table: llmos-signals, type: integer, size:102400, used:3
0x55: key=48 use=0 exp=0 shard=0 http_req_cnt=5
0x56: key=49 use=0 exp=0 shard=0 http_req_cnt=1
0x57: key=60 use=0 exp=0 shard=0 http_req_cnt=1
0x58: key=144 use=0 exp=0 shard=0 http_req_cnt=9
`;

test('what HAProxy counts becomes lines of Prometheus', () => {
  const endpoints = createEndpointCounts();
  endpoints.take(STAT);
  const text = signalText(new Map([...countersOf(STAT, TABLE), ...endpoints.now()]));
  for (const line of [
    'llmos_service_connections_total{namespace="shop",service="web",port="80"} 7',
    'llmos_service_requests_total{namespace="shop",service="web",port="80",code="2xx"} 6',
    'llmos_service_errors_total{namespace="shop",service="web",port="80",reason="connect"} 4',
    'llmos_service_endpoint_ejections_total{namespace="shop",service="web",port="80",endpoint="10.1.0.2:8080"} 3',
    '# TYPE llmos_service_request_duration_seconds histogram',
    'llmos_service_request_duration_seconds_bucket{namespace="shop",service="web",port="80",le="0.001"} 5',
    'llmos_service_request_duration_seconds_bucket{namespace="shop",service="web",port="80",le="10"} 6',
    'llmos_service_request_duration_seconds_bucket{namespace="shop",service="web",port="80",le="+Inf"} 7',
  ]) assert.ok(text.split('\n').includes(line), `${line}\n${text}`);
  assert.ok(!text.includes('10.1.0.1:1'), 'free slots are no endpoints');
  assert.equal(new Set(text.split('\n').filter((line) => line.startsWith('# TYPE'))).size, text.match(/^# TYPE/gm)?.length);
  assert.equal(text.match(/^# HELP (\S+) (?!\1$).+\n# TYPE \1 /gm)?.length, text.match(/^# TYPE/gm)?.length, 'each family is explained');
});

test('counters go on over a reload, gauges do not', () => {
  const before = countersOf(STAT, TABLE);
  const text = signalText(added(before, countersOf(STAT, TABLE)));
  assert.match(text, /connections_total\{[^}]*\} 14\n/);
  assert.match(text, /current_connections\{[^}]*\} 2\n/);
});

test('an endpoint is not told to have had what another one had before it in its slot', () => {
  const at = (address: string, connections: number, status = 'UP'): string => `# pxname,svname,stot,chkdown,status,addr\nshop:web:80,s0,${connections},0,${status},${address}\n`;
  const endpoints = createEndpointCounts();
  const now = (address: string, connections: number, status?: string): Record<string, number> => {
    endpoints.take(at(address, connections, status));
    return Object.fromEntries([...endpoints.now()].filter(([key]) => key.includes('connections')).map(([key, value]) => [/endpoint="(.*?)"/.exec(key)![1]!, value]));
  };
  assert.deepEqual(now('a', 5), { a: 5 });
  assert.deepEqual(now('b', 6), { b: 0 });
  assert.deepEqual(now('b', 8), { b: 2 });
  assert.deepEqual(now('b', 8, 'MAINT'), {});
  assert.deepEqual(now('a', 8), { a: 0 });
  assert.deepEqual(now('a', 9), { a: 1 });
  endpoints.nextProcess();
  assert.deepEqual(now('a', 3), { a: 4 }, 'the next process begins with nothing');
});

test('of a Service that nobody carries any more nothing is told', () => {
  const counters = new Map([['x_total{namespace="n",service="a",port="80"}', 1], ['x_total{namespace="n",service="b",port="80",code="2xx"}', 2]]);
  assert.deepEqual([...stillCarried(counters, new Map([['~y{namespace="n",service="b",port="80"}', 1]])).values()], [2]);
});
