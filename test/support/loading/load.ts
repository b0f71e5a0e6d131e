import { readFile } from 'node:fs/promises'
import type { LoadHook } from 'node:module'

// This file is compiled too, and stands as deep below the folder of what is compiled as here below the checkout.
const COMPILED = new URL('../../../', import.meta.url).href
const CHECKOUT = new URL('../../', COMPILED).href

/** Gives a module of ours as it was compiled, under its own name. */
export const load: LoadHook = async (url, context, next) => {
  if (!url.startsWith(CHECKOUT) || !/\.tsx?$/.test(url)) return next(url, context)
  const compiled = new URL(`${COMPILED}${url.slice(CHECKOUT.length)}.js`)
  return { format: 'module', source: await readFile(compiled), shortCircuit: true }
}
