import { z } from 'zod'
import { CLIENT_TYPES } from '../../../shared/ledger/client.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import { GRANT_TYPE_NAMES, GRANT_TYPES } from '../../../shared/ledger/grant/commands/issue.ts'
import { isGraceLongEnough, MAX_GRACE_SECONDS, shortestGrace } from '../../../shared/ledger/grant/times.ts'
import type { RegistryView } from '../../../shared/ledger/registry/state.ts'
import { redirectUriProblem } from '../../../shared/ledger/redirect-uri.ts'
import { formatScope, parseScope } from '../../../shared/ledger/scope.ts'
import type { ClientDefaults } from '../admin.ts'
import { JWKS } from './jwks.ts'
import { distinct, FOLDER_NAME, groupProblems, GROUPS, MAX_COUNT, TEXT } from '../names.ts'

const CLIENT_NAME = z.string().regex(/^[\x21-\x7e]([\x20-\x7e]{0,98}[\x21-\x7e])?$/, 'must be 1 to 100 printable ASCII')

const LIFETIME = z.int().min(1).max(MAX_COUNT).nullable().optional()

const REDIRECT_URI = z.string().superRefine((uri, context) => {
  const message = redirectUriProblem(uri)
  if (message !== null) context.addIssue({ code: 'custom', message })
})

const SCOPE = z
  .string()
  .max(5000)
  .refine((scope) => parseScope(scope) !== null, 'must be scope names with one space between them')
  .transform((scope) => formatScope(parseScope(scope) ?? []))

const grantTypes = z
  .array(z.enum(GRANT_TYPE_NAMES, { error: `must be one of ${GRANT_TYPE_NAMES.join(', ')}` }))
  .transform(distinct)

/** What a client is registered with: names of RFC 7591 where it has one. */
export const CLIENT_MEMBERS = {
  client_name: CLIENT_NAME,
  client_version: CLIENT_NAME.default('1'),
  description: TEXT.default(''),
  client_type: z.enum(CLIENT_TYPES).default('confidential'),
  grant_types: grantTypes.default(['refresh_token']),
  redirect_uris: z.array(REDIRECT_URI).max(50).transform(distinct).default([]),
  scope: SCOPE.default(''),
  token_endpoint_auth_method: z
    .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'])
    .optional(),
  jwks: JWKS.nullable().default(null),
  access_token_lifetime: LIFETIME,
  refresh_token_limit: z.int().min(0).max(MAX_COUNT).nullable().default(null),
  refresh_token_lifetime: LIFETIME,
  refresh_token_absolute_lifetime: LIFETIME,
  refresh_grace_seconds: z.int().min(0).max(MAX_GRACE_SECONDS).optional(),
  refresh_rotation: z.boolean().default(true),
  groups: GROUPS.default([]),
  resource_server_folders: z.array(FOLDER_NAME).max(200).transform(distinct).nullable().default(null),
  enabled: z.boolean().default(true),
}

/** The body of POST /admin/clients. */
export const CLIENT_METADATA = z.strictObject(CLIENT_MEMBERS).superRefine((metadata, context) => {
  for (const [path, message] of contradictions(metadata)) context.addIssue({ code: 'custom', path: [path], message })
})

export type ClientMetadata = z.output<typeof CLIENT_METADATA>

/** A client as it is described, by metadata or by its record, which may have what only a later release takes. */
export type Described = Omit<ClientMetadata, Wider> & Pick<Client, Wider>

type Wider = 'grant_types' | 'jwks'

/** The client that this metadata describes, without a secret. */
export function clientOf(client_id: string, metadata: Described, defaults: ClientDefaults): Client {
  const { client_type, token_endpoint_auth_method } = metadata
  const lifetimeOf = (name: Lifetime) => {
    const given = metadata[name]
    return given === undefined ? defaults[name] : given
  }
  return {
    ...metadata,
    client_id,
    token_endpoint_auth_method:
      token_endpoint_auth_method ?? (client_type === 'public' ? 'none' : 'client_secret_basic'),
    access_token_lifetime: lifetimeOf('access_token_lifetime'),
    refresh_token_lifetime: lifetimeOf('refresh_token_lifetime'),
    refresh_token_absolute_lifetime: lifetimeOf('refresh_token_absolute_lifetime'),
    refresh_grace_seconds: metadata.refresh_grace_seconds ?? defaults.refresh_grace_seconds[client_type],
    secret: null,
  }
}

type Lifetime = 'access_token_lifetime' | 'refresh_token_lifetime' | 'refresh_token_absolute_lifetime'

/** Scopes and groups that a client names and that do not exist, and a grace too short for any retry. */
export function clientProblems(view: RegistryView, client: Client, appendTimeout: number): string[] {
  const { scope, groups, refresh_grace_seconds } = client
  const known = new Set(view.scopes.map(({ name }) => name))
  const unknown = (parseScope(scope) ?? []).filter((name) => !known.has(name))
  const grace = `refresh_grace_seconds: must be 0, or ${shortestGrace(appendTimeout)} or more`
  return [
    ...(isGraceLongEnough(refresh_grace_seconds, appendTimeout) ? [] : [grace]),
    ...unknown.map((name) => `scope: there is no scope ${name}`),
    ...groupProblems(view, 'groups', groups, { members: true }),
  ]
}

/** Which members contradict each other, and how. */
export function contradictions(metadata: Described): [string, string][] {
  const { client_type, grant_types, token_endpoint_auth_method: method, resource_server_folders, jwks } = metadata
  if (client_type === 'confidential')
    return [
      ...when(method === 'none', ['token_endpoint_auth_method', 'a confidential client has a secret or keys to use']),
      ...when(method === 'private_key_jwt' && jwks == null, [
        'jwks',
        'private_key_jwt needs the public keys of the client',
      ]),
    ]
  const barred = GRANT_TYPE_NAMES.filter((one) => GRANT_TYPES[one].confidentialOnly && grant_types.includes(one))
  return [
    ...barred.map((one): [string, string] => ['grant_types', `${one} is for confidential clients only`]),
    ...when(method !== undefined && method !== 'none', ['token_endpoint_auth_method', 'a public client has none']),
    ...when(jwks != null, ['jwks', 'a public client has no keys to prove itself with']),
    ...when(!metadata.refresh_rotation, ['refresh_rotation', 'the refresh tokens of a public client rotate']),
    ...when(resource_server_folders !== null, ['resource_server_folders', 'a resource server must be confidential']),
  ]
}

function when(wrong: boolean, problem: [string, string]): [string, string][] {
  return wrong ? [problem] : []
}
