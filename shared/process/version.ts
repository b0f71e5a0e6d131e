import { readFileSync } from 'node:fs'

/** The version in package.json, which stands above this file in the source tree and in dist alike. */
export const VERSION = versionAbove(new URL('.', import.meta.url))

function versionAbove(folder: URL): string {
  for (let at = folder; at.pathname !== '/'; at = new URL('..', at)) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL('package.json', at), 'utf8')) as {
        name: string
        version: string
      }
      if (name === 'token-ledger') return version
    } catch {
      // not in this folder
    }
  }
  return 'unknown'
}
