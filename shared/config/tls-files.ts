import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { problemsFound } from './operator-error.ts'
import { readNamedFile } from './secret-file.ts'
import { PREFIX, type Settings } from './settings.ts'

/** A certificate and its key as they stand in their files, and when it ends. */
export type TlsFiles = { cert: string; key: string; expires: Date }

/** The files of TLS_CERTIFICATE and TLS_KEY. OperatorError with everything that is wrong with them at `now`. */
export function readTlsFiles(settings: Pick<Settings, 'TLS_CERTIFICATE' | 'TLS_KEY'>, now = new Date()): TlsFiles {
  const [cert, key] = (['TLS_CERTIFICATE', 'TLS_KEY'] as const).map((name) => readNamedFile(settings[name] ?? ''))
  const problems = [
    cert?.problem !== undefined && `${PREFIX}TLS_CERTIFICATE: ${cert.problem}`,
    key?.problem !== undefined && `${PREFIX}TLS_KEY: ${key.problem}`,
  ].filter((problem) => problem !== false)
  if (cert?.text !== undefined && key?.text !== undefined) {
    const certificate = parsed(cert.text, (pem) => new X509Certificate(pem))
    problems.push(...pairProblems({ cert: cert.text, key: key.text }, certificate, now))
    if (certificate && problems.length === 0)
      return { cert: cert.text, key: key.text, expires: new Date(certificate.validTo) }
  }
  throw problemsFound('The configuration has problems:', problems)
}

function pairProblems(pair: { cert: string; key: string }, certificate: X509Certificate | null, now: Date): string[] {
  const key = parsed(pair.key, createPrivateKey)
  if (!certificate || !key)
    return [
      certificate ? '' : `${PREFIX}TLS_CERTIFICATE must be the path of a PEM file that begins with a certificate`,
      key ? '' : `${PREFIX}TLS_KEY must be the path of a private key in PEM form, without a passphrase`,
    ].filter(Boolean)
  const { validFrom, validTo } = certificate
  if (!certificate.checkPrivateKey(key))
    return [`${PREFIX}TLS_KEY is not the key of the certificate in ${PREFIX}TLS_CERTIFICATE`]
  if (new Date(validTo) <= now) return [`${PREFIX}TLS_CERTIFICATE expired on ${validTo}`]
  if (new Date(validFrom) > now) return [`${PREFIX}TLS_CERTIFICATE is valid from ${validFrom} only`]
  // What OpenSSL refuses for its own reasons, as a key that is too short.
  const usable = parsed(pair, createSecureContext)
  return usable ? [] : [`${PREFIX}TLS_CERTIFICATE cannot be used for TLS: is its key too short?`]
}

function parsed<From, To>(from: From, parse: (from: From) => To): To | null {
  try {
    return parse(from)
  } catch {
    return null
  }
}
