/** Users of issuers outside (OpenID Connect). Read only where they are configured. */
export { checkAuthentication, type AuthenticationConfiguration } from '../../../api/apiserver/authentication-configuration.ts';
export { createOutsideAuthenticator, type OutsideAuthenticator } from './authenticator.ts';
