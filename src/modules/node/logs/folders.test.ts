import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { silentLog } from '../../../base/log.ts';
import { linkLog, makeLogFolder, openShownLogs, removeAllLogs, removeLogs, shownLogsFolder } from './folders.ts';

const POD = { namespace: 'ns', name: 'web', uid: 'u1' };
const ID = 'ab'.repeat(32);

let folder: string;
let logs: string;
let shownLogs: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-folders-'));
  logs = join(folder, 'state/logs');
  mkdirSync(logs, { recursive: true });
  shownLogs = openShownLogs(join(folder, 'var/log/pods'), silentLog)!;
});
afterEach(() => rmSync(folder, { recursive: true }));

const linksOf = (): string[] => readdirSync(join(folder, 'var/log/containers')).sort();

/** A log of a container with a line in it. */
function begin(container: string, { id = ID, attempt = 0 } = {}): string {
  const logPath = join(makeLogFolder({ logs, shownLogs }, POD, container), `${attempt}.log`);
  linkLog({ logs, shownLogs }, { id, name: container, pod: { ...POD, graceSeconds: 0 }, logPath });
  writeFileSync(logPath, `of ${container} ${attempt}`);
  return logPath;
}

describe('where logs lie', () => {
  it('where collectors look, with a link to each container', () => {
    const logPath = begin('main');
    assert.equal(readFileSync(join(shownLogs, 'ns_web_u1/main/0.log'), 'utf8'), 'of main 0');
    assert.equal(readFileSync(logPath, 'utf8'), 'of main 0');
    assert.deepEqual(linksOf(), [`web_ns_main-${ID}.log`]);
    assert.equal(readlinkSync(join(folder, 'var/log/containers', linksOf()[0]!)), join(shownLogs, 'ns_web_u1/main/0.log'));
  });

  it('a link goes with its log, and no other', () => {
    rmSync(begin('main', { id: 'cd'.repeat(32) }));
    rmSync(begin('main-2'));
    begin('main', { attempt: 2 });
    assert.deepEqual(linksOf(), [`web_ns_main-${ID}.log`, `web_ns_main-2-${ID}.log`].sort());
  });

  it('a name is cut as file systems want it', () => {
    begin('c'.repeat(250));
    assert.deepEqual(linksOf().map((name) => [name.length, name.endsWith('cc.log')]), [[255, true]]);
  });

  it("with a pod go its logs, and nobody else's", () => {
    begin('main');
    mkdirSync(join(shownLogs, 'other_pod_u9/c'), { recursive: true });
    symlinkSync(join(shownLogs, 'other_pod_u9/c/0.log'), join(folder, 'var/log/containers/web_ns_foreign-1.log'));
    removeLogs(logs, 'ns_web_u1');
    assert.deepEqual([readdirSync(logs), readdirSync(shownLogs), linksOf()], [[], ['other_pod_u9'], ['web_ns_foreign-1.log']]);
  });

  it('a purge leaves nothing of this instance', () => {
    begin('one');
    begin('two');
    removeAllLogs(join(folder, 'state'));
    assert.deepEqual([readdirSync(logs), readdirSync(shownLogs), linksOf()], [[], [], []]);
  });

  it('in the state folder alone where there is no such place, and of a pod that began there', () => {
    const plain = makeLogFolder({ logs }, POD, 'main');
    linkLog({ logs }, { id: ID, name: 'main', pod: { ...POD, graceSeconds: 0 }, logPath: join(plain, '0.log') });
    assert.deepEqual([existsSync(join(logs, 'ns_web_u1/main')), linksOf()], [true, []]);
    removeLogs(logs, 'ns_web_u1');
    assert.deepEqual(readdirSync(logs), []);
  });

  it('a place that cannot be written is done without', () => {
    writeFileSync(join(folder, 'file'), '');
    assert.equal(openShownLogs(join(folder, 'file/pods'), silentLog), undefined);
  });

  it('by default only of the one instance that a machine has first', () => {
    const further = { machineNetwork: '/proc/1/ns/net' };
    assert.deepEqual([shownLogsFolder({}, { instance: 'llmos' }), shownLogsFolder({}, { instance: 'llmos', further }), shownLogsFolder({}, { instance: 'b' })], ['/var/log/pods', undefined, undefined]);
    assert.equal(shownLogsFolder({ podLogsDir: '/logs/pods' }, { instance: 'b' }), '/logs/pods');
    assert.throws(() => shownLogsFolder({ podLogsDir: 'pods' }, { instance: 'b' }), /absolute path/);
  });
});
