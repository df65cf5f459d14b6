/** The priority classes that every cluster has (upstream: registry/scheduling/rest, AddSystemPriorityClasses). */
import { isApiError } from '../../api/errors.ts';
import { PriorityClass, SYSTEM_PRIORITIES } from '../../api/scheduling/priority-class.ts';
import type { ModuleContext } from '../../sdk/index.ts';

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  'system-node-critical': 'For pods that the cluster needs on the very node where they are.',
  'system-cluster-critical': 'For pods that the cluster needs, on whichever node.',
};

export async function createPriorityClasses({ client }: Pick<ModuleContext, 'client'>): Promise<void> {
  await Promise.all(Object.entries(SYSTEM_PRIORITIES).map(async ([name, value]) => {
    try {
      await client.get(PriorityClass, name);
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      await client.create(PriorityClass, { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value, description: DESCRIPTIONS[name] });
    }
  }));
}
