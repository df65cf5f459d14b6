/** Ansible's collection kubernetes.core, by a playbook whose tasks say themselves what each has to find. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readFileSync } from 'node:fs';
import { clients, lacks } from '../fixtures/clients.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, command, type Instance } from '../fixtures/instance.ts';

const PLAYBOOK = join(import.meta.dirname, 'ansible.yaml');
const TASKS = [...readFileSync(PLAYBOOK, 'utf8').matchAll(/^ {4}- name: (.+)$/gm)].map(([, name]) => name!);

interface Answer { failed?: boolean; msg?: string }
interface Play { plays: { tasks: { task: { name: string }; hosts: { localhost: Answer } }[] }[] }

describe('ansible', { timeout: 300_000, skip: lacks('ansible') }, () => {
  let llmos: Instance;
  const answers = new Map<string, Answer>();
  let failure = '';

  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
    const usr = clients.ansible()!;
    const env = {
      ...process.env, PYTHONPATH: join(usr, 'lib/python3/dist-packages'), HOME: llmos.run, TMPDIR: llmos.run, ANSIBLE_LOCAL_TEMP: join(llmos.run, 'ansible'), ANSIBLE_REMOTE_TEMP: join(llmos.run, 'ansible'),
      K8S_AUTH_KUBECONFIG: llmos.kubeconfig, ANSIBLE_STDOUT_CALLBACK: 'json', ANSIBLE_DEPRECATION_WARNINGS: 'false', ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3.11',
    };
    const { stdout, stderr } = await command('/usr/bin/python3.11', [join(usr, 'bin/ansible-playbook'), PLAYBOOK], env);
    failure = stderr || stdout;
    if (stdout.startsWith('{')) for (const { task, hosts } of (JSON.parse(stdout) as Play).plays[0]!.tasks) answers.set(task.name, hosts.localhost);
  });
  after(() => llmos?.destroy());

  for (const name of TASKS) {
    it(name, () => {
      const answer = answers.get(name);
      assert.ok(answer !== undefined, failure);
      assert.notEqual(answer.failed, true, JSON.stringify(answer));
    });
  }
});
