/** Two releases of kubectl, the machine's and Debian's newest, tell the same of the same cluster: a list of what users do, each tried with both; kubectx and kubecolor beside them. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { clients, lacks } from '../fixtures/clients.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type CommandResult, type Instance } from '../fixtures/instance.ts';

/** A manifest with all that YAML allows: comments, empty documents, anchors and merges, a List, letters of other scripts, tabs in text. */
const AWKWARD = `# a comment alone
---
---
apiVersion: v1
kind: ConfigMap
metadata: { name: anchors, labels: &labels { app: awkward }, annotations: { <<: *labels, more: "yes" } }
data: { text: "ü 漢字 🎉", "tab": "a\\tb", octal: "0o17", norway: "no" }
---
apiVersion: v1
kind: List
items:
- { apiVersion: v1, kind: ConfigMap, metadata: { name: listed, labels: { app: awkward } } }
- { apiVersion: v1, kind: Secret, metadata: { name: listed, labels: { app: awkward } }, stringData: { p: q } }
...
---

`;
const maps = (...names: string[]): string => names.map((name) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`).join('---\n');
const RBAC = (namespace: string): string => `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader, namespace: ${namespace} }
rules: [{ apiGroups: [""], resources: [pods], verbs: [get] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader, namespace: ${namespace} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: User, name: bob, apiGroup: rbac.authorization.k8s.io }]
`;

describe('releases of kubectl', { timeout: 300_000 }, () => {
  let llmos: Instance;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-kubectls-'));
    llmos = await bootInstance();
    importTestImage(llmos);
  });
  after(async () => {
    await llmos?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (program: string, args: readonly string[], how: { input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<CommandResult> => new Promise((settled) => {
    const env = { ...process.env, HOME: join(folder, 'home'), TMPDIR: folder, KUBECONFIG: llmos.kubeconfig, ...how.env };
    const child = execFile(program, [...args], { env, cwd: folder, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
      settled({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr }));
    child.stdin?.on('error', () => {}).end(how.input ?? ''); // one that reads nothing may have ended
  });

  const releases: [string, () => string | undefined, string | false][] = [["the machine's", () => 'kubectl', false], ['the newest', clients.kubectl, lacks('kubectl')]];
  // Each in a namespace of its own, at once.
  describe('each of them', { concurrency: true }, () => {
    for (const [index, [title, program, skip]] of releases.entries()) describe(title, { skip, concurrency: 1 }, () => {
      const namespace = `release-${index}`;
      const kubectl = (...args: string[]): Promise<CommandResult> => run(program()!, ['-n', namespace, ...args]);
      const ok = async (...args: string[]): Promise<string> => {
        const { code, stdout, stderr } = await kubectl(...args);
        assert.equal(code, 0, `${args.join(' ')}: ${stderr}\n${stdout}`);
        return stdout;
      };
      const fails = async (message: RegExp, ...args: string[]): Promise<void> => {
        const { code, stderr } = await kubectl(...args);
        assert.notEqual(code, 0, args.join(' '));
        assert.match(stderr, message);
      };
      const file = (name: string, text: string | Buffer): string => {
        mkdirSync(dirname(join(folder, namespace, name)), { recursive: true });
        writeFileSync(join(folder, namespace, name), text);
        return join(folder, namespace, name);
      };
      before(() => ok('create', 'namespace', namespace));

      it('reads manifests as users write them', async () => {
        assert.match(await ok('apply', '-f', file('awkward.yaml', AWKWARD)), /configmap\/anchors created\nconfigmap\/listed created\nsecret\/listed created/);
        assert.match(await ok('apply', '-f', file('crlf.yaml', AWKWARD.replaceAll('\n', '\r\n'))), /configmap\/anchors unchanged/);
        assert.match(await ok('apply', '-f', file('bom.yaml', `\ufeff${AWKWARD}`)), /configmap\/anchors unchanged/);
        assert.deepEqual(JSON.parse(await ok('get', 'cm', 'anchors', '-o', 'json')).data, { text: 'ü 漢字 🎉', tab: 'a\tb', octal: '0o17', norway: 'no' });
        await fails(/found character that cannot start any token/, 'apply', '-f', file('tabs.yaml', 'kind: ConfigMap\nmetadata:\n\tname: x\n'));
        assert.match(await ok('delete', '-f', join(folder, namespace, 'awkward.yaml')), /configmap "listed" deleted/);
      });

      it('keeps large and long things up to the limit, and not beyond', async () => {
        await ok('create', 'configmap', 'large', `--from-file=${file('large.bin', Buffer.alloc(1024 * 1024, 0xfe))}`);
        await fails(/ConfigMap "larger" is invalid: \[\]: Too long: may not be more than 1048576 bytes/, 'create', 'configmap', 'larger', `--from-file=${file('larger.bin', Buffer.alloc(1024 * 1024 + 1, 0xfe))}`);
        await ok('create', 'configmap', 'a'.repeat(253));
        await fails(/must be no more than 253 characters/, 'create', 'configmap', 'a'.repeat(254));
        await fails(/lowercase RFC 1123 subdomain/, 'create', 'configmap', 'Ünï');
        await ok('delete', 'configmap', 'large', 'a'.repeat(253));
      });

      it('customizes', async () => {
        file('base/kustomization.yaml', 'namePrefix: k-\nconfigMapGenerator: [{ name: generated, literals: [a=b] }]\nresources: [map.yaml]\n');
        file('base/map.yaml', maps('plain'));
        assert.match(await ok('apply', '-k', join(folder, namespace, 'base')), /configmap\/k-generated-\w+ created\nconfigmap\/k-plain created/);
        assert.equal((await kubectl('diff', '-k', join(folder, namespace, 'base'))).code, 0);
        await ok('delete', '-k', join(folder, namespace, 'base'));
      });

      it('prunes what left an apply set', async () => {
        const set = async (...names: string[]): Promise<string> => {
          const { code, stdout, stderr } = await run(program()!, ['-n', namespace, 'apply', '--prune', '--applyset=set', '-f', file('set.yaml', maps(...names))], { env: { KUBECTL_APPLYSET: 'true' } });
          assert.equal(code, 0, stderr);
          return stdout;
        };
        assert.match(await set('one', 'two'), /configmap\/one created\nconfigmap\/two created/);
        assert.match(await set('one'), /configmap\/one unchanged\nconfigmap\/two pruned/);
        assert.equal(await ok('get', 'cm', '-l', 'applyset.kubernetes.io/part-of', '-o', 'name'), 'configmap/one\n');
      });

      it('replaces, shows differences, waits', async () => {
        const one = file('one.yaml', maps('one'));
        assert.match(await ok('replace', '--force', '-f', one), /configmap\/one replaced/);
        assert.equal((await kubectl('diff', '-f', file('changed.yaml', `${maps('one')}data: { a: b }\n`))).code, 1);
        const waits = [kubectl('wait', '--for=create', 'cm/later', '--timeout=60s'), kubectl('wait', '--for=delete', 'cm/one', '--timeout=20s')];
        await new Promise((settled) => setTimeout(settled, 300));
        await ok('create', 'cm', 'later');
        await ok('delete', 'cm', 'one');
        for (const { code, stdout, stderr } of await Promise.all(waits)) assert.equal(code, 0, stderr + stdout);
        assert.match(await ok('wait', '--for=jsonpath={.metadata.name}=later', 'cm/later'), /condition met/);
      });

      it('tells who one is and what one may', async () => {
        assert.match(await ok('auth', 'whoami'), /Username\s+kubernetes-admin/);
        assert.match(await ok('auth', 'can-i', '--list'), /^\*\.\*\s/m);
        assert.match(await ok('auth', 'reconcile', '-f', file('rbac.yaml', RBAC(namespace))), /role.rbac.authorization.k8s.io\/reader reconciled$/m);
        assert.equal(await ok('auth', 'can-i', 'get', 'pods', '--as=bob'), 'yes\n');
        assert.equal((await kubectl('auth', 'can-i', 'list', 'pods', '--as=bob')).stdout, 'no\n');
        await ok('set', 'subject', 'rolebinding', 'reader', '--user=carol');
        assert.equal(await ok('auth', 'can-i', 'get', 'pods', '--as=carol'), 'yes\n');
      });

      it('makes things of every sort', async () => {
        const made = async (...args: string[]): Promise<void> => assert.match(await ok('create', ...args), / created$/m);
        await made('deployment', 'web', `--image=${TEST_IMAGE}`, '--replicas=1', '--', 'sleep', '1000000');
        await made('job', 'once', `--image=${TEST_IMAGE}`, '--', 'true');
        await made('cronjob', 'often', `--image=${TEST_IMAGE}`, '--schedule=*/5 * * * *', '--', 'true');
        await made('job', 'from-cron', '--from=cronjob/often');
        await made('ingress', 'web', '--rule=example.com/path*=web:80,tls=secret', '--class=some');
        await made('quota', 'some', '--hard=pods=50');
        await made('role', 'some', '--verb=get,list', '--resource=pods,pods/log,deployments.apps');
        await made('rolebinding', 'some', '--role=some', `--serviceaccount=${namespace}:default`);
        await made('clusterrole', `health-${namespace}`, '--verb=get', '--non-resource-url=/healthz');
        await made('clusterrolebinding', `view-${namespace}`, '--clusterrole=view', '--group=some');
        await made('poddisruptionbudget', 'some', '--selector=app=none', '--min-available=1');
        await made('priorityclass', `some-${namespace}`, '--value=10');
        await made('secret', 'docker-registry', 'registry', '--docker-username=a', '--docker-password=b', '--docker-server=x');
        await made('secret', 'generic', 'some', '--from-literal=a=b');
        await made('serviceaccount', 'some');
        for (const type of ['clusterip', 'nodeport', 'loadbalancer']) await made('service', type, type, '--tcp=80');
        await made('service', 'externalname', 'external', '--external-name=example.com');
        assert.match(await ok('create', 'token', 'some', '--audience=a', '--duration=1h'), /^ey[\w-]+\.[\w-]+\.[\w-]+$/m);
        assert.match(await ok('wait', '--for=condition=complete', 'job/once', 'job/from-cron', '--timeout=60s'), /from-cron condition met/);
        assert.match(await ok('describe', 'ingress', 'web'), /example\.com\s*\n\s+\/path\s+web:80/);
        assert.match(await ok('describe', 'quota', 'some'), /pods\s+\d+\s+50/);
      });

      it('sets, exposes, scales, and rolls', async () => {
        await ok('expose', 'deployment', 'web', '--port=80', '--target-port=8080');
        await ok('set', 'resources', 'deployment/web', '--limits=cpu=200m,memory=64Mi');
        await ok('set', 'env', 'deployment/web', 'A=b');
        assert.match(await ok('set', 'env', 'deployment/web', '--list'), /^A=b$/m);
        await ok('set', 'image', 'deployment/web', `test=${TEST_IMAGE}-other`);
        await ok('rollout', 'undo', 'deployment/web');
        await ok('set', 'serviceaccount', 'deployment', 'web', 'some');
        await ok('set', 'selector', 'service', 'web', 'app=web,x=y');
        await ok('rollout', 'pause', 'deployment/web');
        await ok('rollout', 'resume', 'deployment/web');
        await ok('patch', 'deployment', 'web', '-p', '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":0}}}}');
        await ok('rollout', 'restart', 'deployment/web');
        assert.match(await ok('rollout', 'status', 'deployment/web', '--timeout=60s'), /successfully rolled out/);
        await ok('scale', 'deployment/web', '--current-replicas=1', '--replicas=0');
        assert.match(await ok('patch', 'deployment', 'web', '--subresource=scale', '--type=merge', '-p', '{"spec":{"replicas":1}}'), /patched/);
        assert.match(await ok('get', 'deployment', 'web', '--subresource=scale'), /^NAME\s+DESIRED\s+AVAILABLE\s+AGE\nweb\s+1\s/);
        assert.match(await ok('rollout', 'history', 'deployment/web'), /^REVISION/m);
      });

      it('runs, looks into, copies and ends pods', async () => {
        const sleeps = ['--restart=Never', '--overrides={"spec":{"terminationGracePeriodSeconds":0}}'];
        await ok('run', 'box', `--image=${TEST_IMAGE}`, `--labels=of=${namespace}`, ...sleeps, '--', 'sleep', '1000000');
        await ok('wait', '--for=condition=Ready', 'pod/box', '--timeout=60s');
        const { stdout } = await run(program()!, ['-n', namespace, 'run', 'piped', '--rm', '-i', `--image=${TEST_IMAGE}`, '--restart=Never', '--', 'cat'], { input: 'piped in\n' });
        assert.match(stdout, /piped in\npod "piped" deleted/);
        await ok('debug', 'box', `--image=${TEST_IMAGE}`, '--container=look', '--profile=general', '--attach=false', '--', 'sleep', '1000000');
        await eventually(async () => /running/.test(await ok('get', 'pod', 'box', '-o', 'jsonpath={.status.ephemeralContainerStatuses[0].state}')));
        await ok('debug', 'box', '--copy-to=copy', `--set-image=*=${TEST_IMAGE}`, '--profile=general');
        await ok('debug', 'node/node1', `--image=${TEST_IMAGE}`, '--profile=general', '--attach=false', '--', 'true');
        file('copied/below/note', 'a note');
        await ok('cp', join(namespace, 'copied'), 'box:/tmp/copied', '-c', 'box');
        await ok('cp', 'box:/tmp/copied', join(namespace, 'back'), '-c', 'box');
        assert.equal(readFileSync(join(folder, namespace, 'back/below/note'), 'utf8'), 'a note');
        assert.equal((await kubectl('exec', 'box', '-c', 'box', '--', 'sh', '-c', 'exit 3')).code, 3);
        assert.match(await ok('events', '--for=pod/box'), /Scheduled/);
        await eventually(async () => /^box\s+\d+m\s+\d+Mi/m.test(await ok('top', 'pod')), { timeoutMs: 20_000 });
        assert.match(await ok('top', 'node'), /^node1\s/m);
      });

      it('cordons, taints and drains', async () => {
        await ok('cordon', 'node1');
        await fails(/cannot delete Pods that declare no controller/, 'drain', 'node1', `--pod-selector=of=${namespace}`, '--ignore-daemonsets');
        assert.match(await ok('drain', 'node1', `--pod-selector=of=${namespace}`, '--force', '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=60s'), /pod\/box evicted/);
        await ok('uncordon', 'node1');
        await ok('taint', 'node', 'node1', `${namespace}=b:PreferNoSchedule`);
        await fails(/already has/, 'taint', 'node', 'node1', `${namespace}=b:PreferNoSchedule`);
        await ok('taint', 'node', 'node1', `${namespace}=c:PreferNoSchedule`, '--overwrite');
        await ok('taint', 'node', 'node1', `${namespace}-`);
      });

      it('approves a certificate', async () => {
        const { code, stderr } = await run('openssl', ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=dave', '-out', join(namespace, 'dave.csr')]);
        assert.equal(code, 0, stderr);
        const request = readFileSync(join(folder, namespace, 'dave.csr')).toString('base64');
        await ok('create', '-f', file('csr.yaml', `apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: { name: ${namespace} }\nspec: { request: ${request}, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth] }\n`));
        await ok('certificate', 'approve', namespace);
        await eventually(async () => /Approved,Issued/.test(await ok('get', 'csr', namespace)));
        await fails(/already Approved/, 'certificate', 'deny', namespace);
      });

      it('goes through a proxy, dumps the cluster, knows what is served', async () => {
        const proxy = spawn(program()!, ['proxy', '--port=0'], { env: { ...process.env, KUBECONFIG: llmos.kubeconfig } });
        try {
          let said = '';
          proxy.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
          const port = await eventually(async () => /:(\d+)\s/.exec(said)?.[1]);
          const answer = await (await fetch(`http://127.0.0.1:${port}/api/v1/namespaces/${namespace}`)).json() as { metadata: { name: string } };
          assert.equal(answer.metadata.name, namespace);
        } finally {
          proxy.kill();
        }
        assert.match(await ok('cluster-info', 'dump', `--namespaces=${namespace}`), /"kind": "PodList"/);
        assert.match(await ok('api-versions'), /^networking\.k8s\.io\/v1$/m);
        assert.match(await ok('api-resources', '--categories=all', '-o', 'name'), /^deployments\.apps$/m);
        assert.match(await ok('explain', 'ingress.spec.rules.http'), /paths\s+<\[\]HTTPIngressPath>/);
        assert.match(await ok('get', '--raw', '/readyz?verbose'), /readyz check passed/);
      });

      it('says what is wrong in the words of Kubernetes', async () => {
        await fails(/pods "nope" not found/, 'get', 'pod', 'nope');
        await fails(/the server doesn't have a resource type "nope"/, 'get', 'nope');
        await fails(/no matches for kind "Nope" in version "x\/v1"/, 'create', '-f', file('nope.yaml', 'apiVersion: x/v1\nkind: Nope\nmetadata: { name: x }\n'));
        await fails(/strict decoding error: unknown field "dat"/, 'create', '-f', file('dat.yaml', `${maps('dat')}dat: {}\n`));
        assert.match((await kubectl('create', '--validate=warn', '-f', join(folder, namespace, 'dat.yaml'))).stderr, /Warning: unknown field "dat"/);
        await ok('label', 'cm', 'dat', 'a=b');
        await fails(/'a' already has a value \(b\), and --overwrite is false/, 'label', 'cm', 'dat', 'a=c');
        assert.match(await ok('create', '-f', file('generated.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: { generateName: generated- }\n')), /configmap\/generated-\w{5} created/);
      });

      it('deletes a namespace with all of this in it', async () => {
        await ok('delete', 'deployments,jobs', '--all');
        await ok('delete', 'pods', '--all', '--now');
        await ok('delete', 'namespace', namespace, '--timeout=60s');
      });
    });
  });

  it('one of 1.20 has streams by SPDY: exec, attach, copies, ports', { skip: lacks('oldKubectl') }, async () => {
    const old = (args: readonly string[], input?: string): Promise<CommandResult> => run(clients.oldKubectl()!, args, { input });
    const page = 'mkdir -p /www; echo page > /www/index.html; exec httpd -f -p 8080 -h /www';
    await old(['run', 'streams', `--image=${TEST_IMAGE}`, '--restart=Never', '--overrides={"spec":{"terminationGracePeriodSeconds":0}}', '--', 'sh', '-c', page]);
    await eventually(async () => (await old(['wait', '--for=condition=Ready', 'pod/streams', '--timeout=20s'])).code === 0);
    const ended = await old(['exec', '-i', 'streams', '--', 'sh', '-c', 'cat; echo err >&2; exit 3'], 'in');
    assert.deepEqual([ended.code, ended.stdout, ended.stderr.split('\n')[0]], [3, 'in', 'err']);
    const large = 'x'.repeat(3_000_000);
    assert.equal((await old(['exec', '-i', 'streams', '--', 'cat'], large)).stdout, large);
    assert.match((await old(['run', 'attached', '--rm', '-i', `--image=${TEST_IMAGE}`, '--restart=Never', '--', 'cat'], 'piped in\n')).stdout, /^piped in$/m);
    writeFileSync(join(folder, 'note'), 'a note');
    assert.equal((await old(['cp', join(folder, 'note'), 'streams:/tmp/note'])).code, 0);
    assert.equal((await old(['exec', 'streams', '--', 'cat', '/tmp/note'])).stdout, 'a note');
    const forward = spawn(clients.oldKubectl()!, ['port-forward', 'streams', ':8080'], { env: { ...process.env, KUBECONFIG: llmos.kubeconfig } });
    try {
      let said = '';
      forward.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const port = await eventually(async () => /127\.0\.0\.1:(\d+)/.exec(said)?.[1]);
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'page\n');
    } finally {
      forward.kill();
    }
  });

  it('kubectx, kubens and kubecolor', { skip: lacks('kubectx') || lacks('kubecolor') }, async () => {
    copyFileSync(llmos.kubeconfig, join(folder, 'config'));
    const env = { KUBECONFIG: join(folder, 'config'), KUBECOLOR_FORCE_COLORS: '1', PATH: `${dirname(clients.kubectl()!)}${delimiter}${process.env['PATH']}` };
    const kubens = join(dirname(clients.kubectx()!), 'kubens');
    assert.equal((await run(clients.kubectx()!, ['-c'], { env })).stdout, 'llmos\n');
    assert.match((await run(kubens, [], { env })).stdout, /^kube-system$/m);
    await run(kubens, ['kube-system'], { env });
    assert.equal((await run(kubens, ['-c'], { env })).stdout, 'kube-system\n');
    assert.match((await run(clients.kubecolor()!, ['get', 'nodes', '--force-colors'], { env })).stdout, /node1/);
  });
});
