/** Where spans of requests are sent (`modules.gateway.otlp`). */

/** As OTEL_EXPORTER_OTLP_PROTOCOL names them. */
export type Protocol = 'http/json' | 'http/protobuf';

export interface OtlpSettings {
  endpoint: string;
  /** Default `http/json`. */
  protocol?: Protocol;
  headers?: Readonly<Record<string, string>>;
}

/** undefined where it is not said. Throws what is wrong. */
export function otlpSettings(config: Readonly<Record<string, unknown>>): OtlpSettings | undefined {
  const { otlp } = config;
  if (otlp === undefined) return undefined;
  const { endpoint, headers, protocol = 'http/json' } = otlp as Partial<OtlpSettings>;
  if (typeof endpoint !== 'string' || !/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) throw new Error("modules.gateway.otlp.endpoint must be the URL of a collector, such as 'http://127.0.0.1:4318'");
  // fetch refuses it, and says it in its error.
  if (new URL(endpoint).username !== '' || new URL(endpoint).password !== '') throw new Error('modules.gateway.otlp.endpoint must name no user: say who you are in modules.gateway.otlp.headers');
  if (!['http/json', 'http/protobuf'].includes(protocol)) throw new Error("modules.gateway.otlp.protocol must be 'http/json' or 'http/protobuf'");
  if (headers !== undefined && (typeof headers !== 'object' || Object.values(headers).some((value) => typeof value !== 'string'))) throw new Error('modules.gateway.otlp.headers must map names to texts');
  return { endpoint: endpoint.replace(/\/+$/, ''), protocol, ...(headers === undefined ? {} : { headers }) };
}
