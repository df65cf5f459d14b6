/** Certificates that clients will not believe though they are shown, and those of Ingresses that cannot be shown at all, which have no conditions to say so: told in Events. */
import type { Gateway } from '../../api/gateway/kinds.ts';
import type { Ingress } from '../../api/generated/networking-v1.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { ModuleContext } from '../../sdk/module.ts';
import { isFor, lifetimeOf, namesIn } from './certificate-facts.ts';
import { intersection } from './hostnames.ts';
import { isOwnIngress } from './ingress.ts';
import { ISSUER } from './issuer.ts';
import type { Observed, TlsPair } from './observed.ts';
import { ownGateways } from './plan.ts';
import { certificateOf, isFailure, resolveCertificate } from './references.ts';
import { createAlarm } from './renewal.ts';

export interface Doubt { about: Gateway | Ingress; reason: 'CertificateNotUsable' | 'CertificateExpired' | 'CertificateNotYetValid' | 'CertificateForOtherNames'; message: string }

const MOST_NAMES = 5;

interface Named { secret: string; pair: TlsPair }

/** `nextMs`: when time alone makes another doubt, or ends one; Infinity for never. Pure. */
export function doubtsOf(observed: Observed, nowMs: number): { doubts: Doubt[]; nextMs: number } {
  const doubts: Doubt[] = [];
  let nextMs = Infinity;
  /** Of those that are shown for a hostname one must bear it; '' is none. */
  const look = (about: Doubt['about'], shown: readonly Named[], hostname: string): void => {
    for (const { secret, pair } of shown) {
      const { fromMs, untilMs } = lifetimeOf(pair);
      if (untilMs <= nowMs) doubts.push({ about, reason: 'CertificateExpired', message: `the certificate in Secret '${secret}' ended at ${rfc3339(untilMs)}: clients do not believe it` });
      else if (fromMs > nowMs) doubts.push({ about, reason: 'CertificateNotYetValid', message: `the certificate in Secret '${secret}' holds from ${rfc3339(fromMs)} on: clients do not believe it before` });
      for (const atMs of [fromMs, untilMs]) if (atMs > nowMs) nextMs = Math.min(nextMs, atMs);
    }
    if (hostname === '' || shown.length === 0 || shown.some(({ pair }) => namesIn(pair).some((name) => isFor(name, hostname) || (hostname.startsWith('*.') && intersection(hostname, name) === name)))) return;
    doubts.push({ about, reason: 'CertificateForOtherNames', message: `none is for '${hostname}': ${shown.map(({ secret, pair }) => `the certificate in Secret '${secret}' is for ${namesIn(pair).slice(0, MOST_NAMES).join(', ') || 'no hostname'}`).join(', ')}` });
  };
  for (const gateway of ownGateways(observed)) {
    for (const { hostname = '', protocol, tls } of gateway.spec.listeners) {
      if (!['HTTPS', 'TLS'].includes(protocol) || tls?.mode === 'Passthrough') continue;
      look(gateway, (tls?.certificateRefs ?? []).flatMap((ref): Named[] => {
        const pair = resolveCertificate(observed, ref, gateway.metadata.namespace ?? '');
        return isFailure(pair) ? [] : [{ secret: `${ref.namespace ?? gateway.metadata.namespace}/${ref.name}`, pair }];
      }), hostname);
    }
  }
  for (const ingress of observed.ingresses.filter((each) => isOwnIngress(each, observed))) {
    for (const { hosts = [], secretName } of ingress.spec?.tls ?? []) {
      const pair = secretName ? certificateOf(observed, ingress.metadata.namespace ?? '', secretName) : undefined;
      if (pair === undefined) continue;
      // One that is to be made is told of by who makes it.
      if (isFailure(pair) && ingress.metadata.annotations?.[ISSUER] !== undefined) continue;
      if (isFailure(pair)) doubts.push({ about: ingress, reason: 'CertificateNotUsable', message: pair.message });
      else for (const host of hosts.length > 0 ? hosts : ['']) look(ingress, [{ secret: `${ingress.metadata.namespace}/${secretName}`, pair }], host);
    }
  }
  return { doubts, nextMs };
}

/** Looks at what is observed, and again when time has changed it. Each is told once, as long as it lasts. */
export function createDoubtTeller({ events, clock, signal }: Pick<ModuleContext, 'events' | 'clock' | 'signal'>, observe: () => Observed): (observed: Observed) => void {
  let told = new Set<string>();
  const look = (observed: Observed): void => {
    const { doubts, nextMs } = doubtsOf(observed, clock.nowMs());
    const now = new Map(doubts.map((each) => [`${each.about.metadata.uid} ${each.message}`, each]));
    for (const [key, { about, reason, message }] of now) if (!told.has(key)) events.event(about, 'Warning', reason, message);
    told = new Set(now.keys());
    alarm.set(nextMs);
  };
  const alarm = createAlarm({ nowMs: () => clock.nowMs(), signal }, () => look(observe()));
  return look;
}
