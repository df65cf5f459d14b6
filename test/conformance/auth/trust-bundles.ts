/** [sig-auth] ClusterTrustBundle: the object, and what pods see of it. */
import assert from 'node:assert/strict';
import { makeAuthority } from '../../../src/kernel/apiserver/identity/certificates.ts';
import { behaviour, create, gone, namespace, remove, until, type Body } from '../cluster.ts';
import { outputOf, pathOf, scriptPod } from '../node/pod.ts';
import { changesInEveryWay } from '../resource-life.ts';

export const TRUST_BUNDLES = '/apis/certificates.k8s.io/v1/clustertrustbundles';
const GATES = '[FeatureGate:ClusterTrustBundle] [FeatureGate:ClusterTrustBundleProjection]';
const SINCE = '[MinimumKubeletVersion:1.37]';

const authority = (name: string): string => makeAuthority(name, Date.now()).certificatePem;

/** A bundle of a signer, or of none; its name. */
export async function trust(name: string, trustBundle: string, more: { signerName?: string; labels?: object } = {}): Promise<string> {
  const full = more.signerName === undefined ? name : `${more.signerName.replace('/', ':')}:${name}`;
  await create(TRUST_BUNDLES, { metadata: { name: full, labels: more.labels }, spec: { trustBundle, ...(more.signerName === undefined ? {} : { signerName: more.signerName }) } });
  return full;
}

/** Two authorities of a signer that are alive and one that is not, one of another signer and one of nobody. */
async function world(space: string): Promise<{ signerName: string; nobodys: string; of: Record<'alive' | 'also' | 'dead' | 'other' | 'nobodys', string>; end(): Promise<void> }> {
  const [signerName, otherName] = [`test.test/${space}-one`, `test.test/${space}-two`];
  const of = { alive: authority('alive'), also: authority('also'), dead: authority('dead'), other: authority('other'), nobodys: authority('nobodys') };
  const label = (alive: boolean): object => ({ 'signer.alive': String(alive) });
  const names = [
    await trust('alive', of.alive, { signerName, labels: label(true) }), await trust('also', of.also, { signerName, labels: label(true) }), await trust('dead', of.dead, { signerName, labels: label(false) }),
    await trust('other', of.other, { signerName: otherName, labels: label(true) }), await trust(`test.test.${space}`, of.nobodys),
  ];
  return { signerName, nobodys: names[4]!, of, end: async () => { for (const name of names) await remove(`${TRUST_BUNDLES}/${name}`); } };
}

const volumesOf = (sources: readonly Body[]): Body[] => sources.map((source, index) => ({ name: `trust-${index}`, projected: { sources: [{ clusterTrustBundle: source }] } }));

function podWith(name: string, script: string, ...sources: Body[]): Body {
  return scriptPod(name, script, { volumeMounts: sources.map((_source, index) => ({ name: `trust-${index}`, mountPath: `/trust-${index}` })) }, { volumes: volumesOf(sources) });
}

const certificatesIn = (text: string): string[] => (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).sort();

/** A container that shows the first source sees these authorities in a file that all may read, and no others. */
async function shows(space: string, name: string, source: Body, authorities: readonly string[]): Promise<void> {
  const text = await outputOf(space, podWith(name, 'stat -L -c %a /trust-0/anchors.pem; cat /trust-0/anchors.pem', { path: 'anchors.pem', ...source }));
  assert.match(text, /^644\b/);
  assert.deepEqual(certificatesIn(text), certificatesIn(authorities.join('')), name);
}

export function trustBundles(): void {
  behaviour(`${GATES} CRUD Tests certificates.k8s.io/v1 ClusterTrustBundles ${SINCE}`, () => changesInEveryWay({
    group: 'certificates.k8s.io', version: 'v1', plural: 'clustertrustbundles',
    make: (name) => ({ apiVersion: 'certificates.k8s.io/v1', kind: 'ClusterTrustBundle', metadata: { name: `crud-${name}` }, spec: { trustBundle: authority('before') } }),
    change: { spec: { trustBundle: authority('after') } },
  }));

  behaviour(`${GATES} should be able to mount a single ClusterTrustBundle by name ${SINCE}`, async () => {
    const space = await namespace();
    const { nobodys, of, end } = await world(space);
    await shows(space, 'named', { name: nobodys }, [of.nobodys]);
    await shows(space, 'absent', { name: 'does-not-exist.at.all', optional: true }, []);
    await end();
  });

  const selected: [string, Body, (keyof Awaited<ReturnType<typeof world>>['of'])[]][] = [
    ['can combine multiple CTBs with signer name and label selector', { labelSelector: { matchLabels: { 'signer.alive': 'true' } } }, ['alive', 'also']],
    ['should start if only signer name and nil label selector + optional=true', { optional: true }, []],
    ['should start if only signer name and explicit label selector matches nothing + optional=true', { labelSelector: { matchLabels: { thismatches: 'nothing' } }, optional: true }, []],
    ['can combine all signer CTBs with an empty label selector', { labelSelector: {} }, ['alive', 'also', 'dead']],
  ];
  for (const [name, source, wanted] of selected) {
    behaviour(`${GATES} should be capable to mount multiple trust bundles by signer+labels ${name} ${SINCE}`, async () => {
      const space = await namespace();
      const { signerName, of, end } = await world(space);
      await shows(space, 'p', { signerName, ...source }, wanted.map((each) => of[each]));
      await end();
    });
  }

  const refusing: [string, (signerName: string) => Body][] = [
    ['sets optional=false and no trust bundle matches query', (signerName) => ({ signerName, labelSelector: { matchLabels: { 'signer.alive': 'unknown' } } })],
    ['sets optional=false and the configured CTB does not exist', () => ({ name: 'does-not-exist' })],
  ];
  for (const [name, source] of refusing) {
    behaviour(`${GATES} should prevent a pod from starting if: ${name} ${SINCE}`, async () => {
      const space = await namespace();
      const { signerName, end } = await world(space);
      await create(`/api/v1/namespaces/${space}/pods`, podWith('p', 'true', { path: 'anchors.pem', optional: false, ...source(signerName) }));
      const unready = ({ status }: Body): boolean => status.conditions?.some((each: Body) => each.type === 'Ready' && each.status === 'False' && each.reason === 'ContainersNotReady' && each.message === 'containers with unready status: [main]');
      await until(pathOf(space, 'p'), unready);
      await until(`/api/v1/namespaces/${space}/events`, ({ items }) => items.some((each: Body) => each.reason === 'FailedMount'));
      assert.equal((await until(pathOf(space, 'p'), unready)).status.phase, 'Pending');
      await remove(pathOf(space, 'p'));
      await end();
    });
  }

  behaviour(`${GATES} should be able to specify multiple CTB volumes ${SINCE}`, async () => {
    const space = await namespace();
    const { signerName, nobodys, of, end } = await world(space);
    const sources = [{ name: nobodys, path: 'a.pem' }, { signerName, labelSelector: { matchLabels: { 'signer.alive': 'false' } }, path: 'b.pem' }];
    const text = await outputOf(space, podWith('p', 'cat /trust-0/a.pem; echo and; cat /trust-1/b.pem', ...sources));
    assert.deepEqual(text.split('\nand\n').map(certificatesIn), [certificatesIn(of.nobodys), certificatesIn(of.dead)]);
    await end();
  });

  behaviour(`${GATES} should be able to mount a big number (>100) of CTBs ${SINCE}`, async () => {
    const space = await namespace();
    const signerName = `test.test/${space}-hundreds`;
    const many = Array.from({ length: 120 }, (_each, index) => authority(`root${index}`));
    const names: string[] = [];
    for (const [index, pem] of many.entries()) names.push(await trust(`root${index}`, pem, { signerName }));
    const sources = names.map((name, index) => ({ name, path: `${index}.pem` }));
    const inOne = scriptPod('one', 'for i in $(seq 0 119); do cat /trust/$i.pem; done', { volumeMounts: [{ name: 'trust', mountPath: '/trust' }] }, { volumes: [{ name: 'trust', projected: { sources: sources.map((each) => ({ clusterTrustBundle: each })) } }] });
    for (const pod of [inOne, podWith('each', 'for i in $(seq 0 119); do cat /trust-$i/$i.pem; done', ...sources)]) assert.deepEqual(certificatesIn(await outputOf(space, pod)), certificatesIn(many.join('')), pod.metadata.name);
    await shows(space, 'joined', { signerName, labelSelector: {} }, many);
    for (const name of names) await remove(`${TRUST_BUNDLES}/${name}`);
    await gone(`${TRUST_BUNDLES}/${names[0]}`);
  });
}
