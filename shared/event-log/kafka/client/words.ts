const CREDENTIALS = 'Kafka refused the SASL user name, password or mechanism'
const UNTRUSTED = "the broker's certificate is not trusted"
const CERTIFICATE = 'Kafka refused our certificate, or wants one'
const HUNG_UP = 'the broker hung up, as it does when TLS or SASL is set on one side only'

/** Of OpenSSL as Node names them: who the broker is could not be proved. */
const UNTRUSTED_CODES =
  /^(UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_|CERT_|CRL_|INVALID_CA|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME_INVALID)/
/** The alerts that a broker sends about the certificate of a client, or about its absence. */
const CERTIFICATE_ALERT = /alert (bad certificate|certificate|unknown ca|handshake failure)|CERTIFICATE_REQUIRED/i

/**
 * Why Kafka could not be used, in words for the operator: the innermost error, and what it means where that is not
 * plain. Says nothing of what we sent.
 */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) return wordsOf(error.cause)
  const message = error.message.trim()
  const code: unknown = Reflect.get(error, 'code')
  const meaning = meaningOf(error.name, message, typeof code === 'string' ? code : '')
  return meaning ? `${meaning} (${message})` : message
}

function meaningOf(name: string, message: string, code: string): string | null {
  if (name === 'KafkaJSSASLAuthenticationError') return CREDENTIALS
  if (name === 'KafkaJSConnectionClosedError') return HUNG_UP
  if (UNTRUSTED_CODES.test(code)) return UNTRUSTED
  if (CERTIFICATE_ALERT.test(message)) return CERTIFICATE
  return null
}
