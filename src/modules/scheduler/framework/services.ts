/** Which Services' pods a pod is one of, by what the Services select: what pods without replicas of their own spread by. */
import type { Labels } from '../../../api/selector.ts';

interface Known {
  selector: Labels;
  /** Where it stands in `byLabel`. */
  label: string;
}

/** Those of a namespace. */
interface Namespace {
  byName: Map<string, Known>;
  /** By one of the labels that each selects: a pod without it is none of the Service's. */
  byLabel: Map<string, Set<Known>>;
}

export class Services {
  readonly #byNamespace = new Map<string, Namespace>();

  /** `selector`: undefined for a Service that is gone, or one that selects nothing. */
  set(namespace: string, name: string, selector: Labels | undefined): void {
    const there = this.#byNamespace.get(namespace) ?? { byName: new Map(), byLabel: new Map() };
    const before = there.byName.get(name);
    if (before !== undefined) {
      const alike = there.byLabel.get(before.label);
      alike?.delete(before);
      if (alike?.size === 0) there.byLabel.delete(before.label);
      there.byName.delete(name);
    }
    const label = selector === undefined ? undefined : rarestOf(selector, there);
    if (selector !== undefined && label !== undefined) {
      const known = { selector, label };
      there.byName.set(name, known);
      there.byLabel.set(label, (there.byLabel.get(label) ?? new Set()).add(known));
    }
    if (there.byName.size > 0) this.#byNamespace.set(namespace, there);
    else this.#byNamespace.delete(namespace);
  }

  /** What all Services that a pod of these labels is one of ask of labels; undefined when there is none, or they ask for nothing. Source: upstream, helper.DefaultSelector. */
  selectorOf(namespace: string, labels: Labels): Labels | undefined {
    const byLabel = this.#byNamespace.get(namespace)?.byLabel;
    let merged: Labels | undefined;
    if (byLabel === undefined) return merged;
    for (const [key, value] of Object.entries(labels)) {
      for (const { selector } of byLabel.get(`${key}=${value}`) ?? []) {
        if (Object.keys(selector).every((each) => labels[each] === selector[each])) merged = merged === undefined ? selector : { ...merged, ...selector };
      }
    }
    return merged;
  }
}

/** Of the labels that are selected, the one that tells most: all Services of a namespace may have one in common. Undefined where none is. */
function rarestOf(selector: Labels, { byLabel }: Namespace): string | undefined {
  const sizeOf = (label: string): number => byLabel.get(label)?.size ?? 0;
  return Object.entries(selector).map(([key, value]) => `${key}=${value}`).reduce<string | undefined>((best, each) => (best === undefined || sizeOf(each) < sizeOf(best) ? each : best), undefined);
}
