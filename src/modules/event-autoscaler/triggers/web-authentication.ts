/** The ways of authentication that triggers over HTTP have. */
import { accessToken } from './access-token.ts';
import { timeoutOf, TriggerError, type Parameters } from './trigger.ts';
import type { WebOptions } from './web.ts';

/** `authModes` (Prometheus) or `authMode` (metrics-api): bearer, basic, tls, apiKey, custom, oauth; several with commas, of bearer, basic and oauth one. */
export function webAuthentication(parameters: Parameters): WebOptions {
  const modes = [...parameters.list('authModes'), ...parameters.list('authMode')];
  const headers: Record<string, string> = {};
  const exclusive = modes.filter((mode) => mode === 'bearer' || mode === 'basic' || mode === 'oauth');
  if (exclusive.length > 1) throw new TriggerError(`authModes ${exclusive.join(' and ')} cannot be together`);
  const options: WebOptions = { headers, unsafeSsl: parameters.flag('unsafeSsl'), ca: parameters.text('ca'), timeoutMs: timeoutOf(parameters) };
  for (const mode of modes) {
    if (mode === 'bearer') headers['authorization'] = `Bearer ${(parameters.text('token') ?? parameters.needed('bearerToken')).trim()}`;
    else if (mode === 'basic') headers['authorization'] = `Basic ${Buffer.from(`${parameters.needed('username')}:${parameters.text('password') ?? ''}`).toString('base64')}`;
    else if (mode === 'tls') Object.assign(options, { cert: parameters.needed('cert'), key: parameters.needed('key') });
    else if (mode === 'custom') headers[parameters.needed('customAuthHeader').trim().toLowerCase()] = parameters.needed('customAuthValue').trim();
    else if (mode === 'apiKey' && (parameters.text('method') ?? 'header') === 'header') headers[(parameters.text('keyParamName') ?? 'X-API-KEY').toLowerCase()] = parameters.needed('apiKey');
    else if (mode !== 'apiKey' && mode !== 'oauth') throw new TriggerError(`authMode ${JSON.stringify(mode)}: write bearer, basic, tls, custom, oauth or apiKey`);
  }
  if (exclusive[0] === 'oauth') options.token = accessToken(parameters, options);
  return options;
}
