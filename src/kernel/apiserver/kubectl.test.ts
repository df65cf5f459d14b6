/** The real kubectl against a real door: what a user types and what comes back. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { kindsOfDefinition } from '../../api/custom/custom-kind.ts';
import { runAny, type RunResult } from '../../base/sys/run.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

const installed = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(`${folder}/kubectl`));
const options = { skip: installed ? false : 'kubectl is not installed' };
let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

function kubectl(line: string, input?: string): Promise<RunResult> {
  const env = { ...process.env, KUBECONFIG: door.kubeconfig, HOME: door.folder, KUBECACHEDIR: `${door.folder}/cache` };
  return runAny('kubectl', line.split(' '), { env, input, timeoutMs: 30_000 });
}

async function says(line: string, wanted: RegExp | string, input?: string): Promise<void> {
  const { code, stdout, stderr } = await kubectl(line, input);
  assert.equal(code, 0, `${line}: ${stderr}`);
  if (typeof wanted === 'string') assert.equal(stdout, wanted);
  else assert.match(stdout, wanted);
}

async function fails(line: string, wanted: RegExp | string, input?: string): Promise<void> {
  const { code, stderr } = await kubectl(line, input);
  assert.notEqual(code, 0, line);
  if (typeof wanted === 'string') assert.equal(stderr, wanted);
  else assert.match(stderr, wanted);
}

const WEB = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: "nginx:1", ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
`;

test('create, get, describe, edit by label, delete', options, async () => {
  await says('create configmap one --from-literal=a=1', 'configmap/one created\n');
  await says('get configmap one -o jsonpath={.data.a}', '1');
  await says('get cm', /^NAME +DATA +AGE\none +1 +\d+s\n$/);
  await says('label cm one tier=front', 'configmap/one labeled\n');
  await says('get cm -l tier=front -o name', 'configmap/one\n');
  await says('get cm --field-selector=metadata.name=other', '');
  await says('describe cm one', /^Name: +one\nNamespace: +default\nLabels: +tier=front/);
  await says('delete cm one', 'configmap "one" deleted\n');
  await fails('get cm one', 'Error from server (NotFound): configmaps "one" not found\n');
});

test('apply on the client and on the server, twice and with a change', options, async () => {
  await says('apply -f -', 'deployment.apps/web created\nservice/web created\n', WEB);
  await says('apply -f -', 'deployment.apps/web unchanged\nservice/web unchanged\n', WEB);
  await says('apply -f -', 'deployment.apps/web configured\nservice/web unchanged\n', WEB.replace('nginx:1', 'nginx:2'));
  await says('diff -f -', /^$/, WEB.replace('nginx:1', 'nginx:2'));
  await says('get deploy web -o jsonpath={.spec.template.spec.containers[0].image}/{.metadata.generation}', 'nginx:2/2');
  await says('apply --server-side --force-conflicts -f -', /deployment.apps\/web serverside-applied/, WEB);
  await says('get deploy', /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/3 /);
});

test('scale, set image, rollout, patch, annotate', options, async () => {
  await says('scale deploy web --replicas=5', 'deployment.apps/web scaled\n');
  await says('get deploy web -o jsonpath={.spec.replicas}', '5');
  await says('set image deploy/web nginx=nginx:9', 'deployment.apps/web image updated\n');
  await says('rollout restart deploy/web', 'deployment.apps/web restarted\n');
  await says('rollout pause deploy/web', 'deployment.apps/web paused\n');
  await says('patch deploy web -p {"spec":{"paused":false}}', 'deployment.apps/web patched\n');
  await says('patch deploy web --type=json -p [{"op":"replace","path":"/spec/replicas","value":1}]', 'deployment.apps/web patched\n');
  await says('annotate deploy web note=hello', 'deployment.apps/web annotated\n');
  await says('get deploy web -o jsonpath={.spec.replicas}{.metadata.annotations.note}', '1hello');
  await says('delete deploy,svc web', /deployment.apps "web" deleted\nservice "web" deleted\n/);
});

test('a misspelt field and a malformed manifest get the words of Kubernetes', options, async () => {
  const typo = 'apiVersion: v1\nkind: ConfigMap\nmeta: {name: x}\n';
  await fails('create -f -', 'Error from server (BadRequest): error when creating "STDIN": ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "meta"\n', typo);
  await fails('create --dry-run=server -f -', /unknown field "spec.replica"/, WEB.replace('replicas:', 'replica:'));
  await fails('apply -f -', /error parsing STDIN/, 'a: [b\n');
  await fails('get toads', "error: the server doesn't have a resource type \"toads\"\n");
  await fails('apply -f -', /no matches for kind "Toad" in version "example.com\/v1"/, 'apiVersion: example.com/v1\nkind: Toad\nmetadata: {name: t}\n');
});

test('what is served, and who am I', options, async () => {
  await says('api-resources --no-headers', /^configmaps +cm +v1 +true +ConfigMap$/m);
  await says('api-versions', /^apps\/v1$/m);
  await says('version', /Server Version: v1\.\d+\.\d+\+llmos/);
  await says('explain deployment.spec.replicas', /FIELD: replicas <integer>/);
  await says('explain subjectaccessreviews.spec', /resourceAttributes/);
  await says('auth whoami -o jsonpath={.status.userInfo.username}', 'kubernetes-admin');
  await says('auth can-i create pods', 'yes\n');
  await says('get --raw /readyz', 'ok');
});

test('explains what is built in and what is defined, from both documents', options, async () => {
  const schema = { type: 'object', description: 'A toad.', properties: { spec: { type: 'object', required: ['warts'], properties: { warts: { type: 'array', description: 'Its warts.', items: { type: 'object', properties: { size: { type: 'integer' } } } } } } } } as const;
  const stops = kindsOfDefinition({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'toads.example.com' }, spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'toads', kind: 'Toad' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }] } } as never).map((kind) => door.server.serve(kind));
  for (const output of ['plaintext', 'plaintext-openapiv2']) {
    await says(`explain --output=${output} pods.spec`, /FIELDS:[\s\S]*containers[\s\S]*-required-/);
    await says(`explain --output=${output} pods.spec.containers.resources.limits`, /Quantity|map\[string\]/);
    await says(`explain --output=${output} deployments --recursive`, /template[\s\S]*podAffinityTerm[\s\S]*topologyKey/);
    await says(`explain --output=${output} toads.spec`, /warts[\s\S]*-required-[\s\S]*Its warts\./);
    await says(`explain --output=${output} toads.spec.warts.size`, /size <integer>|FIELD: +size/);
    await fails(`explain --output=${output} pods.spec.toad`, /field "?toad"? does not exist/);
  }
  for (const stop of stops) stop();
});

test('watch and wait', options, async () => {
  const waiting = kubectl('wait --for=jsonpath={.data.ready}=yes cm/slow --timeout=10s');
  await says('create cm slow', /created/);
  // The wait fails at once when the object is not there yet: it is asked again then.
  const first = await waiting;
  const second = first.code === 0 ? Promise.resolve(first) : kubectl('wait --for=jsonpath={.data.ready}=yes cm/slow --timeout=10s');
  await says('patch cm slow -p {"data":{"ready":"yes"}}', /patched/);
  assert.match((await second).stdout, /condition met/);
  const deleted = kubectl('delete cm slow --wait=true');
  assert.equal((await deleted).code, 0);
});

test('namespaces, secrets, service accounts and their tokens', options, async () => {
  await says('create ns team', 'namespace/team created\n');
  await says('-n team create secret generic s --from-literal=password=x', 'secret/s created\n');
  await says('-n team get secret s -o jsonpath={.data.password}', 'eA==');
  await says('-n team create sa bot', 'serviceaccount/bot created\n');
  const { stdout: token } = await kubectl('-n team create token bot');
  assert.match(token, /^eyJ/);
  await says('get secrets -A -o name', 'secret/s\n');
  await fails('-n nowhere create cm x', /namespaces "nowhere" not found/);
});

test('a run pod, chunked lists and sorting', options, async () => {
  await says('run p --image=busybox --restart=Never', 'pod/p created\n');
  await says('get pod p -o jsonpath={.status.phase}{.spec.restartPolicy}', 'PendingNever');
  for (const name of ['c1', 'c2', 'c3']) await says(`create cm ${name}`, /created/);
  await says('get cm --chunk-size=1 -o name', 'configmap/c1\nconfigmap/c2\nconfigmap/c3\n');
  await says('get cm --sort-by=.metadata.name --no-headers', /^c1.*\nc2.*\nc3/);
  await says('delete pod p --now', /pod "p" deleted/);
  await says('delete cm --all', /configmap "c1" deleted/);
});

test('a patch with a misspelt field or a value of a wrong type gets the words of Kubernetes', options, async () => {
  await says('create cm patched --from-literal=a=1', /created/);
  await says('patch cm patched -p {"date":{"a":"2"}} --dry-run=server', /patched/);
  await fails('patch cm patched -p {"data":{"a":{"b":1}}}', /^The request is invalid: patch: Invalid value: "map\[data:map\[a:map\[b:1\]\]\]": unrecognized type: string$/m);
  await fails('patch cm patched --type=merge -p {"data":{"a":[]}}', /^The request is invalid: patch: Invalid value: "\{.*\}": json: cannot unmarshal/);
  await says('delete cm patched', /deleted/);
});
