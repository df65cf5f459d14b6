/** Which Services' pods a pod is one of, by what the Services select: what pods without replicas of their own spread by. */
import type { Labels } from '../../../api/selector.ts';

export class Services {
  readonly #byNamespace = new Map<string, Map<string, Labels>>();

  /** `selector`: undefined for a Service that is gone, or one that selects nothing. */
  set(namespace: string, name: string, selector: Labels | undefined): void {
    const ofNamespace = this.#byNamespace.get(namespace);
    if (selector !== undefined) {
      if (ofNamespace === undefined) this.#byNamespace.set(namespace, new Map([[name, selector]]));
      else ofNamespace.set(name, selector);
    } else if (ofNamespace?.delete(name) && ofNamespace.size === 0) this.#byNamespace.delete(namespace);
  }

  /** What all Services that a pod of these labels is one of ask of labels; undefined when there is none, or they ask for nothing. Source: upstream, helper.DefaultSelector. */
  selectorOf(namespace: string, labels: Labels): Labels | undefined {
    let merged: Labels | undefined;
    for (const selector of this.#byNamespace.get(namespace)?.values() ?? []) {
      const keys = Object.keys(selector);
      if (keys.length > 0 && keys.every((key) => labels[key] === selector[key])) merged = merged === undefined ? selector : { ...merged, ...selector };
    }
    return merged;
  }
}
