import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './commands.ts'

/** Makes a CA of its own in this folder: ca.pem and ca.key. */
export async function makeCa(folder: string): Promise<void> {
  await make(folder, 'ca', '-subj', '/CN=test CA')
}

/** Makes NAME.pem and NAME.key, signed by the CA of this folder, for a server on 127.0.0.1. */
export async function makeCertificate(folder: string, name: string): Promise<void> {
  const ca = (ending: string) => join(folder, `ca.${ending}`)
  const signed = ['-CA', ca('pem'), '-CAkey', ca('key'), '-addext', 'subjectAltName=IP:127.0.0.1']
  await make(folder, name, '-subj', `/CN=${name}`, ...signed)
}

/**
 * Makes a CA of its own and, signed by it, what a broker on 127.0.0.1 and a client show each other; all PEM, in this
 * folder.
 */
export async function makeCertificates(folder: string): Promise<void> {
  const file = (name: string) => join(folder, name)
  await makeCa(folder)
  await Promise.all(['broker', 'client'].map((name) => makeCertificate(folder, name)))
  // Kafka wants key and certificate in one file.
  const parts = await Promise.all(['broker.key', 'broker.pem'].map((name) => readFile(file(name), 'utf8')))
  await writeFile(file('broker.pem'), parts.join(''))
}

const REQUEST = 'req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1'.split(' ')

async function make(folder: string, name: string, ...more: string[]): Promise<void> {
  const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)]
  await run({ file: 'openssl', args: [...REQUEST, ...files, ...more] })
}
