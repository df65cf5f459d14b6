/** VolumeZone: a pod goes to nodes of the zones and regions that the labels of its volumes say. Source: upstream, volumezone. */
import type { PersistentVolume } from '../../../api/generated/core-v1.ts';
import { claimUses } from '../../../api/storage/claim-matching.ts';
import { rejection, type Plugin } from '../framework/plugin.ts';
import { mayConcern, type StorageView } from './volumes.ts';

const ELSEWHERE = rejection('VolumeZone', 'node(s) had no available volume zone', { unresolvable: true });
const ZONE = 'topology.kubernetes.io/zone';
const REGION = 'topology.kubernetes.io/region';
/** Labels of volumes, and the newer name of each by which nodes may say the same. */
const NEWER: Readonly<Record<string, string>> = { 'failure-domain.beta.kubernetes.io/zone': ZONE, 'failure-domain.beta.kubernetes.io/region': REGION, [ZONE]: ZONE, [REGION]: REGION };

interface Place { key: string; values: ReadonlySet<string> }

export function volumeZone(storage: StorageView): Plugin {
  return {
    name: 'VolumeZone',
    filter({ pod }) {
      const uses = claimUses(pod).filter(({ isEphemeral }) => !isEphemeral);
      if (uses.length === 0 || !storage.ready()) return undefined;
      const volumes = uses.map(({ claimName }) => storage.volume(storage.claim(pod.metadata.namespace ?? '', claimName)?.spec?.volumeName ?? ''));
      const places = volumes.flatMap((each) => (each === undefined ? [] : placesOf(each)));
      if (places.length === 0) return undefined;
      return ({ labels }) => {
        // Where there is one zone only, nodes need not say which.
        if (!Object.keys(NEWER).some((key) => labels[key] !== undefined)) return undefined;
        return places.every(({ key, values }) => values.has(labels[key] ?? labels[NEWER[key]!] ?? '')) ? undefined : ELSEWHERE;
      };
    },
    wakesFor: (event, { pod }) => (event.type === 'storage-changed' && mayConcern(event.claim, pod)) || event.type === 'node-added' || (event.type === 'node-changed' && event.changed.labels),
  };
}

/** A label may name several, as `a__b`. */
function placesOf({ metadata }: PersistentVolume): Place[] {
  return Object.keys(NEWER).flatMap((key): Place[] => {
    const label = metadata.labels?.[key];
    return label === undefined || label === '' ? [] : [{ key, values: new Set(label.split('__').map((each) => each.trim())) }];
  });
}
