/** The behaviours of the Gateway API: TLS and gRPC. */
import { conformance } from './cluster.ts';
import { backendTls } from './gateway/backend-tls.ts';
import { clientCertificates } from './gateway/client-certificates.ts';
import { grpc } from './gateway/grpc.ts';
import { precedence } from './gateway/precedence.ts';
import { https, passthroughs } from './gateway/tls.ts';

conformance('gateway-api: TLS and gRPC', [https, passthroughs, backendTls, clientCertificates, grpc, precedence]);
