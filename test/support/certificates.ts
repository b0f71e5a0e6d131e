import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './commands.ts'

/**
 * Makes a CA of its own and, signed by it, what a broker on 127.0.0.1 and a client show each other; all PEM, in this
 * folder.
 */
export async function makeCertificates(folder: string): Promise<void> {
  const file = (name: string) => join(folder, name)
  const make = (name: string, ...more: string[]) =>
    run({ file: 'openssl', args: [...REQUEST, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), ...more] })
  const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-addext', 'subjectAltName=IP:127.0.0.1']
  await make('ca', '-subj', '/CN=test CA')
  await Promise.all([
    make('broker', '-subj', '/CN=broker', ...signed),
    make('client', '-subj', '/CN=client', ...signed),
  ])
  // Kafka wants key and certificate in one file.
  const parts = await Promise.all(['broker.key', 'broker.pem'].map((name) => readFile(file(name), 'utf8')))
  await writeFile(file('broker.pem'), parts.join(''))
}

const REQUEST = 'req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1'.split(' ')
