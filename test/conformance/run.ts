/**
 * `npm run conformance`: tries the upstream behaviours against a whole llmos, prints what does not hold, and writes the table of all of
 * them to docs/reference/conformance.md. Fails when a behaviour that is tried does not hold.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { run } from 'node:test';
import { isolateThisProcess } from '../fixtures/isolation.ts';
import { endedBy, ending, endWhenTold } from '../runner/ending.ts';
import { kubernetesRelease } from '../../src/api/facts/fact-type.ts';
import { AREAS, BEHAVIOURS, type Behaviour } from './behaviours.ts';

/** One file an area or a part of one; that of the client is no behaviour of a cluster. */
const FILES = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts') && name !== 'client.test.ts').map((name) => resolve(import.meta.dirname, name));
const REPORT = resolve(import.meta.dirname, '../../docs/reference/conformance.md');

type Standing = 'passed' | 'not yet' | 'not applicable';

interface Verdict extends Behaviour {
  standing: Standing;
  why: string;
}

await isolateThisProcess();
endWhenTold();
const { passed, failed } = await tryAll();
if (ending.aborted) process.exit(await endedBy());
const verdicts = BEHAVIOURS.map((each) => judge(each));
mkdirSync(dirname(REPORT), { recursive: true });
writeFileSync(REPORT, report(verdicts));
for (const { area, name, standing, why } of verdicts) if (standing !== 'passed') console.log(`${standing}: [${area}] ${name}: ${why}`);
console.log(summary(verdicts));
process.exit(failed.size > 0 ? 1 : 0);

async function tryAll(): Promise<{ passed: Set<string>; failed: Map<string, string> }> {
  const found = { passed: new Set<string>(), failed: new Map<string, string>() };
  const stream = run({ files: FILES, concurrency: 1, isolation: 'process', signal: ending });
  stream.on('test:pass', ({ name, skip }) => void (skip === undefined && found.passed.add(name)));
  stream.on('test:fail', ({ name, details }) => void found.failed.set(name, (details.error?.cause as Error | undefined)?.message ?? details.error?.message ?? 'failed'));
  stream.resume();
  await new Promise((settled) => stream.once('end', settled));
  return found;
}

function judge(behaviour: Behaviour): Verdict {
  const { area, name, notYet, notApplicable } = behaviour;
  if (notApplicable !== undefined) return { ...behaviour, standing: 'not applicable', why: notApplicable };
  if (notYet !== undefined) return { ...behaviour, standing: 'not yet', why: notYet };
  const title = `[${area}] ${name} [Conformance]`;
  if (passed.has(title)) return { ...behaviour, standing: 'passed', why: '' };
  return { ...behaviour, standing: 'not yet', why: failed.has(title) ? `fails: ${failed.get(title)?.split('\n')[0]?.slice(0, 120)}` : 'no test yet' };
}

function summary(all: readonly Verdict[]): string {
  const count = (standing: Standing): number => all.filter((each) => each.standing === standing).length;
  return `${count('passed')} passed, ${count('not yet')} not yet, ${count('not applicable')} not applicable, of ${all.length}`;
}

function report(all: readonly Verdict[]): string {
  const rows = all.map(({ area, name, standing, why }) => `| ${area} | ${cell(name)} | ${standing} | ${cell(why)} |`);
  return [
    '# Conformance', '',
    '<!-- Written by `npm run conformance`; do not edit. -->', '',
    `The behaviours by which Kubernetes calls a cluster conformant, tried against a whole llmos (schemas of Kubernetes ${kubernetesRelease()}) by tests of our own,`,
    'written after their published descriptions: the whole list of Kubernetes 1.37, and beside it those of the Gateway API. Where a behaviour is one of several machines, they are nodes of one machine.', '',
    '| Area | Passed | Not yet | Not applicable |', '| --- | --- | --- | --- |',
    ...AREAS.map((area) => {
      const of = all.filter((each) => each.area === area);
      return `| ${area} | ${of.filter((each) => each.standing === 'passed').length} | ${of.filter((each) => each.standing === 'not yet').length} | ${of.filter((each) => each.standing === 'not applicable').length} |`;
    }),
    '', '| Area | Behaviour | Standing | What is missing |', '| --- | --- | --- | --- |', ...rows, '',
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
