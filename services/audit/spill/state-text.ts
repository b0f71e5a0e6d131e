import type { Principal } from '../../../shared/ledger/events.ts'
import type { Generation, GrantBody, GrantCode, GrantState, IssuedGrant } from '../../../shared/ledger/grant/state.ts'
import { Young } from '../../../shared/ledger/grant/young.ts'

/** A state of a grant that is known. */
export type KnownGrant = Exclude<GrantState, { status: 'unknown' }>

type Authorized = Extract<KnownGrant, { status: 'authorized' }>
type Body = [string, string, Principal['type'], string, string, string, number, number]
type Current = [number, string, number, string, number, number, number | null]
type Issued = [
  ...[number, number, number | null, number | null, number | null, number | null, number, boolean],
  Current,
  number | null,
  number[],
  GrantCode | null,
]
type Packed =
  | ['a', Body, Omit<Authorized, keyof GrantBody | 'status'>]
  | ['l', Body, Issued]
  | ['r', Body, string, { body: Body; issued: Issued } | null]

/** A state as short text, without the names of its members; `unpackState` gives the same state again. */
export function packState(state: KnownGrant): string {
  return JSON.stringify(packed(state))
}

function packed(state: KnownGrant): Packed {
  switch (state.status) {
    case 'authorized': {
      const { terms, code, code_exp } = state
      return ['a', packBody(state), { terms, code, code_exp }]
    }
    case 'live':
      return ['l', packBody(state), packIssued(state)]
    case 'revoked': {
      const { reason, issued } = state
      return ['r', packBody(state), reason, issued && { body: packBody(issued), issued: packIssued(issued) }]
    }
  }
}

/** The state that a text stands for. */
export function unpackState(text: string): KnownGrant {
  const packed = JSON.parse(text) as Packed
  const body = unpackBody(packed[1])
  switch (packed[0]) {
    case 'a':
      return { status: 'authorized', ...body, ...packed[2] }
    case 'l':
      return { status: 'live', ...unpackIssued(body, packed[2]) }
    case 'r': {
      const [, , reason, was] = packed
      return { status: 'revoked', ...body, reason, issued: was && unpackIssued(unpackBody(was.body), was.issued) }
    }
  }
}

function packBody({ grant_id, client_id, principal, grant_type, scope, registry_position, at }: GrantBody): Body {
  return [grant_id, client_id, principal.type, principal.id, grant_type, scope, registry_position, at]
}

function unpackBody([grant_id, client_id, type, id, grant_type, scope, registry_position, at]: Body): GrantBody {
  return { grant_id, client_id, principal: { type, id }, grant_type, scope, registry_position, at }
}

function packIssued(grant: IssuedGrant): Issued {
  return [
    grant.access_generation,
    grant.refresh_generation,
    grant.refresh_lifetime,
    grant.refresh_exp,
    grant.absolute_exp,
    grant.refreshes_left,
    grant.refresh_grace_seconds,
    grant.refresh_rotation,
    packCurrent(grant.current),
    grant.older_access_exp,
    [...grant.young].flatMap(({ generation, at }) => [generation, at]),
    grant.code,
  ]
}

function unpackIssued(body: GrantBody, issued: Issued): IssuedGrant {
  return {
    access_generation: issued[0],
    refresh_generation: issued[1],
    refresh_lifetime: issued[2],
    refresh_exp: issued[3],
    absolute_exp: issued[4],
    refreshes_left: issued[5],
    refresh_grace_seconds: issued[6],
    refresh_rotation: issued[7],
    current: unpackCurrent(issued[8]),
    older_access_exp: issued[9],
    young: unpackYoung(issued[10]),
    code: issued[11],
    ...body,
  }
}

function packCurrent({ generation, event_id, kid, scope, at, iat, exp }: Generation): Current {
  return [generation, event_id, kid, scope, at, iat, exp]
}

function unpackCurrent([generation, event_id, kid, scope, at, iat, exp]: Current): Generation {
  return { generation, event_id, kid, scope, at, iat, exp }
}

function unpackYoung(numbers: number[]): Young {
  const pairs = Array.from({ length: numbers.length / 2 }, (_, n) => numbers.slice(2 * n, 2 * n + 2))
  return Young.of(pairs.map(([generation = 0, at = 0]) => ({ generation, at })))
}
