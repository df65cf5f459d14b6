/** What becomes of the headers of a trace on the way through a real HAProxy. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../../../base/sys/run.ts';
import { endHaproxy, haproxyFiles } from '../../../sdk/haproxy/process.ts';
import { BEGIN } from './counts.ts';
import { TRACE_CHILD, TRACE_KEPT, TRACE_NEW } from './trace.ts';

const ADDRESS = `127.${160 + (process.pid % 90)}.${(process.pid >> 7) % 250}.3`;
/** One that begins traces alone, and one that takes part in them. */
const [FORWARDS, TAKES_PART] = [8_080, 8_081];
const [TRACE, SPAN] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
const NEW = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/;

interface Passed { traceparent: string; tracestate: string; kept: string; parent: string }

describe('headers of traces', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llmos-trace-'));
    const frontend = (port: number, lines: readonly string[]): string[] => [
      `frontend f${port}`, `  bind ${ADDRESS}:${port}`, BEGIN, ...lines, TRACE_KEPT,
      `  http-request return status 200 content-type application/json lf-string '{"traceparent":"%[req.fhdr(traceparent)]","tracestate":"%[req.fhdr(tracestate)]","kept":"%[var(txn.trace)]","parent":"%[var(txn.parent)]"}'`,
    ];
    const { configuration, pid } = haproxyFiles(folder);
    await writeFile(configuration, ['defaults', '  mode http', '  timeout client 5s', ...frontend(FORWARDS, TRACE_NEW), ...frontend(TAKES_PART, TRACE_CHILD), ''].join('\n'));
    await run('haproxy', ['-D', '-f', configuration, '-p', pid], { timeoutMs: 10_000 });
    assert.ok(Number(readFileSync(pid, 'utf8')) > 0);
  });

  after(async () => {
    await endHaproxy(folder);
    await rm(folder, { recursive: true, force: true });
  });

  const pass = (port: number, headers: Record<string, string | string[]>): Promise<Passed> => new Promise((settle, fail) => {
    request({ host: ADDRESS, port, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => settle(JSON.parse(text) as Passed));
    }).on('error', fail).end();
  });

  it('a request that is part of a trace goes on in it, with its state', async () => {
    for (const [traceparent, flags] of [[`00-${TRACE}-${SPAN}-01`, '01'], [`00-${TRACE}-${SPAN}-00`, '00'], [`00-${TRACE}-${SPAN}-ff`, '03'], [`00-${TRACE}-${SPAN}-02`, '02'], [`cc-${TRACE}-${SPAN}-01`, '01'], [`cc-${TRACE}-${SPAN}-09-what-comes-later`, '01']] as const) {
      const tracestate = 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7';
      assert.deepEqual(await pass(FORWARDS, { traceparent, tracestate }), { traceparent, tracestate, kept: traceparent.slice(0, 55), parent: '' }, traceparent);
      const child = await pass(TAKES_PART, { traceparent, tracestate });
      assert.match(child.traceparent, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-${flags}$`), traceparent);
      assert.ok(!child.traceparent.includes(SPAN) && child.kept === child.traceparent && child.parent === SPAN && child.tracestate === tracestate, traceparent);
    }
  });

  it('one that says it in no such words begins another, without the state of before', async () => {
    const malformed: Record<string, string | string[]>[] = [
      ...[
        'nonsense', '', `00-${TRACE}-${SPAN}`, `00-${TRACE}-${SPAN}-1`, `00-${TRACE}-${SPAN}-01-more`, `00-${TRACE}-${SPAN}-01x`, `cc-${TRACE}-${SPAN}-01x`, `ff-${TRACE}-${SPAN}-01`, `0-${TRACE}-${SPAN}-01`, `00-${TRACE.toUpperCase()}-${SPAN}-01`,
        `00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`, `00-${TRACE.slice(1)}-${SPAN}-01`, `00_${TRACE}_${SPAN}_01`, `00-${TRACE}-${SPAN}-0g`, `00-${TRACE}-${SPAN}-01,00-${TRACE}-${SPAN}-01`,
      ].map((traceparent) => ({ traceparent })),
      { traceparent: [`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`] }, {},
    ];
    const seen = new Set<string>();
    for (const headers of malformed) {
      for (const port of [FORWARDS, TAKES_PART]) {
        const { traceparent, tracestate, kept, parent } = await pass(port, { ...headers, tracestate: 'congo=t61rcWkgMzE' });
        assert.match(traceparent, NEW, JSON.stringify(headers));
        assert.deepEqual([tracestate, kept, parent], ['', traceparent, ''], JSON.stringify(headers));
        seen.add(traceparent.slice(3, 35)).add(traceparent.slice(36, 52));
      }
    }
    assert.equal(seen.size, 4 * malformed.length, 'each its own');
  });
});
