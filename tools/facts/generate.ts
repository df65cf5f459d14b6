/**
 * Makes src/api/generated from the Kubernetes sources that Debian packages:
 *
 *     ./llmos-node tools/facts/generate.ts [--suite sid] [--folder FOLDER] [--target FOLDER]
 *
 * With --folder the packages are kept there and found again; otherwise in a temporary folder that is removed. Needs apt-get and dpkg.
 * --target writes elsewhere, to compare. It prints where the Go marks and server-side apply's own schema differ (the latter is taken).
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fetchPackages } from './fetch.ts';
import { readPackage } from './go-types.ts';
import { buildFacts } from './model.ts';
import { mergeApplySemantics } from './apply-semantics.ts';
import { writeFacts } from './write-facts.ts';
import { writeTypes } from './write-types.ts';

const API = ['admission/v1', 'admissionregistration/v1', 'apidiscovery/v2', 'apps/v1', 'authentication/v1', 'authorization/v1', 'autoscaling/v1',
  'autoscaling/v2', 'batch/v1', 'certificates/v1', 'certificates/v1beta1', 'coordination/v1', 'core/v1', 'discovery/v1', 'events/v1', 'flowcontrol/v1', 'networking/v1',
  'node/v1', 'policy/v1', 'rbac/v1', 'resource/v1', 'scheduling/v1', 'storage/v1', 'storagemigration/v1', 'storagemigration/v1beta1'].map((name) => `k8s.io/api/${name}`);

const PATHS = [...API, 'k8s.io/apimachinery/pkg/apis/meta/v1', 'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1', 'k8s.io/metrics/pkg/apis/metrics/v1beta1'];

const { values } = parseArgs({ options: { suite: { type: 'string', default: 'sid' }, folder: { type: 'string' }, target: { type: 'string' } } });
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'kubernetes-types-'));
try {
  const unpacked = fetchPackages({ suite: values.suite, folder });
  const present = PATHS.filter((path) => existsSync(join(unpacked.root, path.replace('k8s.io/', ''))));
  for (const path of PATHS) if (!present.includes(path)) console.log(`${path} is not in ${values.suite}; going on without it`);
  const facts = buildFacts(present.map((path) => readPackage(unpacked.root, path)));
  for (const line of mergeApplySemantics(facts, unpacked.root)) console.log(line);
  const target = values.target ?? join(import.meta.dirname, '../../src/api/generated');
  writeFacts(facts, { target, versions: unpacked.versions, suite: values.suite });
  writeTypes(facts, target);
} finally {
  if (values.folder === undefined) rmSync(folder, { recursive: true });
}
