/** `llmos scale`: why a workload has the replicas that it has, and a picture of it. */
import { writeFileSync } from 'node:fs';
import { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { PREDICTIVE_ANNOTATION, PredictiveAutoscaler, ScalingHistory, type PredictiveAutoscalerStatus } from '../../api/autoscaling/predictive-autoscaler.ts';
import { isApiError } from '../../api/errors.ts';
import { ScaledJob } from '../../api/keda/scaled-job.ts';
import { ScaledObject } from '../../api/keda/scaled-object.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Client } from '../../sdk/client.ts';
import { createHttpClient } from '../../sdk/client/http.ts';
import { findCluster } from '../../sdk/client/kubeconfig.ts';
import { UsageError, type Command } from '../command.ts';
import { kubeconfigFile } from '../control.ts';
import { renderTable } from '../table.ts';
import { explainEvents, explainJobs, readMetrics } from './scale-events.ts';
import { renderScaling } from './scale-plot.ts';

const NO_HISTORY = 'no history is kept of it here: that is for predictive autoscalers on llmos itself';

export const scale: Command = {
  usage: 'explain|plot KIND/NAME [-n NAMESPACE] [--output FILE.svg|FILE.html] [--kubeconfig FILE] [--context NAME]',
  flags: { namespace: { type: 'string', short: 'n' }, output: { type: 'string', short: 'o' }, kubeconfig: { type: 'string' }, context: { type: 'string' } },
  async run({ positionals, flags, folders }) {
    const [verb, subject] = positionals;
    const [kind, name] = (subject ?? '').split('/');
    if (positionals.length !== 2 || !['explain', 'plot'].includes(verb!) || !kind || !name) throw new UsageError(`usage: llmos scale ${scale.usage}`);
    const text = (flag: string): string | undefined => flags[flag] as string | undefined;
    const client = createHttpClient(findCluster({ path: text('kubeconfig') ?? kubeconfigFile(folders), context: text('context') }), { name: 'llmos-scale' });
    try {
      const wanted = { kind: SHORT[kind.toLowerCase()] ?? kind.toLowerCase().replace(/s$/, ''), name, namespace: text('namespace') ?? 'default' };
      if (wanted.kind === 'scaledjob' && verb === 'explain') {
        console.log((await explainJobs(await client.get(ScaledJob, name, { namespace: wanted.namespace }), client)).join('\n'));
        return 0;
      }
      const found = await find(client, wanted);
      const scaled = found?.predictive === true ? undefined : await findScaledObject(client, wanted, found);
      if (verb === 'explain' && scaled !== undefined) console.log(explainEvents(scaled, await autoscalerOf(client, scaled), await readMetrics(scaled, client)).join('\n'));
      else if (found === undefined) throw new Error(scaled === undefined ? `nothing scales ${subject} in namespace ${wanted.namespace}: no PredictiveAutoscaler, no HorizontalPodAutoscaler and no ScaledObject has it as its target` : NO_HISTORY);
      else if (verb === 'explain') console.log(explain(found));
      else plot(found, text('output') ?? `${name}.svg`);
      return 0;
    } finally {
      client.close();
    }
  },
};

interface Scaled { autoscaler: KubeObject & { spec?: { scaleTargetRef: { kind: string; name: string } }; status?: PredictiveAutoscalerStatus }; predictive: boolean; history?: ScalingHistory }
interface Wanted { kind: string; name: string; namespace: string }

/** What kubectl calls a kind, or begins to. */
const SHORT: Readonly<Record<string, string>> = { deploy: 'deployment', rs: 'replicaset', sts: 'statefulset', pa: 'predictiveautoscaler', hpa: 'horizontalpodautoscaler', rc: 'replicationcontroller', so: 'scaledobject', sj: 'scaledjob' };

async function find(client: Client, { kind, name, namespace }: Wanted): Promise<Scaled | undefined> {
  for (const each of [PredictiveAutoscaler, HorizontalPodAutoscaler] as unknown as readonly Kind<Scaled['autoscaler']>[]) {
    const { items } = await client.list(each, { namespace }).catch(nothingServed);
    const autoscaler = items.find(({ metadata, spec }) => (kind === each.kind.toLowerCase() ? metadata.name === name : spec?.scaleTargetRef.kind.toLowerCase() === kind && spec.scaleTargetRef.name === name));
    if (autoscaler === undefined) continue;
    const predictive = each.kind === 'PredictiveAutoscaler' || autoscaler.metadata.annotations?.[PREDICTIVE_ANNOTATION] === 'true';
    const history = predictive ? await client.get(ScalingHistory, `${each.kind.toLowerCase()}.${autoscaler.metadata.name}`, { namespace }).catch(notThere) : undefined;
    return { autoscaler: { ...autoscaler, kind: each.kind }, predictive, history };
  }
  return undefined;
}

/** By its own name, its target, or the autoscaler that it has. */
async function findScaledObject(client: Client, { kind, name, namespace }: Wanted, found: Scaled | undefined): Promise<ScaledObject | undefined> {
  const { items } = await client.list(ScaledObject, { namespace }).catch(nothingServed);
  const owner = found?.autoscaler.metadata.ownerReferences?.find((each) => each.kind === 'ScaledObject')?.name;
  if (found !== undefined) return items.find(({ metadata }) => metadata.name === owner);
  return items.find(({ metadata, spec: { scaleTargetRef } }) => (kind === 'scaledobject' ? metadata.name === name : (scaleTargetRef.kind ?? 'Deployment').toLowerCase() === kind && scaleTargetRef.name === name));
}

/** Undefined while the object is paused. */
async function autoscalerOf(client: Client, { metadata, status }: ScaledObject): Promise<HorizontalPodAutoscaler | undefined> {
  return status?.hpaName === undefined ? undefined : client.get(HorizontalPodAutoscaler, status.hpaName, { namespace: metadata.namespace }).catch(notThere);
}

function nothingServed(error: unknown): { items: never[] } {
  if (isApiError(error, 'NotFound')) return { items: [] };
  throw error;
}

function notThere(error: unknown): undefined {
  if (isApiError(error, 'NotFound')) return undefined;
  throw error;
}

/** What a person reads; loads are in replicas that are wholly busy. */
export function explain({ autoscaler, predictive, history }: Scaled): string {
  const { metadata, spec, status } = autoscaler;
  const lines = [
    `${spec?.scaleTargetRef.kind}/${spec?.scaleTargetRef.name} is scaled by ${autoscaler.kind} ${metadata.name}${predictive ? '' : `, by thresholds; with the annotation ${PREDICTIVE_ANNOTATION}=true it would look ahead`}`,
    `replicas: ${status?.currentReplicas ?? 0} now, ${status?.desiredReplicas ?? 0} desired`,
  ];
  for (const { type, status: state, reason, message } of status?.conditions ?? []) lines.push(`${type}: ${state}, ${reason}: ${message}`);
  const decision = history?.decisions.at(-1);
  const latest = status?.decision ?? decision;
  if (latest !== undefined) {
    lines.push('', `last look, ${latest.time}: ${latest.rule}: ${latest.message}`, `  from ${latest.from} to ${latest.to} replicas`);
    if (latest.load !== undefined && latest.forecast !== undefined) {
      const { aheadSeconds, median, p80, p97, p999 } = latest.forecast;
      lines.push(
        `  load: ${latest.load.toFixed(2)} replicas' worth; a replica takes ${history?.startSeconds ?? status?.startSeconds ?? '?'} s to be ready`,
        `  forecast for ${aheadSeconds} s ahead: ${median.toFixed(2)} (median), at most ${p80.toFixed(2)} in 80 %, ${p97.toFixed(2)} in 97 %, ${p999.toFixed(2)} in 99.9 % of such moments`,
        `  price of too few: ${latest.price?.toFixed(2)} times the replicas needed on average`,
        `  a HorizontalPodAutoscaler would have ${latest.counterfactual?.replicas} replicas`,
      );
    }
  }
  if (status?.comparison !== undefined) {
    const rows = Object.entries({ 'as it is': status.comparison.own, 'HPA of the same target': status.comparison.reactive, 'a careful HPA': status.comparison.careful });
    lines.push('', renderTable(['', 'TOO FEW', 'MEAN REPLICAS'], rows.map(([who, { underProvisionedPercent, replicas }]) => [who, `${underProvisionedPercent.toFixed(2)} %`, replicas.toFixed(2)])));
  }
  if (history !== undefined) {
    const forecasters = latest?.forecast === undefined ? [] : history.forecasters.toSorted((one, other) => other.weight - one.weight);
    if (forecasters.length > 0) lines.push('', renderTable(['FORECASTER', 'SAYS', 'WEIGHT'], forecasters.map(({ name, load, weight }) => [name, load.toFixed(2), weight.toFixed(3)])));
    if (history.decisions.length > 0) lines.push('', renderTable(['CHANGED', 'FROM', 'TO', 'RULE', 'WHY'], history.decisions.map(({ time, from, to, rule, message }) => [time, String(from), String(to), rule, message])));
  }
  return lines.join('\n');
}

function plot({ autoscaler, history }: Scaled, file: string): void {
  if (!/\.(svg|html)$/.test(file)) throw new UsageError(`--output is '${file}', and must end in .svg or .html`);
  if (history === undefined) throw new Error(`${autoscaler.kind} ${autoscaler.metadata.name}: ${NO_HISTORY}`);
  if (history.times.length === 0) throw new Error('nothing has been seen yet: wait for the first rounds');
  const svg = renderScaling(history);
  const title = `${history.scaleTargetRef.kind}/${history.scaleTargetRef.name}`.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  writeFileSync(file, file.endsWith('.svg') ? svg : `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><body style="font:14px system-ui;margin:2em"><h1>${title}</h1>${svg}<pre>${explain({ autoscaler, predictive: true, history }).replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)}</pre></html>\n`);
  console.log(file);
}
