import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'

export const ROOT = new URL('../../', import.meta.url)
/** The text of a file, its path from the root of the repository. */
export const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8')

const SERVICE = z.looseObject({
  build: z.string().optional(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  secrets: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  restart: z.string(),
  stop_grace_period: z.string().optional(),
  logging: z.looseObject({ options: z.looseObject({ 'max-size': z.string(), 'max-file': z.string() }) }),
  healthcheck: z.looseObject({ test: z.array(z.string()), start_period: z.string() }).optional(),
  depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
})
export type Service = z.output<typeof SERVICE>

const FORM = z.looseObject({
  'x-secrets': z.string(),
  services: z.record(z.string(), SERVICE),
  secrets: z.record(z.string(), z.strictObject({ environment: z.string() })),
})

export const compose = FORM.parse(parse(read('docker-compose.yml'), { merge: true }))
/** Every service of docker-compose.yml. */
export const all = Object.entries(compose.services)
/** Those that run this program. */
export const ours = all.filter(([, { command }]) => command !== undefined)
/** Those of them that serve. */
export const served = ours.filter(([, { command }]) => command?.[0] === 'serve')

/** What compose makes of `${NAME:-default}` where nothing is given. */
export function interpolate(text: string): string {
  return text.replace(/\$\{\w+(?::-([^}]*))?\}/g, (_, rest: string | undefined) => rest ?? '')
}
