/** The sources of one ScaledObject: kept while nothing about them changed, and made anew with the spec, when they are stale, and after failures, since what they refer to may have changed. */
import { isDeepStrictEqual } from 'node:util';
import type { ScaledObject } from '../../api/keda/scaled-object.ts';
import type { PodSpec } from '../../api/generated/core-v1.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import type { Settings } from './settings.ts';
import { openSources, sameTriggers, type Sources, type SourcesInput } from './sources.ts';
import { LEARNED } from './triggers/calendar.ts';

export interface ObjectSources {
  /** Those of the object as it is now. Rejects where they cannot be made, and those of before are of another spec. */
  of(object: ScaledObject): Promise<Sources>;
  current(): Sources | undefined;
  /** Why they could not be made anew, where those of before stay. */
  amiss(): string | undefined;
  close(): void;
}

/** After so many failures of a source in a row, all are made anew. */
const FAILURES = 3;

function hasFormula({ spec: { advanced } }: ScaledObject): boolean {
  return (advanced?.scalingModifiers?.formula ?? '') !== '';
}

/** `podSpecOf` gives that of the target's pods; `wake` is called when a trigger has news. */
export function objectSources(context: ModuleContext, { settings, wake, podSpecOf }: { settings: Settings; wake(): void; podSpecOf(object: ScaledObject): Promise<PodSpec | undefined> }): ObjectSources {
  let opened: { made: ScaledObject; sources: Sources } | undefined;
  let amiss: string | undefined;

  /** Where those that there are cannot be replaced now, as when a scaler of the user's own is away, they stay: they count their failures, and the fallback stands in. */
  async function openAgain(isSame: boolean, input: SourcesInput): Promise<Sources | undefined> {
    amiss = undefined;
    try {
      return await openSources(input);
    } catch (error) {
      if (!isSame) throw error;
      amiss = (error as Error).message;
      return undefined;
    }
  }

  return {
    async of(object) {
      const { made, sources } = opened ?? {};
      const learned = object.metadata.annotations?.[LEARNED];
      const isSame = made !== undefined && sources !== undefined && sameTriggers(made.spec.triggers, object.spec.triggers) && isDeepStrictEqual(made.spec.scaleTargetRef, object.spec.scaleTargetRef) && made.metadata.annotations?.[LEARNED] === learned && hasFormula(made) === hasFormula(object);
      if (isSame && context.clock.nowMs() < sources.staleMs && !sources.all.some(({ failures }) => failures > 0 && failures % FAILURES === 0)) return sources;
      const { namespace = '', name = '' } = object.metadata;
      const before = new Map(sources?.all.map((each) => [each.name, each]));
      const next = await openAgain(isSame, {
        triggers: object.spec.triggers, namespace, owner: name, settings, wake, podSpec: await podSpecOf(object), container: object.spec.scaleTargetRef.envSourceContainerName, isMetricSource: hasFormula(object), context, ...(learned === undefined ? {} : { more: { calendar: { learned } } }),
      });
      if (next === undefined) return sources!;
      // A source that fails goes on failing until it is read: its count is not begun anew.
      for (const source of next.all) Object.assign(source, isSame ? { failures: before.get(source.name)?.failures ?? 0, reading: before.get(source.name)?.reading } : {});
      sources?.close();
      opened = { made: object, sources: next };
      return next;
    },
    current: () => opened?.sources,
    amiss: () => amiss,
    close: () => opened?.sources.close(),
  };
}
