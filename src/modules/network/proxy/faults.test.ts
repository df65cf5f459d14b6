/** A real HAProxy before servers that are ill, and killed itself. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from '../../../base/sys/is-running.ts';
import { askHaproxy } from '../../../sdk/haproxy/commands.ts';
import { openLine } from '../../../sdk/haproxy/line.ts';
import { haproxyFiles } from '../../../sdk/haproxy/process.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { stopProcess } from '../../../sdk/testing/stop-process.ts';
import { ask, HaproxyOnLoopback, net } from '../testing/haproxy-on-loopback.ts';

describe('HAProxy before ill servers', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  const haproxy = new HaproxyOnLoopback();
  before(() => haproxy.start());
  after(() => haproxy.end());

  it('asks another one when one resets, dies in the middle, refuses or keeps silent', async () => {
    const good = await haproxy.well(2);
    const resets = await haproxy.serve(3, (asked) => void asked.socket.resetAndDestroy());
    const dies = await haproxy.serve(4, (asked) => void asked.socket.end());
    const silent = await haproxy.serve(5, () => {});
    const other = await haproxy.well(9);
    const port = await haproxy.carry('ill', { 'load-balancing': 'random', 'response-timeout': '600ms', 'outlier-detection': '3' }, [good, other, resets, dies, silent, net(6)], 'http');
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(port)));
    assert.deepEqual(new Set(answers), new Set(['2', '9']), answers.join(' '));
    const ejected = async (): Promise<number> => [...(await haproxy.proxies.metrics()).matchAll(/endpoint_ejections_total\{[^}]*\} [1-9]\d*\n/g)].length;
    await eventually(async () => {
      await Promise.all(Array.from({ length: 10 }, () => ask(port)));
      return (await ejected()) >= 4;
    }, { what: 'all of the ill are spared, though nobody saw their errors' });
    assert.equal(await ejected(), 4);
    const text = await haproxy.proxies.metrics();
    assert.match(text, /llmos_service_requests_total\{namespace="shop",service="ill",port="80",code="2xx"\} \d+/);
    assert.ok(Number(/llmos_service_retries_total\{[^}]*\} (\d+)/.exec(text)?.[1]) > 0, text);
    assert.ok(Number(/llmos_service_request_duration_seconds_bucket\{[^}]*le="\+Inf"\} (\d+)/.exec(text)?.[1]) >= 40, text);
  });

  it('sends what is not idempotent once', async () => {
    let seen = 0;
    const resets = await haproxy.serve(8, (asked) => void (seen++, asked.socket.resetAndDestroy()));
    const port = await haproxy.carry('ill', { 'load-balancing': 'least-connection' }, [resets], 'http');
    assert.equal(await ask(port, { method: 'POST' }), '502');
    assert.equal(seen, 1);
    assert.equal(await ask(port), '502');
    assert.ok(seen > 2, 'a GET is tried again');
  });

  it('spares for a while who fails again and again, and tries it again', async () => {
    let failing = true;
    let failures = 0;
    const good = await haproxy.well(12);
    const bad = await haproxy.serve(13, (_asked, response) => {
      if (failing) failures++;
      response.writeHead(failing ? 500 : 200).end('13');
    });
    const port = await haproxy.carry('ill', { 'load-balancing': 'round-robin', 'outlier-detection': '3', 'outlier-ejection': '2s' }, [good, bad], 'http');
    const answers: string[] = [];
    for (let i = 0; i < 30; i++) answers.push(await ask(port));
    assert.ok(failures >= 3 && failures <= 12, `${failures} failures: ${answers.join(' ')}`);
    assert.match(await haproxy.proxies.metrics(), /llmos_service_endpoint_ejections_total\{[^}]*:8080"\} [1-9]\d*\n/);
    failing = false;
    await eventually(async () => (await ask(port)) === '13', { what: 'it comes back' });
  });

  it('fails no request while endpoints change a hundred times a second, and none twice when it is killed', async (test) => {
    const all = await Promise.all([42, 43, 44, 45].map((last) => haproxy.well(last)));
    const port = await haproxy.carry('busy', { 'load-balancing': 'least-connection' }, all, 'http');
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const { pid } = haproxy.proxies;
    const first = pid();
    let going = true;
    test.after(() => {
      going = false;
      agent.destroy();
    });
    const failed: string[] = [];
    let answered = 0;
    let killed = 0;
    let deadMs = 0;
    const client = async (): Promise<void> => {
      while (going) {
        let answer = await ask(port, { agent });
        // What a client sees of a killed proxy, trying again mends.
        for (let tries = 0; tries < 40 && killed > 0 && !/^\d\d$/.test(answer); tries++) answer = await sleep(50).then(() => ask(port, { agent }));
        if (/^4[2-5]$/.test(answer)) answered++;
        else failed.push(answer);
      }
    };
    // A new connection is never refused or reset, but for those that die with it; it may wait.
    let longestMs = 0;
    let refused = 0;
    const stranger = async (): Promise<void> => {
      while (going) {
        const began = performance.now();
        const answer = await ask(port);
        longestMs = Math.max(longestMs, performance.now() - began);
        if (answer === 'ECONNREFUSED') refused++;
        if (/^4[2-5]$/.test(answer)) answered++;
        else if (killed === 0 || (deadMs > 0 && began > deadMs)) failed.push(answer);
        await sleep(10);
      }
    };
    const clients = [client(), client(), client(), client(), stranger(), stranger()];
    const requests = (text: string): number => Number(/requests_total\{namespace="shop",service="busy",port="80",code="2xx"\} (\d+)/.exec(text)?.[1] ?? 0);
    let changes = 0;
    for (const began = performance.now(); performance.now() - began < 1_500 || changes < 10; changes++) {
      await haproxy.carry('busy', { 'load-balancing': 'least-connection' }, all.filter((_, index) => index === 0 || (changes + index) % 3 > 0), 'http');
      await sleep(5);
    }
    assert.equal(pid(), first, 'without a reload');
    assert.deepEqual(failed, []);
    assert.ok(changes >= 10, `${changes} changes`);
    const before = requests(await haproxy.proxies.metrics());
    killed = performance.now();
    process.kill(first!, 'SIGKILL');
    while (isRunning(first!)) await sleep(1);
    deadMs = performance.now();
    while (pid() === undefined || pid() === first) await sleep(1);
    const down = performance.now() - killed;
    await sleep(300);
    going = false;
    await Promise.all(clients);
    assert.deepEqual(failed, []);
    assert.ok(down < 10_000, `it was gone for ${down} ms`);
    assert.equal(refused, 0, 'what comes while it is down waits');
    assert.ok(before > 0 && requests(await haproxy.proxies.metrics()) >= before, 'what was counted is not lost');
    assert.ok(answered > 20, `${answered} answers`);
    if (process.env['LLMOS_TEST_VERBOSE']) process.stderr.write(`${changes} changes, ${answered} answers, down ${Math.round(down)} ms, longest answer ${Math.round(longestMs)} ms\n`);
  });

  it('kills one that was stopped, and who waited is answered by the next', async () => {
    const port = await haproxy.carry('stopped', { 'load-balancing': 'least-connection' }, [await haproxy.well(52)], 'http');
    const first = haproxy.proxies.pid()!;
    await stopProcess(first);
    assert.deepEqual(await Promise.all([ask(port), ask(port, { method: 'POST' })]), ['52', '52']);
    assert.ok(!isRunning(first) && haproxy.proxies.pid() !== undefined);
    await stopProcess(haproxy.proxies.pid()!);
    haproxy.again();
    assert.equal(await ask(await haproxy.carry('stopped', { 'load-balancing': 'least-connection' }, [await haproxy.well(53)], 'http')), '53', 'found stopped by another llmos');
  });

  for (const [signal, last] of [['KILL', 82], ['STOP', 84]] as const) {
    it(`begins without one that gets a SIG${signal} just as it is to hand over`, async () => {
      const port = await haproxy.carry('passing', { 'load-balancing': 'least-connection' }, [await haproxy.well(last)], 'http');
      const first = haproxy.proxies.pid()!;
      const program = join(haproxy.folder, `haproxy-${signal}`);
      await writeFile(program, `#!/bin/sh\ncase "$*" in *' -sf ${first}') kill -${signal} ${first}; while cat /proc/${first}/task/*/stat 2>/dev/null | grep -q ') [RSD] '; do :; done;; esac\nexec haproxy "$@"\n`, { mode: 0o700 });
      haproxy.again({ program });
      assert.equal(await haproxy.carry('passing', { 'load-balancing': 'consistent-hash' }, [await haproxy.well(last + 1)], 'http'), port);
      assert.equal(await ask(port), String(last + 1));
      assert.ok(!isRunning(first));
      haproxy.again();
    });
  }

  it('goes on as it was when the next one does not start, and says so until one has', async () => {
    // Ends with code 1 once, whenever that is asked for.
    const [fails, program] = [join(haproxy.folder, 'fails'), join(haproxy.folder, 'haproxy-fails')];
    await writeFile(program, `#!/bin/sh\nrm '${fails}' 2>/dev/null && exit 1\nexec haproxy "$@"\n`, { mode: 0o700 });
    const socket = join(haproxy.folder, 'haproxy', 'haproxy.sock');
    const wish = { 'load-balancing': 'round-robin', 'health-check': 'tcp' };
    const [one, other, third] = await Promise.all([86, 87, 88].map((last) => haproxy.well(last)));
    const port = await haproxy.carry('failing', { 'load-balancing': 'least-connection' }, [one!], 'http');
    const conversations = async (): Promise<number> => [...(await askHaproxy(socket, 'show sess')).matchAll(/ proto=unix_stream /g)].length;
    haproxy.again({ program });
    await eventually(async () => (await conversations()) === 1, { what: 'that of before has let go' });

    const first = haproxy.proxies.pid();
    const { configuration } = haproxyFiles(join(haproxy.folder, 'haproxy'));
    const taken = readFileSync(configuration, 'utf8');
    await writeFile(fails, '');
    await assert.rejects(haproxy.carry('failing', wish, [other!], 'http'));
    assert.deepEqual([haproxy.proxies.pid(), await ask(port)], [first, '86']);
    assert.equal(readFileSync(configuration, 'utf8'), taken, 'the next llmos finds what runs, and not what was refused');
    await eventually(async () => (await conversations()) === 1, { what: 'no conversation is left open' });
    await haproxy.proxies.flush();
    assert.notEqual(haproxy.proxies.pid(), first);
    for (let i = 0; i < 3; i++) assert.equal(await ask(port), '87');

    const counted = async (): Promise<string[]> => [...(await haproxy.proxies.metrics()).matchAll(/^llmos_service_(?:requests_total|endpoint_connections_total)\{namespace="shop",service="failing",port="80",(?:code="2xx"|endpoint).*$/gm)].map(([line]) => line);
    let before: string[] = [];
    // HAProxy counts a request a moment after its answer.
    await eventually(async () => (before = await counted()).some((line) => line.startsWith('llmos_service_requests_total') && line.endsWith(' 4')), { what: 'one of before and three of now' });
    assert.equal(before.length, 2, before.join('\n'));
    await writeFile(fails, '');
    await assert.rejects(haproxy.carry('other', wish, [one!], 'http'));
    assert.deepEqual(await counted(), before, 'nothing is counted twice');
    await haproxy.proxies.flush();
    assert.deepEqual(await counted(), before, 'over the reload');

    // A change of endpoints is not taken, and neither is the next one.
    await writeFile(fails, '');
    await rm(socket);
    await assert.rejects(haproxy.carry('failing', wish, [third!], 'http'));
    await haproxy.proxies.flush();
    assert.equal(await ask(port), '88');
    haproxy.again();
  });

  it('answers however many talk to it', async () => {
    await haproxy.carry('told', { 'load-balancing': 'least-connection' }, [await haproxy.well(89)], 'http');
    const socket = join(haproxy.folder, 'haproxy', 'haproxy.sock');
    const lines = Array.from({ length: 20 }, () => openLine(socket, () => {}));
    try {
      for (const line of lines) assert.match(await line.ask('show info'), /^Pid: /m);
    } finally {
      for (const line of lines) line.close();
    }
  });

  it('replaces one whose socket for commands was removed: nobody is led by what it knew', async () => {
    const [one, other] = [await haproxy.well(62), await haproxy.well(63)];
    const port = await haproxy.carry('mute', { 'load-balancing': 'least-connection' }, [one], 'http');
    const first = haproxy.proxies.pid();
    const socket = join(haproxy.folder, 'haproxy', 'haproxy.sock');
    await rm(socket);
    await haproxy.carry('mute', { 'load-balancing': 'least-connection' }, [other], 'http');
    for (let i = 0; i < 20; i++) assert.equal(await ask(port), '63');
    const second = haproxy.proxies.pid();
    assert.notEqual(second, first);
    await rm(socket);
    await eventually(async () => haproxy.proxies.pid() !== second && haproxy.proxies.pid() !== undefined, { what: 'that it is missing is seen without a change, too' });
    assert.equal(await ask(port), '63');
  });

  it('tells of endpoints what they had, whatever slot they have, and nothing of what went', async () => {
    const [one, two, three] = await Promise.all([72, 73, 74].map((last) => haproxy.well(last)));
    const wish = { 'load-balancing': 'round-robin', 'health-check': 'tcp' };
    const had = async (): Promise<Record<string, number>> => Object.fromEntries([...(await haproxy.proxies.metrics()).matchAll(/^llmos_service_endpoint_connections_total\{namespace="shop",service="told",port="80",endpoint="[\d.]+\.(\d+):8080"\} (\d+)$/gm)].map(([, last, count]) => [last, Number(count)]));
    const requests = async (service: string): Promise<number | undefined> => Number(new RegExp(`requests_total\\{namespace="shop",service="${service}",port="80",code="2xx"\\} (\\d+)`).exec(await haproxy.proxies.metrics())?.[1] ?? -1);
    const port = await haproxy.carry('told', wish, [one!, two!], 'http');
    for (let i = 0; i < 6; i++) await ask(port);
    assert.deepEqual(await had(), { 72: 3, 73: 3 });
    await haproxy.carry('told', wish, [two!, three!], 'http');
    assert.deepEqual(await had(), { 73: 3, 74: 0 });
    for (let i = 0; i < 4; i++) await ask(port);
    assert.deepEqual(await had(), { 73: 5, 74: 2 });
    assert.equal(await requests('told'), 10);
    await haproxy.carry('besides', { 'load-balancing': 'least-connection' }, [one!], 'http');
    assert.deepEqual([await had(), await requests('told')], [{ 73: 5, 74: 2 }, 10], 'over a reload');
    await haproxy.proxies.want('shop/told', undefined, []);
    await haproxy.proxies.flush();
    await haproxy.proxies.settle();
    assert.deepEqual([await had(), await requests('told')], [{}, -1], 'it is gone');
    assert.equal(await requests('besides'), 0);
  });
});
