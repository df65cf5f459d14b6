/** The behaviours of the Gateway API: TLS and gRPC. */
import { conformance } from './cluster.ts';
import { grpc } from './gateway/grpc.ts';
import { precedence } from './gateway/precedence.ts';
import { backendTls, clientCertificates, https, passthroughs } from './gateway/tls.ts';

conformance('gateway-api: TLS and gRPC', [https, passthroughs, backendTls, clientCertificates, grpc, precedence]);
