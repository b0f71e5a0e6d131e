import { z } from 'zod'
import type { HttpContext } from '../../shared/http/context.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import { isResourceName, RESOURCE_NAME_RULE } from '../../shared/ledger/access/resource-name.ts'
import { EVERYBODY } from '../../shared/ledger/registry/predefined.ts'
import type { RegistryView } from '../../shared/ledger/registry/state.ts'

/** The largest number that the read model's columns hold; some 68 years in seconds. */
export const MAX_COUNT = 2_147_483_647

/**
 * ASCII 33–126 without `\`, `,` and `"`, at most 100 characters: a scope's name (RFC 6749 §3.3), and everything named
 * like one.
 */
export const NAME = z
  .string()
  .regex(
    /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,100}$/,
    'must be 1 to 100 of ASCII 33-126 without backslash, comma and quote',
  )

/** A folder such as `orders.internal`, or a service such as `orders.internal:approve`. */
export const RESOURCE_NAME = z.string().refine(isResourceName, RESOURCE_NAME_RULE)

/** A folder. */
export const FOLDER_NAME = RESOURCE_NAME.regex(/^[^:]+$/, 'must be a folder (orders.internal)')

/**
 * Text for people, in any script. No control characters, nothing that turns the direction of what stands beside it, and
 * one line: it is shown in lists and logs.
 */
export const TEXT = z
  .string()
  .max(500)
  .superRefine(without(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u))

// A letter or mark of a script whose letters are joined; between others nobody sees a joiner, and one name is two.
const JOINED = '(?![\\p{sc=Latn}\\p{sc=Grek}\\p{sc=Cyrl}\\p{sc=Zyyy}\\p{sc=Zinh}])[\\p{L}\\p{M}]'
const STRAY_JOINER = new RegExp(`(?<!${JOINED})\\p{Join_Control}|\\p{Join_Control}(?!${JOINED})`, 'u')

/**
 * One spelling of a name only, without what looks like another (RFC 8265 §3.4, but for spaces inside): no invisible
 * characters, and joiners only where they change how letters are joined (RFC 5892 appendix A.1, A.2).
 */
export const USERNAME = TEXT.min(1)
  .max(100)
  .superRefine(without(/(?!\p{Join_Control})\p{C}/u))
  .superRefine(without(STRAY_JOINER))
  .refine(
    (name) => name.normalize('NFKC') === name && name.trim() === name,
    'must be in Unicode normal form KC, without spaces around it',
  )

/** Refuses text with one of these characters, and says which: nobody sees it. */
function without(forbidden: RegExp) {
  return (text: string, context: z.RefinementCtx) => {
    const code = forbidden.exec(text)?.[0].codePointAt(0)
    if (code !== undefined) context.addIssue(`must not have U+${code.toString(16).toUpperCase().padStart(4, '0')} here`)
  }
}

/** Distinct names. */
export const GROUPS = z.array(NAME).max(200).transform(distinct)

/** Each once, in their order. */
export function distinct<Name extends string>(names: Name[]): Name[] {
  return [...new Set(names)]
}

/**
 * The name in the path, in this form. OAuthError invalid_request, naming the parameter, also for broken
 * percent-encoding.
 */
export function nameFrom(ctx: HttpContext, parameter: string, form: z.ZodType<string>): string {
  // The router takes what it cannot decode as it stands: another name than the sender meant.
  if (!isDecodable(ctx.path)) throw new OAuthError('invalid_request', `${parameter}: malformed percent-encoding`)
  const parsed = form.safeParse(z.record(z.string(), z.string()).parse(ctx.params)[parameter])
  if (parsed.success) return parsed.data
  throw new OAuthError(
    'invalid_request',
    `${parameter}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`,
  )
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

/**
 * Names of groups that do not exist, as problems at this path. `members`: it lists who is in them, as nobody is in
 * Everybody.
 */
export function groupProblems(
  view: RegistryView,
  path: string,
  groups: readonly string[],
  { members }: { members: boolean },
): string[] {
  const known = new Set(view.groups.map(({ name }) => name))
  const unknown = groups.filter((group) => !known.has(group)).map((group) => `${path}: there is no group ${group}`)
  const everybody = members && groups.includes(EVERYBODY) ? [`${path}: ${EVERYBODY} has no listed members`] : []
  return [...unknown, ...everybody]
}

/** Why tokens are ended, for auditors. */
export const REASON = TEXT.min(1).max(200)
