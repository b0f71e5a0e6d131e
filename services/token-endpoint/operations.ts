import { z } from 'zod'
import type { Settings } from '../../shared/config/settings.ts'
import { metadataPath } from '../../shared/http/issuer-paths.ts'
import type { Operation, Operations } from '../../shared/http/openapi/operation.ts'
import { pubOauthOperations } from '../../shared/http/openapi/pub-oauth.ts'
import { GRANT_TYPE_NAMES } from '../../shared/ledger/grant/commands/issue.ts'
import { TOKEN_RESPONSE } from '../../shared/tokens/token-response.ts'

const CREDENTIALS = {
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  client_assertion_type: z.string().optional(),
  client_assertion: z.string().optional(),
}

type OfTokenEndpoint = Pick<Settings, 'ISSUER' | 'REQUIRE_POST'>

const FIRST_TYPES = z.enum(GRANT_TYPE_NAMES).exclude(['refresh_token'])

// A form is read parameter by parameter; what is not known here is ignored (RFC 6749 §3.2).
const TOKEN_REQUEST = z.looseObject({
  grant_type: z.enum(GRANT_TYPE_NAMES),
  refresh_token: z.string().optional().meta({ description: 'With grant_type=refresh_token.' }),
  code: z.string().optional().meta({ description: 'With grant_type=authorization_code.' }),
  redirect_uri: z.string().optional().meta({ description: 'With a code: as in the authorization, and only then.' }),
  code_verifier: z.string().optional().meta({ description: 'With a code that has a code_challenge (RFC 7636).' }),
  username: z.string().optional().meta({ description: 'With grant_type=password: of the user.' }),
  password: z.string().optional().meta({ description: 'With grant_type=password: of the user.' }),
  scope: z.string().optional().meta({ description: 'Less than before, or than the client may have.' }),
  ...CREDENTIALS,
})

const REFRESH_REQUEST = z.looseObject({ ...TOKEN_REQUEST.shape, grant_type: z.literal('refresh_token') })

const FIRST_REQUEST = z.looseObject({ ...TOKEN_REQUEST.omit({ refresh_token: true }).shape, grant_type: FIRST_TYPES })

const REVOCATION = z.looseObject({ token: z.string().min(1), token_type_hint: z.string().optional(), ...CREDENTIALS })

const urls = z.array(z.string())

const METADATA = z.object({
  issuer: z.string(),
  authorization_endpoint: z.string(),
  token_endpoint: z.string(),
  revocation_endpoint: z.string(),
  introspection_endpoint: z.string(),
  response_types_supported: urls,
  response_modes_supported: urls,
  grant_types_supported: urls,
  code_challenge_methods_supported: urls,
  authorization_response_iss_parameter_supported: z.literal(true),
  prompt_values_supported: urls,
  token_endpoint_auth_methods_supported: urls,
  token_endpoint_auth_signing_alg_values_supported: urls,
  revocation_endpoint_auth_methods_supported: urls,
  revocation_endpoint_auth_signing_alg_values_supported: urls,
  introspection_endpoint_auth_methods_supported: urls,
  introspection_endpoint_auth_signing_alg_values_supported: urls,
  service_documentation: z.string().optional(),
})

const BY_NAME = 'under the name of webMethods Integration Server.'

const TOKEN: Operation = {
  id: 'token',
  tag: 'Tokens',
  summary: 'Get tokens: refresh a grant, as a client for itself, or for a user who gives a password.',
  description: 'RFC 6749. An equal request within the grace is answered with the same pair, so trying again is safe.',
  caller: 'client',
  body: { form: TOKEN_REQUEST, example: { grant_type: 'client_credentials' } },
  answers: { 200: { what: 'The tokens.', schema: TOKEN_RESPONSE } },
}

const REVOKE: Operation = {
  id: 'revoke',
  tag: 'Tokens',
  summary: 'End a token, and its whole grant with it.',
  description: 'RFC 7009. 200 means that every instance refuses it from now on; unknown tokens are a success too.',
  caller: 'client',
  body: { form: REVOCATION },
  answers: { 200: { what: 'It has ended.', schema: z.object({}) } },
}

/** The services by their names in webMethods Integration Server. */
const PUB_OAUTH: Record<string, Operation> = {
  getToken: { ...TOKEN, id: 'getToken', summary: `${TOKEN.summary.slice(0, -1)}, ${BY_NAME}` },
  getAccessToken: {
    ...TOKEN,
    id: 'getAccessToken',
    summary: `Get tokens for the first time, ${BY_NAME}`,
    body: { form: FIRST_REQUEST, example: { grant_type: 'client_credentials' } },
  },
  refreshAccessToken: {
    ...TOKEN,
    id: 'refreshAccessToken',
    summary: `Refresh a grant, ${BY_NAME}`,
    body: { form: REFRESH_REQUEST, example: { grant_type: 'refresh_token', refresh_token: 'tl_rt_…' } },
  },
  revokeToken: { ...REVOKE, id: 'revokeToken', summary: `${REVOKE.summary.slice(0, -1)}, ${BY_NAME}` },
}

/** What the routes of the token endpoint take and answer, for this issuer. */
export function tokenEndpointOperations({ ISSUER, REQUIRE_POST }: OfTokenEndpoint): Operations {
  const named = Object.entries(PUB_OAUTH).map(([name, operation]) =>
    pubOauthOperations(name, operation, { requirePost: REQUIRE_POST }),
  )
  return {
    'POST /oauth2/token': TOKEN,
    'POST /oauth2/revoke': REVOKE,
    ...Object.fromEntries(named.flatMap((one) => Object.entries(one))),
    [`GET ${metadataPath(ISSUER)}`]: {
      id: 'metadata',
      tag: 'About',
      summary: 'What this authorization server offers, and where.',
      description: 'RFC 8414.',
      // Not below the issuer's path.
      server: new URL(ISSUER).origin,
      caller: 'anybody',
      answers: { 200: { what: 'The metadata.', schema: METADATA } },
    },
  }
}
