/** How spans are written for a collector, and its answers read (OTLP/HTTP, its binary and its JSON encoding). */
import type { Span } from './span.ts';

export interface Encoding {
  contentType: string;
  /** A span as it stands in {@link body}. */
  span(span: Span): Buffer;
  /** An ExportTraceServiceRequest of these. */
  body(spans: readonly Buffer[]): Buffer;
  /** What an ExportTraceServiceResponse says; nothing where it cannot be read. */
  answer(body: Buffer): PartialSuccess;
}

/** All is well where neither says anything. */
export interface PartialSuccess {
  rejected: number;
  message: string;
}

/** What is said of the sender. */
export type Resource = readonly (readonly [string, string])[];

export const SCOPE = 'llmos.dev/gateway';
