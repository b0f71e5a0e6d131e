import type { Acl, Principal, Resource, Scope } from '../events.ts'
import { DEFAULT_ACL, EVERYBODY, LEDGER_FOLDER, PREDEFINED_ACLS } from '../registry/predefined.ts'
import { parseScope } from '../scope.ts'

export type AccessCode = 'allowed' | 'scope_missing' | 'acl_missing' | 'acl_unknown' | 'group_denied' | 'group_missing'

export type AccessQuestion = {
  /** A folder (`orders.internal`) or service (`orders.internal:approve`). */
  resource: string
  principal: { type: Principal['type']; groups: readonly string[] }
  /** The token's scope string. */
  scope: string
  /** The living scopes: at least the token's own and those that include the resource. */
  scopes: readonly Scope[]
  /** The living resources: at least those of `foldersAbove(resource)`. */
  resources: readonly Pick<Resource, 'name' | 'execute_acl'>[]
  /** The living ACLs: at least those that these resources name, and Default. */
  acls: readonly Acl[]
}

/**
 * What a decision rests on; where it refuses, what would have been needed. `reason` is a sentence, `code` is stable.
 */
export type AccessDecision = {
  allowed: boolean
  code: AccessCode
  reason: string
  /** The token's scope that includes the resource. */
  scope: string | null
  /** The scopes that would do. */
  needed_scope: string[]
  acl: string | null
  /** The resource whose ACL it is; `null` = the fallback to Default. */
  acl_of: string | null
  /** The group that allowed, or denied. */
  group: string | null
  /** The groups that the ACL allows. */
  needed_group: string[]
}

/** The resource itself and the folders above it, nearest first. */
export function foldersAbove(resource: string): string[] {
  const end = Math.max(resource.lastIndexOf('.'), resource.lastIndexOf(':'))
  return end < 0 ? [resource] : [resource, ...foldersAbove(resource.slice(0, end))]
}

/** Whether a scope's or resource server's entry covers a resource: it is the resource, or a folder above it. */
export function includes(entry: string, resource: string): boolean {
  if (!resource.startsWith(entry)) return false
  const following = resource[entry.length]
  return following === undefined || following === '.' || following === ':'
}

/**
 * Whether an entry includes something inside a folder, or the folder: what makes a token usable at a resource server.
 */
export function reaches(entry: string, folder: string): boolean {
  return includes(entry, folder) || includes(folder, entry)
}

/** Whether a token of this scope is usable at a resource server of these folders, and so may be introspected by it. */
export function isUsableAt(folders: readonly string[], scope: string, scopes: readonly Scope[]): boolean {
  const entries = scopesOf(scope, scopes).flatMap((granted) => granted.includes)
  return entries.some((entry) => folders.some((folder) => reaches(entry, folder)))
}

/** The groups that count for a principal: all users, and nobody else, are in Everybody. */
export function groupsOf({ type, groups }: AccessQuestion['principal']): string[] {
  const named = groups.filter((group) => group !== EVERYBODY)
  return type === 'user' ? [...named, EVERYBODY] : named
}

/**
 * May a live bearer use this folder or service? A scope of its token must include it, and the nearest ACL must allow
 * one of the principal's groups and deny none. Every decision names scope, ACL and group.
 */
export function decideAccess(question: AccessQuestion): AccessDecision {
  const { resource, principal, scopes } = question
  const covering = scopes.filter((scope) => scope.includes.some((entry) => includes(entry, resource)))
  const scope = scopesOf(question.scope, covering)[0]?.name ?? null
  const { acl, name, acl_of } = aclFor(question)
  const { group, verdict } = judge(name, acl, groupsOf(principal))
  const code = scope === null ? 'scope_missing' : verdict
  const needed_scope = covering.map((one) => one.name)
  const grounds = { scope, needed_scope, acl: name, acl_of, group, needed_group: [...(acl?.allowed_groups ?? [])] }
  const reason = `${scopeSentence(resource, grounds)}; ${aclSentence(verdict, resource, grounds)}`
  return { allowed: code === 'allowed', code, reason, ...grounds }
}

/**
 * The ACL that stands for a resource: its own, the nearest folder's above, else Default; never Default for the ledger.
 */
export function aclFor(question: Pick<AccessQuestion, 'resource' | 'resources' | 'acls'>) {
  const { resource, resources, acls } = question
  for (const acl_of of foldersAbove(resource)) {
    const name = resources.find((one) => one.name === acl_of)?.execute_acl
    // An ACL that is named but not there refuses: falling through to a folder above could open what was closed.
    if (name != null) return { name, acl_of, acl: acls.find((one) => one.name === name) ?? null }
  }
  if (includes(LEDGER_FOLDER, resource)) return { name: null, acl_of: null, acl: null }
  const isDefault = (acl: Acl) => acl.name === DEFAULT_ACL
  return { name: DEFAULT_ACL, acl_of: null, acl: acls.find(isDefault) ?? PREDEFINED_ACLS.find(isDefault) ?? null }
}

function scopesOf(scope: string, scopes: readonly Scope[]): Scope[] {
  const names = parseScope(scope) ?? []
  return scopes.filter((one) => names.includes(one.name))
}

type Verdict = Exclude<AccessCode, 'scope_missing'>

// Denied > allowed > not named = denied.
function judge(name: string | null, acl: Acl | null, groups: string[]): { group: string | null; verdict: Verdict } {
  if (acl === null) return { group: null, verdict: name === null ? 'acl_missing' : 'acl_unknown' }
  const denied = groups.find((group) => acl.denied_groups.includes(group))
  if (denied !== undefined) return { group: denied, verdict: 'group_denied' }
  const allowed = groups.find((group) => acl.allowed_groups.includes(group))
  return allowed === undefined ? { group: null, verdict: 'group_missing' } : { group: allowed, verdict: 'allowed' }
}

type Grounds = Omit<AccessDecision, 'allowed' | 'code' | 'reason'>

function scopeSentence(resource: string, { scope, needed_scope }: Grounds): string {
  if (scope !== null) return `scope ${scope} includes ${resource}`
  if (needed_scope.length === 0) return `no scope includes ${resource}`
  return `the token has no scope that includes ${resource}: ${needed_scope.join(' or ')} would do`
}

function aclSentence(verdict: Verdict, resource: string, grounds: Grounds): string {
  const { acl, acl_of, group, needed_group } = grounds
  const name = acl_of === null ? `ACL ${acl}` : `ACL ${acl} of ${acl_of}`
  switch (verdict) {
    case 'acl_missing':
      return `no ACL stands for ${resource}, and the ledger's own folder has no default`
    case 'acl_unknown':
      return `${name} does not exist`
    case 'group_denied':
      return `${name} denies group ${group}`
    case 'group_missing':
      return `${name} allows ${needed_group.join(', ') || 'nobody'}, and the bearer is in none of these groups`
    case 'allowed':
      return `${name} allows group ${group}`
  }
}
