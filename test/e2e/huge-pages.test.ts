/** Huge pages: offered by the node, limited by container, on cgroup v2 and on hybrid machines. The test sets some aside on the machine and gives them back. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Node } from '../../src/api/core/node.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { bootForPods } from '../fixtures/pods.ts';

const PAGES = '/proc/sys/vm/nr_hugepages';
const WANTED = 8;

/** How many there were; undefined when the machine gives none. */
function setAside(): number | undefined {
  const before = Number(readFileSync(PAGES, 'utf8'));
  try {
    if (before < WANTED) writeFileSync(PAGES, String(WANTED));
  } catch { /* not ours to say */ }
  if (Number(readFileSync(PAGES, 'utf8')) >= WANTED) return before;
  try { writeFileSync(PAGES, String(before)); } catch { /* it is as it was */ }
  return undefined;
}

const pagesBefore = setAside();

describe('huge pages', { skip: pagesBefore === undefined && 'the machine has none to set aside' }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods({ config: 'modules: { node: { readySandboxes: 2 } }' });
  });
  after(async () => {
    await llmos.destroy();
    writeFileSync(PAGES, String(pagesBefore));
  });

  it('are offered, and a container gets those that it asked for', async () => {
    const offered = await eventually(async () => {
      const { status } = await llmos.client.get(Node, 'node1');
      return status?.allocatable?.['hugepages-2Mi'] !== undefined && status.allocatable;
    });
    assert.match(String(offered['hugepages-2Mi']), /^[1-9]\d*[MG]i$/);
    const container = (name: string, script: string, pages: string | undefined): object => ({
      name, image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', `${script}; sleep 1000000`], volumeMounts: [{ name: 'h', mountPath: '/h' }],
      resources: { limits: { cpu: '100m', memory: '32Mi', ...(pages === undefined ? {} : { 'hugepages-2Mi': pages }) } },
    });
    await llmos.client.create(Pod, {
      metadata: { name: 'pages', namespace: 'default' },
      spec: { terminationGracePeriodSeconds: 0, volumes: [{ name: 'h', emptyDir: { medium: 'HugePages' } }], containers: [container('some', 'fallocate -l 4M /h/a && echo got; fallocate -l 6M /h/b && echo much || echo refused', '4Mi'), container('none', 'fallocate -l 2M /h/c && echo got || echo refused', undefined)] },
    } as unknown as Pod);
    const says = (name: string, text: string): Promise<unknown> => eventually(async () => (await llmos.kubectl('logs', 'pages', '-c', name)).stdout.split('\n').filter((line) => /^(got|much|refused)$/.test(line)).join(' ') === text, { what: `${name} to say ${text}` }).catch(async (error: Error) => assert.fail(`${error.message}: ${(await llmos.kubectl('logs', 'pages', '-c', name)).stdout} ${(await llmos.kubectl('describe', 'pod', 'pages')).stdout}`));
    await says('some', 'got refused');
    await says('none', 'refused');
    // What is executed in a container has its limits too: nothing is left of what the first one asked for, and the second asked for none.
    for (const name of ['some', 'none']) assert.notEqual((await llmos.kubectl('exec', 'pages', '-c', name, '--', 'fallocate', '-l', '2M', '/h/more')).code, 0, name);
    assert.equal((await llmos.kubectl('exec', 'pages', '-c', 'some', '--', 'sh', '-c', 'rm /h/a && fallocate -l 2M /h/less && echo got')).stdout, 'got\n');
    assert.equal((await llmos.kubectl('delete', 'pod', 'pages', '--now')).code, 0);
  });
});
