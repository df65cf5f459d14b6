/** What a Service, with its policy, asks of a proxy in front of its endpoints. Pure. */
import type { Service } from '../../api/generated/core-v1.ts';
import { algorithmOf, type Algorithm } from './algorithm.ts';
import { hashOnOf, proxySettingsOf, type HashOn, type ProxySettings } from './settings.ts';

export interface Balancing {
  algorithm: Algorithm;
  hashOn: HashOn;
  settings: Omit<ProxySettings, 'drainMs'>;
}

/** undefined where nothing but to take turns is asked for. */
export function balancingOf(service: Service | undefined): Balancing | undefined {
  if (service === undefined) return undefined;
  const algorithm = algorithmOf(service);
  const { drainMs: _drainMs, ...settings } = proxySettingsOf(service);
  if (['round-robin', 'weighted'].includes(algorithm) && Object.keys(settings).length === 0) return undefined;
  return { algorithm, hashOn: hashOnOf(service), settings };
}
