/** What is refused, by which status and in which words. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CONFIG_MAPS, configMap } from './testing/config-maps.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoor();
  await door.call('POST', CONFIG_MAPS, { body: configMap('one') });
});
after(() => door.close());

const REFUSALS: [string, string, string, unknown, number, RegExp, Record<string, string>?][] = [
  ['malformed JSON', 'POST', CONFIG_MAPS, '{"kind":', 400, /^couldn't get version\/kind; json parse error: unexpected end of JSON input$/],
  ['JSON with a comma too many', 'POST', CONFIG_MAPS, '{"kind": "ConfigMap",}', 400, /json parse error: invalid character '\}' looking for beginning of object key string$/],
  ['a JSON patch that is no JSON', 'PATCH', `${CONFIG_MAPS}/x`, 'invalid json patch', 400, /^error decoding patch: invalid character 'i' looking for beginning of value$/, { 'content-type': 'application/json-patch+json' }],
  ['a strategic patch that is no JSON', 'PATCH', `${CONFIG_MAPS}/x`, 'barbaz', 400, /^invalid character 'b' looking for beginning of value$/, { 'content-type': 'application/strategic-merge-patch+json' }],
  ['no body', 'POST', CONFIG_MAPS, '', 400, /empty/],
  ['a list for an object', 'POST', CONFIG_MAPS, [], 400, /must be a ConfigMap object/],
  ['a value of a wrong type', 'POST', CONFIG_MAPS, { metadata: { name: 'x' }, data: { a: 1 } }, 400, /cannot be handled as a ConfigMap: json: cannot unmarshal number/],
  ['another kind', 'POST', CONFIG_MAPS, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } }, 400, /Secret in version "v1" cannot be handled as a ConfigMap/],
  ['another apiVersion', 'POST', CONFIG_MAPS, { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'x' } }, 400, /does not match the expected API version \(v1\)/],
  ['another name, of what is not there', 'PUT', `${CONFIG_MAPS}/absent`, configMap('x'), 400, /the name of the object \(x\) does not match the name on the URL \(absent\)/],
  ['another namespace, of what is not there', 'PUT', `${CONFIG_MAPS}/absent`, { metadata: { name: 'absent', namespace: 'other' } }, 400, /the namespace of the provided object does not match the namespace sent on the request/],
  ['a name that is null, of what is not there', 'PUT', `${CONFIG_MAPS}/absent`, { metadata: { name: null } }, 404, /configmaps "absent" not found/],
  ['another namespace', 'POST', CONFIG_MAPS, configMap('x', {}, { namespace: 'other' }), 400, /the namespace of the provided object does not match the namespace sent on the request/],
  ['a missing namespace', 'POST', '/api/v1/namespaces/nowhere/configmaps', configMap('x'), 404, /namespaces "nowhere" not found/],
  ['a bad name', 'POST', CONFIG_MAPS, configMap('No_Name'), 422, /ConfigMap "No_Name" is invalid: metadata.name: Invalid value/],
  ['no name', 'POST', CONFIG_MAPS, { metadata: {} }, 422, /name or generateName is required/],
  ['a finalizer that is a bare word', 'POST', CONFIG_MAPS, configMap('x', {}, { finalizers: ['hold'] }), 422, /metadata.finalizers\[0\]: Invalid value: "hold": name is neither a standard finalizer name nor is it fully qualified/],
  ['a strict unknown field', 'POST', `${CONFIG_MAPS}?fieldValidation=Strict`, { kind: 'ConfigMap', apiVersion: 'v1', meta: {}, metadata: { name: 'x' } }, 400, /^ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "meta"$/],
  ['a strict double field', 'POST', `${CONFIG_MAPS}?fieldValidation=Strict`, '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}', 400, /duplicate field "data.a"/],
  ['an unknown media type', 'POST', CONFIG_MAPS, 'hello', 415, /unknown format - accepted media types include: application\/json/, { 'content-type': 'text/plain' }],
  ['an unknown patch type', 'PATCH', `${CONFIG_MAPS}/x`, '{}', 415, /json-patch\+json/, { 'content-type': 'application/json' }],
  ['a patch type that is no word of ours', 'PATCH', `${CONFIG_MAPS}/x`, '{}', 415, /json-patch\+json/, { 'content-type': 'constructor' }],
  ['an unknown answer type', 'GET', CONFIG_MAPS, undefined, 406, /only the following media types are accepted/, { accept: 'text/html' }],
  ['an unknown resource', 'GET', '/api/v1/namespaces/default/toads', undefined, 404, /the server could not find the requested resource/],
  ['an unknown group', 'GET', '/apis/toads.example/v1/toads', undefined, 404, /could not find the requested resource/],
  ['an unknown method', 'PUT', CONFIG_MAPS, configMap('x'), 405, /does not allow this method/],
  ['a status that is made', 'POST', '/api/v1/namespaces/default/pods/x/status', { metadata: { name: 'x' } }, 405, /^the server does not allow this method on the requested resource$/],
  ['a scale that is made', 'POST', '/apis/apps/v1/namespaces/default/deployments/x/scale', { metadata: { name: 'x' } }, 405, /^the server does not allow this method on the requested resource$/],
  ['a subresource that is none', 'POST', `${CONFIG_MAPS}/x/status`, { metadata: { name: 'x' } }, 404, /could not find the requested resource/],
  ['a subresource that is none, to be replaced without a body', 'PUT', `${CONFIG_MAPS}/x/more`, undefined, 404, /could not find the requested resource/],
  ['a subresource that is none, to be deleted', 'DELETE', '/api/v1/nodes/x/more', undefined, 404, /could not find the requested resource/],
  ['a subresource that cannot be deleted', 'DELETE', '/api/v1/namespaces/default/pods/x/status', undefined, 405, /does not allow this method/],
  ['a deletion by another kind', 'DELETE', `${CONFIG_MAPS}/x`, { apiVersion: 'v1', kind: 'APIResourceList' }, 400, /must be a DeleteOptions object, not APIResourceList/],
  ['a deletion whose version is no text', 'DELETE', `${CONFIG_MAPS}/x`, { apiVersion: false, kind: 'DeleteOptions' }, 400, /^json: cannot unmarshal bool into Go struct field DeleteOptions\.apiVersion of type string$/],
  ['a deletion of what is not there, whose fields are null', 'DELETE', `${CONFIG_MAPS}/x`, { apiVersion: null, kind: null, preconditions: null, dryRun: null, gracePeriodSeconds: null }, 404, /not found/],
  ['a deletion under a condition that is none', 'DELETE', `${CONFIG_MAPS}/x`, { preconditions: { uid: 7 } }, 400, /^json: cannot unmarshal number into Go struct field Preconditions\.preconditions\.uid of type types\.UID$/],
  ['an eviction of another name, of what is not there', 'POST', '/api/v1/namespaces/default/pods/x/eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'other' } }, 400, /^name in URL does not match name in Eviction object$/],
  ['an object that is gone, by its uid', 'PUT', '/apis/coordination.k8s.io/v1/namespaces/default/leases/gone', { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'gone', uid: 'x', resourceVersion: '7' } }, 409, /^Operation cannot be fulfilled on leases\.coordination\.k8s\.io "gone": Precondition failed: UID in precondition: x, UID in object meta: $/],
  ['a missing object', 'GET', `${CONFIG_MAPS}/none`, undefined, 404, /^configmaps "none" not found$/],
  ['a bad label selector', 'GET', `${CONFIG_MAPS}?labelSelector=${encodeURIComponent('a in (')}`, undefined, 400, /unable to parse requirement/],
  ['an unknown field selector', 'GET', `${CONFIG_MAPS}?fieldSelector=data.a%3D1`, undefined, 400, /^"data\.a" is not a known field selector: only "metadata\.name", "metadata\.namespace"$/],
  ['a field selector that pods do not know', 'GET', '/api/v1/pods?fieldSelector=data.a%3D1', undefined, 400, /^field label not supported: data\.a$/],
  ['a field selector that jobs do not know', 'GET', '/apis/batch/v1/jobs?fieldSelector=data.a%3D1', undefined, 400, /^field label "data\.a" not supported for batchv1\.Job$/],
  ['the namespace of a node', 'GET', '/api/v1/nodes?fieldSelector=metadata.namespace%3Da', undefined, 400, /^field label not supported: metadata\.namespace$/],
  ['a list that matches no version', 'GET', `${CONFIG_MAPS}?resourceVersionMatch=Exact`, undefined, 422, /^ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided$/],
  ['a list exactly at 0', 'GET', `${CONFIG_MAPS}?resourceVersion=0&resourceVersionMatch=Exact`, undefined, 422, /resourceVersionMatch "exact" is forbidden for resourceVersion "0"/],
  ['a list that matches in no known way', 'GET', `${CONFIG_MAPS}?resourceVersion=1&resourceVersionMatch=Nearly`, undefined, 422, /resourceVersionMatch: Unsupported value: "Nearly": supported values: "", "Exact", "NotOlderThan"/],
  ['a match where a list goes on', 'GET', `${CONFIG_MAPS}?resourceVersion=1&resourceVersionMatch=Exact&continue=x`, undefined, 422, /resourceVersionMatch is forbidden when continue is provided/],
  ['a list with initial events', 'GET', `${CONFIG_MAPS}?sendInitialEvents=true`, undefined, 422, /sendInitialEvents is forbidden for list/],
  ['a watch with initial events and no match', 'GET', `${CONFIG_MAPS}?watch=true&sendInitialEvents=true`, undefined, 422, /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/],
  ['a watch with a match alone', 'GET', `${CONFIG_MAPS}?watch=true&resourceVersion=1&resourceVersionMatch=NotOlderThan`, undefined, 422, /resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided/],
  ['a deletion with a match alone', 'DELETE', `${CONFIG_MAPS}?resourceVersionMatch=Exact`, undefined, 422, /^ListOptions.meta.k8s.io/],
  ['a get of what is to come', 'GET', `${CONFIG_MAPS}/one?resourceVersion=999999999`, undefined, 504, /Too large resource version: 999999999/],
  ['a version that is written', 'POST', '/version', {}, 405, /does not allow this method/],
  ['what lies below the version', 'GET', '/version/more', undefined, 404, /could not find the requested resource/],
  ['a get at no version', 'GET', `${CONFIG_MAPS}/one?resourceVersion=x`, undefined, 400, /invalid resource version: resourceVersion: Invalid value: "x": strconv\.ParseUint: parsing "x": invalid syntax/],
  ['a list at more than a version may be', 'GET', `${CONFIG_MAPS}?resourceVersion=18446744073709551616`, undefined, 400, /strconv\.ParseUint: parsing "18446744073709551616": value out of range/],
  ['a list at a large version', 'GET', `${CONFIG_MAPS}?resourceVersion=18446744073709551615`, undefined, 504, /Too large resource version/],
  ['YAML with a doubled key, strictly', 'POST', `${CONFIG_MAPS}?fieldValidation=Strict`, 'metadata: {name: yy}\ndata:\n  a: "1"\n  a: "2"\n', 400, /strict decoding error: yaml: unmarshal errors:\n {2}line 4: key "a" already set in map$/, { 'content-type': 'application/yaml' }],
  ['a patch with a doubled field, strictly', 'PATCH', `${CONFIG_MAPS}/one?fieldValidation=Strict`, '{"data":{"a":"1","a":"2"}}', 422, /^ "" is invalid: patch: Invalid value: "\{.*\}": strict decoding error: duplicate field "data.a"$/, { 'content-type': 'application/merge-patch+json' }],
  ['an apply that does not fit the schema', 'PATCH', `${CONFIG_MAPS}/x?fieldManager=a`, { ...configMap('x'), toad: 1 }, 500, /^failed to create typed patch object \(\/x; \/v1, Kind=ConfigMap\): \.toad: field not declared in schema$/, { 'content-type': 'application/apply-patch+yaml' }],
  ['a bad continue token', 'GET', `${CONFIG_MAPS}?limit=1&continue=zzz`, undefined, 400, /continue key is not valid/],
  ['a bad dryRun', 'POST', `${CONFIG_MAPS}?dryRun=Some`, configMap('x'), 422, /^CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Some": supported values: "All"$/],
  ['a manager with letters that nobody sees', 'POST', `${CONFIG_MAPS}?fieldManager=${encodeURIComponent('ü\u0000b')}`, configMap('x'), 422, /^CreateOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "ü\\u0000b": should only contain printable characters \(at position 2\)$/],
  ['an apply without a name for it', 'PATCH', `${CONFIG_MAPS}/x`, configMap('x'), 422, /^PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch$/, { 'content-type': 'application/apply-patch+yaml' }],
  ['a bad dryRun of a deletion', 'DELETE', `${CONFIG_MAPS}/x`, { dryRun: ['Some'] }, 422, /^DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Some": supported values: "All"$/],
  ['a dryRun that is no list', 'DELETE', `${CONFIG_MAPS}/x`, { dryRun: 'All' }, 400, /cannot unmarshal string into Go struct field DeleteOptions.dryRun of type \[\]string$/],
  ['preconditions that are none', 'DELETE', `${CONFIG_MAPS}/x`, { preconditions: 'uid' }, 400, /DeleteOptions.preconditions of type v1.Preconditions$/],
  ['a timeout that is a word', 'GET', `${CONFIG_MAPS}?timeoutSeconds=soon`, undefined, 400, /^strconv\.ParseInt: parsing "soon": invalid syntax$/],
  ['a limit that says nothing', 'GET', `${CONFIG_MAPS}?limit=`, undefined, 400, /^strconv\.ParseInt: parsing "": invalid syntax$/],
  ['a limit beyond an int64', 'GET', `${CONFIG_MAPS}?limit=9223372036854775808`, undefined, 400, /^strconv\.ParseInt: parsing "9223372036854775808": value out of range$/],
  ['a limit of many zeros that is none', 'GET', `${CONFIG_MAPS}?limit=${'0'.repeat(12_000)}x`, undefined, 400, /^strconv\.ParseInt: parsing "0{50}": invalid syntax$/],
  ['a grace beyond an int64', 'DELETE', `${CONFIG_MAPS}/none?gracePeriodSeconds=-9223372036854775809`, undefined, 400, /^strconv\.ParseInt: parsing "-9223372036854775809": value out of range$/],
  ['a bad propagation policy', 'DELETE', `${CONFIG_MAPS}/x?propagationPolicy=Sideways`, undefined, 422, /^DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways"/],
];

for (const [what, method, path, body, status, message, headers] of REFUSALS) {
  test(`refuses ${what} with ${status}`, async () => {
    const answer = await door.call(method, path, { body, headers });
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.json.kind, 'Status');
    assert.equal(answer.json.code, status);
    assert.match(answer.json.message, message);
  });
}

test('a body above the limit gets 413, and so does one that does not say its length', async () => {
  const huge = JSON.stringify(configMap('huge', { a: 'x'.repeat(3 * 1024 * 1024) }));
  assert.equal((await door.call('POST', CONFIG_MAPS, { body: huge })).status, 413);
  assert.equal((await door.call('POST', CONFIG_MAPS, { body: huge, headers: { 'transfer-encoding': 'chunked' } })).status, 413);
  const large = JSON.stringify(configMap('large', { a: 'x'.repeat(2 * 1024 * 1024) }));
  const answer = await door.call('POST', CONFIG_MAPS, { body: large });
  assert.ok(answer.status === 413 || answer.status === 422, answer.text.slice(0, 300));
});

test('deep nesting is refused and breaks nothing', async () => {
  const deep = `{"metadata":{"name":"deep"},"data":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
  assert.equal((await door.call('POST', CONFIG_MAPS, { body: deep })).status, 400);
  assert.equal((await door.call('GET', '/readyz')).text, 'ok');
});

test('what is replaced though it is not there is made, whatever its version was', async () => {
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'back', resourceVersion: '7' } };
  const { status, json } = await door.call('PUT', '/apis/coordination.k8s.io/v1/namespaces/default/leases/back', { body: lease });
  assert.deepEqual([status, json.metadata.name, json.metadata.resourceVersion === '7'], [201, 'back', false]);
});
