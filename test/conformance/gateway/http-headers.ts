/** HTTPRoute and GRPCRoute, headers: of requests and of answers, by rules and by backends. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { at, requestHeaders, responseHeaders, tried } from './http-filters.ts';
import { ask, expectAll, to, V1, V2, type Ask, type Expected } from './world.ts';

/** Headers changed beside something else that is done. */
export const MODIFIED = { set: [{ name: 'X-Header-Set', value: 'set-overwrites-values' }], add: [{ name: 'X-Header-Add', value: 'header-val-1' }, { name: 'X-Header-Add-Append', value: 'header-val-2' }], remove: ['X-Header-Remove'] };
export const modified = (path: string, arrives: string, more: { host?: string; arrivesAt?: string; backend?: string } = {}): [Ask, Expected] => [
  { path, ...(more.host === undefined ? {} : { host: more.host }), headers: { 'X-Header-Remove': 'remove-val', 'X-Header-Add-Append': 'append-val-1', 'X-Header-Set': 'set-val' } },
  { backend: more.backend ?? V1, check: ({ body }) => {
    assert.deepEqual([body.path, ...['x-header-add', 'x-header-add-append', 'x-header-set', 'x-header-remove'].map((name) => body.headers[name])], [arrives, 'header-val-1', 'append-val-1, header-val-2', 'set-overwrites-values', undefined]);
    if (more.arrivesAt !== undefined) assert.equal(body.host, more.arrivesAt);
  } },
];

/** What the filters do to headers, told by rules of paths. */
export const CHANGES: Readonly<Record<string, object>> = {
  '/set': { set: [{ name: 'X-Header-Set', value: 'set-overwrites-values' }] }, '/add': { add: [{ name: 'X-Header-Add', value: 'add-appends-values' }] }, '/remove': { remove: ['X-Header-Remove'] },
  '/multiple': {
    set: [{ name: 'X-Header-Set-1', value: 'header-set-1' }, { name: 'X-Header-Set-2', value: 'header-set-2' }], add: [1, 2, 3].map((n) => ({ name: `X-Header-Add-${n}`, value: `header-add-${n}` })), remove: ['X-Header-Remove-1', 'X-Header-Remove-2'],
  },
  '/case-insensitivity': { set: [{ name: 'X-Header-Set', value: 'header-set' }], add: [{ name: 'X-Header-Add', value: 'header-add' }], remove: ['X-Header-Remove'] },
};

/** Path, headers before, headers after: `undefined` for none. */
export const CHANGED: readonly [string, Record<string, string>, Record<string, string | undefined>][] = [
  ['/set', { 'Some-Other-Header': 'val' }, { 'Some-Other-Header': 'val', 'X-Header-Set': 'set-overwrites-values' }], ['/set', { 'Some-Other-Header': 'val', 'X-Header-Set': 'some-other-value' }, { 'Some-Other-Header': 'val', 'X-Header-Set': 'set-overwrites-values' }],
  ['/add', { 'Some-Other-Header': 'val' }, { 'Some-Other-Header': 'val', 'X-Header-Add': 'add-appends-values' }], ['/add', { 'Some-Other-Header': 'val', 'X-Header-Add': 'some-other-value' }, { 'Some-Other-Header': 'val', 'X-Header-Add': 'some-other-value, add-appends-values' }],
  ['/remove', { 'X-Header-Remove': 'val', other: 'x' }, { 'X-Header-Remove': undefined, other: 'x' }],
  ['/multiple', { 'X-Header-Set-2': 'set-val-2', 'X-Header-Add-2': 'add-val-2', 'X-Header-Remove-2': 'remove-val-2', 'Another-Header': 'another-header-val' }, {
    'X-Header-Set-1': 'header-set-1', 'X-Header-Set-2': 'header-set-2', 'X-Header-Add-1': 'header-add-1', 'X-Header-Add-2': 'add-val-2, header-add-2', 'X-Header-Add-3': 'header-add-3', 'Another-Header': 'another-header-val', 'X-Header-Remove-1': undefined, 'X-Header-Remove-2': undefined,
  }],
  ['/case-insensitivity', { 'x-header-set': 'original-val-set', 'x-header-add': 'original-val-add', 'x-header-remove': 'original-val-remove', 'Another-Header': 'another-header-val' }, { 'X-Header-Set': 'header-set', 'X-Header-Add': 'original-val-add, header-add', 'X-Header-Remove': undefined, 'Another-Header': 'another-header-val' }],
];

export function headers(): void {
  const seen = (path: string, sent: Record<string, string>, expected: Record<string, string | undefined>): [Ask, Expected] => [{ path, headers: sent }, { backend: V1, check: ({ body }) => {
    for (const [name, value] of Object.entries(expected)) assert.equal(body.headers[name.toLowerCase()], value, name);
  } }];

  tried('HTTPRouteRequestHeaderModifier', () => [
    ...Object.entries(CHANGES).map(([path, change]) => at(path, [requestHeaders(change)])),
    at('/twice', [requestHeaders({ set: [{ name: 'X-Header-Set', value: 'first' }, { name: 'x-header-set', value: 'second' }], add: [{ name: 'X-Header-Add', value: 'first' }, { name: 'x-header-add', value: 'second' }] })]),
    at('/odd', [requestHeaders({ set: [{ name: 'X-Odd', value: `50% "of" 'it' \\ {x} $HOME %[src] #` }] })]),
  ], (address) => expectAll(address, [
    ...CHANGED.map(([path, sent, expected]) => seen(path, sent, expected)),
    seen('/twice', {}, { 'X-Header-Set': 'first', 'X-Header-Add': 'first' }),
    seen('/odd', {}, { 'X-Odd': `50% "of" 'it' \\ {x} $HOME %[src] #` }),
  ]));

  tried('HTTPRouteBackendRequestHeaderModifier', () => Object.entries(CHANGES).map(([path, change]) => at(path, [], [to(V1, { filters: [requestHeaders(change)] })])), (address) => expectAll(address, CHANGED.map(([path, sent, expected]) => seen(path, sent, expected))));

  tried('HTTPRouteRequestHeaderModifierBackendWeights', () => [{ backendRefs: [V1, V2].map((name) => ({ ...to(name), filters: [requestHeaders({ set: [{ name: 'Backend', value: name }] })] })) }], async (address) => {
    await eventually(async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => ask(address)));
      return all.every(({ status, body }) => status === 200 && body.headers.backend === body.pod) && new Set(all.map(({ body }) => body.pod)).size === 2;
    }, { what: 'each backend gets its own header' });
  });

  // What the backend is to answer with is asked for by a header of the request.
  const answered = ([path, sent, expected]: (typeof CHANGED)[number]): [Ask, Expected] => [{ path, headers: { 'x-echo-set-header': Object.entries(sent).map(([name, value]) => `${name}:${value}`).join(', ') } }, { backend: V1, check: (told) => {
    for (const [name, value] of Object.entries(expected)) assert.equal(told.headers[name.toLowerCase()], value, name);
  } }];
  tried('HTTPRouteResponseHeaderModifier', () => [
    ...Object.entries(CHANGES).map(([path, change]) => at(path, [responseHeaders(change)])), at('/of-backend', [], [to(V1, { filters: [responseHeaders(CHANGES['/multiple']!)] })]), at('/hides', [responseHeaders({ set: [{ name: 'X-From-Backend', value: 'hidden' }] })]),
    at('/both', [requestHeaders(CHANGES['/set']!), responseHeaders(CHANGES['/add']!)]),
  ], (address) => expectAll(address, [
    ...CHANGED.map(answered), ...CHANGED.filter(([path]) => path === '/multiple').map(([, ...rest]) => answered(['/of-backend', ...rest])), [{ path: '/hides' }, { check: (told) => assert.equal(told.headers['x-from-backend'], 'hidden') }],
    [{ path: '/both' }, { backend: V1, check: ({ headers: got, body }) => assert.deepEqual([body.headers['x-header-set'], got['x-header-add']], ['set-overwrites-values', 'add-appends-values']) }],
  ]));
}
