import { z } from 'zod'
import { readNamedFile } from '../secret-file.ts'
import { flag, orIssue } from '../values.ts'
import { upstreamIssuerProblem } from './upstream-issuer.ts'

const text = (most: number) =>
  z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(most, `must have at most ${most} characters`)
    .regex(/^\P{Cc}*$/u, 'must be one line of text')

const names = z.array(text(100)).max(100, 'must have at most 100 entries')

/** One provider as it is written. Secrets may stand in a file of their own. */
const PROVIDER = z.strictObject({
  issuer: z.string().superRefine((issuer, context) => {
    const problem = upstreamIssuerProblem(issuer)
    if (problem !== null) context.addIssue(problem)
  }),
  client_id: text(500),
  client_secret: text(2000).optional(),
  client_secret_file: text(2000).optional(),
  token_endpoint_auth_method: z.enum(['client_secret_basic', 'client_secret_post', 'none']).optional(),
  scope: text(500)
    .default('openid profile email')
    .refine((scope) => scope.split(' ').includes('openid'), 'must have the scope openid'),
  label: text(60).optional(),
  creates_people: z.boolean().default(false),
  groups_claim: text(200).optional(),
  groups: names.default([]),
})

const PROVIDERS = z.record(
  z.string().regex(/^[a-z\d][a-z\d-]{0,31}$/, 'must be a name of lower-case letters, digits and "-"'),
  PROVIDER,
)

/** An OpenID provider that people may log in with. Holds a secret: never log it. */
export type ProviderSettings = Readonly<
  Omit<z.output<typeof PROVIDER>, 'client_secret_file' | 'label'> & { name: string; label: string }
>

const MOST_PROVIDERS = 20

/** How people log in with other servers, a part of all settings. */
export const UPSTREAM_SETTINGS = {
  LOGIN_WITH_PASSWORD: flag
    .prefault('true')
    .describe('`false`: people log in with `LEDGER_UPSTREAM_PROVIDERS` alone, and the pages ask for no password'),
  UPSTREAM_PROVIDERS: z
    .string()
    .transform(orIssue(providersIn))
    .default([])
    .describe('Path of a JSON file with [the OpenID providers](login-providers.md) that people may log in with'),
}

type Ways = { LOGIN_WITH_PASSWORD: boolean; UPSTREAM_PROVIDERS: readonly unknown[]; LOGIN_URL?: string | undefined }

/** What keeps everybody from logging in, or from where it says. */
export function noWayIn({ LOGIN_URL, LOGIN_WITH_PASSWORD, UPSTREAM_PROVIDERS }: Ways): string[] {
  const hasProviders = UPSTREAM_PROVIDERS.length > 0
  if (LOGIN_URL !== undefined && hasProviders)
    return ['LEDGER_UPSTREAM_PROVIDERS and LEDGER_LOGIN_URL are both set: the second one sends people elsewhere']
  if (LOGIN_URL !== undefined || LOGIN_WITH_PASSWORD || hasProviders) return []
  return ['LEDGER_LOGIN_WITH_PASSWORD is false, and LEDGER_UPSTREAM_PROVIDERS names nobody to log in with']
}

function providersIn(path: string): readonly ProviderSettings[] {
  const read = readNamedFile(path)
  if (read.text === undefined) throw new Error(`must be the path of a JSON file of providers: ${read.problem}`)
  const parsed = PROVIDERS.safeParse(objectIn(read.text, path))
  const problems = parsed.success ? [] : parsed.error.issues.flatMap(problemsOf)
  const providers = parsed.success ? Object.entries(parsed.data).map((entry) => complete(entry, problems)) : []
  if (providers.length > MOST_PROVIDERS) problems.push(`there are more than ${MOST_PROVIDERS} providers`)
  problems.push(...sameTwice(providers))
  if (problems.length > 0) throw new Error(`names ${path}: ${problems.join('; ')}`)
  return providers
}

function objectIn(json: string, path: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw new Error(`names ${path}: it is not JSON`)
  }
}

function problemsOf(issue: z.core.$ZodIssue): string[] {
  const where = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => `${where}.${key} is not a setting`)
  if (issue.code === 'invalid_key') return [`${where} ${issue.issues[0]?.message ?? 'is no name'}`]
  return [where === '' ? 'it is not an object of providers, each by its name' : `${where} ${messageOf(issue)}`]
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message
  return issue.message.endsWith('received undefined') ? 'is required' : `must be of type ${issue.expected}`
}

/** With the secret from its file and the label that it has without one. Adds to the problems. */
function complete([name, written]: [string, z.output<typeof PROVIDER>], problems: string[]): ProviderSettings {
  const { client_secret_file, label, ...rest } = written
  const file = client_secret_file === undefined ? null : readNamedFile(client_secret_file)
  if (file?.problem) problems.push(`${name}.client_secret_file: ${file.problem}`)
  if (file && rest.client_secret !== undefined)
    problems.push(`${name}.client_secret and ${name}.client_secret_file are both set`)
  const client_secret = file?.text ?? rest.client_secret
  const isPublic = rest.token_endpoint_auth_method === 'none'
  if (isPublic === (file !== null || client_secret !== undefined))
    problems.push(
      isPublic
        ? `${name} has a secret, and token_endpoint_auth_method none`
        : `${name}.client_secret or ${name}.client_secret_file is required, unless token_endpoint_auth_method is none`,
    )
  if (rest.groups.length > 0 !== (rest.groups_claim !== undefined))
    problems.push(`${name}.groups_claim and ${name}.groups belong together: which claim, and what may be taken from it`)
  return { ...rest, name, label: label ?? name, ...(client_secret !== undefined && { client_secret }) }
}

/** A person is known by issuer and `sub`: which of two clients there was meant could not be told. */
function sameTwice(providers: readonly ProviderSettings[]): string[] {
  const first = new Map<string, string>()
  return providers.flatMap(({ issuer, name }) => {
    const other = first.get(issuer)
    first.set(issuer, other ?? name)
    return other === undefined ? [] : [`${other} and ${name} have the same issuer`]
  })
}
