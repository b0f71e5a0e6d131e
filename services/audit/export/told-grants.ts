import { deadBecause } from '../../../shared/ledger/grant/liveness.ts'
import type { GrantState, GrantStates } from '../../../shared/ledger/grant/state.ts'
import type { ClientEntity, UserEntity } from '../../../shared/ledger/registry/state.ts'
import type { ReadModelTables } from '../../../shared/read-model/read-model.ts'
import { liveRefreshToken } from '../replay/grant-life.ts'
import type { GrantList, ListedGrant } from './grant-list.ts'
import { type LiveToken, readClients, readLiveTokens } from './held-rows.ts'

type Source = Pick<ReadModelTables, 'knex' | 'schema'>

type Known = Exclude<GrantState, { status: 'unknown' }>

type Folded = { list: GrantList; states: GrantStates; user: UserEntity | null; now: number }

/** Each of these grants as the log left it, with what of it lives; page by page. */
export async function* toldGrants(source: Source, { list, states, user, now }: Folded): AsyncGenerator<object> {
  for (const page of list.pages()) {
    const grants = page.flatMap((listed) => {
      const state = states.get(listed.grant_id)
      return state && state.status !== 'unknown' ? [{ ...listed, state }] : []
    })
    const ids = grants.map(({ grant_id }) => grant_id)
    const tokens = await readLiveTokens(source, ids)
    const clients = await readClients(source, [...new Set(grants.map(({ state }) => state.client_id))])
    for (const { state, ...listed } of grants) {
      const about = { client: clients.get(state.client_id) ?? null, user, now }
      yield {
        ...toldGrant(listed, state, about),
        access_tokens: tokens.filter(({ grant_id }) => grant_id === listed.grant_id).map(toldToken),
      }
    }
  }
}

type About = { client: ClientEntity | null; user: UserEntity | null; now: number }

function toldGrant({ grant_id, made_at }: ListedGrant, state: Known, { client, user, now }: About): object {
  const dead = deadBecause({ grant: state, client, user })
  return {
    grant_id,
    client_id: state.client_id,
    client_name: client?.value?.client_name ?? null,
    grant_type: state.grant_type,
    scope: state.scope,
    made_at: new Date(made_at).toISOString(),
    changed_at: new Date(state.at).toISOString(),
    status: state.status,
    because: state.status === 'revoked' ? state.reason : dead,
    refresh_token: state.status === 'live' && dead === null ? liveRefreshToken(state, now) : null,
  }
}

function toldToken({ generation, scope, issued_at, expires_at }: LiveToken): object {
  return { generation, scope, issued_at: issued_at.toISOString(), expires_at: expires_at?.toISOString() ?? null }
}
