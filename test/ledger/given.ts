import type {
  Client,
  Envelope,
  GrantEvent,
  GrantFact,
  GrantTerms,
  Recorded,
  RegistryEvent,
  RegistryFact,
} from '../../shared/ledger/events.ts'
import type { PlainUser, SealedUser } from '../../shared/ledger/user.ts'
import { foldGrant } from '../../shared/ledger/grant/evolve.ts'
import type { GrantState, LiveGrant } from '../../shared/ledger/grant/state.ts'
import { registryKeyOf } from '../../shared/ledger/registry/state.ts'

export const GRANT_ID = '01890a5d-ac96-774b-bcce-b302099a8057'
/** Noon of some day, in ms; a whole second. */
export const T0 = 1_700_000_000_000
/** T0 as NumericDate. */
export const S0 = T0 / 1000

export const terms = (over: Partial<GrantTerms> = {}): GrantTerms => ({
  grant_id: GRANT_ID,
  client_id: 'shop',
  principal: { type: 'user', id: 'ada' },
  grant_type: 'password',
  scope: 'read write',
  access_token_lifetime: 3600,
  refresh: { lifetime: 86_400, absolute_lifetime: 604_800, limit: null },
  refresh_grace_seconds: 30,
  refresh_rotation: true,
  registry_position: 7,
  kid: 1,
  ...over,
})

export const issued = (over: Partial<GrantTerms> = {}): GrantFact => ({ type: 'TokenIssued', data: terms(over) })

type Data<T extends GrantFact['type']> = Extract<GrantFact, { type: T }>['data']

export const authorized = (over: Partial<Data<'AuthorizationGranted'>> = {}): GrantFact => ({
  type: 'AuthorizationGranted',
  data: {
    ...terms({ grant_type: 'authorization_code' }),
    redirect_uri: 'https://shop.example/callback',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    code_lifetime: 600,
    ...over,
  },
})

export const exchanged = (over: Partial<Data<'CodeExchanged'>> = {}): GrantFact => ({
  type: 'CodeExchanged',
  data: { grant_id: GRANT_ID, client_id: 'shop', kid: 1, ...over },
})

/** The refresh that makes generation n. */
export const refreshed = (n: number, over: Partial<Data<'TokenRefreshed'>> = {}): GrantFact => ({
  type: 'TokenRefreshed',
  data: {
    grant_id: GRANT_ID,
    client_id: 'shop',
    access_generation: n,
    refresh_generation: n,
    kid: 1,
    scope: 'read write',
    access_token_lifetime: 3600,
    refresh_grace_seconds: 30,
    ...over,
  },
})

export const reuse = (presented: number, over: Partial<Data<'TokenReuseDetected'>> = {}): GrantFact => ({
  type: 'TokenReuseDetected',
  data: {
    grant_id: GRANT_ID,
    client_id: 'shop',
    presented_generation: presented,
    refresh_grace_seconds: 30,
    ...over,
  },
})

export const revoked = (over: Partial<Data<'TokenRevoked'>> = {}): GrantFact => ({
  type: 'TokenRevoked',
  data: {
    grant_id: GRANT_ID,
    client_id: 'shop',
    reason: 'logged_out',
    revoked_by: { type: 'client', id: 'shop' },
    ...over,
  },
})

const envelope = (subject: string, type: string, id: string, at: number): Envelope => ({
  specversion: '1.0',
  id,
  source: 'https://ledger.example',
  subject,
  time: new Date(at).toISOString(),
  datacontenttype: 'application/json',
  dataschema: `https://ledger.example/schemas/${type}/1`,
})

type Placing = { id?: string; offset?: number; written?: number; subject?: string }

/**
 * A grant event as recorded `seconds` after T0; `written`: the writer's clock, in seconds after T0, where it differs.
 */
export function recorded(fact: GrantFact, seconds: number, placing: Placing = {}): Recorded<GrantEvent> {
  const timestamp = T0 + seconds * 1000
  const written = placing.written === undefined ? timestamp : T0 + placing.written * 1000
  const subject = placing.subject ?? fact.data.grant_id
  const id = placing.id ?? `${fact.type}@${seconds}`
  const position = { topic: 'token-ledger.grants', partition: 0, offset: placing.offset ?? 0 }
  return { event: { ...envelope(subject, fact.type, id, written), ...fact }, position, timestamp }
}

/** The state after facts, each recorded at its second. */
export function given(...facts: [GrantFact, number][]): GrantState {
  return foldGrant(facts.map(([fact, seconds]) => recorded(fact, seconds)))
}

/** The same, where the grant must be live. */
export function givenLive(...facts: [GrantFact, number][]): LiveGrant {
  const state = given(...facts)
  if (state.status !== 'live') throw new Error(`the given grant is ${state.status}`)
  return state
}

/** A registry event as recorded at `offset`, one second an offset. */
export function registered(fact: RegistryFact, offset: number, subject = registryKeyOf(fact)): Recorded<RegistryEvent> {
  const timestamp = T0 + offset * 1000
  const event = { ...envelope(subject, fact.type, `${fact.type}@${offset}`, timestamp), ...fact }
  return { event, position: { topic: 'token-ledger.registry', partition: 0, offset }, timestamp }
}

/** A client or user that nothing speaks against. */
export const STANDS = { deleted: false, not_before: null, value: { enabled: true } }

export const client = (over: Partial<Client> = {}): Client => ({
  client_id: 'shop',
  client_name: 'Shop',
  client_version: '1',
  client_type: 'confidential',
  grant_types: ['refresh_token', 'client_credentials'],
  redirect_uris: [],
  scope: 'read write',
  token_endpoint_auth_method: 'client_secret_basic',
  access_token_lifetime: 3600,
  refresh_token_limit: null,
  refresh_token_lifetime: 86_400,
  refresh_token_absolute_lifetime: 604_800,
  refresh_grace_seconds: 30,
  refresh_rotation: true,
  groups: [],
  resource_server_folders: null,
  enabled: true,
  secret: null,
  ...over,
})

export const user = (over: Partial<PlainUser> = {}): PlainUser => ({
  sub: 'ada',
  groups: [],
  enabled: true,
  personal: { username: 'ada', name: null, email: null },
  ...over,
})

export const sealedUser = (sub: string, username_index: string): SealedUser => {
  return { sub, groups: [], enabled: true, username_index, personal: { key_id: 'k', iv: 'i', data: 'd', tag: 't' } }
}
