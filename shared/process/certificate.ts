import type { Logger } from 'pino'
import { OperatorError } from '../config/operator-error.ts'
import type { Settings } from '../config/settings.ts'
import { readTlsFiles } from '../config/tls-files.ts'
import type { Listener } from '../http/listen.ts'
import type { TlsPair } from '../http/tls.ts'

/** The certificate that this process shows, and whoever shows it. */
export type Certificate = {
  pair: () => TlsPair
  shownBy(listener: Pick<Listener, 'renew'>): void
  /** Reads the files again. What is wrong with them is an alarm, and the certificate of before goes on being shown. */
  renew(): void
}

/** Reads the files of the settings; OperatorError when they are no certificate to be shown. */
export function openCertificate(settings: Settings, logger: Logger): Certificate {
  const listeners: Pick<Listener, 'renew'>[] = []
  let pair = readTlsFiles(settings)

  function renew(): void {
    try {
      const read = readTlsFiles(settings)
      for (const listener of listeners) listener.renew(read)
      pair = read
      logger.info({ expires: pair.expires.toISOString() }, 'certificate read again')
    } catch (error) {
      const problems = error instanceof OperatorError ? error.problems : [String(error)]
      logger.error({ alarm: 'certificate_not_renewed', problems }, 'the certificate of before is still shown')
    }
  }

  return { pair: () => pair, shownBy: (listener) => void listeners.push(listener), renew }
}
