/** The behaviours of sig-auth. */
import { certificates } from './auth/certificates.ts';
import { podCertificates } from './auth/pod-certificates.ts';
import { reviews } from './auth/reviews.ts';
import { serviceAccounts } from './auth/service-accounts.ts';
import { trustBundles } from './auth/trust-bundles.ts';
import { conformance } from './cluster.ts';

conformance('sig-auth', [serviceAccounts, reviews, certificates, trustBundles, podCertificates], { concurrency: 4 });
