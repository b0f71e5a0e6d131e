import { randomUUID } from 'node:crypto'
import { eventContext } from '../../../shared/callers/event-context.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { foldedUsername } from '../../../shared/ledger/registry/folded-username.ts'
import { lives, type RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import {
  type ExternalAccount,
  externalOf,
  isSameAccount,
  MOST_ACCOUNTS,
  type Person,
} from '../../../shared/ledger/user.ts'
import { readByAccount } from '../../../shared/read-model/passwords/external-login.ts'
import { type WantedUser, writeUser } from '../../../shared/read-model/passwords/write-user.ts'
import type { RegistryRead } from '../../../shared/read-model/reads/registry.ts'
import type { Authorize, NewSession } from '../authorize.ts'
import { groupsAfter } from './groups.ts'
import type { Arrival, Arrived, Provider } from './provider.ts'

type LoggedIn = Omit<NewSession, 'amr'>

/**
 * Whom we know by this issuer and `sub`, and by nothing else that the provider says. A stranger becomes a user where
 * the setting allows it. `null`: nobody, or somebody who is disabled.
 */
export async function personOf(
  authorize: Authorize,
  ctx: HttpContext,
  { settings }: Provider,
  arrived: Arrived,
): Promise<LoggedIn | null> {
  const { upstream } = authorize
  const account = await upstream.people.externalAccount(arrived.issuer, arrived.sub)
  const { user, checkpoint } = await readByAccount(upstream, account)
  if (!user && !settings.creates_people) return null
  if (user?.value && !user.value.enabled) return null
  const needsProfile = !user || (settings.groups_claim !== undefined && !(settings.groups_claim in arrived.claims))
  const arrival = needsProfile ? await arrived.withProfile() : arrived
  if (!user?.value) return createPerson(authorize, ctx, { settings, arrival, account })
  const { sub } = user.value
  if (settings.groups_claim === undefined) return { sub, registry_position: checkpoint.next }
  const after = await writeUser(upstream, {
    sub,
    question: {},
    context: eventContext(ctx, { type: 'user', id: sub }),
    wanted: (found, { view }) => {
      if (!found?.value) return null
      const groups = groupsAfter(view, settings, arrival.claims, found.value.groups)
      return groups && { user: { ...found.value, groups }, external: externalOf(found.value) }
    },
  })
  return { sub, registry_position: after.checkpoint.next }
}

/** Has this user log in with this account from now on; whether that is so then. It may be somebody else's. */
export async function linkPerson(
  { upstream }: Pick<Authorize, 'upstream'>,
  ctx: HttpContext,
  sub: string,
  arrival: Arrival,
): Promise<boolean> {
  const account = await upstream.people.externalAccount(arrival.issuer, arrival.sub)
  const read = await writeUser(upstream, {
    sub,
    question: { external_indexes: [account.sub_index] },
    context: eventContext(ctx, { type: 'user', id: sub }),
    wanted: (found, now) => {
      if (!found?.value || ownerOf(now, account) !== undefined) return null
      const before = externalOf(found.value)
      return before.length < MOST_ACCOUNTS ? { user: found.value, external: [...before, account] } : null
    },
  })
  return ownerOf(read, account) === sub
}

type Creation = { settings: Provider['settings']; arrival: Arrival; account: ExternalAccount }

/** Two first logins at once make one user: whoever comes second finds the account taken. */
async function createPerson(authorize: Authorize, ctx: HttpContext, creation: Creation): Promise<LoggedIn | null> {
  const { upstream } = authorize
  const { settings, arrival, account } = creation
  const sub = randomUUID()
  for (const personal of namesFor(settings.name, arrival)) {
    const index = await upstream.people.likelyIndexOf(personal.username)
    let isNameTaken = false
    const read = await writeUser(upstream, {
      sub,
      question: {
        external_indexes: [account.sub_index],
        usernames: [personal.username],
        username_indexes: [index],
      },
      context: eventContext(ctx, { type: 'user', id: sub }),
      wanted: (found, now): WantedUser | null => {
        isNameTaken = isNameOfAnother(now, { sub, username: personal.username, index })
        if (found || isNameTaken || ownerOf(now, account) !== undefined) return null
        const groups = groupsAfter(now.view, settings, arrival.claims, []) ?? []
        return { user: { sub, groups, enabled: true, personal }, external: [account] }
      },
    })
    const owner = ownerOf(read, account)
    if (owner !== undefined) return { sub: owner, registry_position: read.checkpoint.next }
    if (!isNameTaken) return null
  }
  return null
}

function ownerOf({ entities }: RegistryRead, account: ExternalAccount): string | undefined {
  const users = [...entities.values()].flatMap((entity) => (entity.kind === 'user' && entity.value ? entity.value : []))
  return users.find((user) => externalOf(user).some(isSameAccount(account)))?.sub
}

type Name = { sub: string; username: string; index: string }

function isNameOfAnother({ entities }: RegistryRead, { sub, username, index }: Name): boolean {
  const isOf = (entity: RegistryEntity) => {
    if (entity.kind !== 'user' || !entity.value || entity.value.sub === sub) return false
    const shown = entity.person?.username
    return (
      entity.value.username_index === index || (shown != null && foldedUsername(shown) === foldedUsername(username))
    )
  }
  return [...entities.values()].some((entity) => lives(entity) && isOf(entity))
}

/** The name that is wished for; one with the provider where somebody has it; and one that nobody has. */
function namesFor(provider: string, { claims }: Arrival): Person[] {
  const others = { name: textIn(claims['name'], 200), email: emailIn(claims) }
  const wished = textIn(claims['preferred_username'], 100)
  const random = `${provider}-${randomUUID().slice(0, 13)}`
  const names = wished === null ? [random] : [wished, `${wished} (${provider})`, random]
  return names.map((username) => ({ username, ...others }))
}

function textIn(claim: unknown, most: number): string | null {
  const text = typeof claim === 'string' ? claim.trim() : ''
  return text === '' || text.length > most || /\p{Cc}|\p{Cs}/u.test(text) ? null : text
}

/** An address that the provider has not proven is nobody's: it may be that of somebody else. */
function emailIn({ email, email_verified }: Arrival['claims']): string | null {
  const text = email_verified === true ? textIn(email, 250) : null
  return text !== null && /^[^@\s]+@[^@\s]+$/.test(text) ? text : null
}
