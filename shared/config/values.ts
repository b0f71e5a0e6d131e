import { createPrivateKey, X509Certificate } from 'node:crypto'
import proxyAddr from 'proxy-addr'
import { z } from 'zod'
import { parseCheckSecrets, parseProjectSecrets, parseSecrets } from '../tokens/keys.ts'
import { issuerProblem } from './issuer.ts'
import { readNamedFile } from './secret-file.ts'

/** What the integer columns hold: 68 years. */
const MAX_SECONDS = 2_147_483_647

/** The forms that settings are written in. Each takes the text of an environment variable. */

/** A whole number within these bounds. */
export const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))

/** Seconds, fractions allowed. */
export const seconds = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}(\.\d{1,6})?$/, 'must be a number of seconds')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))

/** Whole seconds, or `never` = null. */
export const lifetime = z.string().transform((text, context) => {
  if (text === 'never') return null
  const parsed = whole(1, MAX_SECONDS).safeParse(text)
  if (parsed.success) return parsed.data
  context.addIssue(`must be a whole number of seconds from 1 to ${MAX_SECONDS}, or "never"`)
  return z.NEVER
})

export const flag = z.enum(['true', 'false'], oneOf('true or false')).transform((text) => text === 'true')

export const port = whole(0, 65_535)

/** Issuer identifier, in its one spelling. */
export const issuer = z.string({ error: 'is required' }).superRefine((text, context) => {
  const problem = issuerProblem(text)
  if (problem !== null) context.addIssue(problem)
})

export const webPage = z.string().refine(isWebPage, 'must be an http(s) URL')

/** What we post to: https, or http on this machine. */
export const webHook = webPage.refine(
  (text) => /^(https:|http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?(\/|$))/.test(text),
  'must be https, or http on 127.0.0.1, [::1] or localhost',
)

/** Refused where a part of a password would be taken for host, port or path, and then be told as such. */
export const postgresUrl = z
  .string()
  .refine(isPostgresUrl, 'must be a postgres:// URL, in which a password is percent-encoded')
  .refine(isWhollyEncoded, 'has a password that is not percent-encoded: LEDGER_DATABASE_PASSWORD takes one as it is')

/** A host name, an address, or the folder of a socket: what the server is told by, and so shown by. */
export const databaseHost = z
  .string()
  .regex(/^([\w.-]+|[\da-f:]+|\/[\w./-]+)$/i, 'must be a host name, an address, or the folder of a socket')

export const brokers = listOf(
  z.string().regex(/^(\[[\da-f:]+\]|[\w.-]+):\d{1,5}$/i, 'must be host:port, separated by commas'),
)

/** `true` with the system's certificate authorities, or with those of a PEM file. */
export const kafkaSsl = z.string().transform((text, context) => {
  if (text === 'true' || text === 'false') return text === 'true'
  const read = readNamedFile(text)
  if (read.text !== undefined) return { ca: read.text }
  context.addIssue(`must be true, false or the path of a file of CA certificates: ${read.problem}`)
  return z.NEVER
})

/** The path of a PEM file: our certificate first, then those between it and a CA. */
export const certificateFile = z.string().transform((path, context) => {
  const read = readNamedFile(path)
  if (read.text !== undefined && isCertificate(read.text)) return read.text
  context.addIssue(`must be the path of a PEM file that begins with a certificate: ${read.problem ?? path}`)
  return z.NEVER
})

export const privateKey = z.string().refine(isPrivateKey, 'must be a private key in PEM form, without a passphrase')

/** What proxy-addr knows: addresses, networks in CIDR form, `loopback`, `linklocal`, `uniquelocal`. */
export const proxies = listOf(z.string()).refine(isProxyList, 'must be addresses or networks, separated by commas')

export const topicPrefix = z.string().regex(/^[\w.-]{1,200}$/, 'must be letters, digits, ".", "_" or "-"')

/** A schema for the read model alone: what the log cannot rebuild lives in `ledger`. */
export const readModelSchema = z
  .string()
  .regex(/^(?!pg_|public$|ledger$)[a-z][a-z\d_]{0,62}$/, 'must be a lower-case schema name, not "ledger" or "public"')

export const secrets = z.string().transform(orIssue(parseSecrets))
export const checkSecrets = z.string().transform(orIssue(parseCheckSecrets))
export const projectSecrets = z.string().transform(orIssue(parseProjectSecrets))

/** RFC 6749 appendix A.1, without the colon that Basic splits at. */
export const clientId = z.string().regex(/^[\w.-]{1,100}$/, 'must be letters, digits, ".", "_" or "-"')

/** Random ones have more, also those of hexadecimal digits, but for one of a hundred thousand. */
const MIN_DISTINCT = 10

/** It is stored under a fast hash, so it must be as hard to guess as a generated one. */
export const clientSecret = z
  .string()
  .regex(/^[\w-]{43,}$/, 'must be at least 43 characters of A-Z a-z 0-9 _ - (256 random bits)')
  .refine((secret) => new Set(secret).size >= MIN_DISTINCT, 'must be random: it has too few different characters')

/** Error message of a choice: what it must be. */
export function oneOf(words: string) {
  return { error: `must be ${words}` }
}

function listOf<T extends z.ZodType<string, string>>(element: T) {
  return z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(element))
}

/** A transformation whose Error is what is wrong with the value. */
export function orIssue<T>(parse: (text: string) => T) {
  return (text: string, context: z.RefinementCtx): T => {
    try {
      return parse(text)
    } catch (error) {
      context.addIssue(error instanceof Error ? error.message : String(error))
      return z.NEVER
    }
  }
}

function isWebPage(text: string): boolean {
  return URL.canParse(text) && /^https?:\/\/[^\s"<>]+$/.test(text)
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== ''
  } catch {
    return false
  }
}

function isPrivateKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).type === 'private'
  } catch {
    return false
  }
}

function isPostgresUrl(text: string): boolean {
  return URL.canParse(text) && /^postgres(ql)?:\/\//.test(text)
}

/** Userinfo ends before the first of `/?#` (RFC 3986 §3.2): an `@` further right was meant to follow a password. */
function isWhollyEncoded(text: string): boolean {
  if (!isPostgresUrl(text)) return true
  const beyondHost = text.replace(/^\w+:\/\/[^/?#]*/, '')
  return !beyondHost.includes('@') && isDecodable(new URL(text))
}

function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password)
    return true
  } catch {
    return false
  }
}

function isProxyList(list: string[]): boolean {
  try {
    proxyAddr.compile(list)
    return true
  } catch {
    return false
  }
}
