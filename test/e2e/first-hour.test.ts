/** As a user does it by hand: up, apply, ask the service on its addresses, down (everything ends), up again, down --purge (nothing is left). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CGROUP_VERSION } from '../fixtures/cgroups.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { command, eventually, type CommandResult } from '../fixtures/instance.ts';
import { isIsolated } from '../fixtures/isolation.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const INSTANCE = `h${(process.pid % 100_000).toString(36)}`;
const WEB = `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: ${TEST_IMAGE}
    command: [sh, -c, 'hostname > /www/index.html; exec httpd -f -p 80 -h /www']
    imagePullPolicy: IfNotPresent
    resources: { limits: { cpu: 500m, memory: 32Mi } }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { type: NodePort, selector: { app: web }, ports: [{ port: 80, nodePort: 30081 }] }
`;

describe(`the first hour (cgroup ${CGROUP_VERSION})`, { timeout: 180_000 * PATIENCE }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-test-'));
  const [state, run] = [join(folder, 'state'), join(folder, 'run')];
  const env = { ...process.env, LLMOS_STATE: state, LLMOS_RUN: run, LLMOS_CONFIG: join(folder, 'config.yaml') };
  const llmos = (...args: string[]): Promise<CommandResult> => command(resolve(import.meta.dirname, '../../llmos'), args, env);
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await llmos(...args);
    assert.equal(code, 0, `llmos ${args.join(' ')}: ${stderr}\n${stdout}`);
    return stdout;
  };
  const fetched = async (address: string): Promise<string> => (await (await fetch(`http://${address}/`, { signal: AbortSignal.timeout(3_000 * PATIENCE) })).text()).trim();
  const links = (): string[] => [...execFileSync('ip', ['-br', 'link'], { encoding: 'utf8' }).split('\n').map((line) => line.split(/\s+/)[0] ?? ''), execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })];
  const groups = (): string[] => readdirSync('/sys/fs/cgroup').flatMap((controller) => ['', controller].map((part) => join('/sys/fs/cgroup', part, INSTANCE))).filter((path) => existsSync(path));
  let untouched: string[];

  before(() => {
    assert.ok(isIsolated());
    untouched = links();
    writeFileSync(env.LLMOS_CONFIG, `instance: ${INSTANCE}\nnodeName: node1\nmodules:\n  node:\n    readySandboxes: 2\n`);
  });
  after(async () => {
    await llmos('down', '--purge');
    rmSync(folder, { recursive: true, force: true });
  });

  it('boots in the background and says what the machine is', async () => {
    assert.match(await ok('up'), new RegExp(`cgroup ${CGROUP_VERSION}.*llmos is ready`, 's'));
    importTestImage({ state, run });
    assert.match(await ok('status'), /node\s+running/);
  });

  it('serves what is applied on the address of the cluster and on a port of the machine', async () => {
    const file = join(folder, 'web.yaml');
    writeFileSync(file, WEB);
    assert.match(await ok('kubectl', 'apply', '-f', file), /pod\/web created\s+service\/web created/);
    await ok('kubectl', 'wait', 'pod/web', '--for=condition=Ready', `--timeout=${60 * PATIENCE}s`);
    const clusterIp = await ok('kubectl', 'get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
    for (const address of [clusterIp, '127.0.0.1:30081']) assert.equal(await eventually(() => fetched(address)), 'web', address);
    assert.equal(groups().length > 0, true);
  });

  it('goes down with its containers, and comes up again with them', async () => {
    await ok('down');
    await assert.rejects(fetched('127.0.0.1:30081'));
    await ok('up');
    assert.equal(await eventually(() => fetched('127.0.0.1:30081')), 'web');
  });

  it('is gone after a purge', async () => {
    await ok('down', '--purge');
    assert.deepEqual(links(), untouched);
    assert.deepEqual(groups(), []);
    assert.deepEqual([existsSync(state), existsSync(run)], [false, false]);
    assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(folder));
  });
});
