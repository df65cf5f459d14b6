/** The gem kubeclient, as Debian packages it: typed calls made of discovery, patches, apply, watches, logs. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { clients } from '../fixtures/clients.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { describeFindings } from './findings.ts';

const EXPECTED: Record<string, unknown> = {
  'is an API': true,
  namespace: 'ruby',
  create: { a: '1' },
  again: ['Kubeclient::HttpError', 409, 'configmaps "cm" already exists'],
  missing: ['Kubeclient::ResourceNotFoundError', 404, 'configmaps "none" not found'],
  'strategic merge': { a: '1', b: '2' },
  operations: { a: '1', b: '2', c: '3' },
  merge: { b: '2', c: '3' },
  update: { n: '1' },
  delete: 'Success',
  watched: [['MODIFIED', { a: '1', b: '2' }], ['MODIFIED', { a: '1', b: '2', c: '3' }], ['MODIFIED', { b: '2', c: '3' }], ['MODIFIED', { n: '1' }], ['DELETED', { n: '1' }]],
  'from a revision': ['MODIFIED', 'MODIFIED', 'MODIFIED', 'MODIFIED', 'DELETED'],
  apply: ['one'],
  conflict: ['Kubeclient::HttpError', 409, 'Apply failed with 1 conflict: conflict with "one": .data.x'],
  pages: [3, 3, false, true],
  ready: 1,
  log: 'one\ntwo\n',
  'last of the log': 'two\n',
  followed: ['one', 'two'],
  scale: 0,
  end: 'Terminating',
};

/** Ruby is not installed, only unpacked: it is told where all its parts lie. */
function rubyEnv(usr: string): NodeJS.ProcessEnv {
  const libraries = join(usr, 'lib', readdirSync(join(usr, 'lib')).find((name) => name.endsWith('-linux-gnu'))!);
  const gems = join(usr, 'share/rubygems-integration/all');
  const folders = [
    ...readdirSync(join(gems, 'gems')).map((name) => join(gems, 'gems', name, 'lib')), join(usr, 'lib/ruby/vendor_ruby'), join(usr, 'lib/ruby/3.1.0'),
    join(libraries, 'ruby/3.1.0'), join(libraries, 'ruby/vendor_ruby/3.1.0'), join(usr, 'lib/ruby/vendor_ruby/3.1.0'),
  ];
  return { LD_LIBRARY_PATH: libraries, RUBYLIB: folders.join(':'), GEM_PATH: [gems, join(usr, 'share/rubygems-integration/3.1.0'), join(libraries, 'rubygems-integration/3.1.0')].join(':') };
}

describeFindings('kubeclient of Ruby', {
  needs: 'ruby', expected: EXPECTED,
  start(llmos) {
    const usr = clients.ruby()!;
    return { file: join(usr, 'bin/ruby3.1'), args: [join(import.meta.dirname, 'ruby.rb'), TEST_IMAGE], env: { ...rubyEnv(usr), HOME: llmos.run } };
  },
});
